"""The kinds of entries: entry.md. A new kind is one line in `KINDS` and, for its rules, one function in
lifecycle.py and the modules that it names."""

from collections.abc import Callable
from dataclasses import dataclass, field

from action import PAYLOADS
from common import (
    Unknown,
    Wrong,
    aaguid,
    array,
    blob,
    boolean,
    digest,
    exactly_one,
    identifier,
    integer,
    one_of,
    parse_canonical,
    read_decimal,
    read_id,
    read_time,
    record,
    string,
    text_of,
    time,
    up_to,
)
from tree import leaf_hash

VERSION = 1
UNKNOWN_DEPTH = 32
MAX_RUN = 128

action_id = identifier("act_")
agent_id = identifier("agt_")
executor_id = identifier("exe_")
delegation_id = identifier("del_")
grant_id = identifier("gra_")
permit_id = identifier("prm_")
reviewer_id = identifier("rev_")


@dataclass(frozen=True)
class PartRule:
    """A part that a kind may have."""

    type: str
    most: int
    optional: bool = False


@dataclass(frozen=True)
class Kind:
    """What the tables of entry.md say about a kind."""

    data: dict
    optional: tuple = ()
    # The shape of the signed item; None when nobody signs entries of this kind.
    item: Callable | None = None
    parts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A leaf that was read, at its position."""

    index: int
    hash: bytes
    kind: str
    actor: str
    time: int
    refs: tuple
    parts: tuple
    data: dict

    def written_by(self, actor):
        if self.actor != actor:
            raise Wrong("written by somebody who may not write it")

    def builds_on(self, *entries):
        if self.refs != tuple((other.index, other.hash.hex()) for other in entries):
            raise Wrong("its references are not the entries that it builds on")


def read_entry(leaf, index):
    """The entry of a leaf; `Unknown` when its version or kind is another."""
    value = parse_canonical(leaf)
    if not isinstance(value, dict):
        raise Wrong("a leaf is an object")
    integer(value.get("v"))
    string(value.get("kind"))
    kind = KINDS.get(value["kind"])
    if value["v"] != VERSION or kind is None:
        parse_canonical(leaf, depth=UNKNOWN_DEPTH)
        raise Unknown(f"version {value['v']}, kind `{value['kind']}`")
    members = dict(kind.data)
    if kind.item is not None:
        members["signed"] = _signed_act(kind.item)
    record({**_COMMON, "data": record(members, kind.optional)})(value)
    return Entry(
        index=index,
        hash=leaf_hash(leaf),
        kind=value["kind"],
        actor=value["actor"],
        time=read_time(value["time"]),
        refs=tuple((ref["index"], ref["leaf"]) for ref in value["refs"]),
        parts=tuple(value["parts"]),
        data=value["data"],
    )


def _actor(value):
    string(value)
    if value != "gateway":
        read_id(value, "agt_" if value.startswith("agt_") else "rev_")


_PART = record({"commit": digest, "name": string, "size": integer, "type": string})

_COMMON = {
    "actor": _actor,
    "data": None,
    "kind": string,
    "parts": array(_PART),
    "refs": array(record({"index": integer, "leaf": digest})),
    "time": time,
    "v": integer,
}

_ENVELOPE = record(
    {
        "expires_at": time,
        "issued_at": time,
        "items_root": digest,
        "log": digest,
        "nonce": digest,
        "pinned_root": digest,
        "pinned_size": text_of(read_decimal, 2**53),
        "signer": reviewer_id,
        "type": string,
    }
)

_ASSERTION = record(
    {
        "authenticator_data": blob,
        "client_data_json": blob,
        "credential_id": blob,
        "signature": blob,
    }
)


def _signed_act(item):
    return record(
        {
            "assertion": _ASSERTION,
            "count": integer,
            "envelope": _ENVELOPE,
            "index": integer,
            "item": item,
            "path": array(digest),
        }
    )


def run(value):
    string(value)
    if not 1 <= len(value) <= MAX_RUN or not all("!" <= character <= "~" for character in value):
        raise Wrong("not the name of a run")


def _octets(length):
    def check(value):
        blob(value)
        if len(value) != (length * 4 + 2) // 3:
            raise Wrong(f"not {length} bytes")

    return check


_FOUNDER = record(
    {"credential_id": blob, "name": string, "public_key": blob, "reviewer": reviewer_id}
)
_MODEL = record({"aaguid": aaguid, "anchor": digest})
_PERMIT_KEY = record({"kid": string, "x": _octets(32)})


def _present(shape):
    """What is left out when there is nothing to say: an empty array, `false`, 0."""

    def check(value):
        shape(value)
        if not value:
            raise Wrong("nothing to say")

    return check


_POLICIES = _present(array(string))
_EVALUATION = record(
    {
        "assurance": _present(array(one_of("device_bound", "proven_model"))),
        "break_glass": _present(boolean),
        "decision": one_of("ask", "refuse", "release"),
        "escalate": _present(array(record({"after_s": integer, "group": string}))),
        "full_review": _present(boolean),
        "grace_s": _present(integer),
        "groups": _present(array(record({"group": string, "people": integer}))),
        "policies": _POLICIES,
        "policy": string,
        "quorum": integer,
        "reason_required": _present(boolean),
        "reasons": array(string),
        "separate_s": _present(integer),
        "standing": _present(boolean),
        "ttl_s": integer,
        "use_s": integer,
        "veto": integer,
    },
    (
        *("assurance", "break_glass", "escalate", "full_review", "grace_s", "groups", "policies", "reason_required"),
        *("separate_s", "standing", "veto"),
    ),
)
_SEEN = record(
    {
        "full": _present(boolean),
        "parts": array(record({"commit": digest, "name": string})),
        "renderer": string,
    },
    ("full",),
)
_OUTCOME = exactly_one(
    {
        "exited": record({"code": up_to(255)}),
        "signalled": record({"signal": up_to(255)}),
        "failed_to_start": record({"why": string}),
        "succeeded": record({}),
        "failed": record({"why": string}),
    }
)
_TEXT = PartRule("text/plain;charset=utf-8", 4_096)
_PERMIT_OF_ACTION = {"action": action_id, "permit": permit_id}
_RECORD = {
    "groups": array(string),
    "identity": string,
    "name": string,
    "reviewer": reviewer_id,
    "roles": array(one_of("administrator", "reviewer")),
}


def _act(**item):
    """A kind that is a signed act and nothing else."""
    return Kind(data={}, item=record(item))


KINDS = {
    "log.opened": Kind(
        data={
            "founders": array(_FOUNDER),
            "log_key": string,
            "nonce": digest,
            "origin": string,
            "origins": array(string),
            "permit_keys": array(_PERMIT_KEY),
            "profile": one_of("personal", "team"),
            "rp_id": string,
        },
    ),
    "credential.enrolled": Kind(
        data={"anchor": blob, "attestation_object": blob, "client_data_json": blob},
        optional=("anchor",),
        item=record(
            {
                "attestation": digest,
                "backup_eligible": boolean,
                "credential_id": blob,
                "label": string,
                "model": _MODEL,
                "name": string,
                "public_key": blob,
                "reviewer": reviewer_id,
            },
            ("model",),
        ),
    ),
    "credential.admitted": _act(credential=digest, reviewer=reviewer_id),
    "credential.revoked": _act(credential=digest, why=one_of("retired", "lost", "stolen")),
    "reviewer.registered": _act(credential=digest, **_RECORD),
    "reviewer.changed": _act(replaces=digest, **_RECORD),
    "reviewer.removed": _act(replaces=digest, reviewer=reviewer_id),
    "rules.changed": _act(
        device_bound=boolean,
        max_age_days=integer,
        models=array(_MODEL),
        quorum=integer,
        replaces=digest,
    ),
    "policy.changed": Kind(
        data={},
        item=record({"policy": digest, "replaces": digest}),
        parts={"policy": PartRule("application/vidimus-policy+json", 1_048_576)},
    ),
    "agent.registered": _act(
        agent=agent_id, executor=executor_id, name=string, owner=reviewer_id, token_hash=digest
    ),
    "agent.revoked": _act(agent=agent_id, registration=digest),
    "agent.paused": Kind(
        data={},
        item=record({"agent": agent_id, "registration": digest, "run": run}, ("run",)),
    ),
    "agent.resumed": _act(agent=agent_id, pause=digest),
    "action.proposed": Kind(
        data={
            "action": action_id,
            "action_kind": one_of(*PAYLOADS),
            "agent": agent_id,
            "edits": action_id,
            "evaluation": _EVALUATION,
            "expires_at": time,
            "grants": _present(array(record({"grant": grant_id, "policies": _POLICIES}, ("policies",)))),
            "run": run,
        },
        optional=("edits", "grants", "run"),
        parts={
            "context": PartRule("application/vidimus-context+json", 65_536, optional=True),
            # There exactly when a policy is in force.
            "inputs": PartRule("application/vidimus-inputs+json", 4_194_304, optional=True),
            "payload": PartRule("application/vidimus-action+json", 1_048_576),
        },
    ),
    "action.taken": Kind(data={"action": action_id}),
    "action.asked": Kind(data={"action": action_id}, parts={"question": _TEXT}),
    "action.answered": Kind(data={"action": action_id}, parts={"answer": _TEXT}),
    "action.flagged": Kind(data={"action": action_id}, parts={"remark": _TEXT}),
    "action.edited": _act(
        action=action_id,
        action_digest=digest,
        edited=action_id,
        edited_digest=digest,
        proposal_leaf=digest,
    ),
    "action.escalated": Kind(data={"action": action_id, "group": string}),
    "verdict.given": Kind(
        data={"policies": _POLICIES, "seen": _SEEN},
        optional=("policies",),
        item=record(
            {
                "action": action_id,
                "action_digest": digest,
                "expires_at": time,
                "proposal_leaf": digest,
                "reason_commit": digest,
                "seen": digest,
                "verdict": one_of("approve", "break_glass", "deny"),
            }
        ),
        parts={"reason": _TEXT},
    ),
    "verdict.recognised": _act(action=action_id, verdict=digest),
    "verdict.reviewed": Kind(
        data={},
        item=record(
            {
                "action": action_id,
                "finding": one_of("justified", "unjustified"),
                "reason_commit": digest,
                "verdict": digest,
            }
        ),
        parts={"reason": _TEXT},
    ),
    "grant.given": Kind(
        data={"seen": _SEEN},
        item=record(
            {
                "action": action_id,
                "action_digest": digest,
                "grant": grant_id,
                "proposal_leaf": digest,
                "reason_commit": digest,
                "seen": digest,
                "shape": digest,
                "until": time,
                "uses": integer,
            }
        ),
        parts={"reason": _TEXT, "shape": PartRule("application/vidimus-shape+json", 16_384)},
    ),
    "grant.revoked": _act(given=digest, grant=grant_id),
    "delegation.given": _act(delegation=delegation_id, groups=array(string), to=reviewer_id, until=time),
    "delegation.revoked": _act(delegation=delegation_id, given=digest),
    "action.resolved": Kind(
        data={
            "action": action_id,
            "resolution": one_of(
                "approved", "denied", "expired", "withdrawn", "refused", "superseded", "released"
            ),
            "use_before": time,
        },
        optional=("use_before",),
    ),
    "permit.issued": Kind(
        data={
            "action": action_id,
            "audience": executor_id,
            "expires_at": time,
            "kid": string,
            "permit": permit_id,
        },
    ),
    "permit.lapsed": Kind(data=_PERMIT_OF_ACTION),
    "permit.redeemed": Kind(data=_PERMIT_OF_ACTION),
    "action.completed": Kind(
        data={
            "action": action_id,
            "duration_ms": integer,
            "outcome": _OUTCOME,
            "output_omitted": integer,
        },
        parts={"output": PartRule("application/octet-stream", 262_144, optional=True)},
    ),
}
