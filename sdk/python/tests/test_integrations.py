"""Real agent frameworks with a scripted model, against a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from agents import Agent, Runner, set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from vidimus import AsyncClient, Change, Client, NotSetUp, Target
from vidimus.integrations.langchain import ApprovalMiddleware
from vidimus.integrations.openai_agents import Approvals

from .conftest import Lab

set_tracing_disabled(True)
ARGUMENTS = {"customer": "c_42"}


class Scripted(GenericFakeChatModel):
    """A chat model that says what a test has written down."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self


class Customers:
    """What the tools do, really."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, customer: str) -> str:
        self.deleted.append(customer)
        if customer == "broken":
            raise ValueError("secret")
        return f"deleted {customer}"


def langchain_agent(middleware: ApprovalMiddleware, customers: Customers) -> Any:
    @tool
    def delete_customer(customer: str) -> str:
        """Delete a customer."""
        return customers.delete(customer)

    call = {"name": "delete_customer", "args": ARGUMENTS, "id": "call_1"}
    model = Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("as you say")]))
    delete_customer.handle_tool_error = True
    return create_agent(model, [delete_customer], middleware=[middleware], checkpointer=InMemorySaver())


CONFIG: Any = {"configurable": {"thread_id": "1"}}
ASK: Any = {"messages": [("user", "delete c_42")]}


def told(state: Any) -> ToolMessage:
    return next(message for message in state["messages"] if isinstance(message, ToolMessage))


def test_langchain_waits_in_the_call(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    customers = Customers()
    agent = langchain_agent(ApprovalMiddleware(["delete_customer"], client=client), customers)
    running = beside.submit(agent.invoke, ASK, CONFIG)
    proposed = lab.next()
    assert proposed["payload"]["payload"] == {"operation": "delete_customer", "after": ARGUMENTS}
    lab.approve(proposed)
    assert told(running.result()).content == "deleted c_42"
    assert customers.deleted == ["c_42"]
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}


async def test_langchain_tells_the_model_of_a_denial(async_client: AsyncClient, lab: Lab) -> None:
    customers = Customers()
    agent = langchain_agent(ApprovalMiddleware(["delete_customer"], async_client=async_client), customers)
    task = asyncio.create_task(agent.ainvoke(ASK, CONFIG))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.deny, proposed, "keep it")
    message = told(await task)
    assert (message.status, customers.deleted) == ("error", [])
    assert "keep it" in str(message.content)


def test_langchain_reports_a_tool_that_failed(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    class Broken(Customers):
        def delete(self, customer: str) -> str:
            raise ToolException(customer)

    agent = langchain_agent(ApprovalMiddleware(["delete_customer"], client=client), Broken())
    running = beside.submit(agent.invoke, ASK, CONFIG)
    proposed = lab.next()
    lab.approve(proposed)
    assert told(running.result()).status == "error"
    assert lab.outcome(proposed["action"]) == {"failed": {"why": "ToolFailed"}}


def test_langchain_takes_no_name_for_a_list_of_names() -> None:
    for wrong in ["delete_customer", [delete_account], []]:
        with pytest.raises(TypeError, match="names of tools"):
            ApprovalMiddleware(wrong)  # type: ignore[arg-type]


@tool
def delete_account(customer: str) -> str:
    """Delete an account."""
    return customer


async def test_langchain_runs_no_agent_without_the_tool_that_is_held() -> None:
    customers = Customers()
    agent = langchain_agent(ApprovalMiddleware(["delete_custmer"]), customers)
    with pytest.raises(NotSetUp, match="delete_custmer"):
        agent.invoke(ASK, CONFIG)
    with pytest.raises(NotSetUp, match="delete_custmer"):
        await agent.ainvoke(ASK, CONFIG)
    assert customers.deleted == []


@pytest.mark.parametrize(
    ("offered", "is_held"),
    [
        (delete_account, True),
        ({"type": "function", "function": {"name": "delete_account"}}, True),
        ({"type": "function", "name": "delete_account"}, True),
        ({"name": "delete_account", "input_schema": {}}, True),
        # What the model's provider runs does not come through the middleware.
        ({"type": "delete_account"}, False),
        ({"type": "delete_20260101", "name": "delete_account"}, False),
    ],
)
async def test_langchain_knows_tools_of_each_form(offered: Any, is_held: bool) -> None:
    middleware = ApprovalMiddleware(["delete_account"])
    response = ModelResponse(result=[AIMessage("ok")])
    request: Any = ModelRequest(model=Scripted(messages=iter([])), messages=[], tools=[offered])

    async def answer(_: Any) -> ModelResponse[Any]:
        return response

    if is_held:
        assert middleware.wrap_model_call(request, lambda _: response) is response
        assert await middleware.awrap_model_call(request, answer) is response
        return
    with pytest.raises(NotSetUp):
        middleware.wrap_model_call(request, lambda _: response)
    with pytest.raises(NotSetUp):
        await middleware.awrap_model_call(request, answer)


def test_langchain_pauses_the_graph(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    customers = Customers()
    middleware = ApprovalMiddleware(["delete_customer"], client=client, pause=True)
    agent = langchain_agent(middleware, customers)
    paused = agent.invoke(ASK, CONFIG)
    settling = beside.submit(middleware.settle, paused["__interrupt__"])
    proposed = lab.next()
    lab.approve(proposed)
    assert told(agent.invoke(settling.result(), CONFIG)).content == "deleted c_42"
    assert customers.deleted == ["c_42"]
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}


async def test_langchain_pauses_the_graph_in_asyncio(async_client: AsyncClient, lab: Lab) -> None:
    customers = Customers()
    middleware = ApprovalMiddleware(["delete_customer"], async_client=async_client, pause=True)
    agent = langchain_agent(middleware, customers)
    paused = await agent.ainvoke(ASK, CONFIG)
    task = asyncio.create_task(middleware.asettle(paused["__interrupt__"]))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.deny, proposed, "keep it")
    message = told(await agent.ainvoke(await task, CONFIG))
    assert "keep it" in str(message.content)
    assert customers.deleted == []


def test_langchain_runs_nothing_on_another_answer(client: Client, lab: Lab) -> None:
    other = client.propose(client.prepare(change=_change("c_43")))
    lab.approve(lab.next())
    for answer in [{"type": "approve"}, "yes", {"proposal": "{}"}, {"proposal": other.to_json()}]:
        customers = Customers()
        agent = langchain_agent(ApprovalMiddleware(["delete_customer"], client=client, pause=True), customers)
        paused = agent.invoke(ASK, CONFIG)
        resume: Any = {paused["__interrupt__"][0].id: answer}
        message = told(agent.invoke(Command(resume=resume), CONFIG))
        assert (message.status, customers.deleted) == ("error", []), answer


def _change(customer: str) -> Change:
    return Change("delete_customer", after={"customer": customer}, target=Target(resource="langchain"))


def openai_agent(approvals: Approvals, customers: Customers, customer: str = "c_42", *, pause: bool = False) -> Any:
    def delete_customer(customer: str) -> str:
        """Delete a customer."""
        return customers.delete(customer)

    arguments = {"customer": customer}
    model = ScriptedModel([[function_call("delete_customer", arguments, call_id="call_1")], [assistant_message("ok")]])
    return Agent(name="a", model=model, tools=[approvals.tool(delete_customer, pause=pause)])


def outputs(result: Any) -> list[str]:
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


async def test_openai_waits_in_the_call(async_client: AsyncClient, lab: Lab) -> None:
    customers = Customers()
    task = asyncio.create_task(Runner.run(openai_agent(Approvals(async_client), customers), "delete c_42"))
    proposed = await asyncio.to_thread(lab.next)
    assert proposed["payload"]["payload"] == {"operation": "delete_customer", "after": ARGUMENTS}
    await asyncio.to_thread(lab.approve, proposed)
    assert outputs(await task) == ["deleted c_42"]
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}


async def test_openai_tells_of_a_tool_that_failed(async_client: AsyncClient, lab: Lab) -> None:
    agent = openai_agent(Approvals(async_client), Customers(), "broken")
    task = asyncio.create_task(Runner.run(agent, "delete"))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.approve, proposed)
    assert outputs(await task) == ["The tool ran and failed: ValueError"]
    assert lab.outcome(proposed["action"]) == {"failed": {"why": "ValueError"}}


async def test_openai_pauses_the_run(async_client: AsyncClient, lab: Lab) -> None:
    approvals, customers = Approvals(async_client), Customers()
    agent = openai_agent(approvals, customers, pause=True)
    paused = await Runner.run(agent, "delete c_42")
    assert paused.interruptions
    task = asyncio.create_task(approvals.settle(paused))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.approve, proposed)
    assert outputs(await Runner.run(agent, await task)) == ["deleted c_42"]
    assert customers.deleted == ["c_42"]


async def test_openai_tells_the_model_of_a_denial(async_client: AsyncClient, lab: Lab) -> None:
    approvals, customers = Approvals(async_client), Customers()
    agent = openai_agent(approvals, customers, pause=True)
    task = asyncio.create_task(approvals.settle(await Runner.run(agent, "delete c_42")))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.deny, proposed, "keep it")
    result = await Runner.run(agent, await task)
    assert "keep it" in outputs(result)[0]
    assert customers.deleted == []


async def test_openai_runs_nothing_that_somebody_else_approved(async_client: AsyncClient) -> None:
    customers = Customers()
    agent = openai_agent(Approvals(async_client), customers, pause=True)
    state = (await Runner.run(agent, "delete c_42")).to_state()
    state.approve(state.get_interruptions()[0])
    assert "Nothing has run" in outputs(await Runner.run(agent, state))[0]
    assert customers.deleted == []
