"""Bytes, files and proofs, without a gateway. The golden values are those of docs/spec."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import is_typeddict

from vidimus import AsyncClient, Change, Client, InvalidAction, NotSetUp, Proposal, Target, Unreachable, models, strict
from vidimus.action import commit, new_id
from vidimus.profile import BaseUrl, Profile, file_name
from vidimus.proof import leaf_hash, open_checkpoint, read_bundle, root_of_inclusion
from vidimus.strict import Malformed

from .conftest import ROOT

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
PATH = [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
ROOT_OF_EIGHT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
KEY = "vidimus.example/log+ceb161fe+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
ORIGIN = "vidimus.example/log"
NOTE = (
    "vidimus.example/log\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
    "— vidimus.example/log zrFh/mH50v86ShAu7CEiNinPN/gCmFjJoZ+WyU2CNHHRV8F8tDQMIrUXAFjwQFrwDYG3J3D5r/SjedNN5axGCali0Qo"
    "=\n— vidimus.example/log Tf74iQAAAABqsTuAIoUd3nhP+ZGD/G1BKlNYCo5jPRR89obhdjKr7GVpWRGFt0dzVripcOnzV3B/NQtrZh6lbG15"
    "N5KXwORMJvwaAg==\n"
)


def test_part_commitments_are_those_of_the_specification() -> None:
    assert commit(bytes(range(32)), "text/plain", b"hello").hex() == (
        "2b62988d6668e4c97a6c8f8670363b8374d8357d3fdd0756095c3d91591f0aae"
    )
    assert commit(bytes(32), "application/json", b"").hex() == (
        "9e13b8773ef9d56ee21e715098a05867cb15f0627829920525b408d09bef33c0"
    )


def test_inclusion_is_that_of_the_specification_and_any_other_is_not() -> None:
    leaf = hashlib.sha256(b"\0" + bytes.fromhex(LEAVES[5])).digest()
    path = [bytes.fromhex(node) for node in PATH]
    assert root_of_inclusion(5, 8, leaf, path).hex() == ROOT_OF_EIGHT
    assert root_of_inclusion(4, 8, leaf, path).hex() != ROOT_OF_EIGHT
    for index, size, wrong in [(8, 8, path), (5, 8, path[:2]), (5, 8, [*path, path[0]])]:
        with pytest.raises(Malformed):
            root_of_inclusion(index, size, leaf, wrong)


def test_the_checkpoint_of_the_specification_verifies_and_any_other_does_not() -> None:
    size, root = open_checkpoint(NOTE, KEY, ORIGIN)
    assert (size, root.hex()) == (8, ROOT_OF_EIGHT)
    body, signed, timed = NOTE[: NOTE.index("—")], *NOTE[NOTE.index("—") :].splitlines(keepends=True)
    for wrong in [
        NOTE.replace("\n8\n", "\n9\n"),
        body + signed,
        body + timed,
        body + signed + signed + timed,
        NOTE.replace("zrFh/mH5", "zrFh/mH6"),
        NOTE.removesuffix("\n"),
        NOTE + "\r\n",
        "",
    ]:
        with pytest.raises(Malformed):
            open_checkpoint(wrong, KEY, ORIGIN)
    for key, origin in [(KEY, "another"), (KEY.replace("ceb161fe", "ceb161ff"), ORIGIN)]:
        with pytest.raises(Malformed):
            open_checkpoint(NOTE, key, origin)


@pytest.mark.parametrize("members", [{"log_key": 1}, {"log_key": "a"}, {"origin": 1}, {"permit_keys": 1}])
def test_a_log_that_opens_in_another_form_proves_nothing(members: dict[str, Any]) -> None:
    data = {"log_key": KEY, "origin": ORIGIN, "permit_keys": []} | members
    leaf = {"actor": "", "data": data, "kind": "log.opened", "parts": [], "refs": [], "time": "", "v": 1}
    written = strict.canonical(leaf)
    entry = {"index": 0, "leaf": written.decode(), "proof": []}
    with pytest.raises(Malformed):
        read_bundle(strict.canonical({"checkpoint": NOTE, "entries": [entry]}), leaf_hash(written).hex())


def test_an_action_is_canonical() -> None:
    change = Change(
        "rotate",
        after={"\ufb33": 1, "\U0001f600": 2, "b": None},
        target=Target(system="s", resource="r", environment="e"),
    )
    # RFC 8785 orders keys by UTF-16 units: the emoji comes before the letter above the surrogates.
    assert change.to_bytes().decode() == (
        '{"kind":"json","payload":{"after":{"b":null,"\U0001f600":2,"\ufb33":1},"operation":"rotate"},'
        '"target":{"environment":"e","resource":"r","system":"s"}}'
    )


def test_a_target_says_what_each_word_is() -> None:
    with pytest.raises(TypeError):
        Target("vault", "staging")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "change",
    [
        Change("rotate"),
        Change(" ", after=1),
        Change("x" * 201, after=1),
        Change("a\nb", after=1),
        Change("rotate", after=0.5),
        Change("rotate", after="x" * 1_048_576),
        Change("rotate", after=1, target=Target(environment=1)),  # type: ignore[arg-type]
    ],
)
def test_an_action_that_breaks_a_rule_is_refused(change: Change) -> None:
    with pytest.raises(InvalidAction):
        change.to_bytes()


def test_nesting_has_an_end() -> None:
    nested: Any = 1
    for _ in range(30):
        nested = [nested]
    Change("rotate", after=nested).to_bytes()
    with pytest.raises(InvalidAction, match="32 levels"):
        Change("rotate", after=[nested]).to_bytes()
    nested[0] = nested
    with pytest.raises(InvalidAction):
        Change("rotate", after=nested).to_bytes()


def test_a_proposal_comes_back_as_it_was_kept() -> None:
    change = Change("rotate", after={"a": 1}, intent="why", run="nightly-42")
    kept = Proposal.of(change, "agt_0", "00" * 32, 60)
    assert Proposal.from_json(kept.to_json()) == kept
    assert kept.digest_of(change.to_bytes()) == kept.digest
    assert kept.body()["run"] == "nightly-42"
    assert kept.context == b'{"intent":"why"}'
    for wrong in [
        "",
        "{}",
        kept.to_json().replace('"v":1', '"v":2'),
        kept.to_json().replace("nightly-42", "nightly 42"),
        kept.to_json().replace('"bytes":"', '"bytes":"='),
    ]:
        with pytest.raises(InvalidAction):
            Proposal.from_json(wrong)


@pytest.mark.parametrize("run", ["", "a b", "a\n", "ä", "x" * 129, 7])
def test_a_run_without_a_fit_name_is_refused(run: Any) -> None:
    assert Proposal.of(Change("rotate", after=1, run="~" * 128), "agt_0", "00" * 32, None).run == "~" * 128
    with pytest.raises(InvalidAction, match="visible ASCII"):
        Proposal.of(Change("rotate", after=1, run=run), "agt_0", "00" * 32, None)


def test_ids_are_128_bits() -> None:
    made = {new_id("act_") for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 30 and one[4] in "01234567" for one in made)


def test_strict_json_refuses_what_readers_read_differently() -> None:
    for wrong in [
        '{"a":1,"a":2}',
        "1.0",
        "1e3",
        "-1",
        "9007199254740992",
        "NaN",
        '"\\ud800"',
        "[" * 40 + "]" * 40,
        "{",
    ]:
        with pytest.raises(Malformed):
            strict.parse(wrong)


def test_models_are_those_of_the_interface() -> None:
    schemas = json.loads((ROOT / "docs/openapi.json").read_text())["components"]["schemas"]
    named = {"Propose": "Proposal"}
    for name, model in vars(models).items():
        if not is_typeddict(model):
            continue
        schema = schemas[named.get(name, name)]
        # What the interface may add, such as a key that stands for the id, this client need not use.
        assert set(get_type_hints(model)) <= set(schema["properties"]), name
        required = {member for member in schema["required"] if member != "action"}
        assert required <= set(model.__required_keys__), name
    assert list(get_args(models.Status)) == schemas["ActionStatus"]["enum"]


PROFILE = {
    "agent": "agt_0",
    "executor": "exe_0",
    "log": "ab" * 32,
    "name": "../x",
    "token": strict.encode(bytes(32)),
    "type": "vidimus-agent",
    "url": "http://localhost:8478",
    "v": 1,
}
TRUST = {"log": "ab" * 32, "type": "vidimus-trust", "v": 1, "witness_quorum": 0, "witnesses": []}


def write_home(home: Path, name: str = "../x", anchor: dict[str, Any] | None = None, **members: Any) -> Path:
    agents = home / "config/agents"
    agents.mkdir(parents=True, exist_ok=True)
    (home / "trust.json").write_bytes(strict.canonical(TRUST | (anchor or {})) + b"\n")
    path = agents / f"{file_name(name)}.json"
    path.write_bytes(strict.canonical(PROFILE | {"trust": str(home / "trust.json")} | members) + b"\n")
    path.chmod(0o600)
    return path


def test_the_profile_of_vidimus_exec_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_home(tmp_path)
    assert path.name == "%2E.%2Fx.json"
    assert Profile.load(home=tmp_path) == Profile.load("../x", tmp_path)
    assert str(PROFILE["token"]) not in repr(Profile.load(home=tmp_path))
    monkeypatch.setenv("VIDIMUS_HOME", str(tmp_path))
    assert Profile.load().agent == "agt_0"
    monkeypatch.delenv("VIDIMUS_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    with pytest.raises(NotSetUp, match="Connect an agent"):
        Profile.load()
    (tmp_path / "xdg").mkdir()
    (tmp_path / "config").rename(tmp_path / "xdg/vidimus")
    assert Profile.load().agent == "agt_0"


def test_a_profile_that_is_not_fit_is_refused(tmp_path: Path) -> None:
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("another version", {"v": 2}, {}),
        ("unknown", {"more": 1}, {}),
        ("another type", {"url": 1}, {}),
        ("type or token", {"token": "AA"}, {}),
        ("in clear", {"url": "http://gate.example.org"}, {}),
        ("host name", {"url": "https://10.0.0.1"}, {}),
        ("not absolute", {"tls_ca": "ca.pem"}, {}),
        ("not absolute", {"trust": "trust.json"}, {}),
        ("for the log", {}, {"log": "cd" * 32}),
        ("witnesses", {}, {"witness_quorum": 1}),
        ("not a trust file", {}, {"v": 2}),
    ]
    for why, members, trust in cases:
        write_home(tmp_path, anchor=trust, **members)
        with pytest.raises(NotSetUp, match=why):
            Profile.load(home=tmp_path)
    path = write_home(tmp_path)
    path.chmod(0o640)
    with pytest.raises(NotSetUp, match="chmod 600"):
        Profile.load(home=tmp_path)
    write_home(tmp_path)
    write_home(tmp_path, "other")
    with pytest.raises(NotSetUp, match="several agents"):
        Profile.load(home=tmp_path)
    with pytest.raises(NotSetUp, match="no agent `none`"):
        Profile.load("none", tmp_path)


def test_addresses() -> None:
    assert BaseUrl.parse("https://GATE.example.org:443/") == BaseUrl("gate.example.org", 443, tls=True)
    assert BaseUrl.parse("http://localhost:8478").connect_to == "http://127.0.0.1:8478"
    assert BaseUrl.parse("http://[::1]:1").authority == "[::1]:1"
    for wrong in [
        "",
        "ftp://localhost",
        "http://localhost/v1",
        "http://user@localhost",
        "http://localhost:0",
        "http://127.0.0.2:1",
        "http://localhost.example.org:1",
        "https://gate.example.org.",
        "https://0x7f.1",
        "https://[::1]",
    ]:
        with pytest.raises(NotSetUp):
            BaseUrl.parse(wrong)


def test_an_authority_of_its_own_is_trusted_where_it_is_named(tmp_path: Path) -> None:
    key, certificate = self_signed()
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, tmp_path / "key.pem")
    asked: list[tuple[str | None, str | None]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.headers["host"], self.headers["accept-encoding"]))
            body = strict.canonical({"action": proposal.action, "expires_at": "", "policy": [], "status": "pending"})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    proposal = Proposal.of(Change("rotate", after=1), "agt_0", "ab" * 32, None)
    write_home(tmp_path, url=url)
    with pytest.raises(Unreachable, match=r"(?i)certificate") as caught:
        Client(home=tmp_path).status(proposal)
    assert not caught.value.sent
    assert Client(home=tmp_path, tls_ca=authority).status(proposal)["status"] == "pending"
    write_home(tmp_path, url=url, tls_ca=str(authority))
    assert Client(home=tmp_path).status(proposal)["status"] == "pending"
    assert asyncio.run(AsyncClient(home=tmp_path).status(proposal))["status"] == "pending"
    # A proxy that compresses would make a proof unreadable once the permit is used.
    assert asked == [(f"localhost:{server.server_port}", "identity")] * 3
    server.shutdown()
    with pytest.raises(NotSetUp, match="PEM"):
        Client(home=tmp_path, tls_ca=tmp_path / "none.pem")


def self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
