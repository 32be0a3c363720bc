"""`@requires_approval` against a real gateway."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from vidimus import AsyncClient, Changed, Client, Denied, InvalidAction, Target, requires_approval

from .conftest import Lab


def test_the_call_is_the_action_and_runs_as_it_was_approved(
    client: Client, lab: Lab, beside: ThreadPoolExecutor
) -> None:
    seen: list[Any] = []

    @requires_approval(
        client=client,
        target=Target(system="billing", resource="refunds", environment="prod"),
        intent=lambda order, *_, **__: f"{order} broke",
    )
    def refund(order: str, cents: int = 100, *notes: str, tags: list[str] | None = None) -> int:
        seen.append((order, cents, notes, tags))
        return cents

    tags = ["late"]
    running = beside.submit(refund, "o_1", 250, "a", "b", tags=tags)
    proposed = lab.next()
    assert proposed["payload"] == {
        "kind": "json",
        "payload": {
            "operation": "refund",
            "after": {"order": "o_1", "cents": 250, "notes": ["a", "b"], "tags": ["late"]},
        },
        "target": {"system": "billing", "resource": "refunds", "environment": "prod"},
    }
    assert lab.tell("part", index=proposed["index"], name="context")["text"] == '{"intent":"o_1 broke"}'
    # What the caller changes meanwhile is not what was approved, and does not run.
    tags.append("changed")
    lab.approve(proposed)
    assert running.result() == 250
    assert seen == [("o_1", 250, ("a", "b"), ["late"])]


def test_a_denied_call_does_not_run(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    @requires_approval(client=client)
    def wipe(disk: str) -> None:
        raise AssertionError(disk)

    running = beside.submit(wipe, "sda")
    proposed = lab.next()
    assert proposed["payload"]["target"]["resource"].endswith(".wipe")
    lab.deny(proposed, "")
    with pytest.raises(Denied, match="No reason was given"):
        running.result()


def test_drift_of_the_before_image_runs_nothing(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    limits = {"ada": 10}
    ran: list[str] = []

    @requires_approval(client=client, before=lambda user, limit: {"limit": limits[user]})
    def set_limit(user: str, limit: int) -> None:
        ran.append(user)

    running = beside.submit(set_limit, "ada", 20)
    proposed = lab.next()
    assert proposed["payload"]["payload"]["before"] == {"limit": 10}
    limits["ada"] = 11
    lab.approve(proposed)
    with pytest.raises(Changed, match=r"before\.limit"):
        running.result()
    assert ran == []


async def test_an_async_function_is_held_too(async_client: AsyncClient, lab: Lab) -> None:
    async def look(name: str) -> dict[str, str]:
        return {"name": name}

    @requires_approval(client=async_client, before=look)
    async def rename(name: str) -> str:
        return name.upper()

    task = asyncio.create_task(rename("ada"))
    proposed = await asyncio.to_thread(lab.next)
    assert proposed["payload"]["payload"]["before"] == {"name": "ada"}
    await asyncio.to_thread(lab.approve, proposed)
    assert await task == "ADA"


def test_a_generator_is_refused_at_once(client: Client) -> None:
    def purge(ids: list[str]) -> Iterator[str]:
        yield from ids

    async def purge_async(ids: list[str]) -> AsyncIterator[str]:
        for one in ids:
            yield one

    functions: list[Callable[..., Any]] = [purge, purge_async, functools.partial(purge, [])]
    for function in functions:
        with pytest.raises(TypeError, match="generator"):
            requires_approval(client=client, operation="purge")(function)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.5, "write it as a string"),
        (-1, "write it as a string"),
        (2**53, "write it as a string"),
        ((1, 2), "tuple"),
        ({1: "a"}, "a key is a int"),
        (object(), "object"),
        (b"a", "bytes"),
        ("\ud800", "surrogate"),
    ],
)
def test_what_cannot_be_shown_is_refused(client: Client, value: Any, why: str) -> None:
    @requires_approval(client=client)
    def use(value: Any) -> None:
        raise AssertionError(value)

    with pytest.raises(InvalidAction, match=why):
        use([value])


def test_the_wrong_client_is_refused(async_client: AsyncClient) -> None:
    @requires_approval(client=async_client)
    def use() -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="`Client`"):
        use()
