"""Which model of authenticator made a key: "Models" of envelope.md."""

import hashlib
import uuid
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from common import Wrong
from webauthn import split_attestation

MAX_CERTIFICATES = 8
MAX_CERTIFICATE = 8_192
AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

_ECDSA, _RSA = "ECDSA", "RSA"
_STATEMENT = {
    -7: (_ECDSA, hashes.SHA256()),
    -35: (_ECDSA, hashes.SHA384()),
    -257: (_RSA, hashes.SHA256()),
}
_CERTIFICATE = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: (_ECDSA, hashes.SHA256()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: (_ECDSA, hashes.SHA384()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: (_ECDSA, hashes.SHA512()),
    SignatureAlgorithmOID.RSA_WITH_SHA256: (_RSA, hashes.SHA256()),
    SignatureAlgorithmOID.RSA_WITH_SHA384: (_RSA, hashes.SHA384()),
    SignatureAlgorithmOID.RSA_WITH_SHA512: (_RSA, hashes.SHA512()),
}


def prove_model(attestation_object, client_data, anchor, time):
    """The model that the attestation proves at that time."""
    attestation = split_attestation(attestation_object)
    statement, data = attestation["attStmt"], attestation["authData"]
    if attestation["fmt"] != "packed" or set(statement) != {"alg", "sig", "x5c"}:
        raise Wrong("the attestation is not a packed one with certificates")
    scheme = _STATEMENT.get(statement["alg"]) if type(statement["alg"]) is int else None
    x5c, signature = statement["x5c"], statement["sig"]
    if scheme is None or not isinstance(signature, bytes) or not isinstance(x5c, list):
        raise Wrong("the attestation's members are of other types, or its algorithm is another")
    if not 1 <= len(x5c) <= MAX_CERTIFICATES:
        raise Wrong("the attestation has not 1 to 8 certificates")
    chain = [Certificate(der) for der in x5c]
    first, last = chain[0], Certificate(anchor)
    first.verify(scheme, signature, data + hashlib.sha256(client_data).digest())
    first.check_authenticator()
    if x5c[-1] != anchor:
        chain.append(last)
    for certificate in chain:
        certificate.check_life(time)
    for below, (certificate, issuer) in enumerate(zip(chain, chain[1:])):
        issuer.check_issuer(below, is_anchor=below + 2 == len(chain))
        certificate.check_issued_by(issuer)
    aaguid = data[37:53]
    if first.extension(AAGUID) != b"\x04\x10" + aaguid:
        raise Wrong("the attestation's certificate does not name this model")
    return {
        "aaguid": str(uuid.UUID(bytes=aaguid)),
        "anchor": hashlib.sha256(anchor).hexdigest(),
    }


class Certificate:
    """One X.509 certificate."""

    def __init__(self, der):
        if not isinstance(der, bytes) or len(der) > MAX_CERTIFICATE:
            raise Wrong("a certificate has more than 8192 bytes")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._certificate = x509.load_der_x509_certificate(der)
                self._extensions = self._certificate.extensions
        except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
            raise Wrong(f"a certificate is malformed: {error}") from error
        if any(found.critical and found.oid not in UNDERSTOOD for found in self._extensions):
            raise Wrong("a certificate has a critical extension that is not understood")

    def verify(self, scheme, signature, message):
        sort, digest = scheme
        try:
            key = self._certificate.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Wrong(f"a certificate's key is none: {error}") from error
        try:
            if sort == _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
                if not isinstance(key.curve, CURVES):
                    raise Wrong("a certificate's key is on another curve")
                key.verify(signature, message, ec.ECDSA(digest))
            elif sort == _RSA and isinstance(key, rsa.RSAPublicKey):
                if not 2_048 <= key.key_size <= 8_192:
                    raise Wrong("a certificate's RSA modulus has not 2048 to 8192 bits")
                key.verify(signature, message, padding.PKCS1v15(), digest)
            else:
                raise Wrong("a certificate's key is of another algorithm")
        except InvalidSignature as error:
            raise Wrong("a signature by a certificate's key does not verify") from error

    def check_authenticator(self):
        units = self._certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        if self._certificate.version != x509.Version.v3:
            raise Wrong("the attestation's certificate is not of version 3")
        if all(unit.value != "Authenticator Attestation" for unit in units):
            raise Wrong("the attestation's certificate is not that of an authenticator")
        constraints = self._find(ExtensionOID.BASIC_CONSTRAINTS)
        if constraints is not None and constraints.ca:
            raise Wrong("the attestation's certificate is a CA's")

    def check_life(self, time):
        life = (self._certificate.not_valid_before_utc, self._certificate.not_valid_after_utc)
        if not life[0].timestamp() <= time // 1000 <= life[1].timestamp():
            raise Wrong("a certificate is not valid at this time")

    def check_issuer(self, below, is_anchor):
        constraints = self._find(ExtensionOID.BASIC_CONSTRAINTS)
        usage = self._find(ExtensionOID.KEY_USAGE)
        if constraints is None:
            may = is_anchor
        else:
            may = constraints.ca and (
                constraints.path_length is None or below <= constraints.path_length
            )
        if not may or (usage is not None and not usage.key_cert_sign):
            raise Wrong("a certificate is issued by one that may not issue it")

    def check_issued_by(self, issuer):
        certificate = self._certificate
        if certificate.issuer.public_bytes() != issuer._certificate.subject.public_bytes():
            raise Wrong("a certificate names another issuer than the one that follows it")
        scheme = _CERTIFICATE.get(certificate.signature_algorithm_oid)
        if scheme is None:
            raise Wrong("a certificate is signed by another algorithm")
        issuer.verify(scheme, certificate.signature, certificate.tbs_certificate_bytes)

    def extension(self, oid):
        found = self._find(oid)
        return None if found is None else found.value

    def _find(self, oid):
        try:
            return self._extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            return None
