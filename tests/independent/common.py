"""What every part of the verifier shares: its two ways to say no, strict JSON, and the small values."""

import base64
import json
import math
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

MAX_INTEGER = 2**53 - 1


class Wrong(Exception):
    """Something breaks a rule. `entry` is the position of the entry that does, if one does."""

    def __init__(self, why, entry=None):
        super().__init__(why)
        self.why = why
        self.entry = entry


class Unknown(Exception):
    """A version or kind that this program does not know: no violation, and nothing to judge by."""


# -- Strict JSON (entry.md, "Reading") -------------------------------------------------------------------


def parse(data, depth=None):
    """JSON in UTF-8 without duplicate keys, with integers from 0 to 2^53 - 1 only."""
    return _parse(data, depth, _integer, _no_fraction)


def parse_text(data, depth):
    """JSON that stays text (action.md): its numbers may be any that a double can have."""
    return _parse(data, depth, _double, _double)


def _parse(data, depth, parse_int, parse_float):
    try:
        value = json.loads(
            data.decode("utf-8", "strict"),
            object_pairs_hook=_no_duplicates,
            parse_int=parse_int,
            parse_float=parse_float,
            parse_constant=_no_fraction,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Wrong(f"not JSON: {error}") from error
    if b"\\u" in data:
        _no_lone_surrogates(value)
    if depth is not None and _depth(value) > depth:
        raise Wrong(f"nested deeper than {depth} levels")
    return value


def parse_canonical(data, depth=None):
    """JSON as `parse` takes it, which is also its own RFC 8785 form."""
    value = parse(data, depth)
    if canonical(value) != data:
        raise Wrong("not in canonical form (RFC 8785)")
    return value


def canonical(value):
    """The RFC 8785 form. Numbers are integers here, so its number rules reduce to plain digits."""
    return _write(value).encode("utf-8")


def _no_duplicates(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Wrong("a key stands twice in one object")
    return result


def _integer(text):
    if text.startswith("-") or len(text) > 16 or int(text) > MAX_INTEGER:
        raise Wrong(f"the number {text} is not an integer from 0 to 2^53 - 1")
    return int(text)


def _double(text):
    value = float(text)
    if math.isinf(value):
        raise Wrong(f"the number {text} is out of range")
    return value


def _no_fraction(text):
    raise Wrong(f"the number {text} is not an integer")


def _no_lone_surrogates(value):
    """Python reads "\\ud800" as a string that has no UTF-8 form; JSON in UTF-8 has no such string."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Wrong("a string holds half of a surrogate pair") from error
    elif isinstance(value, list):
        for member in value:
            _no_lone_surrogates(member)
    elif isinstance(value, dict):
        for key, member in value.items():
            _no_lone_surrogates(key)
            _no_lone_surrogates(member)


def _depth(value):
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


_SCALARS = json.JSONEncoder(ensure_ascii=False)


def _write(value):
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    # For strings, booleans, null and integers Python writes exactly what RFC 8785 asks for.
    return _SCALARS.encode(value)


# -- Values (entry.md, "Values") -------------------------------------------------------------------------

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What a time beyond the year 9999 is taken for.
LAST_TIME = 253_402_300_799_999
_HEX = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BASE32 = re.compile(r"[0-7][0123456789abcdefghjkmnpqrstvwxyz]{25}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_WHITE_SPACE = frozenset(
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def is_control(character):
    """Unicode category Cc."""
    return character <= "\x1f" or "\x7f" <= character <= "\x9f"


def is_space(character):
    """Unicode property White_Space."""
    return character in _WHITE_SPACE


def is_sorted(texts):
    """Bytewise, each once."""
    return sorted(set(texts), key=str.encode) == texts


@lru_cache(maxsize=4_096)
def read_time(text):
    """Milliseconds since the epoch."""
    if not _TIME.fullmatch(text) or text < "1970":
        raise Wrong(f"`{text}` is not a time")
    try:
        moment = datetime.strptime(text[:-5], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise Wrong(f"`{text}` is not a time") from error
    return (moment - _EPOCH) // timedelta(milliseconds=1) + int(text[20:23])


def write_time(unix_ms):
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_ms % 1_000:03}Z"


def read_digest(text):
    if not _HEX.fullmatch(text):
        raise Wrong(f"`{text}` is not 64 lower-case hex digits")
    return bytes.fromhex(text)


def read_aaguid(text):
    if not _UUID.fullmatch(text):
        raise Wrong(f"`{text}` is not a UUID in lower case")
    return bytes.fromhex(text.replace("-", ""))


def read_base64url(text):
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise Wrong("not base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if write_base64url(data) != text:
        raise Wrong("unused bits of base64url are not zero")
    return data


def write_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_base64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise Wrong("not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise Wrong("not base64 with padding and zero trailing bits")
    return data


def read_id(text, prefix):
    if not text.startswith(prefix) or not _BASE32.fullmatch(text[len(prefix) :]):
        raise Wrong(f"`{text}` is not an id with `{prefix}`")
    return text


def read_decimal(text, below):
    """A decimal number without sign or leading zero."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,19}", text) or int(text) >= below:
        raise Wrong(f"`{text}` is not a decimal number below {below}")
    return int(text)


# -- Shapes: functions that refuse a JSON value of another form ------------------------------------------


def string(value):
    if not isinstance(value, str):
        raise Wrong("not a string")


def integer(value):
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong("not an integer")


def boolean(value):
    if not isinstance(value, bool):
        raise Wrong("not a boolean")


def up_to(most):
    def check(value):
        integer(value)
        if value > most:
            raise Wrong(f"{value} is more than {most}")

    return check


def one_of(*allowed):
    def check(value):
        if not any(value == word and type(value) is type(word) for word in allowed):
            raise Wrong(f"`{value}` is none of {allowed}")

    return check


def text_of(read, *arguments):
    """A string that `read` accepts."""

    def check(value):
        string(value)
        read(value, *arguments)

    return check


time = text_of(read_time)
digest = text_of(read_digest)
aaguid = text_of(read_aaguid)
blob = text_of(read_base64url)


def identifier(prefix):
    return text_of(read_id, prefix)


def array(member):
    def check(value):
        if not isinstance(value, list):
            raise Wrong("not an array")
        for item in value:
            member(item)

    return check


def record(members, optional=()):
    """An object of exactly these members; those named in `optional` may be left out."""

    def check(value):
        if not isinstance(value, dict):
            raise Wrong("not an object")
        for name in value:
            if name not in members:
                raise Wrong(f"unknown member `{name}`")
        for name, shape in members.items():
            if name in value:
                try:
                    shape(value[name])
                except Wrong as error:
                    raise Wrong(f"{name}: {error.why}") from error
            elif name not in optional:
                raise Wrong(f"member `{name}` is missing")

    return check


def exactly_one(members):
    """An object of one member, one of these."""
    shape = record(members, optional=members)

    def check(value):
        shape(value)
        if len(value) != 1:
            raise Wrong("not exactly one member")

    return check
