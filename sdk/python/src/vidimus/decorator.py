"""`@requires_approval`: holds a function until somebody has approved the call, and runs exactly that call."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from . import strict
from .action import Change, Target
from .client import AsyncClient, Client
from .errors import InvalidAction
from .strict import Malformed

P = ParamSpec("P")
T = TypeVar("T")


def requires_approval(
    *,
    operation: str | None = None,
    target: Target | None = None,
    before: Callable[..., Any] | None = None,
    intent: str | Callable[..., str] | None = None,
    run: str | None = None,
    ttl_s: int | None = None,
    on_question: Callable[..., Any] | None = None,
    client: Client | AsyncClient | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Holds a function, blocking or async.

    The action's `operation` is the function's name, its `after` the bound arguments with their defaults: JSON only, and
    all of it is shown and kept, so never pass a secret. `before` is called with the same arguments and returns what is
    there now; it is called again just before the run, and unless it says the same, nothing runs. `intent` is a claim
    for the reviewer. Without `client` it is the only agent that is connected on this computer.
    """

    def hold(function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a generator runs only while it is read: hold a function that returns what it is to yield")
        held = _Held(function, operation, target, before, intent, run)
        clients = _Clients(client)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def ask_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                call = held.bind(args, kwargs)
                asking = clients.of(AsyncClient)
                return await asking.run(call.describe_async, call.run_async, ttl_s=ttl_s, on_question=on_question)

            return cast(Callable[P, T], ask_async)

        @functools.wraps(function)
        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            call = held.bind(args, kwargs)
            asking = clients.of(Client)
            return cast(T, asking.run(call.describe, call.run, ttl_s=ttl_s, on_question=on_question))

        return ask

    return hold


C = TypeVar("C", Client, AsyncClient)


class _Clients:
    """The client, made when it is first needed: importing a module must not need a profile."""

    def __init__(self, given: Client | AsyncClient | None) -> None:
        self._given = given
        self._lock = threading.Lock()

    def of(self, kind: type[C]) -> C:
        with self._lock:
            if self._given is None:
                self._given = kind()
        if not isinstance(self._given, kind):
            raise TypeError(f"a function of this sort needs a `{kind.__name__}`")
        return self._given


class _Held:
    """A function and how its calls are described."""

    def __init__(
        self,
        function: Callable[..., Any],
        operation: str | None,
        target: Target | None,
        before: Callable[..., Any] | None,
        intent: str | Callable[..., str] | None,
        run: str | None,
    ) -> None:
        self.function = function
        self.signature = inspect.signature(function)
        self.operation = operation or function.__name__
        self.target = target or Target(resource=f"{function.__module__}.{function.__qualname__}")
        self.before = before
        self.intent = intent
        self.run = run

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Bound:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            # `*args` come as a tuple, which JSON does not have.
            many = self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            try:
                strict.check_json(list(value) if many else value)
            except Malformed as error:
                raise InvalidAction(f"the argument `{name}` of `{self.operation}` cannot be shown: {error}") from error
            arguments[name] = list(value) if many else value
        return _Bound(self, strict.canonical(arguments))


class _Bound:
    """One call. Its arguments are kept as bytes, so that nobody can change them while it waits."""

    def __init__(self, held: _Held, arguments: bytes) -> None:
        self._held = held
        self._arguments = arguments

    def describe(self) -> Change:
        before = self._held.before
        return self._change(None if before is None else self._call(before))

    async def describe_async(self) -> Change:
        before = self._held.before
        found = None if before is None else self._call(before)
        return self._change(await found if inspect.isawaitable(found) else found)

    def run(self) -> Any:
        return self._call(self._held.function)

    async def run_async(self) -> Any:
        return await self._call(self._held.function)

    def _change(self, before: Any) -> Change:
        intent = self._held.intent
        return Change(
            operation=self._held.operation,
            after=strict.parse(self._arguments),
            before=before,
            target=self._held.target,
            intent=self._call(intent) if callable(intent) else intent,
            run=self._held.run,
        )

    def _call(self, function: Callable[..., Any]) -> Any:
        bound = inspect.BoundArguments(self._held.signature, cast(Any, strict.parse(self._arguments)))
        return function(*bound.args, **bound.kwargs)
