"""Signed acts: envelope.md, and "Every signed act" of lifecycle.md."""

from common import Wrong, canonical, read_base64url, read_digest, read_time
from tree import leaf_hash, root_of_inclusion, sha256
from webauthn import check_assertion

MAX_ITEMS = 256
MAX_SKEW_MS = 120_000


def signing_key(replay, entry, must_count=True):
    """The key that signed, if it is the signer's and in force; where it must, it also counts."""
    signed, people = entry.data["signed"], replay.people
    key = people.keys.get(signed["assertion"]["credential_id"])
    if key is None:
        raise Wrong("signed with a key that is not enrolled")
    if key.reviewer != signed["envelope"]["signer"]:
        raise Wrong("signed with another person's key")
    if not key.admitted:
        raise Wrong("signed with a key that nobody has admitted yet")
    if key.revoked:
        raise Wrong("signed with a key that was revoked")
    people.present(key.reviewer)
    if must_count:
        people.rules.check(key, entry.time)
    return key


def by_administrator(replay, entry, in_team_only=True):
    """The key of an administrator who signed."""
    if in_team_only and not replay.is_team:
        raise Wrong("there is no such act in a personal log")
    key = signing_key(replay, entry)
    if not replay.people.is_administrator(key.reviewer):
        raise Wrong("signed by a person who may not do this")
    return key


def check_act(replay, entry, roots, public, *covered):
    """The rules of a signed act that do not ask whose key it is. The pin must cover the entries `covered`. Returns
    the route by which the assertion came."""
    signed = entry.data["signed"]
    envelope, count, index = signed["envelope"], signed["count"], signed["index"]
    if envelope["type"] != entry.kind:
        raise Wrong("the signed envelope is of another type")
    if envelope["log"] != replay.opened.hash.hex():
        raise Wrong("the signed envelope belongs to another log")
    if abs(entry.time - read_time(envelope["issued_at"])) > MAX_SKEW_MS:
        raise Wrong("the signed envelope was issued more than two minutes away from the entry's time")
    if entry.time >= read_time(envelope["expires_at"]):
        raise Wrong("the signed envelope had expired")
    entry.written_by(envelope["signer"])
    if not 1 <= count <= MAX_ITEMS or index >= count:
        raise Wrong("the signed item is not one of 1 to 256")
    pinned = int(envelope["pinned_size"])
    if any(pinned <= other.index for other in covered):
        raise Wrong("the signed pin is older than what it decides on")
    if pinned > entry.index:
        raise Wrong("the signed pin is beyond the log")
    if roots[pinned].hex() != envelope["pinned_root"]:
        raise Wrong("the signed pin is not the root of this log")
    item = leaf_hash(canonical(signed["item"]))
    path = [read_digest(node) for node in signed["path"]]
    if root_of_inclusion(index, count, item, path).hex() != envelope["items_root"]:
        raise Wrong("the item is not in the signed envelope")

    batch = (envelope["items_root"], count)
    known, used = replay.nonces.get(envelope["nonce"], (batch, frozenset()))
    if known != batch or index in used:
        raise Wrong("the signed envelope's nonce was used before")

    challenge = sha256(
        b"vidimus/", envelope["type"].encode(), b"/v1\x00", canonical(envelope)
    )
    assertion = {name: read_base64url(text) for name, text in signed["assertion"].items()}
    route = check_assertion(replay.party, public, challenge, assertion)
    replay.nonces[envelope["nonce"]] = (batch, used | {index})
    return route
