"""Whom an agent asks, as whom, and which log it trusts: the profile that `vidimus exec` uses, and its trust file."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from . import strict
from .errors import NotSetUp, visible
from .strict import Malformed

MAX_PROFILE = 65_536
_CONNECT = (
    "Connect an agent in the console: open `vidimus-console` (without a display: run `vidimus gateway --personal`)"
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_MEMBERS = dict.fromkeys(["agent", "executor", "log", "name", "token", "trust", "type", "url"], str)


@dataclass(frozen=True)
class BaseUrl:
    """Where the gateway is."""

    host: str
    port: int
    tls: bool

    @staticmethod
    def parse(text: str) -> BaseUrl:
        """`https://NAME`, or `http://` with a name of this computer."""
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError:
            url, port = urlsplit(""), None
        host, tls = url.hostname or "", url.scheme == "https"
        plain = url.path in ("", "/") and not url.query and not url.fragment and "@" not in url.netloc
        if url.scheme not in ("http", "https") or not plain or port == 0 or not host:
            raise NotSetUp(f"`{visible(text)}` is not the address of a gateway")
        if not tls and host not in ("localhost", "127.0.0.1", "::1"):
            raise NotSetUp(f"`{visible(text)}` would send the token in clear to another computer: use `https://`")
        if tls and (_is_address(host) or not _HOST.fullmatch(host)):
            raise NotSetUp(f"`{visible(text)}` does not name the gateway by a host name")
        return BaseUrl(host=host, port=port or (443 if tls else 80), tls=tls)

    @property
    def authority(self) -> str:
        """As in a `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.tls and self.port == 443 else f"{host}:{self.port}"

    @property
    def connect_to(self) -> str:
        """Where connections go. `localhost` is never looked up: a resolver could name another computer."""
        scheme = "https" if self.tls else "http"
        host = "127.0.0.1" if self.host == "localhost" else self.host
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"


@dataclass(frozen=True)
class Profile:
    """One agent's profile. The trust file's log id is checked to be the profile's."""

    agent: str
    executor: str
    log: str
    name: str
    url: BaseUrl
    tls_ca: Path | None
    token: str = field(repr=False)

    @staticmethod
    def load(agent: str | None = None, home: Path | str | None = None) -> Profile:
        """The profile of that name, or the only one there is."""
        path = _choose(_agents_dir(home), agent)
        try:
            text = strict.parse_canonical(_read_private(path).removesuffix(b"\n"))
            if text.get("v") != 1:
                raise NotSetUp(f"`{path}` is a profile of another version: upgrade vidimus-client")
            strict.members(text, _MEMBERS | {"v": int}, {"tls_ca": str})
            if text["type"] != "vidimus-agent" or len(strict.decode(text["token"])) != 32:
                raise Malformed("its type or token is another")
            strict.digest(text["log"])
        except Malformed as error:
            raise NotSetUp(f"`{path}` is not an agent's profile: {error}") from error
        _check_trust(Path(text["trust"]), text)
        return Profile(
            agent=text["agent"],
            executor=text["executor"],
            log=text["log"],
            name=text["name"],
            url=BaseUrl.parse(text["url"]),
            tls_ca=_absolute(text["tls_ca"]) if "tls_ca" in text else None,
            token=text["token"],
        )


def file_name(name: str) -> str:
    """A name for people as a file name, as `vidimus` spells it."""
    made = "".join(
        quote(character, safe="")
        if character in "/\\%" or ord(character) < 32 or 127 <= ord(character) < 160
        else character
        for character in name
    )
    return f"%{ord(made[0]):02X}{made[1:]}" if made[:1] in (".", "-") else made


def _agents_dir(home: Path | str | None) -> Path:
    root = home or os.environ.get("VIDIMUS_HOME")
    if root:
        return Path(root).absolute() / "config" / "agents"
    config = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(config):
        return Path(config) / "vidimus" / "agents"
    usual = os.environ.get("HOME", "")
    if not os.path.isabs(usual):
        raise NotSetUp("no folder to look for an agent's profile: set `HOME` or `VIDIMUS_HOME`")
    return Path(usual) / ".config" / "vidimus" / "agents"


def _choose(folder: Path, agent: str | None) -> Path:
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    known = ", ".join(visible(unquote(path.stem)) for path in files)
    if not files:
        raise NotSetUp(f"no agent is connected here. {_CONNECT} and choose *Connect an agent*")
    if agent is not None:
        path = folder / f"{file_name(agent)}.json"
        if path not in files:
            raise NotSetUp(f"no agent `{visible(agent)}` is connected here; connected: {known}")
        return path
    if len(files) > 1:
        raise NotSetUp(f"several agents are connected here: name one of them as `agent`: {known}")
    return files[0]


def _read_private(path: Path) -> bytes:
    try:
        # A pipe in its place must not block the program.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_PROFILE:
                raise NotSetUp(f"`{path}` is not a plain file of at most {MAX_PROFILE} bytes")
            if found.st_mode & 0o077:
                raise NotSetUp(f"other users can get at `{path}`: run `chmod 600 {path}`")
            return file.read(MAX_PROFILE)
    except OSError as error:
        raise NotSetUp(f"`{path}` cannot be read: {error.strerror}") from error


def _check_trust(path: Path, profile: dict[str, Any]) -> None:
    try:
        text = _absolute(str(path)).read_bytes()[: MAX_PROFILE + 1]
    except OSError as error:
        raise NotSetUp(f"the trust file `{path}` cannot be read ({error.strerror}). {_CONNECT} anew") from error
    try:
        trust = strict.parse_canonical(text.removesuffix(b"\n"))
        strict.members(trust, {"log": str, "type": str, "v": int, "witness_quorum": int, "witnesses": list})
        if (trust["type"], trust["v"]) != ("vidimus-trust", 1):
            raise Malformed("it is of another type or version")
        if trust["witness_quorum"] or trust["witnesses"]:
            raise Malformed("it asks for witnesses, which this version cannot check: upgrade vidimus-client")
    except Malformed as error:
        raise NotSetUp(f"`{path}` is not a trust file: {error}") from error
    if trust["log"] != profile["log"]:
        raise NotSetUp(
            f"the trust file `{path}` is for the log {trust['log']}, and the agent `{visible(profile['name'])}` was "
            f"connected to the log {profile['log']}. Nothing is asked. {_CONNECT} anew"
        )


def _absolute(text: str) -> Path:
    if not os.path.isabs(text):
        raise NotSetUp(f"the path `{visible(text)}` in the agent's profile is not absolute")
    return Path(text)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # What ends like a number is an address to a browser.
        return host.rsplit(".", 1)[-1][:1].isdigit()
    return True
