"""The way of an action against a real gateway, each end of it."""

from __future__ import annotations

import asyncio
import copy
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from vidimus import (
    AlreadyRan,
    AsyncClient,
    Change,
    Changed,
    Client,
    Denied,
    Expired,
    GatewayRefused,
    NotSetUp,
    Pending,
    Proposal,
    RefusedByPolicy,
    Unknown,
    Unproven,
    Unreachable,
    UpgradeNeeded,
    Withdrawn,
    flow,
    read_jwks,
    strict,
    verify_permit,
)
from vidimus.http import Reply, Request
from vidimus.proof import read_bundle
from vidimus.strict import Malformed

from .conftest import Lab

RAN = ["action.proposed", "verdict.given", "action.resolved", "permit.issued", "permit.redeemed", "action.completed"]
CHANGE = Change("delete_customer", after={"customer": "c_42"}, before={"name": "Ada"}, intent="GDPR", run="run-7")

GRANTED = Change("rotate_key", after={"key": "k_7"})


class Runs:
    """A function that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return "done"

    async def later(self) -> str:
        return self()


def approved(client: Client, lab: Lab, change: Change = CHANGE) -> Proposal:
    proposal = client.propose(client.prepare(change))
    lab.approve(lab.next())
    client.wait(proposal)
    return proposal


def test_what_is_approved_runs_once_and_is_reported(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    runs = Runs()
    running = beside.submit(client.run, CHANGE, runs)
    proposed = lab.next()
    assert proposed["payload"]["payload"] == {
        "after": {"customer": "c_42"},
        "before": {"name": "Ada"},
        "operation": "delete_customer",
    }
    context = lab.tell("part", index=proposed["index"], name="context")
    assert context["text"] == '{"intent":"GDPR"}'
    assert lab.entries(proposed["action"])[0]["data"]["run"] == "run-7"
    lab.approve(proposed)
    assert running.result() == "done"
    assert runs.count == 1
    assert lab.kinds(proposed["action"]) == RAN
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}


def test_what_a_standing_grant_approves_runs_at_once(client: Client, lab: Lab) -> None:
    seen = client.propose(client.prepare(GRANTED))
    lab.tell("grant", action=lab.next()["action"])
    runs = Runs()
    assert client.run(GRANTED, runs) == "done"
    assert lab.kinds(lab.next()["action"]) == [kind for kind in RAN if kind != "verdict.given"]
    assert runs.count == 1
    client.withdraw(seen)


def test_what_fails_is_reported_without_its_words(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    def fail() -> None:
        raise ValueError("password=hunter2")

    running = beside.submit(client.run, CHANGE, fail)
    proposed = lab.next()
    lab.approve(proposed)
    with pytest.raises(ValueError, match="hunter2"):
        running.result()
    assert lab.outcome(proposed["action"]) == {"failed": {"why": "ValueError"}}


def test_what_has_not_run_yet_is_no_success(client: Client, async_client: AsyncClient, lab: Lab) -> None:
    ran: list[int] = []

    def later() -> Iterator[int]:
        ran.append(1)
        yield 1

    async def later_async() -> AsyncIterator[int]:
        ran.append(1)
        yield 1

    async def given() -> Any:
        return later()

    async def given_async() -> Any:
        return later_async()

    ways: list[tuple[Callable[[], Any], Callable[[], Any]]] = [(later, given), (later_async, given_async)]
    for made, awaited in ways:
        proposal = approved(client, lab)
        with pytest.raises(TypeError, match="has not run yet"):
            client.execute(proposal, made, change=CHANGE)
        assert lab.outcome(proposal.action) == {"failed": {"why": "TypeError"}}
        proposal = approved(client, lab)
        with pytest.raises(TypeError, match="has not run yet"):
            asyncio.run(async_client.execute(proposal, awaited, change=CHANGE))
        assert lab.outcome(proposal.action) == {"failed": {"why": "TypeError"}}
    assert ran == []


def test_a_denial_comes_with_its_reason(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    runs = Runs()
    running = beside.submit(client.run, CHANGE, runs)
    lab.deny(lab.next(), "not on a \x1b[31mFriday")
    with pytest.raises(Denied, match=r"not on a \\x1b\[31mFriday") as caught:
        running.result()
    assert caught.value.reason == "not on a \x1b[31mFriday"
    assert (caught.value.ran, runs.count) == (False, 0)


def test_nobody_decides_in_time(client: Client, lab: Lab) -> None:
    runs = Runs()
    with pytest.raises(Expired):
        client.run(CHANGE, runs, ttl_s=1)
    lab.next()
    assert runs.count == 0


def test_the_policy_refuses(client: Client, lab: Lab) -> None:
    with pytest.raises(RefusedByPolicy) as caught:
        client.run(CHANGE, Runs(), ttl_s=0)
    lab.next()
    assert caught.value.policy


def test_a_wait_that_is_over_is_pending_and_goes_on(client: Client, lab: Lab) -> None:
    proposal = client.propose(client.prepare(CHANGE))
    with pytest.raises(Pending) as caught:
        client.wait(proposal, timeout=0)
    kept = caught.value.proposal.to_json()
    lab.approve(lab.next())
    again = Proposal.from_json(kept)
    client.wait(again)
    assert client.execute(again, Runs(), change=CHANGE) == "done"


def test_it_can_be_withdrawn(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    proposal = client.propose(client.prepare(CHANGE))
    waiting = beside.submit(client.wait, proposal)
    lab.next()
    client.withdraw(proposal)
    with pytest.raises(Withdrawn):
        waiting.result()
    with pytest.raises(GatewayRefused) as caught:
        client.withdraw(proposal)
    assert caught.value.code == "not_pending"


async def test_cancelling_withdraws(async_client: AsyncClient, lab: Lab) -> None:
    runs = Runs()
    task = asyncio.create_task(async_client.run(CHANGE, runs.later))
    proposed = await asyncio.to_thread(lab.next)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.entries(proposed["action"])[-1]["data"]["resolution"] == "withdrawn"
    assert runs.count == 0


async def test_asyncio_runs_it_too(async_client: AsyncClient, lab: Lab) -> None:
    task = asyncio.create_task(async_client.run(CHANGE, Runs().later))
    proposed = await asyncio.to_thread(lab.next)
    lab.approve(proposed)
    assert await task == "done"
    assert lab.kinds(proposed["action"]) == RAN


def test_one_client_serves_one_event_loop_after_the_other(lab: Lab) -> None:
    client = AsyncClient(home=lab.home)
    for _ in range(2):
        proposal = asyncio.run(client.propose(client.prepare(CHANGE)))
        lab.next()
        asyncio.run(client.withdraw(proposal))


async def test_cancelled_after_the_redemption_it_is_reported(async_client: AsyncClient, lab: Lab) -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(async_client.run(CHANGE, run))
    proposed = await asyncio.to_thread(lab.next)
    await asyncio.to_thread(lab.approve, proposed)
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.outcome(proposed["action"]) == {"failed": {"why": "CancelledError"}}


async def test_many_at_once_each_run_their_own(async_client: AsyncClient, lab: Lab) -> None:
    ran: list[str] = []

    async def hold(name: str) -> None:
        async def run() -> None:
            ran.append(name)

        await async_client.run(Change("rotate_key", after={"key": name}), run)

    tasks = [asyncio.create_task(hold(f"key-{number}")) for number in range(20)]
    wanted = set()
    for number in range(20):
        proposed = await asyncio.to_thread(lab.next)
        if number % 2:
            await asyncio.to_thread(lab.deny, proposed, "odd")
        else:
            wanted.add(proposed["payload"]["payload"]["after"]["key"])
            await asyncio.to_thread(lab.approve, proposed)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert set(ran) == wanted
    assert len(ran) == len(wanted) == 10
    assert sum(isinstance(result, Denied) for result in results) == 10


def test_what_has_changed_since_does_not_run(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    there = {"limit": 10}
    runs = Runs()

    def describe() -> Change:
        return Change("raise_limit", before=dict(there), after={"limit": 20})

    running = beside.submit(client.run, describe, runs)
    proposed = lab.next()
    there["limit"] = 15
    lab.approve(proposed)
    with pytest.raises(Changed) as caught:
        running.result()
    assert caught.value.differences == ["`before.limit`"]
    assert runs.count == 0
    assert "permit.redeemed" not in lab.kinds(proposed["action"])


def test_it_is_looked_at_again_after_the_redemption(client: Client, lab: Lab) -> None:
    changes = iter([CHANGE, Change("delete_customer", after={"customer": "c_43"})])
    runs = Runs()
    proposal = approved(client, lab)
    with pytest.raises(Changed):
        client.execute(proposal, runs, change=lambda: next(changes))
    assert runs.count == 0
    assert "is not what was approved" in lab.outcome(proposal.action)["failed"]["why"]


def test_a_gateway_that_is_down_meanwhile_is_asked_again(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    running = beside.submit(client.run, CHANGE, Runs())
    proposed = lab.next()
    lab.tell("down")
    time.sleep(1)
    assert not running.done()
    lab.tell("up")
    lab.approve(proposed)
    assert running.result() == "done"


def test_a_gateway_that_is_down_is_said_to_be(client: Client, lab: Lab) -> None:
    lab.tell("down")
    try:
        with pytest.raises(Unreachable, match="vidimus gateway --personal") as caught:
            client.run(CHANGE, Runs())
        assert not caught.value.sent
    finally:
        lab.tell("up")


def test_a_lost_acknowledgement_is_asked_for_once_more(detoured: Client, lab: Lab) -> None:
    lab.tell("fault", path="/v1/actions", how="lose")
    proposal = approved(detoured, lab)
    assert detoured.execute(proposal, Runs(), change=CHANGE) == "done"
    assert lab.kinds(proposal.action).count("action.proposed") == 1


def test_a_lost_redemption_is_unknown_and_never_tried_again(detoured: Client, lab: Lab) -> None:
    runs = Runs()
    proposal = approved(detoured, lab)
    lab.tell("fault", path="/redeem", how="lose")
    with pytest.raises(Unknown) as caught:
        detoured.execute(proposal, runs, change=CHANGE)
    assert caught.value.ran is None
    with pytest.raises(Unknown):
        detoured.execute(proposal, runs, change=CHANGE)
    assert runs.count == 0
    assert lab.kinds(proposal.action).count("permit.redeemed") == 1
    assert detoured.status(proposal)["status"] == "redeemed"


def test_killed_between_redemption_and_report_it_is_not_run_twice(client: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    program = """
        import os, sys
        from vidimus import Change, Client, Proposal
        change = Change("delete_customer", after={"customer": "c_42"}, before={"name": "Ada"})
        client = Client(home=sys.argv[1])
        client.execute(Proposal.from_json(sys.stdin.read()), lambda: os._exit(9), change=change)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(lab.home)]
    killed = subprocess.run(command, input=proposal.to_json(), text=True, check=False)
    assert killed.returncode == 9
    runs = Runs()
    with pytest.raises(Unknown):
        client.execute(proposal, runs, change=CHANGE)
    with pytest.raises(Unknown):
        client.wait(proposal)
    assert runs.count == 0
    assert lab.kinds(proposal.action)[-1] == "permit.redeemed"


def test_what_has_run_does_not_run_again(client: Client, lab: Lab) -> None:
    runs = Runs()
    proposal = approved(client, lab)
    client.execute(proposal, runs, change=CHANGE)
    with pytest.raises(AlreadyRan):
        client.execute(proposal, runs, change=CHANGE)
    assert runs.count == 1


def test_of_many_who_have_it_one_runs_it(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    runs = Runs()
    proposal = approved(client, lab)
    tried = [beside.submit(client.execute, proposal, runs, change=CHANGE) for _ in range(8)]
    ends = [one.exception() for one in tried]
    assert runs.count == 1
    assert ends.count(None) == 1
    assert all(end is None or isinstance(end, (Unknown, AlreadyRan)) for end in ends)


def test_a_permit_for_another_action_is_refused_before_it_is_used(detoured: Client, lab: Lab) -> None:
    other, proposal, runs = approved(detoured, lab), approved(detoured, lab), Runs()
    token = _permit_of(detoured, other)
    lab.tell("fault", path="/permit", how={"merge": {"permit": token}})
    with pytest.raises(Unproven, match="another action"):
        detoured.execute(proposal, runs, change=CHANGE)
    assert runs.count == 0
    assert "permit.redeemed" not in lab.kinds(proposal.action)


def test_keys_that_the_gateway_cannot_serve_are_no_forgery(detoured: Client, lab: Lab) -> None:
    proposal, runs = approved(detoured, lab), Runs()
    lab.tell("fault", path="/jwks.json", how={"replace": {"status": 503, "body": {"keys": []}}})
    with pytest.raises(Unreachable, match="503"):
        detoured.execute(proposal, runs, change=CHANGE)
    assert "permit.redeemed" not in lab.kinds(proposal.action)
    assert detoured.execute(proposal, runs, change=CHANGE) == "done"


def test_a_forged_permit_is_refused(detoured: Client, lab: Lab) -> None:
    proposal, runs = approved(detoured, lab), Runs()
    head, claims, signature = _permit_of(detoured, proposal).split(".")
    forged = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    lab.tell("fault", path="/permit", how={"merge": {"permit": forged}})
    with pytest.raises(Unproven, match="signature"):
        detoured.execute(proposal, runs, change=CHANGE)
    assert runs.count == 0


def test_a_bundle_of_another_log_runs_nothing(detoured: Client, lab: Lab) -> None:
    proposal, runs = approved(detoured, lab), Runs()
    lab.tell("fault", path="/redeem", how={"merge": {"entries": [{"index": 0, "leaf": "{}", "proof": []}]}})
    with pytest.raises(Unproven, match="another log"):
        detoured.execute(proposal, runs, change=CHANGE)
    assert runs.count == 0
    assert "another log" in lab.outcome(proposal.action)["failed"]["why"]


def test_a_bundle_of_another_run_runs_nothing(detoured: Client, lab: Lab) -> None:
    first, second, runs = approved(detoured, lab), approved(detoured, lab), Runs()
    bundle = _redeemed(detoured, first)
    lab.tell("fault", path="/redeem", how={"replace": {"status": 200, "body": bundle}})
    with pytest.raises(Unproven, match=r"action\.proposed"):
        detoured.execute(second, runs, change=CHANGE)
    assert runs.count == 0


def test_a_bundle_that_was_changed_proves_nothing(client: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    redeemed = client._drive(flow._redeem(client.profile, proposal, lambda: CHANGE))
    redeemed.prove(client.profile, proposal)
    bundle = strict.parse(redeemed.reply.body)
    entries = bundle["entries"]

    def without(kind: str) -> list[Any]:
        return [entry for entry in entries if f'"kind":"{kind}"' not in entry["leaf"]]

    verdict = next(entry for entry in entries if '"kind":"verdict.given"' in entry["leaf"])
    changed = verdict | {"leaf": verdict["leaf"].replace("test/1", "test/2")}
    newer = verdict | {"leaf": verdict["leaf"].replace('"v":1', '"v":2')}
    for wrong, why in [
        ([changed if entry is verdict else entry for entry in entries], "not in the signed log"),
        ([newer if entry is verdict else entry for entry in entries], "another version"),
        ([entries[0], *reversed(entries[1:])], "out of order"),
        (entries[1:], "another log"),
        (without("verdict.given"), "lacks a verdict"),
        (without("action.resolved"), r"action\.resolved"),
        (without("permit.issued"), "another permit"),
        (without("permit.redeemed"), r"permit\.redeemed"),
        ([], "no proof bundle"),
    ]:
        body = strict.canonical(bundle | {"entries": wrong})
        with pytest.raises(Unproven, match=why):
            replace(redeemed, reply=Reply(200, body)).prove(client.profile, proposal)
    permit = redeemed.token.replace(".", ".A", 1)
    with pytest.raises(Unproven):
        replace(redeemed, token=permit).prove(client.profile, proposal)


def test_a_trusted_log_that_tells_of_another_run_proves_nothing(client: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    redeemed = client._drive(flow._redeem(client.profile, proposal, lambda: CHANGE))
    bundle = read_bundle(redeemed.reply.body, client.profile.log)
    wanted: Any = {"audience": client.profile.executor, "action": proposal.action, "digest": proposal.digest}
    permit = verify_permit(redeemed.token, bundle.opened.permit_keys, **wanted)
    bundle.expect_run(permit, client.profile.executor)
    told: list[tuple[str, list[Any], str]] = [
        ("action.proposed", ["actor"], "another proposal"),
        ("action.proposed", ["parts", 1, "commit"], "another proposal"),
        ("action.resolved", ["data", "resolution"], "no approval"),
        ("verdict.given", ["actor"], "lacks a verdict"),
        ("verdict.given", ["data", "signed", "item", "verdict"], "lacks a verdict"),
        ("verdict.given", ["data", "signed", "item", "action_digest"], "lacks a verdict"),
        ("verdict.given", ["data", "signed"], "another form"),
        ("permit.issued", ["data", "audience"], "another permit"),
        ("permit.redeemed", ["data", "permit"], "the redemption of this permit"),
        ("permit.redeemed", ["actor"], "the redemption of this permit"),
        ("permit.issued", ["kind"], "has an outcome"),
    ]
    for kind, path, why in told:
        entries = copy.deepcopy(bundle.entries)
        inner: Any = next(leaf for _, leaf in entries if leaf["kind"] == kind)
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = "action.completed" if path == ["kind"] else "another"
        if path == ["kind"]:
            entries += tuple(entry for entry in bundle.entries if entry[1]["kind"] == kind)
        with pytest.raises(Malformed, match=why):
            replace(bundle, entries=entries).expect_run(permit, client.profile.executor)


def test_what_the_policy_released_needs_no_verdict(client: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    redeemed = client._drive(flow._redeem(client.profile, proposal, lambda: CHANGE))
    bundle = read_bundle(redeemed.reply.body, client.profile.log)
    wanted: Any = {"audience": client.profile.executor, "action": proposal.action, "digest": proposal.digest}
    permit = verify_permit(redeemed.token, bundle.opened.permit_keys, **wanted)
    entries = tuple(copy.deepcopy(entry) for entry in bundle.entries if entry[1]["kind"] != "verdict.given")
    of = {leaf["kind"]: leaf["data"] for _, leaf in entries}
    of["action.resolved"]["resolution"] = "released"
    unnamed = replace(permit, reviewers=())
    with pytest.raises(Malformed, match="no approval"):
        replace(bundle, entries=entries).expect_run(unnamed, client.profile.executor)
    of["action.proposed"]["evaluation"]["decision"] = "release"
    replace(bundle, entries=entries).expect_run(unnamed, client.profile.executor)
    with pytest.raises(Malformed, match="lacks a verdict"):
        replace(bundle, entries=entries).expect_run(permit, client.profile.executor)


def test_an_unknown_status_runs_nothing(detoured: Client, lab: Lab) -> None:
    proposal = detoured.propose(detoured.prepare(CHANGE))
    lab.approve(lab.next())
    lab.tell("fault", path=proposal.action, how={"merge": {"status": "postponed"}})
    with pytest.raises(UpgradeNeeded, match="postponed"):
        detoured.wait(proposal)


def test_another_acknowledgement_is_refused(detoured: Client, lab: Lab) -> None:
    lab.tell("fault", path="/v1/actions", how={"merge": {"entries": []}})
    with pytest.raises(Unproven, match="cannot be read"):
        detoured.propose(detoured.prepare(CHANGE))
    lab.next()
    other = detoured.propose(detoured.prepare(CHANGE))
    lab.next()
    again = Request("POST", "/v1/actions", strict.canonical(other.body()))
    ack = strict.parse(detoured._transport.send(again).body)
    lab.tell("fault", path="/v1/actions", how={"replace": {"status": 201, "body": ack}})
    with pytest.raises(Unproven, match="something else"):
        detoured.propose(detoured.prepare(CHANGE))
    lab.next()


def test_a_proposal_of_another_agent_is_refused(client: Client, detoured: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    with pytest.raises(NotSetUp, match="another agent"):
        detoured.execute(proposal, Runs(), change=CHANGE)


def test_a_permit_can_be_verified_by_itself(client: Client, lab: Lab) -> None:
    proposal = approved(client, lab)
    token, keys = _permit_of(client, proposal), _keys(client)
    wanted: dict[str, Any] = {
        "audience": client.profile.executor,
        "action": proposal.action,
        "digest": proposal.digest,
        "agent": client.profile.agent,
    }
    permit = verify_permit(token, keys, **wanted)
    assert permit.action == proposal.action
    for name, other, why in [
        ("audience", "exe_0", "another executor"),
        ("action", "act_0", "another action"),
        ("digest", "00" * 32, "another digest"),
        ("agent", "agt_0", "another agent"),
        ("issuer", "vidimus/0", "another log"),
        ("now", permit.expires_at, "expired"),
        ("now", permit.issued_at - 1, "not valid yet"),
    ]:
        with pytest.raises(Unproven, match=why):
            verify_permit(token, keys, **wanted | {name: other})
    with pytest.raises(Unproven, match="does not name"):
        verify_permit(token, [], **wanted)


def _permit_of(client: Client, proposal: Proposal) -> str:
    return client._drive(flow._permit(client.profile, proposal))


def _keys(client: Client) -> Any:
    return read_jwks(client._transport.send(Request("GET", "/.well-known/jwks.json")).body)


def _redeemed(client: Client, proposal: Proposal) -> Any:
    redeemed = client._drive(flow._redeem(client.profile, proposal, lambda: CHANGE))
    return strict.parse(redeemed.reply.body)
