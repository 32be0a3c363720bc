"""The way of one action, as generators that ask for what they need: a request, a pause, a call of the user's code.

One text for the blocking client and the one for asyncio; `client.py` drives both. Spec: docs/spec/api.md.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from . import strict
from .action import Change, Proposal, text_content
from .errors import (
    AlreadyRan,
    Changed,
    Denied,
    Edited,
    Expired,
    GatewayRefused,
    InvalidAction,
    NotSetUp,
    Pending,
    RefusedByPolicy,
    ToolFailed,
    Unknown,
    Unproven,
    Unreachable,
    UpgradeNeeded,
    VidimusError,
    Withdrawn,
    visible,
)
from .http import Reply, Request
from .models import ActionView, Content, Question
from .permit import read_jwks, verify_permit
from .profile import Profile
from .proof import read_bundle
from .strict import Malformed

T = TypeVar("T")
MAX_WAIT_S = 30
GRACE_S = 10
RETRY_S = 2.0
REPORT_S = 60.0
STOPPED_REPORT_S = 5.0
MAX_WHY = 500
_ACTION = re.compile(r"act_[0-7][0-9a-hjkmnp-tv-z]{25}")
_PAUSED = (
    "the agent, or this run of it, is paused; nothing has run. "
    "Asking again is useless until somebody resumes it in the console"
)
_LOG = logging.getLogger("vidimus")


@dataclass(frozen=True)
class Pause:
    """Nothing happens for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Code of the user's runs."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Redeemed:
    """The answer to a redemption, not judged yet."""

    token: str
    digest: str
    reply: Reply

    def prove(self, profile: Profile, proposal: Proposal) -> None:
        """The permit again, now by the keys that the trusted log names, and what the log must hold of this run."""
        try:
            bundle = read_bundle(self.reply.body, profile.log)
            permit = verify_permit(
                self.token,
                bundle.opened.permit_keys,
                audience=profile.executor,
                action=proposal.action,
                digest=self.digest,
                agent=profile.agent,
                issuer=bundle.opened.origin,
            )
            bundle.expect_run(permit, profile.executor)
        except Malformed as error:
            raise Unproven(str(error)) from error


Flow = Generator[Request | Pause | Call, Any, T]
Describe = Callable[[], Any]
OnQuestion = Callable[[Question, str], Any]


@dataclass
class Hearing:
    """What a wait has heard, and answers that the gateway has not got yet.

    While `failing` an error is one of the user's code or of an answer, whatever its class.
    """

    on_question: OnQuestion | None
    heard: int = 0
    answers: list[Request] = field(default_factory=list)
    failing: bool = False


def propose(profile: Profile, proposal: Proposal) -> Flow[Proposal]:
    """Proposes. The same bytes again are the same proposal, so a lost answer is asked for once more."""
    request = Request("POST", "/v1/actions", strict.canonical(proposal.body()))
    for pause in (0.25, 0.5, 1.0, 2.0, None):
        try:
            reply = yield request
            break
        except Unreachable as error:
            if not error.sent or pause is None:
                raise
        yield Pause(pause)
    return proposal.expiring(_acknowledged(_body(profile, reply), proposal))


def status(profile: Profile, proposal: Proposal, wait_s: int = 0, questions: int | None = None) -> Flow[ActionView]:
    """Where it stands."""
    query = f"?wait={wait_s}" + ("" if questions is None else f"&questions={questions}")
    reply = yield Request("GET", f"/v1/actions/{proposal.action}{query}", wait_s=wait_s)
    return _view(_body(profile, reply), proposal)


def wait(profile: Profile, proposal: Proposal, timeout: float | None, hearing: Hearing) -> Flow[None]:
    """Waits until it is approved; every other end is an error. One that is down is asked again until it expires."""
    try:
        expires_s = _seconds(proposal.expires_at)
    except ValueError as error:
        raise InvalidAction("this proposal does not say when it expires: use what `propose` returned") from error
    until = None if timeout is None else time.monotonic() + timeout
    # A gateway keeps whoever asks waiting while something runs, too: so look first.
    wait_s = 0
    while True:
        try:
            view = yield from status(profile, proposal, 0 if hearing.answers else wait_s, hearing.heard)
        except Unreachable:
            if time.time() > expires_s + GRACE_S:
                raise
            yield Pause(RETRY_S)
        else:
            if (yield from decided(profile, view)):
                return
            yield from _hear(profile, proposal, view, hearing)
        if until is not None and time.monotonic() >= until:
            raise Pending(proposal)
        wait_s = MAX_WAIT_S if until is None else min(MAX_WAIT_S, max(1, int(until - time.monotonic())))


def answer(profile: Profile, proposal: Proposal, question: int, text: str) -> Flow[None]:
    """Answers a question. A lost answer is sent once more: the same text and salt are the same answer."""
    request = _answering(proposal, question, text)
    try:
        reply = yield request
    except Unreachable as error:
        if not error.sent:
            raise
        reply = yield request
    _body(profile, reply)


def _answering(proposal: Proposal, question: int, text: str) -> Request:
    body = strict.canonical({"question": question, "text": text_content(text)})
    return Request("POST", f"/v1/actions/{proposal.action}/answers", body)


def withdraw(profile: Profile, proposal: Proposal) -> Flow[None]:
    """Takes it back."""
    reply = yield Request("POST", f"/v1/actions/{proposal.action}/withdraw")
    _body(profile, reply)


def approve(
    profile: Profile, proposal: Proposal, timeout: float | None, on_question: OnQuestion | None
) -> Flow[Proposal]:
    """Proposes and waits. Ctrl-C, cancellation and any error of the user's code or of an answer withdraw it."""
    hearing = Hearing(on_question)
    try:
        proposal = yield from propose(profile, proposal)
        yield from wait(profile, proposal, timeout, hearing)
    except BaseException as failed:
        if isinstance(failed, VidimusError) and not hearing.failing:
            raise
        try:
            yield from withdraw(profile, proposal)
        except VidimusError as error:
            if not isinstance(error, GatewayRefused):
                _LOG.warning("%s could not be withdrawn, it will expire: %s", proposal.action, error)
        raise
    return proposal


def execute(profile: Profile, proposal: Proposal, describe: Describe, function: Callable[[], Any]) -> Flow[Any]:
    """Releases it and runs the function, once. From the redemption on every known way out reports an outcome."""
    redeemed = yield from _redeem(profile, proposal, describe)
    try:
        redeemed.prove(profile, proposal)
        yield from expect_same(proposal, describe)
    except BaseException as error:
        words = str(error) if isinstance(error, (Changed, Unproven)) else f"not started: {type(error).__name__}"
        yield from report(profile, proposal, 0, words, isinstance(error, Exception))
        raise
    begun = time.monotonic()
    try:
        result = yield Call(function)
    except BaseException as error:
        # The words of an error may hold what must not be logged for ever; its name does not.
        own = (isinstance(error, ToolFailed) and error.__cause__) or error
        yield from report(profile, proposal, _since(begun), type(own).__name__, isinstance(error, Exception))
        raise
    yield from report(profile, proposal, _since(begun), None)
    return result


def expect_same(proposal: Proposal, describe: Describe) -> Flow[str]:
    """The digest of what would run now, if that is what was proposed."""
    change = yield Call(describe)
    if not isinstance(change, Change):
        raise Changed([f"it is described by a {type(change).__name__}, not by a `Change`"])
    payload = change.to_bytes()
    differences = _differences(proposal.payload, payload)
    if differences or payload != proposal.payload:
        raise Changed(differences)
    return proposal.digest_of(payload)


def report(profile: Profile, proposal: Proposal, duration_ms: int, why: str | None, patient: bool = True) -> Flow[None]:
    """Reports how it ended; without an outcome the console shows *unknown*. Never an error: the run is over."""
    outcome: dict[str, Any] = {"succeeded": {}} if why is None else {"failed": {"why": _shorten(why)}}
    body = strict.canonical({"duration_ms": duration_ms, "outcome": outcome, "output_omitted": 0})
    until = time.monotonic() + (REPORT_S if patient else STOPPED_REPORT_S)
    while True:
        try:
            reply = yield Request("POST", f"/v1/actions/{proposal.action}/outcome", body)
            _body(profile, reply)
            return
        except Unreachable as error:
            if time.monotonic() < until:
                yield Pause(0.5)
                continue
            words = str(error)
        except VidimusError as error:
            words = str(error)
        _LOG.warning(
            "the outcome of %s could not be reported, so the console shows it as unknown: %s", proposal.action, words
        )
        return


def decided(profile: Profile, view: ActionView) -> Flow[bool]:
    """Whether it is approved; `False` while it waits. Everything else is an error."""
    found = view["status"]
    if view.get("paused") and found in ("approved", "withdrawn"):
        raise Withdrawn(_PAUSED)
    if found in ("pending", "approved"):
        return found == "approved"
    if found == "denied":
        raise Denied(_text(view["reason"]) if "reason" in view else "")
    if found == "expired":
        raise Expired("expired: nobody decided in time. Nothing has run")
    if found == "withdrawn":
        raise Withdrawn("withdrawn; nothing has run")
    if found == "refused":
        raise RefusedByPolicy(list(view["policy"]))
    if found == "superseded":
        raise (yield from _edited(profile, view))
    if found == "redeemed":
        raise Unknown(view["action"], "its permit was used already, and it has no outcome")
    if found == "completed":
        outcome = visible(strict.canonical(view.get("outcome")).decode())
        raise AlreadyRan(f"{view['action']} has an outcome already: {outcome}")
    raise UpgradeNeeded(f"the status `{found}` of {view['action']}")


def _edited(profile: Profile, view: ActionView) -> Flow[Edited]:
    """What the reviewer made of it. Nobody here runs that, so it is withdrawn before somebody decides on it."""
    successor = view.get("superseded_by", "")
    if not _ACTION.fullmatch(successor):
        raise Unproven("the action's view does not say what took its place")
    after, failures = None, []
    try:
        reply = yield Request("POST", f"/v1/actions/{successor}/withdraw")
        _expect_success(profile, reply)
    except VidimusError as error:
        failures.append(f"It could not be withdrawn: {error}")
    try:
        reply = yield Request("GET", f"/v1/actions/{successor}/payload")
        content = _body(profile, reply)
        after = strict.parse_object(strict.decode(content["bytes"]))["payload"].get("after")
    except (VidimusError, Malformed, KeyError, TypeError, AttributeError) as error:
        failures.append(f"The reviewer's version could not be read: {error}")
    return Edited(successor, after, failures)


def _redeem(profile: Profile, proposal: Proposal, describe: Describe) -> Flow[Redeemed]:
    """The one point after which it may run. A lost answer is never asked for again."""
    if (proposal.agent, proposal.log) != (profile.agent, profile.log):
        raise NotSetUp("the proposal is of another agent or log than this client's profile")
    digest = yield from expect_same(proposal, describe)
    token = yield from _permit(profile, proposal)
    keys = yield Request("GET", "/.well-known/jwks.json")
    _expect_success(profile, keys)
    verify_permit(
        token,
        read_jwks(keys.body),
        audience=profile.executor,
        action=proposal.action,
        digest=digest,
        agent=profile.agent,
    )
    body = strict.canonical({"action_digest": digest, "permit": token})
    try:
        reply = yield Request("POST", f"/v1/actions/{proposal.action}/redeem", body)
        _expect_success(profile, reply)
    except Unreachable as error:
        if error.sent:
            why = f"the answer to the redemption was lost, and nothing has run here ({error})"
            raise Unknown(proposal.action, why) from error
        raise
    except GatewayRefused:
        # Somebody else with this proposal may have been first.
        yield from decided(profile, (yield from status(profile, proposal)))
        raise
    return Redeemed(token, digest, reply)


def _permit(profile: Profile, proposal: Proposal) -> Flow[str]:
    reply = yield Request("POST", f"/v1/actions/{proposal.action}/permit")
    try:
        found = _body(profile, reply)
    except GatewayRefused as error:
        if error.status not in (409, 410):
            raise
        if not (yield from decided(profile, (yield from status(profile, proposal)))):
            raise Pending(proposal) from error
        raise Expired(f"it was approved, but cannot be released any more; nothing has run: {error}") from error
    token = found.get("permit")
    if type(token) is not str:
        raise Unproven("the answer holds no permit")
    return token


def _hear(profile: Profile, proposal: Proposal, view: ActionView, hearing: Hearing) -> Flow[None]:
    """Hands new open questions over; text that comes back is the answer."""
    hearing.failing = True
    questions = view.get("questions", [])[hearing.heard :]
    hearing.heard += len(questions)
    for question in questions:
        if question["answered"]:
            continue
        text = _text(question["text"])
        if hearing.on_question is None:
            _LOG.warning("a reviewer asks about %s: %s", proposal.action, visible(text))
            continue
        found = yield Call(partial(hearing.on_question, question, text))
        if found is not None:
            hearing.answers.append(_answering(proposal, question["entry"], found))
    yield from _send_answers(profile, hearing)
    hearing.failing = False


def _send_answers(profile: Profile, hearing: Hearing) -> Flow[None]:
    """Those that a gateway that is down does not get are kept: the same text and salt are the same answer."""
    try:
        while hearing.answers:
            reply = yield hearing.answers[0]
            try:
                _expect_success(profile, reply)
            except GatewayRefused as error:
                # It was decided or answered meanwhile. Which, the next status says.
                if error.status != 409:
                    raise
            hearing.answers.pop(0)
    except Unreachable:
        yield Pause(RETRY_S)


def _acknowledged(ack: dict[str, Any], proposal: Proposal) -> str:
    """When it expires. The acknowledged entry must be ours; that it is in the trusted log is proven before a run."""
    try:
        leaf = strict.parse_canonical(ack["entries"][0]["leaf"].encode())
        payload = next(part["commit"] for part in leaf["parts"] if part["name"] == "payload")
        data = leaf["data"]
        if (leaf["kind"], data["action"], payload) == ("action.proposed", proposal.action, proposal.digest):
            _seconds(data["expires_at"])
            return str(data["expires_at"])
    except (Malformed, KeyError, IndexError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise Unproven("the acknowledgement cannot be read") from error
    raise Unproven("the gateway acknowledged something else than what was proposed")


def _view(body: dict[str, Any], proposal: Proposal) -> ActionView:
    names = {"action": str, "expires_at": str, "policy": list, "status": str}
    optional = {"paused": bool, "questions": list, "reason": dict, "starts_at": str, "superseded_by": str}
    for name, kind in (names | optional).items():
        if (name in names or name in body) and type(body.get(name)) is not kind:
            raise Unproven(f"the action's view has no fit `{name}`")
    if any(type(words) is not str for words in body["policy"]):
        raise Unproven("the action's view has no fit `policy`")
    for question in body.get("questions", []):
        try:
            found = (type(question["answered"]), type(question["entry"]), type(question["text"]))
        except (KeyError, TypeError) as error:
            raise Unproven("a question in the action's view is of another form") from error
        if found != (bool, int, dict):
            raise Unproven("a question in the action's view is of another form")
    if body["action"] != proposal.action:
        raise Unproven("the view is of another action")
    return cast(ActionView, body)


def _body(profile: Profile, reply: Reply) -> dict[str, Any]:
    _expect_success(profile, reply)
    try:
        return strict.parse_object(reply.body)
    except Malformed as error:
        raise Unproven(f"the answer of {profile.url} is not a gateway's: {error}") from error


def _expect_success(profile: Profile, reply: Reply) -> None:
    if 200 <= reply.status < 300:
        return
    try:
        problem = strict.parse_object(reply.body)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (Malformed, KeyError) as error:
        raise Unreachable(f"{profile.url} answers {reply.status}, not as a gateway does", sent=True) from error
    if reply.status >= 500:
        raise Unreachable(f"the gateway cannot answer ({visible(code)}): {visible(detail)}", sent=True)
    if reply.status == 401:
        raise NotSetUp(
            f"the gateway does not know the token of the agent `{visible(profile.name)}`. "
            "Connect the agent anew in the console: open `vidimus-console`"
        )
    if code == "agent_paused":
        raise Withdrawn(_PAUSED)
    raise GatewayRefused(reply.status, code, detail)


def _differences(approved: bytes, now: bytes) -> list[str]:
    """What differs, as key paths."""
    if approved == now:
        return []
    return list(_paths(strict.parse(approved), strict.parse(now), "")) or ["the action"]


def _paths(old: Any, new: Any, path: str) -> Generator[str, None, None]:
    if type(old) is dict and type(new) is dict:
        for key in sorted(old.keys() | new.keys()):
            yield from _paths(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new or type(old) is not type(new):
        yield f"`{path.removeprefix('payload.')}`"


def _text(content: Content) -> str:
    try:
        return strict.decode(content["bytes"]).decode(errors="replace")
    except (Malformed, KeyError, TypeError) as error:
        raise Unproven("a text of the gateway cannot be read") from error


def _seconds(time_text: str) -> float:
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()


def _since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)


def _shorten(words: str) -> str:
    data = words.encode(errors="replace")
    if len(data) <= MAX_WHY:
        return data.decode()
    return data[: MAX_WHY - 3].decode(errors="ignore") + "…"
