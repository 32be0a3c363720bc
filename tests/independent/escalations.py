"""Escalations: lifecycle.md. Groups that are told of what nobody has decided for a while."""

from common import Wrong, is_sorted
from people import is_group

MAX_ESCALATIONS = 16


def check_asked(replay, evaluation):
    """What an evaluation may say of whom to tell."""
    if "escalate" not in evaluation:
        return
    steps = evaluation["escalate"]
    names = [step["group"] for step in steps]
    if (
        not replay.is_team
        or evaluation["decision"] != "ask"
        or len(steps) > MAX_ESCALATIONS
        or not all(map(is_group, names))
        or not is_sorted(names)
        or any(step["after_s"] < 1 for step in steps)
    ):
        raise Wrong("it cannot be escalated like that")


def action_escalated(replay, entry, roots):
    action, group = replay.action(entry.data), entry.data["group"]
    entry.written_by("gateway")
    entry.builds_on(action.proposed)
    action.check_pending()
    after = {step["group"]: step["after_s"] for step in action.evaluation.get("escalate", [])}
    if group not in after or group in action.escalated:
        raise Wrong("the action is not to be escalated to that group, or was already")
    if entry.time < action.proposed.time + after[group] * 1_000:
        raise Wrong("it is not due yet")
    if entry.time >= action.expires_at:
        raise Wrong("too late: the action had expired")
    action.escalated.add(group)
