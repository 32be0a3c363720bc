"""Hashes of tree.md: Merkle tree, inclusion proofs, signed notes and checkpoints, part commitments."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common import Wrong, is_control, is_space, read_base64, read_decimal

SIGNED = 0x01
COSIGNED = 0x04


def sha256(*chunks):
    return hashlib.sha256(b"".join(chunks)).digest()


def leaf_hash(leaf):
    return sha256(b"\x00", leaf)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


class Tree:
    """Roots of every size of a growing tree. Perfect subtrees are kept, the largest first."""

    def __init__(self):
        self.size = 0
        self._perfect = []
        self.first = None
        self.roots = [sha256(b"")]

    def append(self, leaf):
        self.first = self.first or leaf
        node, height = leaf, 0
        while self._perfect and self._perfect[-1][0] == height:
            node = node_hash(self._perfect.pop()[1], node)
            height += 1
        self._perfect.append((height, node))
        self.size += 1
        root = self._perfect[-1][1]
        for _, left in reversed(self._perfect[:-1]):
            root = node_hash(left, root)
        self.roots.append(root)


def root_of_inclusion(index, size, leaf, path):
    """The root that an inclusion path leads to (RFC 9162, section 2.1.3.2), or `Wrong`."""
    if index >= size:
        raise Wrong("the index is not in the tree")
    first, second, node = index, size - 1, leaf
    for sibling in path:
        if second == 0:
            raise Wrong("the path is too long")
        if first & 1 or first == second:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            node = node_hash(node, sibling)
        first, second = first >> 1, second >> 1
    if second:
        raise Wrong("the path is too short")
    return node


def commit(salt, content_type, content):
    return sha256(
        b"vidimus/part/v1\x00",
        salt,
        len(content).to_bytes(8, "big"),
        content_type.encode("ascii"),
        b"\x00",
        content,
    )


class VerifierKey:
    """The key that a log signs its notes with, as `log.opened` spells it."""

    def __init__(self, text):
        name, _, rest = text.partition("+")
        given_id, _, key = rest.partition("+")
        _check_key_name(name)
        data = read_base64(key)
        if len(data) != 33 or data[0] != SIGNED:
            raise Wrong("the verifier key is of another type")
        self.name = name
        self._raw = data[1:]
        if given_id != self.key_id(SIGNED).hex():
            raise Wrong("the verifier key's id is not that of the key")
        self._key = Ed25519PublicKey.from_public_bytes(self._raw)

    def key_id(self, signature_type):
        return sha256(self.name.encode(), b"\n", bytes([signature_type]), self._raw)[:4]

    def verify(self, signature, message):
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise Wrong("a signature of the log's key does not verify") from error


@dataclass(frozen=True)
class Checkpoint:
    """A note that has the form of a checkpoint, whoever signed it."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list

    def check_signatures(self, key):
        """The log's key signed it, once without and once with a time."""
        key.verify(_only(self.signatures, key.name, key.key_id(SIGNED)), self.body)
        cosignature = _only(self.signatures, key.name, key.key_id(COSIGNED))
        if len(cosignature) != 72:
            raise Wrong("the signature with the time has another length")
        seconds = int.from_bytes(cosignature[:8], "big")
        if seconds >= 2**63:
            raise Wrong("the time is beyond 2^63 - 1")
        key.verify(cosignature[8:], b"cosignature/v1\ntime %d\n" % seconds + self.body)


def read_checkpoint(note):
    text, signatures = _read_note(note)
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise Wrong("the note is not three lines")
    if not lines[0] or any(map(is_control, lines[0])):
        raise Wrong("the origin is empty or holds a control character")
    root = read_base64(lines[2])
    if len(root) != 32:
        raise Wrong("the root is not 32 bytes")
    return Checkpoint(lines[0], read_decimal(lines[1], 2**64), root, text.encode(), signatures)


def _only(signatures, name, key_id):
    found = [data[4:] for signer, data in signatures if signer == name and data[:4] == key_id]
    if len(found) != 1:
        raise Wrong(f"{len(found)} signatures of the log's key where one belongs")
    return found[0]


def _read_note(note):
    if len(note.encode()) > 131_072:
        raise Wrong("the note is too long")
    if any(character < " " and character != "\n" for character in note):
        raise Wrong("the note holds a control character")
    at = note.rfind("\n\n")
    if at < 0 or not note.endswith("\n"):
        raise Wrong("the note has no signatures")
    text, lines = note[: at + 1], note[at + 2 :].split("\n")[:-1]
    if not 1 <= len(lines) <= 32:
        raise Wrong("the note has not 1 to 32 signatures")
    return text, [_signature_line(line) for line in lines]


def _signature_line(line):
    if not line.startswith("\u2014 "):
        raise Wrong("a signature line does not start with a dash")
    name, space, encoded = line[2:].partition(" ")
    _check_key_name(name)
    data = read_base64(encoded)
    if not space or len(data) < 5:
        raise Wrong("a signature line holds no signature")
    return name, data


def _check_key_name(name):
    if not 1 <= len(name.encode()) <= 255:
        raise Wrong("a key name has not 1 to 255 bytes")
    if any(is_space(c) or is_control(c) or c == "+" for c in name):
        raise Wrong("a key name holds a space, a control character or a plus")
