"""Assertions and registrations of envelope.md, and the CBOR and COSE keys below them."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from common import Wrong, parse, write_base64url

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
MAX_CLIENT_DATA = 4_096
MAX_ATTESTATION = 16_384
MAX_LEVELS = 32
BROWSER, SOFTWARE = "browser", "software"


@dataclass(frozen=True)
class Registration:
    """The key that a registration made, and the route by which it came."""

    credential_id: bytes
    public_key: bytes
    backup_eligible: bool
    route: str


class RelyingParty:
    """What `log.opened` says about assertions."""

    def __init__(self, log, rp_id, origins, is_team):
        self.rp_id_hash = hashlib.sha256(rp_id.encode()).digest()
        self.origins = origins
        self.software_origin = None if is_team else "vidimus-software:" + log.hex()

    def route(self, origin):
        if origin in self.origins:
            return BROWSER
        if origin == self.software_origin:
            return SOFTWARE
        raise Wrong(f"`{origin}` is not an origin of this log")


def check_assertion(party, public_key, challenge, assertion):
    """The rules of "Assertion". Returns the route by which it came."""
    client_data = assertion["client_data_json"]
    members = _client_data(client_data)
    if members["challenge"] != write_base64url(challenge):
        raise Wrong("the assertion answers another challenge")
    route = _type_and_origin(party, members, "webauthn.get")

    data = assertion["authenticator_data"]
    flags = _authenticator_head(party, data)
    if flags & AT:
        raise Wrong("an assertion holds attested credential data")
    _extensions(flags, data, 37)
    public_key.verify(assertion["signature"], data + hashlib.sha256(client_data).digest())
    return route


def check_registration(party, attestation_object, client_data):
    """Rules 1, 2 and 4 of "Enrolment"."""
    if len(attestation_object) > MAX_ATTESTATION:
        raise Wrong("the attestation object is too long")
    data = split_attestation(attestation_object)["authData"]

    flags = _authenticator_head(party, data)
    if not flags & AT or len(data) < 55:
        raise Wrong("the registration holds no credential")
    length = int.from_bytes(data[53:55], "big")
    if not 1 <= length <= 1_023 or len(data) < 55 + length:
        raise Wrong("the credential id has not 1 to 1023 bytes")
    start = 55 + length
    reader = Cbor(data, start)
    reader.item()
    _extensions(flags, data, reader.at)

    members = _client_data(client_data)
    route = _type_and_origin(party, members, "webauthn.create")
    return Registration(data[55:start], data[start : reader.at], bool(flags & BE), route)


def split_attestation(attestation_object):
    """The three members of an attestation object."""
    attestation = Cbor(attestation_object).whole()
    if not isinstance(attestation, dict) or set(attestation) != {"fmt", "attStmt", "authData"}:
        raise Wrong("the attestation object has other members")
    if (
        not isinstance(attestation["fmt"], str)
        or not isinstance(attestation["attStmt"], dict)
        or not isinstance(attestation["authData"], bytes)
    ):
        raise Wrong("the attestation object's members are of other types")
    return attestation


def _client_data(data):
    if len(data) > MAX_CLIENT_DATA:
        raise Wrong("the client data is too long")
    members = parse(data, depth=MAX_LEVELS)
    if not isinstance(members, dict):
        raise Wrong("the client data is no object")
    for name in ("type", "challenge", "origin"):
        if not isinstance(members.get(name), str):
            raise Wrong(f"the client data's `{name}` is no string")
    return members


def _type_and_origin(party, members, wanted):
    if members["type"] != wanted:
        raise Wrong(f"the client data is not of type `{wanted}`")
    route = party.route(members["origin"])
    if members.get("crossOrigin", False) is not False or "topOrigin" in members:
        raise Wrong("the page was inside one of another origin")
    return route


def _authenticator_head(party, data):
    if len(data) < 37:
        raise Wrong("the authenticator data is too short")
    if data[:32] != party.rp_id_hash:
        raise Wrong("the authenticator data is of another relying party")
    flags = data[32]
    if not flags & UP or not flags & UV:
        raise Wrong("the user was not present, or not verified")
    if flags & BS and not flags & BE:
        raise Wrong("a key is backed up that cannot be")
    return flags


def _extensions(flags, data, at):
    if flags & ED:
        reader = Cbor(data, at)
        if not isinstance(reader.item(), dict):
            raise Wrong("the extensions are no map")
        at = reader.at
    if at != len(data):
        raise Wrong("bytes follow the authenticator data")


# -- CBOR ------------------------------------------------------------------------------------------------


# Stands in a map for its keys that are neither numbers nor text, so that no set of names equals it.
OTHER_KEYS = object()


class Cbor:
    """Reads the subset that WebAuthn needs. With `sorted_keys`, only maps in CTAP2's canonical order."""

    MAX_LEVELS = 8
    MAX_KEYS = 64

    def __init__(self, data, at=0, sorted_keys=False):
        self._data = data
        self._sorted_keys = sorted_keys
        self.at = at

    def whole(self):
        value = self.item()
        if self.at != len(self._data):
            raise Wrong("bytes follow the CBOR item")
        return value

    def item(self, level=1):
        major, number = self._head()
        if major in (4, 5) and level > self.MAX_LEVELS:
            raise Wrong(f"CBOR is nested deeper than {self.MAX_LEVELS} levels")
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major == 2:
            return self._take(number)
        if major == 3:
            try:
                return self._take(number).decode("utf-8", "strict")
            except UnicodeDecodeError as error:
                raise Wrong("CBOR text is not UTF-8") from error
        if major == 4:
            self._not_longer_than_input(number)
            return [self.item(level + 1) for _ in range(number)]
        if major == 5:
            return self._map(number, level)
        if major == 7 and number in (20, 21, 22):
            return {20: False, 21: True, 22: None}[number]
        raise Wrong("CBOR of a type that is not taken")

    def _map(self, count, level):
        if count > self.MAX_KEYS:
            raise Wrong(f"a CBOR map has more than {self.MAX_KEYS} keys")
        result, seen, last = {}, set(), None
        for _ in range(count):
            start = self.at
            key = self.item(level + 1)
            encoded = self._data[start : self.at]
            if encoded in seen:
                raise Wrong("a key stands twice in a CBOR map")
            if self._sorted_keys and last is not None and (len(encoded), encoded) < (len(last), last):
                raise Wrong("the keys of a CBOR map are not sorted")
            seen.add(encoded)
            last = encoded
            value = self.item(level + 1)
            # Nobody asks for a key of another type, and Python would take `true` for 1.
            if type(key) in (int, str):
                result[key] = value
        if len(result) != count:
            result[OTHER_KEYS] = count - len(result)
        return result

    def _head(self):
        first = self._take(1)[0]
        major, short = first >> 5, first & 31
        if short < 24:
            return major, short
        if short > 27 or major == 7:
            raise Wrong("CBOR of indefinite length or of a type that is not taken")
        width = 1 << (short - 24)
        number = int.from_bytes(self._take(width), "big")
        shortest = number >= 24 if width == 1 else number >= 1 << (4 * width)
        if not shortest:
            raise Wrong("a CBOR head is not the shortest")
        return major, number

    def _take(self, count):
        self._not_longer_than_input(count)
        self.at += count
        return self._data[self.at - count : self.at]

    def _not_longer_than_input(self, count):
        if count > len(self._data) - self.at:
            raise Wrong("CBOR ends too early")


# -- COSE keys -------------------------------------------------------------------------------------------


class PublicKey:
    """A COSE key of one of the three algorithms, in CTAP2's canonical form."""

    def __init__(self, cose):
        members = Cbor(cose, sorted_keys=True).whole()
        if not isinstance(members, dict):
            raise Wrong("the COSE key is no map")
        make = {(2, -7): _es256, (1, -8): _eddsa, (3, -257): _rs256}.get(
            (_number(members, 1), _number(members, 3))
        )
        if make is None:
            raise Wrong("the COSE key is of another algorithm")
        try:
            self._verify = make(members)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Wrong(f"the COSE key is no key: {error}") from error

    def verify(self, signature, message):
        try:
            self._verify(signature, message)
        except InvalidSignature as error:
            raise Wrong("the signature does not verify") from error


def _es256(members):
    _exactly(members, {1, 3, -1, -2, -3})
    if _number(members, -1) != 1:
        raise Wrong("the COSE key is on another curve")
    x, y = _octets(members, -2, 32), _octets(members, -3, 32)
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
    )
    key = numbers.public_key()
    return lambda signature, message: key.verify(signature, message, ec.ECDSA(hashes.SHA256()))


def _eddsa(members):
    _exactly(members, {1, 3, -1, -2})
    if _number(members, -1) != 6:
        raise Wrong("the COSE key is on another curve")
    return ed25519.Ed25519PublicKey.from_public_bytes(_octets(members, -2, 32)).verify


def _rs256(members):
    _exactly(members, {1, 3, -1, -2})
    modulus, exponent = _positive(members, -1), _positive(members, -2)
    if not 2_048 <= modulus.bit_length() <= 8_192:
        raise Wrong("the RSA modulus has not 2048 to 8192 bits")

    def verify(signature, message):
        try:
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError as error:
            # Numbers of the right form that are no key, such as an even exponent: nothing verifies.
            raise InvalidSignature from error
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())

    return verify


def _exactly(members, wanted):
    if set(members) != wanted:
        raise Wrong("the COSE key has other parameters")


def _number(members, key):
    value = members.get(key)
    return value if type(value) is int else None


def _octets(members, key, length=None):
    value = members[key]
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        raise Wrong("a parameter of the COSE key is of another form")
    return value


def _positive(members, key):
    value = _octets(members, key)
    if not value or value[0] == 0:
        raise Wrong("a number of the RSA key has leading zeros")
    return int.from_bytes(value, "big")
