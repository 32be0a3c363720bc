"""OpenAI Agents SDK: function tools that run only what was approved, and report it.

A tool waits inside its own call, or it pauses the run (`pause=True`, the SDK's `needs_approval`): then `settle` asks
for every interruption of these tools. A pause that anybody else approves runs nothing. Install
`vidimus-client[openai-agents]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from agents import FunctionTool, RunResult, RunResultStreaming, function_tool
from agents.items import ToolApprovalItem
from agents.run_state import RunState
from agents.tool_context import ToolContext

from .. import strict
from ..action import Change, Proposal, Target
from ..client import AsyncClient
from ..errors import InvalidAction, NotSetUp, ToolFailed, VidimusError
from ..strict import Malformed


class Approvals:
    """Holds function tools as one agent of Vidimus.

    The action is the tool's name and its arguments; both are shown and kept. `kept` holds approved proposals by the id
    of their call, from `settle` until the tool runs: give one that lasts when a run goes on in another process.
    """

    def __init__(
        self,
        client: AsyncClient | None = None,
        *,
        target: Target | None = None,
        ttl_s: int | None = None,
        kept: MutableMapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._target = target or Target(resource="openai-agents")
        self._ttl_s = ttl_s
        self._kept: MutableMapping[str, str] = {} if kept is None else kept
        self._held: set[str] = set()

    def tool(self, function: Callable[..., Any], *, pause: bool = False, **options: Any) -> FunctionTool:
        """`function_tool(function, **options)`, held. Errors of the function go to the model by their name alone."""
        made = function_tool(function, failure_error_function=None, **options)
        self._held.add(made.name)
        invoke = partial(self._invoke, made, pause)
        return dataclasses.replace(made, on_invoke_tool=invoke, needs_approval=pause)

    async def settle(self, result: RunResult | RunResultStreaming) -> RunState[Any, Any]:
        """Proposes what the run paused for and waits. Go on with `Runner.run(agent, state)`."""
        state: RunState[Any, Any] = result.to_state()
        for item in state.get_interruptions():
            if item.tool_name in self._held:
                await self._decide(state, item)
        return state

    async def _decide(self, state: RunState[Any, Any], item: ToolApprovalItem) -> None:
        try:
            change = self._change(str(item.tool_name), str(_member(item.raw_item, "arguments")))
            proposal = await self._asking().propose(self._asking().prepare(change, ttl_s=self._ttl_s))
            await self._asking().wait(proposal)
        except NotSetUp:
            raise
        except VidimusError as error:
            state.reject(item, rejection_message=str(error))
        else:
            self._kept[str(_member(item.raw_item, "call_id"))] = proposal.to_json()
            state.approve(item)

    async def _invoke(self, made: FunctionTool, pause: bool, context: ToolContext[Any], arguments: str) -> Any:
        try:
            change = self._change(made.name, arguments)
            # The very arguments that are approved, in their canonical form.
            exact = strict.canonical(change.after).decode()
            run = partial(_run, made, context, exact)
            if not pause:
                return await self._asking().run(change, run, ttl_s=self._ttl_s)
            found = self._kept.pop(context.tool_call_id, None)
            if found is None:
                return "Nothing has run: this call was not approved by way of Vidimus."
            return await self._asking().execute(Proposal.from_json(found), run, change=change)
        except ToolFailed as failed:
            return str(failed)
        except NotSetUp:
            raise
        except VidimusError as error:
            return str(error)

    def _change(self, name: str, arguments: str) -> Change:
        try:
            return Change(operation=name, after=strict.parse_object(arguments or "{}"), target=self._target)
        except Malformed as error:
            raise InvalidAction(f"the arguments of `{name}` cannot be shown: {error}") from error

    def _asking(self) -> AsyncClient:
        if self._client is None:
            self._client = AsyncClient()
        return self._client


async def _run(made: FunctionTool, context: ToolContext[Any], arguments: str) -> Any:
    try:
        return await made.on_invoke_tool(context, arguments)
    except Exception as error:
        raise ToolFailed(f"The tool ran and failed: {type(error).__name__}") from error


def _member(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)
