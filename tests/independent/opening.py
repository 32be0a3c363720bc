"""`log.opened`: entry.md, and what export.md asks beyond."""

import re

from common import Wrong, canonical, read_base64url, write_base64url
from people import check_name
from tree import VerifierKey, sha256
from webauthn import PublicKey

LOCALHOST = "localhost"
MAX_HOST = 253
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_HTTPS_PORT = "443"


def check_opening(entry):
    """Every rule of the first entry. Returns the log's key."""
    data = entry.data
    if entry.index != 0 or len(data["founders"]) != 1 or not data["permit_keys"]:
        raise Wrong("`log.opened` must be entry 0, name one founder, and nothing else may")
    entry.written_by("gateway")
    entry.builds_on()
    founder = data["founders"][0]
    check_name(founder["name"])
    key = VerifierKey(data["log_key"])
    if data["origin"] != "vidimus/" + data["nonce"][:16] or key.name != data["origin"]:
        raise Wrong("the origin is not made of the nonce, or the log key has another name")
    _check_web(data)
    kids = [permit_key["kid"] for permit_key in data["permit_keys"]]
    if len(set(kids)) != len(kids):
        raise Wrong("a permit key is named twice")
    for permit_key in data["permit_keys"]:
        if permit_key["kid"] != _thumbprint(permit_key["x"]):
            raise Wrong("a permit key is not named by its thumbprint")
    PublicKey(read_base64url(founder["public_key"]))
    return key


def _check_web(data):
    host, origins = data["rp_id"], data["origins"]
    if host != LOCALHOST and (data["profile"] != "team" or not _is_host(host)):
        raise Wrong("the RP ID is neither `localhost` nor, in a team's log, the name of a host")
    if not origins or len(set(origins)) != len(origins):
        raise Wrong("there is no web origin, or one twice")
    for origin in origins:
        if not _is_origin(origin, host, data["profile"]):
            raise Wrong(f"`{origin}` is not a web origin of this log")


def _is_host(text):
    return len(text) <= MAX_HOST and _HOST.fullmatch(text) is not None


def _is_origin(origin, host, profile):
    if host == LOCALHOST and _has_port(origin, "http://localhost", ""):
        return True
    start = f"https://{host}"
    return profile == "team" and (origin == start or _has_port(origin, start, _HTTPS_PORT))


def _has_port(origin, start, usual):
    """Whether it is `start` with a port, and not with the one that goes without saying."""
    port = origin.removeprefix(f"{start}:")
    return (
        origin == f"{start}:{port}"
        and _PORT.fullmatch(port) is not None
        and int(port) <= 65_535
        and port != usual
    )


def _thumbprint(x):
    """RFC 7638 of an Ed25519 key: the members that it asks for are canonical JSON."""
    return write_base64url(sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x})))
