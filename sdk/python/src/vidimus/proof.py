"""What this client checks of a proof bundle: that it is of the trusted log, and that the log holds this run.

Checked: entry 0 hashes to the log id of the trust file; the checkpoint is signed by the key that entry 0 names; every
entry is included in it; the entries tell of this proposal, an approval (or that the policy released it), and the
redemption of this permit by this agent's executor. Not checked: the reviewers' own signatures (WebAuthn), the rules of
docs/spec/lifecycle.md, and that the policy gives what the log says. So whoever holds the log's signing key could have
made up the approval; `vidimus exec` and `vidimus verify` check more.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import strict
from .permit import Permit, PermitKey
from .strict import Malformed

MAX_ENTRIES = 1024
MAX_NOTE = 131_072
_SIGNED, _COSIGNED = 1, 4


@dataclass(frozen=True)
class Opened:
    """What `log.opened` names."""

    origin: str
    log_key: str
    permit_keys: tuple[PermitKey, ...]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose entries are proven to be in the trusted log."""

    opened: Opened
    entries: tuple[tuple[int, dict[str, Any]], ...]
    checkpoint: str

    def expect_run(self, permit: Permit, executor: str) -> None:
        """The entries must tell of this proposal, its approval and the redemption of this permit, and of no outcome."""
        try:
            self._expect_run(permit, executor)
        except (KeyError, TypeError, AttributeError) as error:
            raise Malformed("an entry of the proof is of another form") from error

    def _expect_run(self, permit: Permit, executor: str) -> None:
        proposed = self._only("action.proposed", permit.action)
        payload = next((part["commit"] for part in proposed["parts"] if part["name"] == "payload"), None)
        issued = [entry["data"] for entry in self._about("permit.issued", permit.action)]
        redeemed = self._only("permit.redeemed", permit.action)
        resolved = self._only("action.resolved", permit.action)
        approvals = [
            entry["actor"]
            for entry in self._of("verdict.given")
            if entry["data"]["signed"]["item"]["action"] == permit.action
            and entry["data"]["signed"]["item"]["verdict"] in ("approve", "break_glass")
            and entry["data"]["signed"]["item"]["action_digest"] == permit.digest
        ]
        uses = {use["grant"] for use in proposed["data"].get("grants", [])}
        approvals += [
            entry["actor"] for entry in self._of("grant.given") if entry["data"]["signed"]["item"]["grant"] in uses
        ]
        asked = proposed["data"]["evaluation"]["decision"]
        released = (resolved["data"]["resolution"], asked) == ("released", "release")
        rules = [
            (proposed["actor"] == permit.agent and payload == permit.digest, "the log holds another proposal"),
            (resolved["data"]["resolution"] == "approved" or released, "the log holds no approval"),
            (
                set(permit.reviewers) <= set(approvals) and (approvals != [] or released),
                "the log lacks a verdict that the permit names",
            ),
            (
                any((data["permit"], data["audience"]) == (permit.permit, executor) for data in issued),
                "the log holds another permit",
            ),
            (
                redeemed["data"]["permit"] == permit.permit and redeemed["actor"] == permit.agent,
                "the log does not hold the redemption of this permit",
            ),
            (not self._about("action.completed", permit.action), "the action has an outcome already"),
        ]
        for holds, why in rules:
            if not holds:
                raise Malformed(why)

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [leaf for _, leaf in self.entries if leaf["kind"] == kind]

    def _about(self, kind: str, action: str) -> list[dict[str, Any]]:
        return [leaf for leaf in self._of(kind) if leaf["data"].get("action") == action]

    def _only(self, kind: str, action: str) -> dict[str, Any]:
        found = self._about(kind, action)
        if len(found) != 1:
            raise Malformed(f"the proof holds {len(found)} entries `{kind}` of this action, not one")
        return found[0]


def read_bundle(body: bytes, log: str) -> Bundle:
    """Reads the answer to a redemption and proves its entries. Raises `Malformed`."""
    ack = strict.parse_object(body)
    checkpoint, proven = ack.get("checkpoint"), ack.get("entries")
    if type(checkpoint) is not str or type(proven) is not list or not 1 <= len(proven) <= MAX_ENTRIES:
        raise Malformed("the answer is no proof bundle")
    leaves = [_leaf(entry) for entry in proven]
    if leaves[0][0] != 0 or leaf_hash(leaves[0][1]).hex() != log:
        raise Malformed("it is of another log than the trust file names")
    positions = [index for index, _, _ in leaves]
    if positions != sorted(set(positions)):
        raise Malformed("its entries are out of order")
    entries = tuple((index, _read_leaf(leaf)) for index, leaf, _ in leaves)
    opened = _opened(entries[0][1])
    size, root = open_checkpoint(checkpoint, opened.log_key, opened.origin)
    for index, leaf, path in leaves:
        if root_of_inclusion(index, size, leaf_hash(leaf), path) != root:
            raise Malformed(f"entry {index} is not in the signed log")
    return Bundle(opened, entries, checkpoint)


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962."""
    return hashlib.sha256(b"\0" + leaf).digest()


def root_of_inclusion(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        raise Malformed(f"entry {index} is not in a log of {size} entries")
    first, second, node = index, size - 1, leaf
    for sibling in path:
        if second == 0:
            raise Malformed("an inclusion path is too long")
        if first & 1 or first == second:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        first, second = first >> 1, second >> 1
    if second:
        raise Malformed("an inclusion path is too short")
    return node


def open_checkpoint(note: str, log_key: str, origin: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that the log's key signed, without and with a time."""
    text, separator, lines = note.rpartition("\n\n")
    data = note.encode()
    if (
        not separator
        or len(data) > MAX_NOTE
        or not lines.endswith("\n")
        or any(byte < 32 and byte != 10 for byte in data)
    ):
        raise Malformed("the checkpoint is no signed note")
    body = f"{text}\n"
    name, key = _log_key(log_key)
    signatures = _signatures(lines, name)
    public = Ed25519PublicKey.from_public_bytes(key)
    try:
        public.verify(_only(signatures, _key_id(name, _SIGNED, key), 64), body.encode())
        timed = _only(signatures, _key_id(name, _COSIGNED, key), 72)
        seconds = int.from_bytes(timed[:8], "big")
        public.verify(timed[8:], f"cosignature/v1\ntime {seconds}\n{body}".encode())
    except InvalidSignature as error:
        raise Malformed("the checkpoint's signature does not verify") from error
    written = body.split("\n")
    if len(written) != 4 or written[0] != origin or not written[1].isascii() or not written[1].isdigit():
        raise Malformed("the checkpoint is of another form or log")
    size, root = int(written[1]), _base64(written[2])
    if str(size) != written[1] or len(root) != 32:
        raise Malformed("the checkpoint is of another form or log")
    return size, root


def _leaf(entry: Any) -> tuple[int, bytes, list[bytes]]:
    if type(entry) is not dict:
        raise Malformed("an entry of the proof is of another form")
    strict.members(entry, {"index": int, "leaf": str, "proof": list})
    return entry["index"], entry["leaf"].encode(), [strict.digest(node) for node in entry["proof"]]


def _read_leaf(leaf: bytes) -> dict[str, Any]:
    read = strict.parse_canonical(leaf)
    names = {"actor": str, "data": dict, "kind": str, "parts": list, "refs": list, "time": str, "v": int}
    strict.members(read, names)
    if read["v"] != 1:
        raise Malformed("an entry is of another version: upgrade vidimus-client")
    return read


def _opened(leaf: dict[str, Any]) -> Opened:
    data = leaf["data"]
    if leaf["kind"] != "log.opened":
        raise Malformed("its first entry opens no log")
    if type(data.get("origin")) is not str or type(data.get("log_key")) is not str:
        raise Malformed("its first entry is of another form")
    try:
        keys = tuple(PermitKey.read(key["kid"], key["x"]) for key in data["permit_keys"])
        return Opened(origin=data["origin"], log_key=data["log_key"], permit_keys=keys)
    except (KeyError, TypeError) as error:
        raise Malformed("its first entry is of another form") from error


def _log_key(text: str) -> tuple[str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    data = _base64(encoded)
    if len(data) != 33 or data[0] != _SIGNED or _key_id(name, _SIGNED, data[1:]).hex() != key_id:
        raise Malformed("the log's key cannot be read")
    return name, data[1:]


def _key_id(name: str, signature_type: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([signature_type]) + key).digest()[:4]


def _signatures(lines: str, name: str) -> list[bytes]:
    prefix = f"— {name} "
    return [_base64(line.removeprefix(prefix)) for line in lines.split("\n") if line.startswith(prefix)]


def _only(signatures: list[bytes], key_id: bytes, length: int) -> bytes:
    found = [one[4:] for one in signatures if one[:4] == key_id]
    if len(found) != 1 or len(found[0]) != length:
        raise Malformed("the checkpoint does not have the log's two signatures")
    return found[0]


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("it is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed("it is not base64")
    return data
