"""The one place that speaks HTTP, blocking and not: no proxy, no redirect, no second try, no kept connection."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from .errors import NotSetUp, Unreachable, visible
from .profile import Profile

MAX_REPLY = 4 << 20
CONNECT_S = 5.0
ANSWER_S = 20.0


@dataclass(frozen=True)
class Request:
    """One request. `wait_s` is what a long poll asks for."""

    method: str
    path: str
    body: bytes | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Reply:
    """Its answer."""

    status: int
    body: bytes


class Transport:
    """What both ways share."""

    def __init__(self, profile: Profile, tls_ca: Path | str | None) -> None:
        self._url = profile.url
        self._headers = {
            # What a proxy has compressed is not read, and a proof comes only once.
            "accept-encoding": "identity",
            "authorization": f"Bearer {profile.token}",
            "host": profile.url.authority,
        }
        self._verify = _context(profile, tls_ca) if profile.url.tls else False
        # A connection that was kept could close under a redemption.
        self._limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)

    def _build(self, client: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
        headers = dict(self._headers)
        if request.body is not None:
            headers["content-type"] = "application/json"
        return client.build_request(
            request.method,
            self._url.connect_to + request.path,
            content=request.body,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_S + request.wait_s, connect=CONNECT_S, pool=None),
            extensions={"sni_hostname": self._url.host} if self._url.tls else None,
        )

    def _failed(self, error: httpx.TransportError) -> Unreachable:
        not_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
        cure = (
            "Try again, or ask whoever runs it"
            if self._url.tls
            else "Start it: open `vidimus-console`, or run `vidimus gateway --personal`"
        )
        why = visible(str(error)) or type(error).__name__
        words = f"the gateway at {self._url} does not answer ({why}). {cure}"
        return Unreachable(words, sent=not isinstance(error, not_sent))

    def _too_long(self) -> Unreachable:
        return Unreachable(f"the answer of {self._url} has more than {MAX_REPLY} bytes", sent=True)


class SyncTransport(Transport):
    """Blocking."""

    def __init__(self, profile: Profile, tls_ca: Path | str | None) -> None:
        super().__init__(profile, tls_ca)
        self._client = httpx.Client(trust_env=False, verify=self._verify, limits=self._limits)

    def send(self, request: Request) -> Reply:
        """Sends it, once."""
        try:
            response = self._client.send(self._build(self._client, request), stream=True)
            try:
                body = b""
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > MAX_REPLY:
                        raise self._too_long()
                return Reply(response.status_code, body)
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Lets go of everything."""
        self._client.close()


class AsyncTransport(Transport):
    """For asyncio."""

    def __init__(self, profile: Profile, tls_ca: Path | str | None) -> None:
        super().__init__(profile, tls_ca)
        self._client = httpx.AsyncClient(trust_env=False, verify=self._verify, limits=self._limits)

    async def send(self, request: Request) -> Reply:
        """Sends it, once."""
        try:
            response = await self._client.send(self._build(self._client, request), stream=True)
            try:
                body = b""
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_REPLY:
                        raise self._too_long()
                return Reply(response.status_code, body)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise self._failed(error) from error

    async def close(self) -> None:
        """Lets go of everything."""
        await self._client.aclose()


def _context(profile: Profile, tls_ca: Path | str | None) -> ssl.SSLContext:
    """The platform's authorities, and those of the one file that is named: here, by the environment, by the profile."""
    named = tls_ca or os.environ.get("VIDIMUS_TLS_CA") or profile.tls_ca
    context = ssl.create_default_context()
    if named:
        try:
            context.load_verify_locations(cafile=str(named))
        except (OSError, ssl.SSLError) as error:
            raise NotSetUp(
                f"`{named}` holds no certificate authority in PEM form, or cannot be read: {error}"
            ) from error
    return context
