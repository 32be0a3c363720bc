"""The action of kind `json`: its bytes, its digest, and what a proposal of it must keep.

Spec: docs/spec/action.md, docs/spec/tree.md.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Any

from . import strict
from .errors import InvalidAction
from .models import Content
from .strict import Malformed

PAYLOAD_TYPE = "application/vidimus-action+json"
CONTEXT_TYPE = "application/vidimus-context+json"
TEXT_TYPE = "text/plain;charset=utf-8"
MAX_PAYLOAD = 1_048_576
MAX_CONTEXT = 65_536
MAX_TEXT = 4_096
MAX_OPERATION = 200
_RUN = re.compile(r"[!-~]{1,128}")
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where an action runs, in the proposer's words."""

    system: str = field(default_factory=socket.gethostname)
    resource: str = ""
    environment: str = "local"


@dataclass(frozen=True)
class Change:
    """What is about to be done: one operation, what is there before it, what is there after it.

    ``before`` and ``after`` are JSON (``None``, ``bool``, ``int`` from 0 to 2^53 - 1, ``str``, ``list``, ``dict``);
    ``None`` leaves one of them out. They are shown to the reviewer and kept by the gateway: never put a secret there.
    ``intent`` and ``on_behalf_of`` are claims beside the action and no part of its digest, nor is ``run``, the name of
    the agent's run that it belongs to: a person can pause that run. It is not private, and has 1 to 128 visible ASCII
    characters without spaces.
    """

    operation: str
    after: Any = None
    before: Any = None
    target: Target = field(default_factory=Target)
    intent: str | None = None
    on_behalf_of: str | None = None
    run: str | None = None

    def to_bytes(self) -> bytes:
        """The RFC 8785 bytes of the action."""
        payload = {"operation": self.operation}
        for name, value in (("after", self.after), ("before", self.before)):
            if value is not None:
                payload[name] = value
        target = {
            "environment": self.target.environment,
            "resource": self.target.resource,
            "system": self.target.system,
        }
        self._check(target)
        return _bytes({"kind": "json", "payload": payload, "target": target}, MAX_PAYLOAD)

    def context_bytes(self) -> bytes | None:
        """The RFC 8785 bytes of the claims, if there are any."""
        claims = {"intent": self.intent, "on_behalf_of": self.on_behalf_of}
        given = {name: text for name, text in claims.items() if text is not None}
        if any(type(text) is not str for text in given.values()):
            raise InvalidAction("`intent` and `on_behalf_of` are strings")
        return _bytes(given, MAX_CONTEXT) if given else None

    def _check(self, target: dict[str, str]) -> None:
        if self.before is None and self.after is None:
            raise InvalidAction("an action needs `before`, `after` or both")
        if type(self.operation) is not str or any(type(text) is not str for text in target.values()):
            raise InvalidAction("`operation` and the three members of `target` are strings")
        if not self.operation.strip() or len(self.operation.encode(errors="replace")) > MAX_OPERATION:
            raise InvalidAction(f"`operation` has 1 to {MAX_OPERATION} bytes and is not blank")
        if any(unicodedata.category(character) == "Cc" for character in self.operation):
            raise InvalidAction("`operation` holds a control character")


@dataclass(frozen=True)
class Proposal:
    """An action on its way. Keep it (`to_json`) where nobody else reads to go on after a restart."""

    action: str
    agent: str
    log: str
    payload: bytes
    salt: bytes
    context: bytes | None
    context_salt: bytes
    run: str | None
    ttl_s: int | None
    expires_at: str = ""

    @staticmethod
    def of(change: Change, agent: str, log: str, ttl_s: int | None) -> Proposal:
        """A new one, with an id and salts of its own."""
        return Proposal(
            action=new_id("act_"),
            agent=agent,
            log=log,
            payload=change.to_bytes(),
            salt=secrets.token_bytes(32),
            context=change.context_bytes(),
            context_salt=secrets.token_bytes(32),
            run=_checked_run(change.run),
            ttl_s=ttl_s,
        )

    @property
    def digest(self) -> str:
        """The action digest of what was proposed."""
        return self.digest_of(self.payload)

    def digest_of(self, payload: bytes) -> str:
        """The action digest that these bytes would have."""
        return commit(self.salt, PAYLOAD_TYPE, payload).hex()

    def body(self) -> dict[str, Any]:
        """The body of `POST /v1/actions`."""
        body: dict[str, Any] = {"action": self.action, "payload": content(PAYLOAD_TYPE, self.payload, self.salt)}
        if self.context is not None:
            body["context"] = content(CONTEXT_TYPE, self.context, self.context_salt)
        if self.run is not None:
            body["run"] = self.run
        if self.ttl_s is not None:
            body["ttl_s"] = self.ttl_s
        return body

    def expiring(self, expires_at: str) -> Proposal:
        """The same, acknowledged."""
        return replace(self, expires_at=expires_at)

    def to_json(self) -> str:
        """Text for `from_json`. It holds what the action holds, and the salts."""
        kept = self.body() | {"agent": self.agent, "expires_at": self.expires_at, "log": self.log, "v": 1}
        return strict.canonical(kept).decode()

    @staticmethod
    def from_json(text: str) -> Proposal:
        """What `to_json` wrote."""
        try:
            kept = strict.parse_object(text)
            names = {"action": str, "agent": str, "expires_at": str, "log": str, "payload": dict, "v": int}
            strict.members(kept, names, {"context": dict, "run": str, "ttl_s": int})
            if kept["v"] != 1:
                raise Malformed("it is of another version")
            payload, context = kept["payload"], kept.get("context")
            return Proposal(
                action=kept["action"],
                agent=kept["agent"],
                log=kept["log"],
                payload=strict.decode(payload["bytes"]),
                salt=strict.digest(payload["salt"]),
                context=None if context is None else strict.decode(context["bytes"]),
                context_salt=bytes(32) if context is None else strict.digest(context["salt"]),
                run=_checked_run(kept.get("run")),
                ttl_s=kept.get("ttl_s"),
                expires_at=kept["expires_at"],
            )
        except (Malformed, KeyError, TypeError) as error:
            raise InvalidAction(f"this is not a kept proposal: {error}") from error


def commit(salt: bytes, content_type: str, data: bytes) -> bytes:
    """The part commitment of docs/spec/tree.md."""
    parts = [b"vidimus/part/v1\0", salt, len(data).to_bytes(8, "big"), content_type.encode("ascii"), b"\0", data]
    return hashlib.sha256(b"".join(parts)).digest()


def content(content_type: str, data: bytes, salt: bytes) -> Content:
    """Content as the gateway's bodies hold it."""
    return {"bytes": strict.encode(data), "salt": salt.hex(), "type": content_type}


def text_content(text: str) -> Content:
    """An answer's text, with a salt of its own."""
    data = text.encode(errors="replace")
    if not text.strip() or len(data) > MAX_TEXT:
        raise InvalidAction(f"an answer has 1 to {MAX_TEXT} bytes and is not blank")
    return content(TEXT_TYPE, data, secrets.token_bytes(32))


def new_id(prefix: str) -> str:
    """128 random bits, most significant first."""
    number = secrets.randbits(128)
    return prefix + "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


def _checked_run(run: str | None) -> str | None:
    if run is not None and (type(run) is not str or not _RUN.fullmatch(run)):
        raise InvalidAction("`run` has 1 to 128 visible ASCII characters and no spaces")
    return run


def _bytes(value: dict[str, Any], most: int) -> bytes:
    try:
        strict.check_json(value)
    except Malformed as error:
        raise InvalidAction(str(error)) from error
    data = strict.canonical(value)
    if len(data) > most:
        raise InvalidAction(f"the action has {len(data)} bytes, at most {most} are taken")
    return data
