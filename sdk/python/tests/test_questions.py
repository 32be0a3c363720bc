"""Questions that reviewers ask while an action waits, and answers that come at a bad time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from vidimus import Client, Denied, GatewayRefused, InvalidAction, Question, Unreachable, flow
from vidimus.http import Reply, Request

from .conftest import Lab
from .test_client import CHANGE, Runs


def test_a_question_is_heard_and_answered(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    heard: list[str] = []

    def on_question(question: Question, text: str) -> str:
        heard.append(text)
        return f"because of entry {question['entry']}"

    running = beside.submit(client.run, CHANGE, Runs(), on_question=on_question)
    proposed = lab.next()
    entry = lab.tell("ask", action=proposed["action"], text="why now?")["entry"]
    while "action.answered" not in lab.kinds(proposed["action"]):
        time.sleep(0.02)
    answered = next(n for n, found in enumerate(lab.tell("log")["entries"]) if _answers(found, proposed["action"]))
    assert lab.tell("part", index=answered, name="answer")["text"] == f"because of entry {entry}"
    lab.approve(proposed)
    assert running.result() == "done"
    assert heard == ["why now?"]


def _answers(entry: Any, action: str) -> bool:
    return bool(entry["kind"] == "action.answered" and entry["data"]["action"] == action)


def test_an_approval_that_meets_an_answer_is_used(client: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    asked = threading.Event()

    def on_question(question: Question, text: str) -> str:
        asked.wait()
        lab.approve(proposed)
        return "it comes too late"

    running = beside.submit(client.run, CHANGE, Runs(), on_question=on_question)
    proposed = lab.next()
    lab.tell("ask", action=proposed["action"], text="why now?")
    asked.set()
    assert running.result() == "done"
    assert "action.answered" not in lab.kinds(proposed["action"])


def test_an_answer_that_is_lost_is_sent_again_and_asked_for_once(
    detoured: Client, lab: Lab, beside: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "RETRY_S", 0.05)
    heard: list[str] = []
    sent: list[bytes | None] = []
    send = detoured._transport.send

    def recording(request: Request) -> Reply:
        if request.path.endswith("/answers"):
            sent.append(request.body)
        return send(request)

    def on_question(question: Question, text: str) -> str:
        heard.append(text)
        return "because"

    monkeypatch.setattr(detoured._transport, "send", recording)
    for how in ["lose", "lose", {"replace": {"status": 503, "body": {}}}]:
        lab.tell("fault", path="/answers", how=how)
    running = beside.submit(detoured.run, CHANGE, Runs(), on_question=on_question)
    proposed = lab.next()
    lab.tell("ask", action=proposed["action"], text="why now?")
    while len(sent) < 4 and not running.done():
        time.sleep(0.02)
    lab.approve(proposed)
    assert running.result() == "done"
    assert (heard, len(sent), len(set(sent))) == (["why now?"], 4, 1)
    assert lab.kinds(proposed["action"]).count("action.answered") == 1


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("", InvalidAction),
        ("x" * 4097, InvalidAction),
        (Denied("another"), Denied),
        (Unreachable("another", sent=True), Unreachable),
        (ValueError("mine"), ValueError),
    ],
)
def test_an_answer_that_fails_withdraws(
    client: Client, lab: Lab, beside: ThreadPoolExecutor, end: str | Exception, kind: type[Exception]
) -> None:
    heard: list[str] = []

    def on_question(question: Question, text: str) -> str:
        heard.append(text)
        if isinstance(end, Exception):
            raise end
        return end

    running = beside.submit(client.run, CHANGE, Runs(), on_question=on_question)
    proposed = lab.next()
    lab.tell("ask", action=proposed["action"], text="why now?")
    with pytest.raises(kind):
        running.result(timeout=20)
    assert heard == ["why now?"]
    assert lab.entries(proposed["action"])[-1]["data"]["resolution"] == "withdrawn"


def test_an_answer_that_the_gateway_refuses_withdraws(detoured: Client, lab: Lab, beside: ThreadPoolExecutor) -> None:
    refusal = {"replace": {"status": 422, "body": {"code": "bad_text", "detail": "so it is"}}}
    lab.tell("fault", path="/answers", how=refusal)
    running = beside.submit(detoured.run, CHANGE, Runs(), on_question=lambda *_: "because")
    proposed = lab.next()
    lab.tell("ask", action=proposed["action"], text="why now?")
    with pytest.raises(GatewayRefused, match="bad_text"):
        running.result(timeout=20)
    assert lab.entries(proposed["action"])[-1]["data"]["resolution"] == "withdrawn"
