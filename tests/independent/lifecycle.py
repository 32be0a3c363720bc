"""The reducer of lifecycle.md and the signed acts of envelope.md.

`Replay.apply` takes the entries in order and raises `Wrong` at the first that breaks a rule. Each kind has
one function below, which checks the kind's own rules, then changes the state. `RULES` says which.
"""

from common import (
    Wrong,
    canonical,
    is_control,
    is_space,
    read_base64url,
    read_digest,
    read_time,
    write_base64url,
)
from entries import KINDS
from tree import VerifierKey, leaf_hash, root_of_inclusion, sha256
from webauthn import PublicKey, RelyingParty, check_assertion, check_registration

MAX_ITEMS = 256
MAX_SKEW_MS = 120_000
MAX_PERMIT_MS = 300_000
MAX_WHY = 500
MAX_NOTES = 64
# How an action of each kind may end.
OUTCOMES = {
    "command": ("exited", "signalled", "failed_to_start"),
    "json": ("succeeded", "failed"),
}


class Action:
    """What the log says about an action so far."""

    def __init__(self, entry, agent):
        self.proposed = entry
        self.agent = agent
        self.evaluation = entry.data["evaluation"]
        self.expires_at = read_time(entry.data["expires_at"])
        self.commits = {part["name"]: part["commit"] for part in entry.parts}
        self.shown = dict(self.commits)  # all that a verdict may list as seen, texts of notes too
        self.notes = 0
        self.taken_by = None
        self.questions = {}  # open ones by position
        self.verdicts = []  # (entry, signer, "approve" or "deny"), in log order
        self.resolved = None
        self.resolution = None
        self.use_before = None
        self.permit = None  # the `permit.issued` in force
        self.redeemed = None
        self.completed = None

    def denied(self):
        return any(verdict == "deny" for _, _, verdict in self.verdicts)

    def has_quorum(self):
        people = {signer for _, signer, verdict in self.verdicts if verdict == "approve"}
        return self.evaluation["decision"] == "ask" and len(people) >= self.evaluation["quorum"]


class Replay:
    """State of the log after the entries so far."""

    def __init__(self):
        self.time = 0
        self.opened = None
        self.party = None
        self.log_key = None
        self.credentials = {}  # credential id: (entry, reviewer, PublicKey)
        self.agents = {}  # agent: (entry, item)
        self.token_hashes = set()
        self.actions = {}
        self.permits = set()
        self.nonces = {}  # nonce: (items_root, count, used indexes)

    def apply(self, entry, roots):
        """Judges the next entry. `roots` are the roots of the log by size, up to this entry's position."""
        if entry.time < self.time:
            raise Wrong("its time is before the previous entry's")
        if self.opened is None and entry.kind != "log.opened":
            raise Wrong("the log is not opened yet")
        _check_parts(entry)
        RULES[entry.kind](self, entry, roots)
        self.time = entry.time

    def action(self, entry):
        found = self.actions.get(entry.data["action"])
        if found is None:
            raise Wrong("the action was never proposed")
        return found


# -- Every entry -----------------------------------------------------------------------------------------


def _check_parts(entry):
    rules, names = KINDS[entry.kind].parts, [part["name"] for part in entry.parts]
    if sorted(set(names), key=str.encode) != names:
        raise Wrong("its parts are not sorted, or one is there twice")
    if any(name not in names for name, rule in rules.items() if not rule.optional):
        raise Wrong("a part of its kind is missing")
    for part in entry.parts:
        rule = rules.get(part["name"])
        if rule is None or part["type"] != rule.type or part["size"] > rule.most:
            raise Wrong("its parts are not those of its kind")


def _written_by(entry, actor):
    if entry.actor != actor:
        raise Wrong("written by somebody who may not write it")


def _builds_on(entry, *entries):
    if entry.refs != tuple((other.index, other.hash.hex()) for other in entries):
        raise Wrong("its references are not the entries that it builds on")


def _check_name(name):
    if not 1 <= len(name) <= 80 or any(map(is_control, name)) or name != _trimmed(name):
        raise Wrong("a name must have 1 to 80 characters and no control characters")


def _trimmed(name):
    start, end = 0, len(name)
    while start < end and is_space(name[start]):
        start += 1
    while start < end and is_space(name[end - 1]):
        end -= 1
    return name[start:end]


# -- Signed acts -----------------------------------------------------------------------------------------


def _check_act(replay, entry, roots, key, acted_on):
    """Every rule of a signed act. Returns the route by which the assertion came."""
    signed = entry.data["signed"]
    envelope, count, index = signed["envelope"], signed["count"], signed["index"]
    if envelope["type"] != entry.kind:
        raise Wrong("the signed envelope is of another type")
    if envelope["log"] != replay.opened.hash.hex():
        raise Wrong("the signed envelope belongs to another log")
    if abs(entry.time - read_time(envelope["issued_at"])) > MAX_SKEW_MS:
        raise Wrong("the signed envelope was issued more than two minutes away from the entry's time")
    if entry.time >= read_time(envelope["expires_at"]):
        raise Wrong("the signed envelope had expired")
    _written_by(entry, envelope["signer"])
    if not 1 <= count <= MAX_ITEMS or index >= count:
        raise Wrong("the signed item is not one of 1 to 256")
    pinned = int(envelope["pinned_size"])
    if pinned <= acted_on.index:
        raise Wrong("the signed pin is older than what it decides on")
    if pinned > entry.index:
        raise Wrong("the signed pin is beyond the log")
    if roots[pinned].hex() != envelope["pinned_root"]:
        raise Wrong("the signed pin is not the root of this log")
    item = leaf_hash(canonical(signed["item"]))
    path = [read_digest(node) for node in signed["path"]]
    if root_of_inclusion(index, count, item, path).hex() != envelope["items_root"]:
        raise Wrong("the item is not in the signed envelope")

    batch = (envelope["items_root"], count)
    known, used = replay.nonces.get(envelope["nonce"], (batch, frozenset()))
    if known != batch or index in used:
        raise Wrong("the signed envelope's nonce was used before")

    challenge = sha256(
        b"vidimus/", envelope["type"].encode(), b"/v1\x00", canonical(envelope)
    )
    assertion = {name: read_base64url(text) for name, text in signed["assertion"].items()}
    route = check_assertion(replay.party, key, challenge, assertion)
    replay.nonces[envelope["nonce"]] = (batch, used | {index})
    return route


def _enrolled(replay, entry):
    """The key that signed, with its enrolment, if it is the signer's."""
    signed = entry.data["signed"]
    found = replay.credentials.get(signed["assertion"]["credential_id"])
    if found is None:
        raise Wrong("signed with a key that is not enrolled")
    enrolment, reviewer, key = found
    if reviewer != signed["envelope"]["signer"]:
        raise Wrong("signed with another person's key")
    return enrolment, key


# -- The kinds -------------------------------------------------------------------------------------------


def _log_opened(replay, entry, roots):
    data = entry.data
    if entry.index != 0 or len(data["founders"]) != 1 or not data["permit_keys"]:
        raise Wrong("`log.opened` must be entry 0, name one founder, and nothing else may")
    _written_by(entry, "gateway")
    _builds_on(entry)
    founder = data["founders"][0]
    _check_name(founder["name"])
    key = VerifierKey(data["log_key"])
    if data["origin"] != "vidimus/" + data["nonce"][:16] or key.name != data["origin"]:
        raise Wrong("the origin is not made of the nonce, or the log key has another name")
    if data["rp_id"] != "localhost":
        raise Wrong("the RP ID is not `localhost`")
    origins = data["origins"]
    if not origins or len(set(origins)) != len(origins):
        raise Wrong("there is no web origin, or one twice")
    for origin in origins:
        _check_origin(origin)
    kids = [permit_key["kid"] for permit_key in data["permit_keys"]]
    if len(set(kids)) != len(kids):
        raise Wrong("a permit key is named twice")
    for permit_key in data["permit_keys"]:
        if permit_key["kid"] != _thumbprint(permit_key["x"]):
            raise Wrong("a permit key is not named by its thumbprint")
    PublicKey(read_base64url(founder["public_key"]))
    replay.opened, replay.log_key = entry, key
    replay.party = RelyingParty(entry.hash, data["rp_id"], frozenset(origins))


def _check_origin(origin):
    prefix = "http://localhost:"
    port = origin[len(prefix) :]
    if (
        not origin.startswith(prefix)
        or not (port.isascii() and port.isdigit())
        or port.startswith("0")
        or len(port) > 5
        or int(port) > 65_535
    ):
        raise Wrong(f"`{origin}` is not a web origin on this computer")


def _thumbprint(x):
    """RFC 7638 of an Ed25519 key: the members that it asks for are canonical JSON."""
    return write_base64url(sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x})))


def _credential_enrolled(replay, entry, roots):
    signed = entry.data["signed"]
    item, credential_id = signed["item"], signed["assertion"]["credential_id"]
    _builds_on(entry, replay.opened)
    founder = replay.opened.data["founders"][0]
    attestation_object = read_base64url(entry.data["attestation_object"])
    if (
        {name: item[name] for name in founder} != founder
        or credential_id != founder["credential_id"]
        or signed["envelope"]["signer"] != founder["reviewer"]
        or item["attestation"] != sha256(attestation_object).hex()
        or credential_id in replay.credentials
    ):
        raise Wrong("the key is not the founder's key that `log.opened` names")
    client_data = read_base64url(entry.data["client_data_json"])
    made_id, made_key, made_by = check_registration(replay.party, attestation_object, client_data)
    if made_id != read_base64url(item["credential_id"]) or made_key != read_base64url(
        item["public_key"]
    ):
        raise Wrong("the registration is of another key")
    key = PublicKey(made_key)
    if _check_act(replay, entry, roots, key, replay.opened) != made_by:
        raise Wrong("registration and assertion came by different routes")
    replay.credentials[credential_id] = (entry, founder["reviewer"], key)


def _agent_registered(replay, entry, roots):
    enrolment, key = _enrolled(replay, entry)
    _builds_on(entry, enrolment)
    _check_act(replay, entry, roots, key, enrolment)
    item = entry.data["signed"]["item"]
    if item["owner"] != entry.actor:
        raise Wrong("only the agent's owner decides in a personal log")
    if item["agent"] in replay.agents or item["token_hash"] in replay.token_hashes:
        raise Wrong("an agent with this id or token is registered already")
    _check_name(item["name"])
    replay.agents[item["agent"]] = (entry, item)
    replay.token_hashes.add(item["token_hash"])


def _action_proposed(replay, entry, roots):
    data, evaluation = entry.data, entry.data["evaluation"]
    if data["agent"] not in replay.agents:
        raise Wrong("the agent is not registered")
    registration, agent = replay.agents[data["agent"]]
    _written_by(entry, data["agent"])
    _builds_on(entry, registration)
    if data["action"] in replay.actions:
        raise Wrong("an action with this id exists already")
    if not entry.time < read_time(data["expires_at"]) <= entry.time + evaluation["ttl_s"] * 1_000:
        raise Wrong("the evaluation and the proposal do not agree")
    if evaluation["decision"] == "ask" and evaluation["quorum"] != 1:
        raise Wrong("a personal log asks one person")
    replay.actions[data["action"]] = Action(entry, agent)


def _note(replay, entry, pending=True):
    """What every note must keep; the action that it is about."""
    action = replay.action(entry)
    if pending and action.resolution is not None:
        raise Wrong("the action is not pending")
    if action.notes >= MAX_NOTES:
        raise Wrong("the action has as many notes as it can take")
    action.notes += 1
    for part in entry.parts:
        action.shown[f"{part['name']}.{entry.index}"] = part["commit"]
    return action


def _by_a_reviewer(replay, entry):
    if not entry.actor.startswith("rev_"):
        raise Wrong("written by somebody who may not write it")
    if all(reviewer != entry.actor for _, reviewer, _ in replay.credentials.values()):
        raise Wrong("written by a person who has no key in this log")


def _action_taken(replay, entry, roots):
    action = _note(replay, entry)
    _by_a_reviewer(replay, entry)
    _builds_on(entry, action.proposed)
    if action.taken_by == entry.actor:
        raise Wrong("this person has taken it already")
    action.taken_by = entry.actor


def _action_asked(replay, entry, roots):
    action = _note(replay, entry)
    _by_a_reviewer(replay, entry)
    _builds_on(entry, action.proposed)
    action.questions[entry.index] = entry


def _action_answered(replay, entry, roots):
    action = _note(replay, entry)
    _written_by(entry, action.proposed.actor)
    question = action.questions.pop(entry.refs[0][0], None) if len(entry.refs) == 1 else None
    if question is None:
        raise Wrong("there is no such open question")
    _builds_on(entry, question)


def _action_flagged(replay, entry, roots):
    action = _note(replay, entry, pending=False)
    _by_a_reviewer(replay, entry)
    _builds_on(entry, action.proposed)


def _verdict_given(replay, entry, roots):
    item = entry.data["signed"]["item"]
    action = replay.actions.get(item["action"])
    if action is None:
        raise Wrong("the action was never proposed")
    enrolment, key = _enrolled(replay, entry)
    _builds_on(entry, action.proposed, enrolment)
    _check_act(replay, entry, roots, key, action.proposed)
    if action.resolution is not None:
        raise Wrong("the action is not pending")
    if entry.time >= action.expires_at:
        raise Wrong("too late: the action had expired")
    if (
        item["proposal_leaf"] != action.proposed.hash.hex()
        or item["action_digest"] != action.commits["payload"]
        or item["expires_at"] != action.proposed.data["expires_at"]
    ):
        raise Wrong("the signed verdict is not about this proposal")
    if item["reason_commit"] != entry.parts[0]["commit"]:
        raise Wrong("the reason is not the one that was signed")
    _check_seen(entry.data["seen"], item, action)
    if entry.actor != action.agent["owner"]:
        raise Wrong("only the agent's owner decides in a personal log")
    if any(signer == entry.actor for _, signer, _ in action.verdicts):
        raise Wrong("this person decided already")
    action.verdicts.append((entry, entry.actor, item["verdict"]))


def _check_seen(seen, item, action):
    listed = {part["name"]: part["commit"] for part in seen["parts"]}
    names = [part["name"] for part in seen["parts"]]
    if (
        sha256(b"vidimus/seen/v1\x00", canonical(seen)).hex() != item["seen"]
        or sorted(set(names), key=str.encode) != names
        or any(action.shown.get(name) != commit for name, commit in listed.items())
        or (
            item["verdict"] == "approve"
            and any(listed.get(name) != commit for name, commit in action.commits.items())
        )
    ):
        raise Wrong("what was seen is not what was signed, or does not cover the payload and context")


def _action_resolved(replay, entry, roots):
    action, resolution = replay.action(entry), entry.data["resolution"]
    if action.resolution is not None:
        raise Wrong("the action is not pending")
    _written_by(entry, action.proposed.actor if resolution == "withdrawn" else "gateway")
    _builds_on(entry, action.proposed, *(verdict for verdict, _, _ in action.verdicts))
    in_time, denied = entry.time < action.expires_at, action.denied()
    if resolution == "approved" and (denied or not action.has_quorum()):
        raise Wrong("the quorum that the evaluation asked for is not met")
    founded = {
        "approved": in_time,
        "denied": denied,
        "expired": not in_time,
        "withdrawn": not denied and in_time,
        "refused": action.evaluation["decision"] == "refuse",
    }
    if not founded[resolution]:
        raise Wrong("nothing in the log leads to this resolution")
    use_before = entry.data.get("use_before")
    if resolution == "approved":
        action.use_before = entry.time + action.evaluation["use_s"] * 1_000
        if use_before is None or read_time(use_before) != action.use_before:
            raise Wrong("`use_before` is not what the evaluation says")
    elif use_before is not None:
        raise Wrong("`use_before` of an action that is not approved")
    action.resolved, action.resolution = entry, resolution


def _permit_issued(replay, entry, roots):
    action, data = replay.action(entry), entry.data
    if action.resolution != "approved":
        raise Wrong("a permit for an action that is not approved")
    _written_by(entry, "gateway")
    _builds_on(entry, action.resolved)
    if not action.has_quorum():
        raise Wrong("the quorum that the evaluation asked for is not met")
    if action.permit is not None or action.redeemed is not None:
        raise Wrong("the action has a permit in force or was redeemed already")
    ends = read_time(data["expires_at"])
    if (
        data["audience"] != action.agent["executor"]
        or all(key["kid"] != data["kid"] for key in replay.opened.data["permit_keys"])
        or not entry.time < ends <= min(entry.time + MAX_PERMIT_MS, action.use_before)
        or data["permit"] in replay.permits
    ):
        raise Wrong("the permit's audience, key, lifetime or id is not allowed")
    replay.permits.add(data["permit"])
    action.permit = entry


def _permit_in_force(replay, entry):
    action = replay.action(entry)
    if action.permit is None or action.permit.data["permit"] != entry.data["permit"]:
        raise Wrong("the permit is not in force")
    return action, read_time(action.permit.data["expires_at"])


def _permit_lapsed(replay, entry, roots):
    action, ends = _permit_in_force(replay, entry)
    _written_by(entry, "gateway")
    _builds_on(entry, action.permit)
    if entry.time < ends:
        raise Wrong("it is not due yet")
    action.permit = None


def _permit_redeemed(replay, entry, roots):
    action, ends = _permit_in_force(replay, entry)
    _written_by(entry, action.proposed.actor)
    _builds_on(entry, action.permit)
    if entry.time >= ends:
        raise Wrong("too late: the permit had expired")
    if not action.has_quorum():
        raise Wrong("the quorum that the evaluation asked for is not met")
    action.permit, action.redeemed = None, entry


def _action_completed(replay, entry, roots):
    action = replay.action(entry)
    if action.redeemed is None or action.completed is not None:
        raise Wrong("an outcome of an action that was not redeemed, or has one already")
    _written_by(entry, action.proposed.actor)
    _builds_on(entry, action.redeemed)
    ((name, outcome),) = entry.data["outcome"].items()
    if len(outcome.get("why", "").encode()) > MAX_WHY:
        raise Wrong(f"the words of `{name}` are more than {MAX_WHY} bytes")
    if name not in OUTCOMES[action.proposed.data["action_kind"]]:
        raise Wrong("an action of this kind does not end like that")
    action.completed = entry


RULES = {
    "log.opened": _log_opened,
    "credential.enrolled": _credential_enrolled,
    "agent.registered": _agent_registered,
    "action.proposed": _action_proposed,
    "action.taken": _action_taken,
    "action.asked": _action_asked,
    "action.answered": _action_answered,
    "action.flagged": _action_flagged,
    "verdict.given": _verdict_given,
    "action.resolved": _action_resolved,
    "permit.issued": _permit_issued,
    "permit.lapsed": _permit_lapsed,
    "permit.redeemed": _permit_redeemed,
    "action.completed": _action_completed,
}
