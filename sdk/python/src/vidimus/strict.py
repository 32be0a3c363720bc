"""Strict JSON and bytes, as docs/spec/entry.md spells them. What comes from outside passes here."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import rfc8785

MAX_SAFE = 2**53 - 1
MAX_DEPTH = 32
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Malformed(Exception):
    """Not what it should be; says why."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a value that consists of JSON only."""
    return rfc8785.dumps(value)


def check_json(value: Any, depth: int = 0) -> None:
    """Refuses whatever would not come back from JSON as it went in."""
    if value is None or type(value) is bool:
        return
    if type(value) is int:
        if not 0 <= value <= MAX_SAFE:
            raise Malformed(f"the number {value} is not an integer from 0 to 2^53 - 1: write it as a string")
    elif type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Malformed("a string holds half of a surrogate pair") from error
    elif type(value) in (list, dict):
        if depth == MAX_DEPTH:
            raise Malformed(f"it nests deeper than {MAX_DEPTH} levels")
        if type(value) is dict:
            for key in value:
                if type(key) is not str:
                    raise Malformed(f"a key is a {type(key).__name__}, not a string")
                check_json(key)
        for inner in value.values() if type(value) is dict else value:
            check_json(inner, depth + 1)
    elif type(value) is float:
        raise Malformed(f"the number {value} is not an integer: write it as a string")
    else:
        raise Malformed(f"a {type(value).__name__} is not JSON (None, bool, int, str, list, dict)")


def parse(data: bytes | str) -> Any:
    """Reads JSON with every key once and no number but integers from 0 to 2^53 - 1."""
    try:
        value = json.loads(
            data,
            object_pairs_hook=_object,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        check_json(value)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is not JSON: {error}") from error
    return value


def parse_object(data: bytes | str) -> dict[str, Any]:
    """The same, for an object."""
    value = parse(data)
    if type(value) is not dict:
        raise Malformed("it is not a JSON object")
    return value


def parse_canonical(data: bytes) -> dict[str, Any]:
    """An object that must stand in its one canonical form."""
    value = parse_object(data)
    if canonical(value) != data:
        raise Malformed("it is not in canonical form (RFC 8785)")
    return value


def members(value: dict[str, Any], required: dict[str, type], optional: dict[str, type] | None = None) -> None:
    """Refuses an object unless it has exactly these members, of these types."""
    optional = optional or {}
    for name in value:
        if name not in required and name not in optional:
            raise Malformed(f"the member `{name}` is unknown")
    for name, kind in required.items():
        if name not in value:
            raise Malformed(f"the member `{name}` is missing")
        if type(value[name]) is not kind:
            raise Malformed(f"the member `{name}` is of another type")
    for name, kind in optional.items():
        if name in value and type(value[name]) is not kind:
            raise Malformed(f"the member `{name}` is of another type")


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """base64url without padding, unused bits zero, and no other character."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Malformed("it is not base64url") from error
    if encode(data) != text:
        raise Malformed("it is not base64url")
    return data


def digest(text: Any) -> bytes:
    """64 lower-case hex digits."""
    if type(text) is not str or not _DIGEST.fullmatch(text):
        raise Malformed("it is not a digest")
    return bytes.fromhex(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("a key stands twice in one object")
    return made


def _no_number(text: str) -> Any:
    raise Malformed(f"the number {text} is not an integer from 0 to 2^53 - 1")
