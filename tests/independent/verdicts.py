"""Verdicts: who gives one, on what, and what it must say. Those sections of lifecycle.md."""

from dataclasses import dataclass

import glass
from acts import check_act, signing_key
from common import LAST_TIME, Wrong, canonical, is_sorted
from delegations import groups_for
from entries import Entry
from facts import person_of
from people import Key
from tree import sha256


@dataclass(frozen=True)
class Given:
    """A verdict: its entry, the key that signed it, and what it says."""

    entry: Entry
    key: Key
    person: dict  # who gave it, by their record then and in the groups that it counted for

    @property
    def approves(self):
        return self.says != "deny"

    @property
    def breaks_glass(self):
        return self.says == "break_glass"

    @property
    def says(self):
        return self.entry.data["signed"]["item"]["verdict"]


def about_a_proposal(replay, entry, roots, covers_key=False):
    """What is signed about a proposal, that proposal's action, and the key that signed."""
    item = entry.data["signed"]["item"]
    action, key = replay.action(item), signing_key(replay, entry)
    entry.builds_on(action.proposed, key.entry)
    check_act(replay, entry, roots, key.public, action.proposed, *([key.entry] if covers_key else []))
    if (
        item["proposal_leaf"] != action.proposed.hash.hex()
        or item["action_digest"] != action.commits["payload"]
    ):
        raise Wrong("what is signed is not about this proposal")
    action.check_agent(replay.people)
    action.check_not_stopped()
    return item, action, key


def check_in_time(replay, action, entry, approves=False):
    action.check_pending()
    late = entry.time >= action.expires_at if approves else action.has_expired(replay.people, entry.time)
    if late:
        raise Wrong("too late: the action had expired")


def verdict_given(replay, entry, roots):
    item, action, key = about_a_proposal(replay, entry, roots)
    check_in_time(replay, action, entry, item["verdict"] != "deny")
    if item["expires_at"] != action.proposed.data["expires_at"]:
        raise Wrong("the signed verdict names another expiry")
    if item["reason_commit"] != entry.parts[0]["commit"]:
        raise Wrong("the reason is not the one that was signed")
    person = person_of(replay.people, entry.actor)
    groups = groups_for(replay.people, action, entry.actor, entry.index, entry.time, entry.time)
    given = Given(entry, key, {**person, "groups": sorted(groups)})
    check_seen(entry.data["seen"], item, action, given.approves)
    check_judge(replay, action, entry.actor)
    check_policies(entry.data.get("policies", []), given.approves, action)
    if given.approves:
        check_demands(replay, action, key, entry.parts[0], entry.time)
    if given.breaks_glass:
        glass.check_may_break(replay, action, key, entry.parts[0])
        decided = action.breakers(replay.people, entry.time)  # who approved may still break glass
    else:
        # Who approved may take it back.
        decided = action.approvers(replay.people, entry.time) if given.approves else set()
    if entry.actor in decided | action.denials():
        raise Wrong("this person decided already")
    if given.says == "approve" and action.starts_at(replay.people, entry.time) is not None:
        raise Wrong("enough people have approved it: until it starts it can only be denied")
    action.verdicts.append(given)
    if given.breaks_glass:
        replay.unreviewed[entry.hash.hex()] = given


def check_policies(policies, approves, action):
    wanted = approves and action.policy is not None
    if (policies != []) != wanted or not is_sorted(policies):
        raise Wrong("the policies that let the signer approve are not named, or named without need")


def check_demands(replay, action, key, reason, time):
    """What an evaluation asks of whoever approves."""
    asked = action.evaluation
    if "reason_required" in asked and reason["size"] == 0:
        raise Wrong("the policy asks whoever approves it to say why")
    proven = {"device_bound": not key.backup_eligible, "proven_model": key.model is not None}
    if not all(proven[one] for one in asked.get("assurance", [])):
        raise Wrong("the policy asks for another sort of key to approve it")
    if replay.is_team and action.policy is not None and key.reviewer in action.policy.authors:
        since = action.policy.entry.time + asked.get("separate_s", 0) * 1_000
        if time < min(since, LAST_TIME):
            raise Wrong("whoever changed the policy does not approve under it so soon")


def check_judge(replay, action, person):
    """Who may decide on an action."""
    check_asker(replay, action.agent, person)
    if replay.is_team and person in action.editors:
        raise Wrong("nobody decides on what they edited, or on what came of it")


def check_asker(replay, agent, person):
    """Who may decide on what an agent proposes, or edit it."""
    if not replay.is_team:
        if person != agent.owner:
            raise Wrong("only the agent's owner decides in a personal log")
    elif not replay.people.is_reviewer(person):
        raise Wrong("signed by a person who may not do this")
    elif person in (agent.owner, agent.registered_by):
        raise Wrong("nobody decides on what their own agent, or one that they registered, proposes")


def check_seen(seen, item, action, approves):
    listed = {part["name"]: part["commit"] for part in seen["parts"]}
    names = [part["name"] for part in seen["parts"]]
    if (
        sha256(b"vidimus/seen/v1\x00", canonical(seen)).hex() != item["seen"]
        or sorted(set(names), key=str.encode) != names
        or any(action.shown.get(name) != commit for name, commit in listed.items())
        or (approves and any(listed.get(name) != commit for name, commit in action.to_see.items()))
    ):
        raise Wrong("what was seen is not what was signed, or does not cover the payload and context")
    if approves and "full_review" in action.evaluation and "full" not in seen:
        raise Wrong("the policy asks whoever approves it to go through the whole of it")


def verdict_recognised(replay, entry, roots):
    item = entry.data["signed"]["item"]
    action = replay.action(item)
    given = next((it for it in action.verdicts if it.entry.hash.hex() == item["verdict"]), None)
    if given is None:
        raise Wrong("there is no such verdict on this action")
    key = signing_key(replay, entry)
    entry.builds_on(key.entry, given.entry)
    if given.key.reviewer != key.reviewer or given.entry.hash in action.recognised:
        raise Wrong("only the person whose verdict it is recognises it, once")
    check_act(replay, entry, roots, key.public, key.entry, given.entry)
    action.recognised.add(given.entry.hash)
