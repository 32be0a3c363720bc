"""The client, blocking and for asyncio: two drivers of the one way in `flow.py`."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from . import flow
from .action import Change, Proposal
from .flow import Call, Flow, Pause
from .http import AsyncTransport, Request, SyncTransport
from .models import ActionView, Question
from .profile import Profile

T = TypeVar("T")
Describes = Change | Callable[[], Change]
AsyncDescribes = Change | Callable[[], Change] | Callable[[], Awaitable[Change]]
OnQuestion = Callable[[Question, str], str | None]
AsyncOnQuestion = Callable[[Question, str], str | None] | Callable[[Question, str], Awaitable[str | None]]


class _Base:
    """What both clients know: whose token, which log."""

    def __init__(self, agent: str | None, home: Path | str | None) -> None:
        self.profile = Profile.load(agent, home)

    def prepare(self, change: Change, *, ttl_s: int | None = None) -> Proposal:
        """A proposal that nobody has been told of yet. `ttl_s` is the longest wait for a decision, in seconds."""
        return Proposal.of(change, self.profile.agent, self.profile.log, ttl_s)


class Client(_Base):
    """Asks for approval as one agent, blocking. Threads may share it.

    Without arguments it is the only agent that is connected on this computer, as for `vidimus exec`. `tls_ca` names a
    file with further certificate authorities (else `VIDIMUS_TLS_CA`, else the profile says).
    """

    def __init__(
        self, agent: str | None = None, *, home: Path | str | None = None, tls_ca: Path | str | None = None
    ) -> None:
        super().__init__(agent, home)
        self._transport = SyncTransport(self.profile, tls_ca)

    def run(
        self,
        change: Describes,
        function: Callable[[], T],
        *,
        ttl_s: int | None = None,
        on_question: OnQuestion | None = None,
    ) -> T:
        """Proposes, waits, redeems, runs `function` once, reports. Returns what it returns.

        `change` may be a function that describes the change: it is called again before and after the redemption, and
        unless it says the same, bit for bit, nothing runs (`Changed`). `on_question` gets what a reviewer asks and its
        text; what it returns is the answer. Ctrl-C while it waits, or an error of `on_question` or of an answer, takes
        the proposal back.
        """
        describe = _describer(change)
        proposal = self.prepare(_no_awaitable(describe()), ttl_s=ttl_s)
        proposal = self._drive(flow.approve(self.profile, proposal, None, on_question))
        return self.execute(proposal, function, change=change)

    def propose(self, proposal: Proposal) -> Proposal:
        """Proposes what `prepare` made; the same again is no other. Keep the answer: it knows when it expires."""
        return self._drive(flow.propose(self.profile, proposal))

    def wait(self, proposal: Proposal, *, timeout: float | None = None, on_question: OnQuestion | None = None) -> None:
        """Returns once it is approved. After `timeout` seconds it is `Pending`."""
        self._drive(flow.wait(self.profile, proposal, timeout, flow.Hearing(on_question)))

    def status(self, proposal: Proposal) -> ActionView:
        """Where it stands, without waiting."""
        return self._drive(flow.status(self.profile, proposal))

    def answer(self, proposal: Proposal, question: int, text: str) -> None:
        """Answers the question of that entry. The answer is logged as the agent's claim and decides nothing."""
        self._drive(flow.answer(self.profile, proposal, question, text))

    def withdraw(self, proposal: Proposal) -> None:
        """Takes it back while nobody has decided."""
        self._drive(flow.withdraw(self.profile, proposal))

    def execute(self, proposal: Proposal, function: Callable[[], T], *, change: Describes) -> T:
        """Redeems an approved proposal, runs `function` once and reports. `change` is what is about to run."""
        result: T = self._drive(flow.execute(self.profile, proposal, _describer(change), function))
        return result

    def close(self) -> None:
        """Lets go of everything."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drive(self, steps: Flow[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    result = self._perform(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as stop:
            found: T = stop.value
            return found

    def _perform(self, step: Request | Pause | Call) -> Any:
        if isinstance(step, Request):
            return self._transport.send(step)
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        return _whole(_no_awaitable(step.function()))


class AsyncClient(_Base):
    """The same for asyncio. Cancelling a task that waits takes its proposal back."""

    def __init__(
        self, agent: str | None = None, *, home: Path | str | None = None, tls_ca: Path | str | None = None
    ) -> None:
        super().__init__(agent, home)
        self._transport = AsyncTransport(self.profile, tls_ca)

    async def run(
        self,
        change: AsyncDescribes,
        function: Callable[[], Awaitable[T]],
        *,
        ttl_s: int | None = None,
        on_question: AsyncOnQuestion | None = None,
    ) -> T:
        """As `Client.run`; `function` is async, `change` and `on_question` may be."""
        described = _describer(change)()
        found = await described if inspect.isawaitable(described) else described
        proposal = self.prepare(found, ttl_s=ttl_s)
        proposal = await self._drive(flow.approve(self.profile, proposal, None, on_question))
        return await self.execute(proposal, function, change=change)

    async def propose(self, proposal: Proposal) -> Proposal:
        """As `Client.propose`."""
        return await self._drive(flow.propose(self.profile, proposal))

    async def wait(
        self, proposal: Proposal, *, timeout: float | None = None, on_question: AsyncOnQuestion | None = None
    ) -> None:
        """As `Client.wait`."""
        await self._drive(flow.wait(self.profile, proposal, timeout, flow.Hearing(on_question)))

    async def status(self, proposal: Proposal) -> ActionView:
        """As `Client.status`."""
        return await self._drive(flow.status(self.profile, proposal))

    async def answer(self, proposal: Proposal, question: int, text: str) -> None:
        """As `Client.answer`."""
        await self._drive(flow.answer(self.profile, proposal, question, text))

    async def withdraw(self, proposal: Proposal) -> None:
        """As `Client.withdraw`."""
        await self._drive(flow.withdraw(self.profile, proposal))

    async def execute(self, proposal: Proposal, function: Callable[[], Awaitable[T]], *, change: AsyncDescribes) -> T:
        """As `Client.execute`."""
        result: T = await self._drive(flow.execute(self.profile, proposal, _describer(change), function))
        return result

    async def close(self) -> None:
        """Lets go of everything."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _drive(self, steps: Flow[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._perform(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as stop:
            found: T = stop.value
            return found

    async def _perform(self, step: Request | Pause | Call) -> Any:
        if isinstance(step, Request):
            return await self._transport.send(step)
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        result = step.function()
        return _whole(await result if inspect.isawaitable(result) else result)


def _describer(change: Change | Callable[[], Any]) -> Callable[[], Any]:
    return (lambda: change) if isinstance(change, Change) else change


def _whole(result: Any) -> Any:
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError("the function returned a generator, which has not run yet: return what it is to yield")
    return result


def _no_awaitable(result: Any) -> Any:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("this is the blocking client: use `AsyncClient` for functions that are async")
    return result
