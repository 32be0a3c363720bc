"""Permits: compact JWS tokens signed with Ed25519. Spec: docs/spec/permit.md.

A permit that checks out here does not authorise a run: redemption is mandatory.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import strict
from .errors import Unproven
from .strict import Malformed

MAX_PERMIT = 8192
MAX_LIFE_S = 300


@dataclass(frozen=True)
class PermitKey:
    """A key that signs permits: its RFC 7638 thumbprint, and its 32 bytes."""

    kid: str
    x: bytes

    @staticmethod
    def read(kid: Any, x: Any) -> PermitKey:
        """Refuses a key whose id is not its thumbprint."""
        if type(kid) is not str or type(x) is not str:
            raise Malformed("a permit key is of another form")
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": x}
        if strict.encode(hashlib.sha256(strict.canonical(jwk)).digest()) != kid:
            raise Malformed("a permit key's id is not its thumbprint")
        return PermitKey(kid, strict.decode(x))


@dataclass(frozen=True)
class Permit:
    """What a permit says, once it was verified."""

    issuer: str
    audience: str
    agent: str
    owner: str
    permit: str
    action: str
    action_kind: str
    digest: str
    log_index: int
    policy: str
    reviewers: tuple[str, ...]
    issued_at: int
    expires_at: int


def read_jwks(body: bytes) -> list[PermitKey]:
    """The keys of `/.well-known/jwks.json`: the gateway's word."""
    try:
        found = strict.parse_object(body).get("keys")
        if type(found) is not list:
            raise Malformed("it is no key set")
        keys = [key for key in found if type(key) is dict and (key.get("kty"), key.get("crv")) == ("OKP", "Ed25519")]
        return [PermitKey.read(key.get("kid"), key.get("x")) for key in keys]
    except Malformed as error:
        raise Unproven(f"the permit keys cannot be read: {error}") from error


def verify_permit(
    token: str,
    keys: Iterable[PermitKey],
    *,
    audience: str,
    action: str,
    digest: str,
    agent: str | None = None,
    issuer: str | None = None,
    now: float | None = None,
) -> Permit:
    """Verifies a permit for exactly this action. Raises `Unproven` with the first rule that it breaks."""
    try:
        permit = _open(token, list(keys))
    except Malformed as error:
        raise Unproven(str(error)) from error
    seconds = time.time() if now is None else now
    not_before, life = permit["nbf"], permit["exp"] - permit["iat"]
    detail, approval = permit["authorization_details"][0], permit["approval"]
    rules = [
        (
            permit["iat"] <= not_before <= permit["exp"] and life <= MAX_LIFE_S,
            "the permit's claims contradict each other",
        ),
        (detail["type"] == "vidimus_action", "the permit's claims contradict each other"),
        (permit["aud"] == audience, "the permit is for another executor"),
        (seconds >= not_before, "the permit is not valid yet: set this computer's clock right"),
        (seconds < permit["exp"], "the permit has expired"),
        (issuer is None or permit["iss"] == issuer, "the permit is of another log"),
        (agent is None or permit["sub"] == agent, "the permit is for another agent"),
        (approval["id"] == action, "the permit is for another action"),
        (detail["digest"] == digest, "the permit is for another digest"),
        (detail["action_kind"] == "json", "the permit is for another kind of action"),
    ]
    for holds, why in rules:
        if not holds:
            raise Unproven(why)
    return Permit(
        issuer=permit["iss"],
        audience=permit["aud"],
        agent=permit["sub"],
        owner=permit["act"]["sub"],
        permit=permit["jti"],
        action=approval["id"],
        action_kind=detail["action_kind"],
        digest=detail["digest"],
        log_index=approval["log_index"],
        policy=approval["policy"],
        reviewers=tuple(approval["reviewers"]),
        issued_at=permit["iat"],
        expires_at=permit["exp"],
    )


def _open(token: str, keys: list[PermitKey]) -> dict[str, Any]:
    """The claims, read only once the signature is verified."""
    segments = token.split(".") if type(token) is str and token.isascii() and len(token) <= MAX_PERMIT else []
    if len(segments) != 3:
        raise Malformed(f"the permit is not a compact JWS of at most {MAX_PERMIT} bytes")
    header_bytes, claims_bytes, signature = map(strict.decode, segments)
    header = strict.parse_canonical(header_bytes)
    strict.members(header, {"alg": str, "kid": str, "typ": str})
    if (header["alg"], header["typ"]) != ("EdDSA", "vidimus-permit+jwt"):
        raise Malformed("the permit's algorithm or type is another")
    key = next((key for key in keys if key.kid == header["kid"]), None)
    if key is None:
        raise Malformed("the permit is signed with a key that the log does not name")
    try:
        message = f"{segments[0]}.{segments[1]}".encode("ascii")
        Ed25519PublicKey.from_public_bytes(key.x).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Malformed("the permit's signature does not verify") from error
    claims = strict.parse_canonical(claims_bytes)
    texts, numbers = dict.fromkeys(["aud", "iss", "jti", "sub"], str), dict.fromkeys(["exp", "iat", "nbf"], int)
    strict.members(claims, texts | numbers | {"act": dict, "approval": dict, "authorization_details": list})
    strict.members(claims["act"], {"sub": str})
    strict.members(claims["approval"], {"id": str, "log_index": int, "policy": str, "reviewers": list})
    details = claims["authorization_details"]
    if len(details) != 1 or type(details[0]) is not dict:
        raise Malformed("the permit is not about one action")
    strict.members(details[0], {"action_kind": str, "digest": str, "type": str})
    if any(type(reviewer) is not str for reviewer in claims["approval"]["reviewers"]):
        raise Malformed("the permit's reviewers are of another form")
    return claims
