"""The test vectors of WebAuthn Level 3, made anew from what the specification says of their making.

Section "Test Vectors" gives each random value as HKDF-SHA-256 of a label and a counter, and signatures without
randomness, so the vectors can be computed instead of copied. Of the published ones only a digest stands here: it
says that what was computed is, byte for byte, what was published. Not computed are the attestation statements that
hold certificates; of these registrations only the authenticator data is here.

    python level3.py                          compares tests/vectors/webauthn-level-3.json with what it computes
    python level3.py --write                  writes that file
    python level3.py --published INDEX OUT    takes the vectors, whole, out of the specification's source (index.bs
                                              of the repository w3c/webauthn), compares, and writes them to OUT for
                                              the Rust test: VIDIMUS_LEVEL3_VECTORS=OUT cargo test level_3
"""

import argparse
import base64
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vectors/webauthn-level-3.json")
RP_ID, ORIGIN, TOP_ORIGIN = "example.org", "https://example.org", "https://example.com"
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


# -- Randomness ------------------------------------------------------------------------------------------


class Draws:
    """The values of one vector: each from the vector's name and the next number."""

    def __init__(self, name):
        self._name = name.encode()
        self._next = 0

    def draw(self, length):
        salt = bytes([self._next])
        self._next += 1
        return HKDF(hashes.SHA256(), length, salt, self._name).derive(b"WebAuthn test vectors")


# -- Keys ------------------------------------------------------------------------------------------------


class Ecdsa:
    def __init__(self, draws, length, curve, digest, algorithm, number):
        secret = int.from_bytes(draws.draw(length), "big")
        self._key = ec.derive_private_key(secret, curve)
        self._scheme = ec.ECDSA(digest, deterministic_signing=True)
        numbers = self._key.public_key().public_numbers()
        width = (curve.key_size + 7) // 8
        x, y = numbers.x.to_bytes(width, "big"), numbers.y.to_bytes(width, "big")
        self.cose = {1: 2, 3: algorithm, -1: number, -2: x, -3: y}

    def sign(self, message):
        return self._key.sign(message, self._scheme)


class Edwards:
    def __init__(self, draws, length, kind, algorithm, number):
        self._key = kind.from_private_bytes(draws.draw(length))
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.cose = {1: 1, 3: algorithm, -1: number, -2: public}

    def sign(self, message):
        return self._key.sign(message)


class Rsa:
    """Of the two smallest Mersenne primes with exponents of at least 1024. No library takes primes so unlike."""

    DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

    def __init__(self):
        p, q, e = 2**1279 - 1, 2**2203 - 1, 65_537
        self._n, self._d = p * q, pow(e, -1, (p - 1) * (q - 1))
        self._width = (self._n.bit_length() + 7) // 8
        self.cose = {1: 3, 3: -257, -1: self._n.to_bytes(self._width, "big"), -2: b"\x01\x00\x01"}

    def sign(self, message):
        info = self.DIGEST_INFO + hashlib.sha256(message).digest()
        padded = b"\x00\x01" + b"\xff" * (self._width - 3 - len(info)) + b"\x00" + info
        return pow(int.from_bytes(padded, "big"), self._d, self._n).to_bytes(self._width, "big")


def es256(draws):
    return Ecdsa(draws, 32, ec.SECP256R1(), hashes.SHA256(), -7, 1)


def es384(draws):
    return Ecdsa(draws, 48, ec.SECP384R1(), hashes.SHA384(), -35, 2)


def es512(draws):
    return Ecdsa(draws, 65, ec.SECP521R1(), hashes.SHA512(), -36, 3)


def rs256(_draws):
    return Rsa()


def ed25519_key(draws):
    return Edwards(draws, 32, ed25519.Ed25519PrivateKey, -8, 6)


def ed448_key(draws):
    return Edwards(draws, 57, ed448.Ed448PrivateKey, -53, 7)


# -- Vectors ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vector:
    """What sets one vector apart."""

    section: str
    name: str
    key: object
    format: str = "none"
    # How many values the attestation certificate draws; None where there is no certificate.
    certificate: int | None = None
    cross_origin: bool = False
    top_origin: bool = False
    id_length: int = 32
    challenge_length: int = 32

    def make(self):
        draws = Draws(self.name)
        challenge = draws.draw(self.challenge_length)
        key = self.key(draws)
        client_data = self._client_data("webauthn.create", challenge, draws)
        aaguid, credential_id = draws.draw(16), draws.draw(self.id_length)
        # U2F keys do not know who is there.
        u2f = self.format == "fido-u2f"
        flags = 0 if u2f else draws.draw(1)[0] & (UV | BE | BS)
        eligible = flags & BE
        if not eligible:
            flags &= ~BS
        for _ in range(self.certificate or 0):
            draws.draw(32)
        public_key = cbor2.dumps(key.cose)
        length = len(credential_id).to_bytes(2, "big")
        data = _head(UP | AT | flags) + aaguid + length + credential_id + public_key
        registration = {"challenge": challenge, "client_data_json": client_data, "authenticator_data": data}
        if self.certificate is None:
            registration["attestation_object"] = self._attestation(key, data, client_data)

        challenge = draws.draw(self.challenge_length)
        client_data = self._client_data("webauthn.get", challenge, draws)
        flags = draws.draw(1)[0] & (UV | BS)
        if u2f:
            flags = 0
        data = _head(UP | eligible | (flags if eligible else flags & ~BS))
        authentication = {
            "challenge": challenge,
            "client_data_json": client_data,
            "authenticator_data": data,
            "signature": key.sign(data + hashlib.sha256(client_data).digest()),
        }
        return {
            "name": self.name,
            "format": self.format,
            "credential_id": credential_id,
            "public_key": public_key,
            "registration": registration,
            "authentication": authentication,
        }

    def _client_data(self, kind, challenge, draws):
        members = {"type": kind, "challenge": _base64url(challenge), "origin": ORIGIN}
        members["crossOrigin"] = self.cross_origin
        if self.top_origin:
            members["topOrigin"] = TOP_ORIGIN
        if draws.draw(1)[0] & 1:
            words = "clientDataJSON may be extended with additional fields in the future, such as this: "
            members["extraData"] = words + _base64url(draws.draw(16))
        return json.dumps(members, separators=(",", ":")).encode()

    def _attestation(self, key, data, client_data):
        statement = {}
        if self.format == "packed":
            signature = key.sign(data + hashlib.sha256(client_data).digest())
            statement = {"alg": key.cose[3], "sig": signature}
        return cbor2.dumps({"fmt": self.format, "attStmt": statement, "authData": data})


def _head(flags):
    return hashlib.sha256(RP_ID.encode()).digest() + bytes([flags]) + bytes(4)


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


VECTORS = (
    Vector("none-es256", "none.ES256", es256),
    Vector("packed-self-es256", "packed-self.ES256", es256, format="packed"),
    Vector("none-es256-crossOrigin", "none.ES256.crossOrigin", es256, cross_origin=True),
    Vector("none-es256-topOrigin", "none.ES256.topOrigin", es256, cross_origin=True, top_origin=True),
    Vector("none-es256-long-credential-id", "none.ES256.long-credential-id", es256, id_length=1_023),
    Vector("packed-es256", "packed.ES256", es256, "packed", 2),
    Vector("packed-es384", "packed.ES384", es384, "packed", 2),
    Vector("packed-es512", "packed.ES512", es512, "packed", 2, challenge_length=128),
    Vector("packed-rs256", "packed.RS256", rs256, "packed", 2),
    Vector("packed-eddsa", "packed.EdDSA", ed25519_key, "packed", 2),
    Vector("packed-ed448", "packed.Ed448", ed448_key, "packed", 2),
    Vector("tpm-es256", "tpm.ES256", es256, "tpm", 2),
    Vector("android-key-es256", "android-key.ES256", es256, "android-key", 1),
    Vector("apple-es256", "apple.ES256", es256, "apple", 1),
    Vector("fido-u2f-es256", "fido-u2f.ES256", es256, "fido-u2f", 2),
)


# SHA-256 of the published values, as `digest` puts them together. Taken out of index.bs of w3c/webauthn at
# 146d0db03cb88e69a8f6f0c3c168221abe73504b (30 July 2026) with --published; the Candidate Recommendation of May
# 2026 (branch L3-CR) has the same.
PUBLISHED = {
    "none.ES256": "55755641378f8bc31ab8475994e24a3544e6fc9dbc6948aa1566d65f53592520",
    "packed-self.ES256": "628392e41991ccd12ce573dcf5376e71b5b23bdfc3e47e4d7bd782a1f719b365",
    "none.ES256.crossOrigin": "b3de635a63bfdcf3a080c6b2199e554c7df8d7c266ad45b4cfba034897ed0703",
    "none.ES256.topOrigin": "e8a6b603ee854c3576efa35eab44190a4469a900c0da6eee63745c8ffb30d55a",
    "none.ES256.long-credential-id": "88d9d32c195d49175a0f75c5a1723ed8d94c735ccb39601f3698e37ddd633832",
    "packed.ES256": "80796d776a74c926ca5f28df3a4d195d7a51a8a76314f08113ed0870da91a3ab",
    "packed.ES384": "0fb80c6289f6eea482256ba32a68fd606c1cba268261f9bc8a55245eb05590c5",
    "packed.ES512": "90f7363ef157b343786f7d98156fb2570d239a220114f9deb6523352e715945e",
    "packed.RS256": "651d7ffc67ce20ed200337d709974468bb8d706e5e5e8bdb1ca06c75d9e99767",
    "packed.EdDSA": "48a36c08569036afa5f350aa3550a2c5be5899b96ffdfac10ea0d86583f81225",
    "packed.Ed448": "7e23689199371925c426f69542a0097f80f757028bf8fbb024e4e8cee785dd0a",
    "tpm.ES256": "1d20c1fdc2a3c4350beade55096ff0fa58908824f1df3b9f156efbb8efcb9c0d",
    "android-key.ES256": "e981b4449b677a070f39a8d879fa64b02799f6f2ecc36d5631e8e8aceaec0ee3",
    "apple.ES256": "f69d4651af122289d7e01331aa1226591f35a1a47af2cabcd872958adb3cdcc3",
    "fido-u2f.ES256": "888d0a1df84cb7558470c65c8c40e9d87492bbaaa68b1323912dd09e7c358a99",
}


def digest(made):
    """SHA-256 over the values of a vector, of an attestation object with certificates only what it attests."""
    registration, authentication = made["registration"], made["authentication"]
    values = [made["credential_id"], made["public_key"]]
    values += [registration[name] for name in ("challenge", "client_data_json", "authenticator_data")]
    if made["format"] == "none" or made["name"].startswith("packed-self"):
        values.append(registration["attestation_object"])
    values += [authentication[name] for name in ("challenge", "client_data_json", "authenticator_data", "signature")]
    return hashlib.sha256(b"\n".join(value.hex().encode() for value in values)).hexdigest()


def written(vectors):
    """The vectors as the file has them: every byte string in hex."""
    text = json.dumps(
        {
            "source": "W3C Web Authentication Level 3, section Test Vectors; computed by tests/opinions/level3.py",
            "rp_id": RP_ID,
            "origin": ORIGIN,
            "vectors": vectors,
        },
        default=bytes.hex,
        indent=1,
    )
    return text + "\n"


# -- The published ones ----------------------------------------------------------------------------------


def published(source):
    """The vectors out of the specification's source."""
    sections = re.split(r"\{#sctn-test-vectors-([\w-]+)\}", source)
    texts = dict(zip(sections[1::2], sections[2::2]))
    found = []
    for vector in VECTORS:
        ceremonies = re.findall(r"<xmp[^>]*>(.*?)</xmp>", texts[vector.section], re.S)
        registration, authentication = (
            {name: bytes.fromhex(value) for name, value in re.findall(r"^(\w+) = h'([0-9a-f]*)'", text, re.M)}
            for text in ceremonies[:2]
        )
        attestation = registration["attestationObject"]
        attested = cbor2.loads(attestation)
        data, credential_id = attested["authData"], registration["credential_id"]
        found.append(
            {
                "name": vector.name,
                "format": attested["fmt"],
                "credential_id": credential_id,
                "public_key": data[55 + len(credential_id) :],
                "registration": {
                    "challenge": registration["challenge"],
                    "client_data_json": registration["clientDataJSON"],
                    "authenticator_data": data,
                    "attestation_object": attestation,
                },
                "authentication": {
                    "challenge": authentication["challenge"],
                    "client_data_json": authentication["clientDataJSON"],
                    "authenticator_data": authentication["authenticatorData"],
                    "signature": authentication["signature"],
                },
            }
        )
    return found


def compare(vectors, what):
    """How many vectors are not the published ones."""
    wrong = 0
    for made in vectors:
        wanted = PUBLISHED[made["name"]]
        if digest(made) != wanted:
            wrong += 1
            print(f"{made['name']}: {what} has the digest {digest(made)}, not {wanted}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="The test vectors of WebAuthn Level 3")
    parser.add_argument("--write", action="store_true", help="write the file instead of comparing it")
    parser.add_argument("--published", nargs=2, metavar=("INDEX", "OUT"), help="read the specification's source")
    arguments = parser.parse_args()
    if arguments.published:
        source, out = arguments.published
        with open(source, encoding="utf-8") as file:
            vectors = published(file.read())
        with open(out, "w", encoding="utf-8") as file:
            file.write(written(vectors))
        sys.exit(min(1, compare(vectors, "the specification")))
    vectors = [vector.make() for vector in VECTORS]
    wrong = compare(vectors, "what was computed")
    if arguments.write:
        with open(FILE, "w", encoding="utf-8") as file:
            file.write(written(vectors))
    with open(FILE, encoding="utf-8") as file:
        if file.read() != written(vectors):
            wrong += 1
            print("tests/vectors/webauthn-level-3.json is not what was computed; --write writes it")
    print(f"{len(vectors)} vectors of WebAuthn Level 3; {wrong} differences")
    sys.exit(min(1, wrong))


if __name__ == "__main__":
    main()
