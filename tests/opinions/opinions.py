"""Asks two other WebAuthn libraries about the acts in our exports, and compares: python opinions.py FOLDER

FOLDER is what the example `opinion_cases` wrote: good exports, and cases, each with one thing of a stored act
replaced and with our verifier's answer. The libraries are `fido2` (Yubico) and `webauthn` (Duo Labs). Both must
take every signed act of the exports, and answer each case as we do, but for the differences that stand here by
name. A difference that no line names fails, and so does a line that names none.
"""

import argparse
import base64
import collections
import hashlib
import json
import multiprocessing
import os
import re
import sys

import webauthn
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import Aaguid, AttestedCredentialData, PublicKeyCredentialRpEntity

RP_ID = "localhost"
# What stands in the gateway's storage after an assertion with the counter 9; ours stores none.
COUNTERS = {"authenticator data: a counter of 8 after 9": 9}

# Stricter here: refused by us, taken by the library. Pattern of a log's algorithm and a case's name, and why.
STRICTER_HERE = {
    "fido2": {
        r".* client data: (crossOrigin .*|topOrigin)": "looks at neither",
        r".* client data: a key twice.*": "of two equal keys the last one counts",
        r".* client data: (padded challenge|challenge with another last character)": "compares the decoded bytes",
        r".* client data: (a fraction|a .*number.*|no number|half a surrogate pair)": "takes what Python's JSON takes",
        r".* client data: (33 levels|more than 4,096 bytes)": "knows no such limit",
        r".* authenticator data: BS without BE": "does not look at them",
        r".* authenticator data: a new credential": "takes it in an assertion too",
        r".* authenticator data: extensions (no map|with a key twice|with a long head)": "takes any CBOR",
        r".* key: (a long head|a parameter twice|its first parameters swapped)": "takes any CBOR map",
        r".* key: a surplus parameter": "looks at those it needs only",
        r".* key: byte [12] turned by 0x(01|20)": "the key type is not looked at",
        r"(es256 key: byte 44|eddsa key: byte 9) .*": "takes CBOR that ends inside its last string",
        r"(es256 attestation object: byte (29|161)|eddsa attestation object: byte (29|126)) .*": "the same",
        r"rs256 attestation object: byte (29|30) .*": "the same",
        r".* attestation object: byte 5 turned by 0x20": "the format's name may be bytes",
        r".* attestation object: byte 18 .*": "the statement may be anything",
    },
    "webauthn": {
        r".* client data: (crossOrigin .*|topOrigin)": "looks at neither",
        r".* client data: a key twice.*": "of two equal keys the last one counts",
        r".* client data: (padded challenge|challenge with .*)": "compares the decoded bytes, skipping strangers",
        r".* client data: (a fraction|a .*number.*|no number|half a surrogate pair)": "takes what Python's JSON takes",
        r".* client data: a byte order mark": "Python's JSON skips it",
        r".* client data: (33 levels|more than 4,096 bytes)": "knows no such limit",
        r".* authenticator data: a new credential": "takes it in an assertion too",
        r".* authenticator data: extensions no map": "takes any CBOR",
        r".* key: (a long head|indefinite length|its first parameters swapped)": "takes any CBOR map",
        r".* key: a byte after it": "does not look behind the map",
        r".* key: a surplus parameter": "looks at those it needs only",
        r".* attestation object: byte 1[0-7] .*": "the statement's name is not looked at in the format `none`",
        r".* attestation object: byte 18 turned by 0x20": "the statement may be an empty array",
    },
}
# Laxer here: taken by us, refused by the library.
LAXER_HERE = {
    "fido2": {},
    "webauthn": {
        r".* authenticator data: a counter of 8 after 9": "signature counters are ignored here, by design",
        r".* attestation object: byte [6-9] .*": "knows the registered formats; here any counts, as none is believed",
    },
}


# -- Exports ---------------------------------------------------------------------------------------------


class Log:
    """What an export says that its acts are verified with (docs/spec/export.md, entry.md)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            lines = [json.loads(line) for line in file]
        self.entries = [line for line in lines if isinstance(line, dict) and "kind" in line]
        opened = self.entries[0]["data"]
        self.rp_id = opened["rp_id"]
        self.keys = {founder["credential_id"]: founder["public_key"] for founder in opened["founders"]}
        self.origins = opened["origins"] + ["vidimus-software:" + lines[0]["log"]]

    def acts(self):
        """Positions of the entries that somebody signed."""
        return [at for at, entry in enumerate(self.entries) if "signed" in entry["data"]]

    def assertion(self, at):
        signed = self.entries[at]["data"]["signed"]
        envelope = signed["envelope"]
        # All members are strings of plain characters, so this is the RFC 8785 form.
        text = json.dumps(envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        tag = f"vidimus/{envelope['type']}/v1\0"
        challenge = hashlib.sha256(tag.encode() + text.encode()).digest()
        stored = dict(signed["assertion"])
        stored["public_key"] = self.keys[stored["credential_id"]]
        return challenge, stored

    def registration(self, at):
        """The first key's registration; nobody keeps its challenge, so it is the one that it names."""
        data = self.entries[at]["data"]
        client_data = json.loads(read(data["client_data_json"]))
        stored = {name: data[name] for name in ("attestation_object", "client_data_json")}
        item = data["signed"]["item"]
        stored.update(credential_id=item["credential_id"], public_key=item["public_key"])
        return read(client_data["challenge"]), stored


def read(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# -- Libraries -------------------------------------------------------------------------------------------


class Fido2:
    """`fido2` of Yubico."""

    @staticmethod
    def _server(log):
        party = PublicKeyCredentialRpEntity(id=log.rp_id, name="Vidimus")
        return Fido2Server(party, verify_origin=log.origins.__contains__)

    @staticmethod
    def _state(challenge):
        text = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        return {"challenge": text, "user_verification": "required"}

    @classmethod
    def assertion(cls, log, challenge, stored, _counter):
        key = CoseKey.parse(cbor.decode(read(stored["public_key"])))
        credential = AttestedCredentialData.create(Aaguid(bytes(16)), read(stored["credential_id"]), key)
        answer = cls._server(log).authenticate_complete(
            cls._state(challenge),
            [credential],
            {
                "id": stored["credential_id"],
                "rawId": stored["credential_id"],
                "type": "public-key",
                "response": {
                    "clientDataJSON": stored["client_data_json"],
                    "authenticatorData": stored["authenticator_data"],
                    "signature": stored["signature"],
                },
            },
        )
        assert answer is credential

    @classmethod
    def registration(cls, log, challenge, stored):
        data = cls._server(log).register_complete(
            cls._state(challenge),
            {
                "id": stored["credential_id"],
                "rawId": stored["credential_id"],
                "type": "public-key",
                "response": {
                    "clientDataJSON": stored["client_data_json"],
                    "attestationObject": stored["attestation_object"],
                },
            },
        )
        credential = data.credential_data
        return credential.credential_id, cbor.encode(dict(credential.public_key))


class Webauthn:
    """`webauthn` of Duo Labs."""

    @staticmethod
    def assertion(log, challenge, stored, counter):
        webauthn.verify_authentication_response(
            credential={
                "id": stored["credential_id"],
                "rawId": stored["credential_id"],
                "type": "public-key",
                "response": {
                    "clientDataJSON": stored["client_data_json"],
                    "authenticatorData": stored["authenticator_data"],
                    "signature": stored["signature"],
                },
            },
            expected_challenge=challenge,
            expected_rp_id=log.rp_id,
            expected_origin=log.origins,
            credential_public_key=read(stored["public_key"]),
            credential_current_sign_count=counter,
            require_user_verification=True,
        )

    @staticmethod
    def registration(log, challenge, stored):
        verified = webauthn.verify_registration_response(
            credential={
                "id": stored["credential_id"],
                "rawId": stored["credential_id"],
                "type": "public-key",
                "response": {
                    "clientDataJSON": stored["client_data_json"],
                    "attestationObject": stored["attestation_object"],
                },
            },
            expected_challenge=challenge,
            expected_rp_id=log.rp_id,
            expected_origin=log.origins,
            require_user_verification=True,
        )
        return verified.credential_id, verified.credential_public_key


LIBRARIES = {"fido2": Fido2, "webauthn": Webauthn}


def ask(library, log, at, changed, name):
    """None when the library takes it, else why not."""
    try:
        if "attestation_object" in changed:
            challenge, stored = log.registration(at)
            found = library.registration(log, challenge, stored | changed)
            if found != (read(stored["credential_id"]), read(stored["public_key"])):
                return "another credential"
        else:
            challenge, stored = log.assertion(at)
            library.assertion(log, challenge, stored | changed, COUNTERS.get(name, 0))
    except Exception as error:  # Each library has many ways to say no, and breaking down is one.
        return f"{type(error).__name__}: {error}"
    return None


# -- Comparison ------------------------------------------------------------------------------------------

LOGS = {}


def load(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".vidimus"):
            LOGS[name] = Log(os.path.join(folder, name))


def judge(case):
    """The libraries that answer otherwise than we do, each with its answer."""
    log = LOGS[case["file"]]
    differences = []
    for library in LIBRARIES:
        theirs = ask(LIBRARIES[library], log, case["entry"], case["changed"], case["name"])
        if (theirs is None) != (case["ours"] is None):
            differences.append((library, case, theirs))
    return differences


def stored_acts():
    """Every signed act and the registration of every export, as it stands there: all good."""
    for file, log in LOGS.items():
        registered = {"attestation_object": log.registration(1)[1]["attestation_object"]}
        yield {"file": file, "name": "registration", "entry": 1, "changed": registered, "ours": None}
        for at in log.acts():
            yield {"file": file, "name": f"act at entry {at}", "entry": at, "changed": {}, "ours": None}


class Named:
    """The differences that stand above by name."""

    def __init__(self):
        self._used = set()

    def covers(self, library, case, theirs):
        table = STRICTER_HERE if theirs is None else LAXER_HERE
        subject = f"{case['file'].partition('-')[0]} {case['name']}"
        for pattern in table[library]:
            if re.fullmatch(pattern, subject):
                self._used.add((theirs is None, library, pattern))
                return True
        return False

    def unused(self):
        for stricter, table in ((True, STRICTER_HERE), (False, LAXER_HERE)):
            for library, patterns in table.items():
                for pattern in patterns:
                    if (stricter, library, pattern) not in self._used:
                        yield f"{library}: no case differs by `{pattern}` any more"


def main():
    parser = argparse.ArgumentParser(description="Compare two WebAuthn libraries with our verifier")
    parser.add_argument("folder", help="what the example `opinion_cases` wrote")
    parser.add_argument("--most", type=int, default=20, help="how many disagreements are printed")
    arguments = parser.parse_args()
    load(arguments.folder)
    acts = list(stored_acts())
    with open(os.path.join(arguments.folder, "cases.jsonl"), encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    with multiprocessing.Pool() as pool:
        results = pool.map(judge, acts + cases, chunksize=64)
    named, counts, wrong = Named(), collections.Counter(), []
    for library, case, theirs in (difference for found in results for difference in found):
        if named.covers(library, case, theirs):
            counts[library] += 1
        else:
            wrong.append(f"{case['file']}, {case['name']}\n    ours: {case['ours']}\n    {library}: {theirs}")
    wrong.extend(named.unused())
    for difference in wrong[: arguments.most]:
        print(difference)
    refused = sum(case["ours"] is not None for case in cases)
    by_name = ", ".join(f"{count} of {library}" for library, count in sorted(counts.items()))
    print(
        f"{len(acts)} stored acts and {len(cases)} cases ({refused} refused); "
        f"differences known by name: {by_name or 'none'}; {len(wrong)} disagreements"
    )
    # Without acts, or without good and bad cases, nothing was compared.
    if wrong or not acts or not 0 < refused < len(cases):
        sys.exit(1)


if __name__ == "__main__":
    main()
