"""The reducer of lifecycle.md.

`Replay.apply` takes the entries in order and raises `Wrong` at the first that breaks a rule. Each kind has
one function, here, in team.py, verdicts.py, grants.py, delegations.py, glass.py or escalations.py, which checks
the kind's own rules, then changes the state. `RULES` says which.
"""

from itertools import combinations

import delegations
import escalations
import glass
import grants
import team
import verdicts
from common import LAST_TIME, Wrong, is_sorted, read_time
from entries import KINDS
from facts import known
from opening import check_opening
from people import People, is_group
from verdicts import about_a_proposal, check_asker, check_in_time
from webauthn import RelyingParty

MAX_PERMIT_MS = 300_000
MAX_WHY = 500
MAX_NOTES = 64
MAX_EDITS = 16
MAX_PEOPLE = 16
MAX_GROUPS = 16
MAX_GRACE_S = 3_600
# Resolutions after which an action may run.
RUNS = ("approved", "released")
# How an action of each kind may end.
_OF_A_PROGRAM = ("exited", "signalled", "failed_to_start")
_OF_ANOTHER = ("succeeded", "failed")
OUTCOMES = {
    "command": _OF_A_PROGRAM,
    "file.change": _OF_ANOTHER,
    "git.push": _OF_A_PROGRAM,
    "json": _OF_ANOTHER,
    "mcp.tool_call": _OF_ANOTHER,
    "sql": _OF_A_PROGRAM,
    "terraform.plan": _OF_A_PROGRAM,
}


class Action:
    """What the log says about an action so far."""

    def __init__(self, entry, agent, policy, inputs):
        self.proposed = entry
        self.known = inputs  # those that the log knows
        self.policy = policy  # that governs it; None where the built-in rules do
        self.agent = agent
        self.agent_id = entry.data["agent"]  # an edit is proposed by the gateway
        self.evaluation = entry.data["evaluation"]
        self.expires_at = read_time(entry.data["expires_at"])
        self.commits = {part["name"]: part["commit"] for part in entry.parts}
        # All that a verdict may list as seen, texts of notes too; an approval must list these.
        self.to_see = {name: commit for name, commit in self.commits.items() if name != "inputs"}
        self.shown = dict(self.to_see)
        self.edits = entry.data.get("edits")
        self.editors = []
        self.edited = None  # the `action.edited` by which another takes its place
        self.notes = 0
        self.taken_by = None
        self.questions = {}  # open ones by position
        self.verdicts = []  # in log order
        self.escalated = set()  # groups that were told
        self.uses = []  # of standing grants, in log order of these
        self.recognised = set()  # hashes of verdicts
        self.resolved = None
        self.resolution = None
        self.use_before = None
        self.permit = None  # the `permit.issued` in force
        self.redeemed = None
        self.completed = None

    def vetoed(self):
        return len(self.denials()) >= self.evaluation.get("veto", 1)

    def denials(self):
        """Who denied it: a denial stays, whatever becomes of its key."""
        return {given.key.reviewer for given in self.verdicts if not given.approves}

    def approvals(self, people, time):
        """The approvals that count at this time, also those in advance: who gave each, and when."""
        keys = [(given.key, given.entry.time) for given in self.verdicts if given.approves]
        keys += [(use.grant.key, self.proposed.time) for use in self.uses if not use.grant.revoked]
        there = _who_count([key for key, _ in keys], people, time) - self.denials()
        return [
            (key.reviewer, given)
            for key, given in keys
            if key.reviewer in there and people.counts(key, time)
        ]

    def approvers(self, people, time):
        """Who approved with a verdict that counts at this time."""
        return {person for person, _ in self.approvals(people, time)}

    def seats(self, people, time):
        """The groups that each of these counts for, as sets."""
        seats = {person: set() for person in self.approvers(people, time)}
        for given in self.verdicts:
            person, entry = given.key.reviewer, given.entry
            if given.approves and person in seats and people.counts(given.key, time):
                seats[person] |= delegations.groups_for(people, self, person, entry.index, entry.time, time)
        for use in self.uses:
            if use.grant.key.reviewer in seats:
                seats[use.grant.key.reviewer] |= set(people.persons[use.grant.key.reviewer].groups)
        return list(seats.values())

    def starts_at(self, people, time):
        """When its grace time ends, if one stands at this time."""
        waits = "grace_s" in self.evaluation and self.resolution is None and self.edited is None
        if not waits or self.vetoed() or (self.breakers(people, time) and not self.denials()):
            return None
        try:
            self.check_agent(people)
            self.check_not_stopped()
            self.check_quorum(people, time)
        except Wrong:
            return None
        newest = max(given for _, given in self.approvals(people, time))
        return min(newest + self.evaluation["grace_s"] * 1_000, LAST_TIME)

    def has_expired(self, people, time):
        """Nobody decided in time: what waits out its grace time was decided."""
        return time >= self.expires_at and self.starts_at(people, time) is None

    def breakers(self, people, time):
        """Who broke glass for it with a verdict that counts at this time."""
        return _who_count([given.key for given in self.verdicts if given.breaks_glass], people, time)

    def check_quorum(self, people, time):
        decision, approvers = self.evaluation["decision"], self.approvers(people, time)
        if decision == "release":
            return
        # One denial is enough to take a broken glass back, also where the veto is of more people.
        if decision == "ask" and self.breakers(people, time) and not self.denials():
            return
        if (
            decision != "ask"
            or len(approvers) < self.evaluation["quorum"]
            or not _can_be_assigned(self.seats(people, time), self.evaluation.get("groups", []))
        ):
            raise Wrong("the quorum that the evaluation asked for is not met")

    def check_pending(self):
        if self.resolution is not None or self.edited is not None:
            raise Wrong("the action is not pending")

    def stopped_by(self):
        """The first pause that met it, also one that was lifted since."""
        run = self.proposed.data.get("run")
        met = (it for it in self.agent.pauses if it.entry.index > self.proposed.index)
        return next((pause for pause in met if pause.covers(run)), None)

    def check_not_stopped(self):
        if self.stopped_by() is not None:
            raise Wrong("stopped by a pause of the agent")

    def check_agent(self, people):
        """The agent works."""
        if self.agent.revoked:
            raise Wrong("the agent was revoked")
        people.present(self.agent.owner)


def _who_count(keys, people, time):
    return {key.reviewer for key in keys if people.counts(key, time) and people.is_reviewer(key.reviewer)}


def _can_be_assigned(seats, wanted):
    """Whether each group can have so many of those who count for it, nobody for two: by Hall's theorem, when at
    least as many as any of the groups together want count for one of these."""
    for size in range(1, len(wanted) + 1):
        for some in combinations(wanted, size):
            names = {one["group"] for one in some}
            there = sum(not names.isdisjoint(groups) for groups in seats)
            if there < sum(one["people"] for one in some):
                return False
    return True


class Replay:
    """State of the log after the entries so far."""

    def __init__(self):
        self.time = 0
        self.opened = None
        self.is_team = False
        self.party = None
        self.log_key = None
        self.people = None
        self.agents = {}
        self.token_hashes = set()
        self.policy = None  # the one in force
        self.policies = set()  # positions of the entries that brought one in force
        self.policy_words = []  # for others, with their keys
        self.actions = {}
        self.grants = {}
        self.unreviewed = {}  # verdicts that broke glass, by their hash
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

    def action(self, said):
        """The action that the data of an entry, or its signed item, names."""
        found = self.actions.get(said["action"])
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


# -- The kinds -------------------------------------------------------------------------------------------


def _log_opened(replay, entry, roots):
    replay.log_key = check_opening(entry)
    data, is_team = entry.data, entry.data["profile"] == "team"
    replay.opened, replay.is_team, replay.people = entry, is_team, People(entry)
    replay.party = RelyingParty(entry.hash, data["rp_id"], frozenset(data["origins"]), is_team)


def _action_proposed(replay, entry, roots):
    data, evaluation = entry.data, entry.data["evaluation"]
    agent, rules = replay.agents.get(data["agent"]), replay.people.rules
    if agent is None:
        raise Wrong("the agent is not registered")
    old = _edited(replay, data)
    used = [grants.given_grant(replay, one["grant"]) for one in data.get("grants", [])]
    entry.written_by(data["agent"] if old is None else "gateway")
    entry.builds_on(
        agent.entry,
        *([] if rules.entry is replay.opened else [rules.entry]),
        *([] if replay.policy is None else [replay.policy.entry]),
        *([] if old is None else [old.edited]),
        *(grant.entry for grant in used),
    )
    if data["action"] in replay.actions:
        raise Wrong("an action with this id exists already")
    if not entry.time < read_time(data["expires_at"]) <= entry.time + evaluation["ttl_s"] * 1_000:
        raise Wrong("the evaluation and the proposal do not agree")
    if any(part["name"] == "inputs" for part in entry.parts) != (replay.policy is not None):
        raise Wrong("there are inputs without a policy, or a policy without inputs")
    _check_evaluation(replay, evaluation)
    action = Action(entry, agent, replay.policy, known(replay, entry))
    action.check_agent(replay.people)
    if agent.paused(data.get("run")):
        raise Wrong("the agent is paused, or this run of it")
    if old is not None:
        _check_successor(old, action)
        action.editors = [*old.editors, old.edited.actor]
    else:
        agent.proposals.append((entry.time, data["action_kind"]))
    if used:
        grants.use(replay, action, used)
    replay.actions[data["action"]] = action


_OF_A_POLICY = (
    *("assurance", "break_glass", "escalate", "full_review", "grace_s", "groups", "policies", "reason_required"),
    *("separate_s", "standing", "veto"),
)


def _check_evaluation(replay, evaluation):
    """What an evaluation may ask in this log."""
    decision, quorum = evaluation["decision"], evaluation["quorum"]
    least, most = (replay.people.rules.quorum, MAX_PEOPLE) if replay.is_team else (1, 1)
    if decision == "ask" and not least <= quorum <= most:
        raise Wrong("the evaluation asks another number of people than the log allows")
    if decision == "release" and (quorum != 0 or "groups" in evaluation):
        raise Wrong("the evaluation asks people and releases")
    if replay.policy is None:
        if decision == "release" or any(name in evaluation for name in _OF_A_POLICY):
            raise Wrong("the evaluation asks for what only a policy does")
    elif decision != "refuse" and "policies" not in evaluation:
        raise Wrong("no policy asked for it")
    if "break_glass" in evaluation and not replay.is_team:
        raise Wrong("there is nobody whose place a broken glass could take")
    groups = evaluation.get("groups", [])
    names = [one["group"] for one in groups]
    if (
        len(groups) > MAX_GROUPS
        or (groups and not replay.is_team)
        or not all(map(is_group, names))
        or not is_sorted(names)
        or any(one["people"] < 1 for one in groups)
        or sum(one["people"] for one in groups) > quorum
    ):
        raise Wrong("the groups cannot be asked for")
    escalations.check_asked(replay, evaluation)
    if not is_sorted(evaluation.get("assurance", [])) or not is_sorted(evaluation.get("policies", [])):
        raise Wrong("assurance and policies must be sorted, each once")
    if not 2 <= evaluation.get("veto", 2) <= MAX_PEOPLE:
        raise Wrong("the veto is not of 2 to 16")
    if "grace_s" in evaluation and (decision != "ask" or evaluation["grace_s"] > MAX_GRACE_S):
        raise Wrong("the grace time is longer than an hour, or nobody is asked")
    if "full_review" in evaluation and (decision != "ask" or "standing" in evaluation):
        raise Wrong("a full review of what nobody is asked about, or of what may be approved in advance")


def _edited(replay, data):
    """The action that a proposal is an edit of, which waits for this very one."""
    if "edits" not in data:
        return None
    old = replay.actions.get(data["edits"])
    if old is None:
        raise Wrong("the action was never proposed")
    if (
        old.resolution is not None
        or old.edited is None
        or old.edited.data["signed"]["item"]["edited"] != data["action"]
        or old.proposed.data["agent"] != data["agent"]
    ):
        raise Wrong("it is not what the edit says that takes the place of the other")
    return old


def _check_successor(old, action):
    was, now = old.proposed.data, action.proposed.data
    if (
        was["action_kind"] != now["action_kind"]
        or was.get("run") != now.get("run")
        or old.commits.get("context") != action.commits.get("context")
        or old.edited.data["signed"]["item"]["edited_digest"] != action.commits["payload"]
    ):
        raise Wrong("it is not what the edit says that takes the place of the other")


def _action_edited(replay, entry, roots):
    item, action, _ = about_a_proposal(replay, entry, roots)
    check_in_time(replay, action, entry)
    check_asker(replay, action.agent, entry.actor)
    if len(action.editors) >= MAX_EDITS:
        raise Wrong("it was edited as often as an action can be")
    if item["edited"] in replay.actions:
        raise Wrong("an action with this id exists already")
    action.edited = entry


def _note(replay, entry, pending=True):
    """What every note must keep; the action that it is about."""
    action = replay.action(entry.data)
    if pending:
        action.check_pending()
    if action.notes >= MAX_NOTES:
        raise Wrong("the action has as many notes as it can take")
    action.notes += 1
    for part in entry.parts:
        action.shown[f"{part['name']}.{entry.index}"] = part["commit"]
    return action


def _by_a_reviewer(replay, entry):
    if not entry.actor.startswith("rev_"):
        raise Wrong("written by somebody who may not write it")
    replay.people.present(entry.actor)


def _action_taken(replay, entry, roots):
    action = _note(replay, entry)
    _by_a_reviewer(replay, entry)
    entry.builds_on(action.proposed)
    if action.taken_by == entry.actor:
        raise Wrong("this person has taken it already")
    action.taken_by = entry.actor


def _action_asked(replay, entry, roots):
    action = _note(replay, entry)
    _by_a_reviewer(replay, entry)
    entry.builds_on(action.proposed)
    action.questions[entry.index] = entry


def _action_answered(replay, entry, roots):
    action = _note(replay, entry)
    entry.written_by(action.agent_id)
    question = action.questions.pop(entry.refs[0][0], None) if len(entry.refs) == 1 else None
    if question is None:
        raise Wrong("there is no such open question")
    entry.builds_on(question)


def _action_flagged(replay, entry, roots):
    action = _note(replay, entry, pending=False)
    _by_a_reviewer(replay, entry)
    entry.builds_on(action.proposed)


def _action_resolved(replay, entry, roots):
    action, resolution = replay.action(entry.data), entry.data["resolution"]
    successor = None
    if resolution == "superseded":
        successor = _successor(replay, action)
    else:
        action.check_pending()
    pause = action.stopped_by()
    by_pause = resolution == "withdrawn" and entry.actor == "gateway" and pause is not None
    by_agent = resolution == "withdrawn" and not by_pause
    entry.written_by(action.agent_id if by_agent else "gateway")
    decided = (*(use.grant.entry for use in action.uses), *(given.entry for given in action.verdicts))
    last = [*([pause.entry] if by_pause else []), *([successor] if successor else [])]
    entry.builds_on(action.proposed, *decided, *last)
    in_time, vetoed = not action.has_expired(replay.people, entry.time), action.vetoed()
    starts_at = action.starts_at(replay.people, entry.time)
    decision = action.evaluation["decision"]
    if resolution in RUNS:
        action.check_agent(replay.people)
        action.check_not_stopped()
    if resolution == "approved":
        action.check_quorum(replay.people, entry.time)
    waits = resolution == "approved" and starts_at is not None and entry.time < starts_at
    if waits or (resolution == "expired" and starts_at is not None):
        raise Wrong("enough people have approved it, and its grace time stands")
    founded = {
        "approved": decision == "ask" and not vetoed and in_time,
        "released": decision == "release" and not vetoed and in_time,
        "denied": vetoed,
        "expired": not in_time,
        "withdrawn": not vetoed and in_time,
        "refused": decision == "refuse",
        "superseded": successor is not None,
    }
    if not founded[resolution]:
        raise Wrong("nothing in the log leads to this resolution")
    use_before = entry.data.get("use_before")
    if resolution in RUNS:
        action.use_before = min(entry.time + action.evaluation["use_s"] * 1_000, LAST_TIME)
        if use_before is None or read_time(use_before) != action.use_before:
            raise Wrong("`use_before` is not what the evaluation says")
    elif use_before is not None:
        raise Wrong("`use_before` of an action that is not approved")
    action.resolved, action.resolution = entry, resolution


def _successor(replay, action):
    """The proposal that took the place of an edited action."""
    if action.resolution is not None:
        raise Wrong("the action is not pending")
    if action.edited is None:
        return None
    new = replay.actions.get(action.edited.data["signed"]["item"]["edited"])
    if new is None or new.edits != action.proposed.data["action"]:
        return None
    return new.proposed


def _permit_issued(replay, entry, roots):
    action, data = replay.action(entry.data), entry.data
    if action.resolution not in RUNS:
        raise Wrong("a permit for an action that is not approved")
    entry.written_by("gateway")
    entry.builds_on(action.resolved)
    action.check_agent(replay.people)
    action.check_not_stopped()
    action.check_quorum(replay.people, entry.time)
    if action.permit is not None or action.redeemed is not None:
        raise Wrong("the action has a permit in force or was redeemed already")
    ends = read_time(data["expires_at"])
    if (
        data["audience"] != action.agent.executor
        or all(key["kid"] != data["kid"] for key in replay.opened.data["permit_keys"])
        or not entry.time < ends <= min(entry.time + MAX_PERMIT_MS, action.use_before)
        or data["permit"] in replay.permits
    ):
        raise Wrong("the permit's audience, key, lifetime or id is not allowed")
    replay.permits.add(data["permit"])
    action.permit = entry


def _permit_in_force(replay, entry):
    action = replay.action(entry.data)
    if action.permit is None or action.permit.data["permit"] != entry.data["permit"]:
        raise Wrong("the permit is not in force")
    return action, read_time(action.permit.data["expires_at"])


def _permit_lapsed(replay, entry, roots):
    action, ends = _permit_in_force(replay, entry)
    entry.written_by("gateway")
    entry.builds_on(action.permit)
    if entry.time < ends:
        raise Wrong("it is not due yet")
    action.permit = None


def _permit_redeemed(replay, entry, roots):
    action, ends = _permit_in_force(replay, entry)
    entry.written_by(action.agent_id)
    entry.builds_on(action.permit)
    if entry.time >= ends:
        raise Wrong("too late: the permit had expired")
    action.check_agent(replay.people)
    action.check_not_stopped()
    action.check_quorum(replay.people, entry.time)
    action.permit, action.redeemed = None, entry


def _action_completed(replay, entry, roots):
    action = replay.action(entry.data)
    if action.redeemed is None or action.completed is not None:
        raise Wrong("an outcome of an action that was not redeemed, or has one already")
    entry.written_by(action.agent_id)
    entry.builds_on(action.redeemed)
    ((name, outcome),) = entry.data["outcome"].items()
    if len(outcome.get("why", "").encode()) > MAX_WHY:
        raise Wrong(f"the words of `{name}` are more than {MAX_WHY} bytes")
    if name not in OUTCOMES[action.proposed.data["action_kind"]]:
        raise Wrong("an action of this kind does not end like that")
    action.completed = entry


RULES = {
    "log.opened": _log_opened,
    "credential.enrolled": team.credential_enrolled,
    "credential.admitted": team.credential_admitted,
    "credential.revoked": team.credential_revoked,
    "reviewer.registered": team.reviewer_registered,
    "reviewer.changed": team.reviewer_changed,
    "reviewer.removed": team.reviewer_removed,
    "rules.changed": team.rules_changed,
    "policy.changed": team.policy_changed,
    "agent.registered": team.agent_registered,
    "agent.revoked": team.agent_revoked,
    "agent.paused": team.agent_paused,
    "agent.resumed": team.agent_resumed,
    "action.proposed": _action_proposed,
    "action.taken": _action_taken,
    "action.asked": _action_asked,
    "action.answered": _action_answered,
    "action.flagged": _action_flagged,
    "action.edited": _action_edited,
    "action.escalated": escalations.action_escalated,
    "verdict.given": verdicts.verdict_given,
    "verdict.recognised": verdicts.verdict_recognised,
    "verdict.reviewed": glass.verdict_reviewed,
    "grant.given": grants.grant_given,
    "grant.revoked": grants.grant_revoked,
    "delegation.given": delegations.delegation_given,
    "delegation.revoked": delegations.delegation_revoked,
    "action.resolved": _action_resolved,
    "permit.issued": _permit_issued,
    "permit.lapsed": _permit_lapsed,
    "permit.redeemed": _permit_redeemed,
    "action.completed": _action_completed,
}
