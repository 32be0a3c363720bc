"""Delegations: who lends which groups to whom, and for which actions. delegation.md and lifecycle.md."""

from acts import check_act, signing_key
from common import LAST_TIME, Wrong, is_sorted, read_time

MAX_LIFE_MS = 90 * 86_400_000


class Delegation:
    """A `delegation.given`."""

    def __init__(self, entry, key):
        item = entry.data["signed"]["item"]
        self.entry = entry
        self.key = key
        self.id = item["delegation"]
        self.groups = item["groups"]
        self.to = item["to"]
        self.until = read_time(item["until"])
        self.revoked = False

    @property
    def lender(self):
        return self.key.reviewer

    def is_meant(self, people, time):
        return not self.revoked and people.is_reviewer(self.lender) and people.counts(self.key, time)

    def stands(self, people, time):
        return time < self.until and self.is_meant(people, time)


def delegation_given(replay, entry, roots):
    if not replay.is_team:
        raise Wrong("there is no such act in a personal log")
    item, people = entry.data["signed"]["item"], replay.people
    key = signing_key(replay, entry)
    lender, other = people.present(key.reviewer), people.present(item["to"])
    entry.builds_on(key.entry, other.record)
    check_act(replay, entry, roots, key.public, key.entry, lender.record, other.record)
    if any(item["delegation"] == known.id for known in people.delegations):
        raise Wrong("a delegation with this id exists already")
    if not people.is_reviewer(key.reviewer):
        raise Wrong("signed by a person who may not do this")
    given = Delegation(entry, key)
    if (
        given.to == given.lender
        or not people.is_reviewer(given.to)
        or given.groups == []
        or not is_sorted(given.groups)
        or not set(given.groups) <= set(lender.groups)
        or not entry.time < given.until <= min(entry.time + MAX_LIFE_MS, LAST_TIME)
    ):
        raise Wrong("a delegation lends groups of one's own to another reviewer for at most 90 days")
    for known in people.delegations:
        if known.lender == given.lender and known.to != given.to and known.stands(people, entry.time):
            raise Wrong("this person lends to somebody else already")
    people.delegations.append(given)


def delegation_revoked(replay, entry, roots):
    item, people = entry.data["signed"]["item"], replay.people
    given = next((known for known in people.delegations if known.id == item["delegation"]), None)
    if given is None:
        raise Wrong("there is no such delegation")
    key = signing_key(replay, entry)
    entry.builds_on(key.entry, given.entry)
    check_act(replay, entry, roots, key.public, key.entry, given.entry)
    if item["given"] != given.entry.hash.hex():
        raise Wrong("it is about another delegation")
    if given.revoked:
        raise Wrong("the delegation was revoked already")
    if key.reviewer not in (given.lender, given.to) and not people.is_administrator(key.reviewer):
        raise Wrong("signed by a person who may not do this")
    given.revoked = True


def groups_for(people, action, person, position, decided, now):
    """The groups that an approval of this person counts for at `now`, if it is given at that position and time."""
    groups = set(people.persons[person].groups)
    for given in people.delegations:
        if (
            given.to == person
            and given.entry.index < position
            and decided < given.until
            and given.is_meant(people, now)
            and not _lends_elsewhere(people, given)
            and _might_decide(people, action, given.lender, decided)
        ):
            groups |= set(given.groups) & set(people.persons[given.lender].groups)
    return groups


def _lends_elsewhere(people, given):
    return any(
        later.lender == given.lender and later.to != given.to and later.entry.index > given.entry.index
        for later in people.delegations
    )


def _might_decide(people, action, lender, decided):
    """Whether the lender might approve it, as far as the log's rules go, and has not decided."""
    try:
        action.check_agent(people)
        action.check_not_stopped()
    except Wrong:
        return False
    agent, policy = action.agent, action.policy
    separate_ms = action.evaluation.get("separate_s", 0) * 1_000
    apart = policy is None or lender not in policy.authors or decided >= min(policy.entry.time + separate_ms, LAST_TIME)
    signed = {given.key.reviewer for given in action.verdicts} | {use.grant.key.reviewer for use in action.uses}
    return apart and lender not in {agent.owner, agent.registered_by, *action.editors, *signed}
