"""Why an action did not run, one class for each reason.

``ran`` says what is known: ``False``, nothing has run; ``True``, it has run; ``None``, nobody can tell.
Texts of people and of the gateway stand in messages with their control characters escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from . import strict

if TYPE_CHECKING:
    from .action import Proposal

MAX_SHOWN = 4000


def visible(text: str) -> str:
    """The text without characters that a terminal or a log would act on."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class VidimusError(Exception):
    """Anything that keeps an action from running, or its result from being known."""

    ran: ClassVar[bool | None] = False


class NotSetUp(VidimusError):
    """There is no agent's profile here, or it cannot be used."""


class InvalidAction(VidimusError, ValueError):
    """What was to be proposed cannot be written as an action."""


class Denied(VidimusError):
    """A reviewer said no. ``reason`` is their text, as they wrote it; it may be empty."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        why = f"The reviewer's reason: {visible(reason)}" if reason else "No reason was given"
        super().__init__(f"denied; nothing has run. {why}")


class Expired(VidimusError):
    """Nobody decided in time, or the approval was not used in time."""


class Withdrawn(VidimusError):
    """It was taken back, or the agent or its run is paused."""


class Edited(VidimusError):
    """A reviewer put a changed action in its place, which is not run either.

    ``action`` is the id of that one; ``after`` is what the reviewer made of ``Change.after``, ``None`` when they left
    it out or it could not be read. ``failures`` says what could not be done about it.
    """

    def __init__(self, action: str, after: Any, failures: list[str]) -> None:
        self.action = action
        self.after = after
        self.failures = failures
        said = [f"a reviewer edited it into {visible(action)}; nothing has run, and neither will that one"]
        said += map(visible, failures)
        said.append("The reviewer's version has no `after`" if after is None else _version(after))
        super().__init__(". ".join(said))


def _version(after: Any) -> str:
    """For a model too, which gets an error's words alone."""
    shown = visible(strict.canonical(after).decode())
    cut = "... (cut here; `after` of this error is whole)" if len(shown) > MAX_SHOWN else ""
    return f"Propose the reviewer's version if it is right: {shown[:MAX_SHOWN]}{cut}"


class RefusedByPolicy(VidimusError):
    """The policy refused it before anybody was asked. ``policy`` are its words."""

    def __init__(self, policy: list[str]) -> None:
        self.policy = policy
        super().__init__(f"refused by policy; nothing has run: {'; '.join(map(visible, policy))}")


class Pending(VidimusError):
    """The time to wait is over and nobody has decided. ``proposal`` goes on with it."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        super().__init__(
            f"{proposal.action} still waits for a decision; nothing has run. "
            "Keep `error.proposal` and call `wait` with it again, or `withdraw` it"
        )


class Unreachable(VidimusError):
    """The gateway does not answer. ``sent``: it may have got the request all the same."""

    def __init__(self, words: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(words)


class GatewayRefused(VidimusError):
    """The gateway refused a request. ``code`` is the problem's code in docs/spec/api.md."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(f"the gateway refuses ({visible(code)}): {visible(detail)}")


class Changed(VidimusError):
    """What would run is not what was approved. ``differences`` name what changed."""

    def __init__(self, differences: list[str]) -> None:
        self.differences = differences
        super().__init__(
            "what would run is not what was approved; nothing has run. Propose it anew. "
            f"Changed: {'; '.join(map(visible, differences))}"
        )


class Unproven(VidimusError):
    """An answer of the gateway does not hold against the permit's rules or the trusted log."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the gateway's proof does not hold; nothing has run: {visible(why)}")


class UpgradeNeeded(VidimusError):
    """The gateway says something that this version of the client does not know."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{visible(what)} is not known to this version of vidimus-client; nothing has run here. "
            "Upgrade vidimus-client"
        )


class AlreadyRan(VidimusError):
    """The action has an outcome already. It is not run again."""

    ran: ClassVar[bool | None] = True


class ToolFailed(Exception):
    """A tool of an agent framework ran and failed. Its cause, where there is one, is the tool's own error."""


class Unknown(VidimusError):
    """The permit is used, or may be, and there is no outcome. It is never run again."""

    ran: ClassVar[bool | None] = None

    def __init__(self, action: str, why: str) -> None:
        super().__init__(
            f"the result of {action} is unknown: {visible(why)}. It will not be run again. "
            "Look at what it was to do, then propose it anew"
        )
