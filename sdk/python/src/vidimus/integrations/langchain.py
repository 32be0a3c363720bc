"""LangChain: tools of an agent are held by a middleware, which redeems and reports beside the tool's own call.

It waits inside the tool call, or pauses the graph (`pause=True`): then the interrupt is answered with what `settle`
makes of it, and any other answer runs nothing. Install `vidimus-client[langchain]`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, Interrupt, interrupt

from .. import strict
from ..action import Change, Proposal, Target
from ..client import AsyncClient, Client
from ..errors import NotSetUp, VidimusError

APPROVAL = "vidimus_approval"
Result = ToolMessage | Command[Any]
Said = ModelResponse[Any] | AIMessage


class ApprovalMiddleware(AgentMiddleware[Any, Any, Any]):
    """Holds the named tools. The action is the tool's name and its arguments; both are shown and kept.

    `client` serves `invoke`, `async_client` serves `ainvoke`; one that is missing is made for the only agent that is
    connected on this computer. List it last, so that what other middleware makes of a call is what is approved, but
    before a middleware that hides tools from the model: a name that no tool has is `NotSetUp`. A tool that is held must
    not interrupt the graph itself.
    """

    def __init__(
        self,
        tools: Iterable[str],
        *,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
        target: Target | None = None,
        ttl_s: int | None = None,
        pause: bool = False,
    ) -> None:
        super().__init__()
        names = [] if isinstance(tools, str) else list(tools)
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError('`tools` are the names of tools, such as `["delete_customer"]`')
        self.held = frozenset(names)
        self._client = client
        self._async_client = async_client
        self._target = target or Target(resource="langchain")
        self._ttl_s = ttl_s
        self._pause = pause

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> Said:
        """Asks no model whose tools lack one that is to be held: under another name it would run unasked."""
        self._expect_tools(request)
        return handler(request)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> Said:
        """The same for asyncio."""
        self._expect_tools(request)
        return await handler(request)

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Holds one call."""
        if request.tool_call["name"] not in self.held:
            return handler(request)
        try:
            change, exact = self._exact(request)
            client = self._client = self._client or Client()
            run = partial(_run, handler, exact)
            if self._pause:
                return client.execute(_answered(request), run, change=change)
            return client.run(change, run, ttl_s=self._ttl_s)
        except ToolFailed as failed:
            return failed.message
        except NotSetUp:
            raise
        except VidimusError as error:
            return _not_run(request, error)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """The same for asyncio."""
        if request.tool_call["name"] not in self.held:
            return await handler(request)
        try:
            change, exact = self._exact(request)
            client = self._async_client = self._async_client or AsyncClient()
            run = partial(_run_async, handler, exact)
            if self._pause:
                return await client.execute(_answered(request), run, change=change)
            return await client.run(change, run, ttl_s=self._ttl_s)
        except ToolFailed as failed:
            return failed.message
        except NotSetUp:
            raise
        except VidimusError as error:
            return _not_run(request, error)

    def settle(self, interrupts: Iterable[Interrupt]) -> Command[Any]:
        """Proposes what the graph paused for and waits. Go on with `agent.invoke(settle(…), config)`."""
        client = self._client = self._client or Client()
        answers = {}
        for one in filter(_is_ours, interrupts):
            try:
                proposal = client.propose(client.prepare(self._change_of(one), ttl_s=self._ttl_s))
                client.wait(proposal)
                answers[one.id] = _answer(proposal)
            except VidimusError as error:
                answers[one.id] = _answer(error)
        return Command(resume=answers)

    async def asettle(self, interrupts: Iterable[Interrupt]) -> Command[Any]:
        """The same for asyncio: `await agent.ainvoke(await asettle(…), config)`."""
        client = self._async_client = self._async_client or AsyncClient()
        answers = {}
        for one in filter(_is_ours, interrupts):
            try:
                proposal = await client.propose(client.prepare(self._change_of(one), ttl_s=self._ttl_s))
                await client.wait(proposal)
                answers[one.id] = _answer(proposal)
            except VidimusError as error:
                answers[one.id] = _answer(error)
        return Command(resume=answers)

    def _expect_tools(self, request: ModelRequest[Any]) -> None:
        missing = self.held.difference(map(_name, request.tools))
        if missing:
            raise NotSetUp(
                f"no tool of this agent that runs here is named {', '.join(f'`{name}`' for name in sorted(missing))}: "
                "mend the names in `ApprovalMiddleware`, or list it before what hides tools"
            )

    def _change_of(self, one: Interrupt) -> Change:
        return self._change(one.value["name"], one.value["args"])

    def _change(self, name: str, arguments: dict[str, Any]) -> Change:
        return Change(operation=name, after=arguments, target=self._target)

    def _exact(self, request: ToolCallRequest) -> tuple[Change, ToolCallRequest]:
        """The action, and the request with arguments that nobody else can change."""
        change = self._change(request.tool_call["name"], request.tool_call["args"])
        frozen = strict.parse(change.to_bytes())["payload"]["after"]
        call = request.tool_call.copy()
        call["args"] = strict.parse(strict.canonical(frozen))
        return self._change(request.tool_call["name"], frozen), request.override(tool_call=call)


class ToolFailed(Exception):
    """The tool ran, and its node made a message of its error, which has no name any more."""

    def __init__(self, message: ToolMessage) -> None:
        super().__init__("the tool failed")
        self.message = message


def _name(offered: BaseTool | dict[str, Any]) -> str | None:
    """The name of a tool whose calls come here. What the model's provider runs itself has a type of its own."""
    if isinstance(offered, BaseTool):
        return offered.name
    if offered.get("type", "custom") not in ("custom", "function"):
        return None
    function = offered.get("function", offered)
    return function.get("name") if isinstance(function, dict) else None


def _run(handler: Callable[[ToolCallRequest], Result], request: ToolCallRequest) -> Result:
    return _judged(handler(request))


async def _run_async(handler: Callable[[ToolCallRequest], Awaitable[Result]], request: ToolCallRequest) -> Result:
    return _judged(await handler(request))


def _judged(result: Result) -> Result:
    if isinstance(result, ToolMessage) and result.status == "error":
        raise ToolFailed(result)
    return result


def _answered(request: ToolCallRequest) -> Proposal:
    """Pauses the graph. When it goes on, the answer must be an approved proposal of this very call."""
    call = request.tool_call
    answer = interrupt({"type": APPROVAL, "name": call["name"], "args": call["args"], "tool_call_id": call["id"]})
    if type(answer) is dict and type(answer.get("error")) is str:
        raise VidimusError(answer["error"])
    if type(answer) is not dict or type(answer.get("proposal")) is not str:
        raise VidimusError("nothing has run: this pause is answered by `ApprovalMiddleware.settle` and nothing else")
    # Whether it is of this very call, `execute` finds out.
    return Proposal.from_json(answer["proposal"])


def _answer(end: Proposal | VidimusError) -> dict[str, str]:
    """What a pause is answered with. What is not set up is for the program to mend, not for the model."""
    if isinstance(end, NotSetUp):
        raise end
    return {"error": str(end)} if isinstance(end, VidimusError) else {"proposal": end.to_json()}


def _is_ours(one: Interrupt) -> bool:
    return type(one.value) is dict and one.value.get("type") == APPROVAL


def _not_run(request: ToolCallRequest, error: VidimusError) -> ToolMessage:
    return ToolMessage(
        content=str(error), name=request.tool_call["name"], tool_call_id=request.tool_call["id"], status="error"
    )
