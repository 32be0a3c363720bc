"""Bodies of the gateway's interface that this client reads and writes, as docs/openapi.json describes them."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from typing_extensions import NotRequired

Status = Literal[
    "pending", "approved", "denied", "expired", "withdrawn", "refused", "superseded", "redeemed", "completed"
]


class Content(TypedDict):
    """Content with its salt."""

    bytes: str
    salt: str
    type: str


class Question(TypedDict):
    """A reviewer's question about an action."""

    answered: bool
    asked_at: str
    entry: int
    text: Content


class ActionView(TypedDict):
    """Where an action stands. `status` may be one that this version does not know."""

    action: str
    edits: NotRequired[str]
    expires_at: str
    outcome: NotRequired[dict[str, Any]]
    paused: NotRequired[bool]
    policy: list[str]
    questions: NotRequired[list[Question]]
    reason: NotRequired[Content]
    starts_at: NotRequired[str]
    status: str
    superseded_by: NotRequired[str]
    use_before: NotRequired[str]


class Proven(TypedDict):
    """An entry with the proof that it is in the log."""

    index: int
    leaf: str
    proof: list[str]


class Ack(TypedDict):
    """The acknowledgement of what is logged; also a proof bundle."""

    checkpoint: str
    entries: list[Proven]


class Propose(TypedDict):
    """Body of `POST /v1/actions`."""

    action: str
    context: NotRequired[Content]
    payload: Content
    run: NotRequired[str]
    ttl_s: NotRequired[int]


class Redeem(TypedDict):
    """Body of `POST /v1/actions/{action}/redeem`."""

    action_digest: str
    permit: str


class WriteAnswer(TypedDict):
    """Body of `POST /v1/actions/{action}/answers`."""

    question: int
    text: Content


class ReportOutcome(TypedDict):
    """Body of `POST /v1/actions/{action}/outcome`."""

    duration_ms: int
    outcome: dict[str, Any]
    output: NotRequired[Content]
    output_omitted: int
