"""Standing grants: what one is, whether it stands, and what a proposal uses it for. grants.md and lifecycle.md."""

from dataclasses import dataclass

from acts import check_act, signing_key
from common import Wrong, read_time
from facts import person_of
from verdicts import about_a_proposal, check_demands, check_judge, check_policies, check_seen

MAX_USES = 1_000
MAX_LIFE_MS = 90 * 86_400_000
MAX_STANDING = 64


class Grant:
    """A `grant.given`, over the action that others must be like."""

    def __init__(self, entry, key, action):
        item = entry.data["signed"]["item"]
        self.entry = entry
        self.key = key
        self.action = action
        self.until = read_time(item["until"])
        self.uses = item["uses"]
        self.used = 0
        self.revoked = False

    def check_stands(self, people, time):
        agent = self.action.agent
        stopped = any(pause.run is None and pause.entry.index > self.entry.index for pause in agent.pauses)
        if self.revoked or stopped or self.used >= self.uses or time >= self.until:
            raise Wrong("the standing grant is over: revoked, used up, too old, or stopped by a pause")
        self.action.check_agent(people)
        if not people.is_reviewer(self.key.reviewer):
            raise Wrong("whoever gave the standing grant reviews no more")
        if not people.counts(self.key, time):
            raise Wrong("the standing grant was signed with a key that does not count")

    def stands(self, people, time):
        try:
            self.check_stands(people, time)
        except Wrong:
            return False
        return True


@dataclass(frozen=True)
class Use:
    """What a proposal uses a grant for: an approval of its signer."""

    grant: Grant
    policies: list
    person: dict  # whose approval it is, by their record at the proposal


def given_grant(replay, grant_id):
    grant = replay.grants.get(grant_id)
    if grant is None:
        raise Wrong("there is no such standing grant")
    return grant


def grant_given(replay, entry, roots):
    item, action, key = about_a_proposal(replay, entry, roots, covers_key=True)
    if item["grant"] in replay.grants:
        raise Wrong("a standing grant with this id exists already")
    reason, shape = entry.parts
    if item["reason_commit"] != reason["commit"]:
        raise Wrong("the reason is not the one that was signed")
    if item["shape"] != shape["commit"]:
        raise Wrong("the shape is not the one that was signed")
    check_seen(entry.data["seen"], item, action, approves=True)
    check_judge(replay, action, entry.actor)
    grant = Grant(entry, key, action)
    if not 1 <= grant.uses <= MAX_USES or not entry.time < grant.until <= entry.time + MAX_LIFE_MS:
        raise Wrong("a standing grant lasts at most 90 days and covers 1 to 1000 proposals")
    if not _is_grantable(action):
        raise Wrong("the policy wants an approval of this very action, not one in advance")
    if action.denials():
        raise Wrong("nothing is approved in advance that is like what somebody has denied")
    others = (other for other in replay.grants.values() if other.action.agent is action.agent)
    if sum(other.stands(replay.people, entry.time) for other in others) >= MAX_STANDING:
        raise Wrong("the agent has as many standing grants as it can have")
    replay.grants[item["grant"]] = grant


def grant_revoked(replay, entry, roots):
    item = entry.data["signed"]["item"]
    grant = given_grant(replay, item["grant"])
    key = signing_key(replay, entry)
    entry.builds_on(key.entry, grant.entry)
    check_act(replay, entry, roots, key.public, key.entry, grant.entry)
    if item["given"] != grant.entry.hash.hex():
        raise Wrong("it is about another grant")
    if grant.revoked:
        raise Wrong("the standing grant was revoked already")
    grant.revoked = True


def use(replay, action, grants):
    """The approvals in advance that a proposal names: each as good as a verdict of its signer."""
    proposed = action.proposed
    positions = [grant.entry.index for grant in grants]
    if positions != sorted(positions) or len({grant.key.reviewer for grant in grants}) < len(grants):
        raise Wrong("the grants are not in the order of their entries, or two are of one person")
    fewer = any(action.evaluation["quorum"] < grant.action.evaluation["quorum"] for grant in grants)
    if action.edits is not None or fewer or not _is_grantable(action):
        raise Wrong("the policy wants an approval of this very action, not one in advance")
    for grant, one in zip(grants, proposed.data["grants"], strict=True):
        grant.check_stands(replay.people, proposed.time)
        if (
            grant.action.agent is not action.agent
            or grant.action.proposed.data["action_kind"] != proposed.data["action_kind"]
        ):
            raise Wrong("the standing grant covers another agent's proposals, or another kind")
        signer, policies = grant.key.reviewer, one.get("policies", [])
        check_judge(replay, action, signer)
        check_policies(policies, True, action)
        check_demands(replay, action, grant.key, grant.entry.parts[0], proposed.time)
        grant.used += 1
        action.uses.append(Use(grant, policies, person_of(replay.people, signer)))


def _is_grantable(action):
    """Whether what asks for people lets them approve in advance."""
    asked = action.evaluation
    return asked["decision"] == "ask" and (action.policy is None or "standing" in asked)
