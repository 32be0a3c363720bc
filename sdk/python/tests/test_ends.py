"""Pauses and edits, by answers that follow docs/spec/api.md: the lab's person neither pauses nor edits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidimus import (
    AlreadyRan,
    AsyncClient,
    Change,
    Client,
    Edited,
    InvalidAction,
    Proposal,
    Unproven,
    Unreachable,
    VidimusError,
    Withdrawn,
    strict,
)
from vidimus.action import PAYLOAD_TYPE, content, new_id
from vidimus.http import Reply, Request

from .test_formats import write_home

CHANGE = Change("raise_limit", after={"limit": 20})
NEXT = new_id("act_")
WITHDRAW, PAYLOAD = f"POST /v1/actions/{NEXT}/withdraw", f"GET /v1/actions/{NEXT}/payload"


class Gateway:
    """Answers by route, and remembers what was asked."""

    def __init__(self, answers: dict[str, Reply | VidimusError]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def send(self, request: Request) -> Reply:
        route = f"{request.method} {request.path.partition('?')[0]}"
        self.asked.append(route)
        found = self.answers[route]
        if isinstance(found, VidimusError):
            raise found
        return found

    async def send_async(self, request: Request) -> Reply:
        return self.send(request)

    def close(self) -> None:
        """There is nothing to let go of."""


Asking = Callable[[dict[str, Reply | VidimusError]], tuple[Client, Gateway]]


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    def of(answers: dict[str, Reply | VidimusError]) -> tuple[Client, Gateway]:
        write_home(tmp_path)
        client, gateway = Client(home=tmp_path), Gateway(answers)
        client.close()
        monkeypatch.setattr(client, "_transport", gateway)
        return client, gateway

    return of


def ok(body: dict[str, Any]) -> Reply:
    return Reply(200, strict.canonical(body))


def problem(status: int, code: str) -> Reply:
    return Reply(status, strict.canonical({"code": code, "detail": "so it is", "status": status}))


def view(proposal: Proposal, status: str, **members: Any) -> dict[str, Reply | VidimusError]:
    body = {"action": proposal.action, "expires_at": "", "policy": [], "status": status, **members}
    return {f"GET /v1/actions/{proposal.action}": ok(body)}


def edited_to(payload: dict[str, Any]) -> Reply:
    data = strict.canonical({"kind": "json", "payload": payload, "target": {}})
    return ok(dict(content(PAYLOAD_TYPE, data, bytes(32))))


def prepared() -> Proposal:
    """As `propose` returns it."""
    return Proposal.of(CHANGE, "agt_0", "ab" * 32, None).expiring("2099-01-01T00:00:00Z")


@pytest.mark.parametrize("status", ["approved", "withdrawn"])
def test_a_pause_ends_the_wait_with_words_of_its_own(asking: Asking, status: str) -> None:
    proposal = prepared()
    client, _ = asking(view(proposal, status, paused=True))
    with pytest.raises(Withdrawn, match=r"is paused.*useless until somebody resumes it in the console") as caught:
        client.wait(proposal)
    assert caught.value.ran is False
    client, _ = asking(view(proposal, "withdrawn"))
    with pytest.raises(Withdrawn, match=r"^withdrawn; nothing has run$"):
        client.wait(proposal)


def test_a_paused_agent_proposes_nothing(asking: Asking) -> None:
    client, gateway = asking({"POST /v1/actions": problem(409, "agent_paused")})
    with pytest.raises(Withdrawn, match="is paused"):
        client.run(CHANGE, lambda: pytest.fail("it ran"))
    assert gateway.asked == ["POST /v1/actions"]


def test_a_paused_agent_gets_no_permit(asking: Asking) -> None:
    proposal = prepared()
    client, _ = asking({f"POST /v1/actions/{proposal.action}/permit": problem(409, "agent_paused")})
    with pytest.raises(Withdrawn, match="is paused"):
        client.execute(proposal, lambda: pytest.fail("it ran"), change=CHANGE)


def test_an_edit_comes_back_and_is_withdrawn(asking: Asking) -> None:
    proposal = prepared()
    answers = view(proposal, "superseded", superseded_by=NEXT) | {WITHDRAW: ok({})}
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"after": {"limit": 15}, "operation": "raise_limit"}, {"limit": 15}),
        ({"before": 1, "operation": "raise_limit"}, None),
    ]
    for payload, after in cases:
        client, gateway = asking(answers | {PAYLOAD: edited_to(payload)})
        with pytest.raises(Edited, match=f"edited it into {NEXT}") as caught:
            client.wait(proposal)
        assert (caught.value.action, caught.value.after, caught.value.failures) == (NEXT, after, [])
        assert caught.value.ran is False
        assert gateway.asked[1:] == [WITHDRAW, PAYLOAD]


def test_the_words_of_an_edit_hold_what_the_reviewer_made(asking: Asking) -> None:
    proposal = prepared()
    answers = view(proposal, "superseded", superseded_by=NEXT) | {WITHDRAW: ok({})}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"after": {"note": "a\u202eb", "limit": 15}}, r'it is right: \{"limit":15,"note":"a\\u202eb"\}$'),
        ({"after": "x" * 9000}, r'it is right: "x{3999}\.\.\. \(cut here; `after` of this error is whole\)$'),
        ({}, "no `after`$"),
    ]
    for payload, words in cases:
        client, _ = asking(answers | {PAYLOAD: edited_to(payload)})
        with pytest.raises(Edited, match=words) as caught:
            client.wait(proposal)
        assert str(caught.value).isprintable()


def test_an_edit_is_told_whatever_fails_about_it(asking: Asking) -> None:
    proposal = prepared()
    superseded = view(proposal, "superseded", superseded_by=NEXT)
    payload = edited_to({"after": 15, "operation": "raise_limit"})
    cases: list[tuple[Reply | VidimusError, Reply | VidimusError, Any, list[str]]] = [
        (problem(409, "not_pending"), payload, 15, ["not be withdrawn: .*not_pending"]),
        (Unreachable("it is down", sent=True), payload, 15, ["not be withdrawn: it is down"]),
        (ok({}), problem(404, "unknown_action"), None, ["not be read: .*unknown_action"]),
        (ok({}), ok({"bytes": "e30"}), None, ["not be read"]),
        (ok({}), ok({"bytes": 1}), None, ["not be read"]),
        (ok({}), edited_to([]), None, ["not be read"]),  # type: ignore[arg-type]
        (problem(409, "not_pending"), ok({}), None, ["not be withdrawn", "not be read"]),
    ]
    for withdrawal, read, after, failures in cases:
        client, _ = asking(superseded | {WITHDRAW: withdrawal, PAYLOAD: read})
        with pytest.raises(Edited, match=".*".join(failures)) as caught:
            client.wait(proposal)
        assert caught.value.after == after
        assert len(caught.value.failures) == len(failures)


def test_an_edit_that_meets_the_run_runs_nothing(asking: Asking) -> None:
    proposal = prepared()
    payload = edited_to({"after": 15, "operation": "raise_limit"})
    answers = view(proposal, "superseded", superseded_by=NEXT) | {WITHDRAW: ok({}), PAYLOAD: payload}
    permit: dict[str, Reply | VidimusError] = {
        f"POST /v1/actions/{proposal.action}/permit": problem(409, "not_approved")
    }
    client, _ = asking(answers | permit)
    with pytest.raises(Edited):
        client.execute(proposal, lambda: pytest.fail("it ran"), change=CHANGE)


@pytest.mark.parametrize("members", [{}, {"superseded_by": ""}, {"superseded_by": "../../x"}, {"superseded_by": 1}])
def test_a_successor_without_an_id_is_asked_nothing(asking: Asking, members: dict[str, Any]) -> None:
    proposal = prepared()
    client, gateway = asking(view(proposal, "superseded", **members))
    with pytest.raises(Unproven):
        client.wait(proposal)
    assert len(gateway.asked) == 1


def test_asyncio_learns_of_an_edit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = prepared()
    payload = edited_to({"after": 15, "operation": "raise_limit"})
    gateway = Gateway(view(proposal, "superseded", superseded_by=NEXT) | {WITHDRAW: ok({}), PAYLOAD: payload})
    write_home(tmp_path)
    client = AsyncClient(home=tmp_path)
    monkeypatch.setattr(client._transport, "send", gateway.send_async)
    with pytest.raises(Edited) as caught:
        asyncio.run(client.wait(proposal))
    assert (caught.value.action, caught.value.after) == (NEXT, 15)


def test_an_outcome_that_is_there_comes_without_control_characters(asking: Asking) -> None:
    proposal = prepared()
    client, _ = asking(view(proposal, "completed", outcome={"failed": {"why": "\u009b31m \u202e \u200b"}}))
    with pytest.raises(AlreadyRan, match="has an outcome") as caught:
        client.wait(proposal)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("expires_at", ["", "soon"])
def test_a_wait_needs_what_propose_returned(asking: Asking, expires_at: str) -> None:
    client, gateway = asking({})
    kept = prepared().expiring(expires_at).to_json()
    with pytest.raises(InvalidAction, match="what `propose` returned"):
        client.wait(Proposal.from_json(kept))
    assert gateway.asked == []


QUESTION = {"answered": False, "asked_at": "", "entry": 7, "text": {"bytes": "e30", "salt": "", "type": ""}}


@pytest.mark.parametrize(
    ("status", "members"),
    [
        ("pending", {"questions": [1]}),
        ("pending", {"questions": [{}]}),
        ("pending", {"questions": [QUESTION | {"answered": 0}]}),
        ("pending", {"questions": [QUESTION | {"entry": "7"}]}),
        ("pending", {"questions": [QUESTION | {"text": "why"}]}),
        ("pending", {"questions": [QUESTION | {"text": {}}]}),
        ("pending", {"questions": [QUESTION | {"text": {"bytes": 1}}]}),
        ("pending", {"questions": [QUESTION | {"text": {"bytes": "="}}]}),
        ("denied", {"reason": {}}),
        ("denied", {"reason": {"bytes": 1}}),
        ("denied", {"reason": {"bytes": "="}}),
        ("refused", {"policy": [1]}),
    ],
)
def test_a_view_of_another_form_is_unproven(asking: Asking, status: str, members: dict[str, Any]) -> None:
    proposal = prepared()
    client, _ = asking(view(proposal, status, **members))
    with pytest.raises(Unproven):
        client.wait(proposal, timeout=0, on_question=lambda *_: pytest.fail("it was asked"))
