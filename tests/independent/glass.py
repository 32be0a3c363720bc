"""Break-glass: break-glass.md. Who may let an action run alone in an emergency, and the review of that."""

from acts import check_act, signing_key
from common import Wrong

MAX_UNREVIEWED = 3
LEAST_REASON = 20


def check_may_break(replay, action, key, reason):
    """What is asked of whoever breaks glass, beyond what is of whoever approves."""
    if "break_glass" not in action.evaluation or action.denials():
        raise Wrong("the policy does not allow to break glass, or somebody has denied it")
    if key.backup_eligible:
        raise Wrong("broken with a key that may leave its device")
    if sum(given.key.reviewer == key.reviewer for given in replay.unreviewed.values()) >= MAX_UNREVIEWED:
        raise Wrong("as many glasses that this person broke wait for a review as may")
    if reason["size"] < LEAST_REASON:
        raise Wrong("the reason for breaking glass is too short")


def verdict_reviewed(replay, entry, roots):
    item = entry.data["signed"]["item"]
    action, key = replay.action(item), signing_key(replay, entry)
    given = replay.unreviewed.get(item["verdict"])
    if given is None or given not in action.verdicts:
        raise Wrong("no such verdict broke glass for this action, or it was reviewed already")
    entry.builds_on(key.entry, given.entry)
    check_act(replay, entry, roots, key.public, key.entry, given.entry)
    (reason,) = entry.parts
    if item["reason_commit"] != reason["commit"] or reason["size"] == 0:
        raise Wrong("the reason is not the one that was signed, or says nothing")
    _check_reviewer(replay.people, key.reviewer, given.key.reviewer, action.agent.owner)
    del replay.unreviewed[item["verdict"]]


def _check_reviewer(people, person, broke, owner):
    """The agent's owner reviews only where every other administrator is the one who broke the glass."""
    administrators = people.administrators()
    if person not in administrators:
        raise Wrong("signed by a person who may not do this")
    if person == broke or (person == owner and administrators - {broke, owner}):
        raise Wrong("nobody reviews their own glass, or one of their own agent where another can")
