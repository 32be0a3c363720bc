"""What people do about each other's keys, records, rules and agents: those sections of lifecycle.md."""

from acts import by_administrator, check_act, signing_key
from attestation import prove_model
from common import Wrong, read_base64url
from people import (
    ADMINISTRATOR,
    REVIEWER,
    Key,
    Person,
    Rules,
    check_identity,
    check_name,
    check_roles,
)
from tree import sha256
from webauthn import PublicKey, check_registration

MAX_QUORUM = 16
MAX_MODELS = 256


# -- Keys ------------------------------------------------------------------------------------------------


def credential_enrolled(replay, entry, roots):
    signed, people = entry.data["signed"], replay.people
    item, credential_id = signed["item"], signed["assertion"]["credential_id"]
    reviewer = item["reviewer"]
    entry.builds_on(replay.opened)
    attestation_object = read_base64url(entry.data["attestation_object"])
    if (
        credential_id != item["credential_id"]
        or signed["envelope"]["signer"] != reviewer
        or item["attestation"] != sha256(attestation_object).hex()
        or credential_id in people.keys
        or any(item["public_key"] == key.entry.data["signed"]["item"]["public_key"] for key in people.keys.values())
    ):
        raise Wrong("a new key must sign its own enrolment, once")
    check_name(item["name"])
    check_name(item["label"])
    founder = replay.opened.data["founders"][0]
    is_first = not people.keys
    if is_first and any(item[name] != founder[name] for name in founder):
        raise Wrong("the first key must be the founder's key that `log.opened` names")
    if not replay.is_team and reviewer != founder["reviewer"]:
        raise Wrong("there is no such act in a personal log")
    if reviewer in people.persons and people.present(reviewer).name != item["name"]:
        raise Wrong("the key is of a person with another name")
    client_data = read_base64url(entry.data["client_data_json"])
    made = check_registration(replay.party, attestation_object, client_data)
    if (made.credential_id, made.public_key, made.backup_eligible) != (
        read_base64url(credential_id),
        read_base64url(item["public_key"]),
        item["backup_eligible"],
    ):
        raise Wrong("the registration is of another key")
    anchor = entry.data.get("anchor")
    proven = None
    if anchor is not None:
        anchor = read_base64url(anchor)
        proven = prove_model(attestation_object, client_data, anchor, entry.time)
    if proven != item.get("model"):
        raise Wrong("the attestation does not prove the model that the key was enrolled with")
    public = PublicKey(made.public_key)
    if check_act(replay, entry, roots, public, replay.opened) != made.route:
        raise Wrong("registration and assertion came by different routes")
    key = Key(
        entry,
        reviewer,
        item["name"],
        public,
        item["backup_eligible"],
        model=item.get("model"),
        admitted=is_first,
    )
    people.enrol(credential_id, key)
    if is_first:
        name, roles = item["name"], [ADMINISTRATOR, REVIEWER]
        people.persons[reviewer] = Person(entry, name, identity=name, roles=roles)


def _not_revoked(replay, entry):
    key = replay.people.enrolled.get(entry.data["signed"]["item"]["credential"])
    if key is None or key.revoked:
        raise Wrong("there is no such key, or it was revoked")
    return key


def _claimed(replay, entry):
    key = _not_revoked(replay, entry)
    if key.admitted:
        raise Wrong("the key was admitted already")
    return key


def _signed_about(replay, entry, key):
    """The signing key, which need not count where it is about one of the same person."""
    own = entry.data["signed"]["envelope"]["signer"] == key.reviewer
    by = signing_key(replay, entry, must_count=not own)
    if not own and not replay.people.is_administrator(by.reviewer):
        raise Wrong("signed by a person who may not do this")
    return by


def credential_admitted(replay, entry, roots):
    people, key = replay.people, _claimed(replay, entry)
    person = people.present(key.reviewer)
    if entry.data["signed"]["item"]["reviewer"] != key.reviewer or key.name != person.name:
        raise Wrong("the key is of another person, or of one with another name")
    by = _signed_about(replay, entry, key)
    entry.builds_on(by.entry, key.entry)
    check_act(replay, entry, roots, by.public, by.entry, key.entry)
    if by.reviewer == key.reviewer:
        key.admitted = True
        return
    before = people.approvers(key, entry.time)
    enough = len(people.administrators() - {key.reviewer}) // 2 + 1
    key.admitted = len(before | {by.reviewer}) >= enough
    if by.reviewer in before and not key.admitted:
        raise Wrong("this person decided already")
    key.words.append(by)


def credential_revoked(replay, entry, roots):
    people, key = replay.people, _not_revoked(replay, entry)
    by = _signed_about(replay, entry, key)
    entry.builds_on(by.entry, key.entry)
    check_act(replay, entry, roots, by.public, by.entry, key.entry)
    administrators = [
        other
        for other in people.keys.values()
        if people.in_force(other) and people.is_administrator(other.reviewer)
    ]
    if administrators == [key]:
        raise Wrong("the log would be left without an administrator")
    key.revoked = True


# -- People ----------------------------------------------------------------------------------------------


def _check_record(replay, item):
    replay.people.check_free(item["identity"], of=item["reviewer"])
    check_name(item["name"])
    check_identity(item["identity"])
    check_roles(item)


def reviewer_registered(replay, entry, roots):
    people, item = replay.people, entry.data["signed"]["item"]
    by = by_administrator(replay, entry)
    key = _claimed(replay, entry)
    entry.builds_on(by.entry, key.entry)
    if (key.reviewer, key.name) != (item["reviewer"], item["name"]):
        raise Wrong("the key is of another person, or of one with another name")
    if item["reviewer"] in people.persons:
        raise Wrong("a person with this id or identity is registered already")
    _check_record(replay, item)
    check_act(replay, entry, roots, by.public, by.entry, key.entry)
    key.admitted = True
    people.persons[item["reviewer"]] = Person(
        entry, item["name"], item["identity"], item["roles"], item["groups"]
    )


def _replaces(replay, entry, by):
    """The person whose record this entry ends."""
    item = entry.data["signed"]["item"]
    person = replay.people.present(item["reviewer"])
    entry.builds_on(by.entry, person.record)
    if item["replaces"] != person.record.hash.hex():
        raise Wrong("it replaces something else than their record")
    return person


def reviewer_changed(replay, entry, roots):
    people, item = replay.people, entry.data["signed"]["item"]
    by = by_administrator(replay, entry)
    person = _replaces(replay, entry, by)
    administrators = people.administrators()
    if item["reviewer"] == by.reviewer and len(administrators) > 1:
        raise Wrong("nobody changes their own record while there is another administrator")
    if administrators == {item["reviewer"]} and ADMINISTRATOR not in item["roles"]:
        raise Wrong("the log would be left without an administrator")
    _check_record(replay, item)
    check_act(replay, entry, roots, by.public, by.entry, person.record)
    person.record, person.roles, person.groups = entry, item["roles"], item["groups"]
    person.name, person.identity = item["name"], item["identity"]


def reviewer_removed(replay, entry, roots):
    by = by_administrator(replay, entry)
    person = _replaces(replay, entry, by)
    if entry.data["signed"]["item"]["reviewer"] == by.reviewer:
        raise Wrong("nobody removes themselves")
    check_act(replay, entry, roots, by.public, by.entry, person.record)
    person.record, person.left = entry, True


def rules_changed(replay, entry, roots):
    people, item = replay.people, entry.data["signed"]["item"]
    by = by_administrator(replay, entry)
    entry.builds_on(by.entry, people.rules.entry)
    if item["replaces"] != people.rules.entry.hash.hex():
        raise Wrong("it replaces something else than the newest rules")
    if not 1 <= item["quorum"] <= MAX_QUORUM:
        raise Wrong("the rules must ask for 1 to 16 people")
    models = [(model["aaguid"], model["anchor"]) for model in item["models"]]
    if sorted(set(models)) != models or len(models) > MAX_MODELS:
        raise Wrong("the models must be at most 256, sorted, each once")
    rules = Rules(
        entry, item["device_bound"], item["max_age_days"], tuple(item["models"]), item["quorum"]
    )
    rules.check(by, entry.time)
    check_act(replay, entry, roots, by.public, by.entry, people.rules.entry)
    people.rules = rules


# -- The policy ------------------------------------------------------------------------------------------


class Policy:
    """The policy in force: the `policy.changed` that brought it there, and whose words did."""

    def __init__(self, entry, authors):
        self.entry = entry
        self.authors = authors


def policy_changed(replay, entry, roots):
    people, item = replay.people, entry.data["signed"]["item"]
    by = by_administrator(replay, entry, in_team_only=False)
    base = replay.opened if replay.policy is None else replay.policy.entry
    words = [
        (key, word)
        for key, word in replay.policy_words
        if word.data["signed"]["item"]["policy"] == item["policy"]
        and people.is_administrator(key.reviewer)
        and people.counts(key, entry.time)
    ]
    entries = [word for _, word in words]
    entry.builds_on(by.entry, base, *entries)
    if item["replaces"] != base.hash.hex():
        raise Wrong("it replaces something else than the policy in force")
    if item["policy"] != entry.parts[0]["commit"]:
        raise Wrong("it is the word for another policy")
    before = {key.reviewer for key, _ in words}
    authors = before | {by.reviewer}
    is_enough = len(authors) >= min(len(people.administrators()), 2)
    if by.reviewer in before and not is_enough:
        raise Wrong("this person decided already")
    check_act(replay, entry, roots, by.public, by.entry, base, *entries)
    if is_enough:
        replay.policy, replay.policy_words = Policy(entry, authors), []
        replay.policies.add(entry.index)
    else:
        replay.policy_words.append((by, entry))


# -- Agents ----------------------------------------------------------------------------------------------


class Agent:
    """An agent and what its `agent.registered` says."""

    def __init__(self, entry):
        item = entry.data["signed"]["item"]
        self.entry = entry
        self.name = item["name"]
        self.owner = item["owner"]
        self.executor = item["executor"]
        self.registered_by = entry.actor
        self.revoked = False
        self.pauses = []  # in log order, also what was lifted
        self.proposals = []  # `(time, kind)` of all, but for what an edit put in the place of one

    def paused(self, run):
        """Whether a pause stands that covers what belongs to that run."""
        return any(pause.covers(run) for pause in self.pauses if not pause.lifted)


class Pause:
    """An `agent.paused`."""

    def __init__(self, entry):
        self.entry = entry
        self.by = entry.actor
        self.run = entry.data["signed"]["item"].get("run")
        self.lifted = False

    def covers(self, run):
        return self.run is None or self.run == run


def agent_registered(replay, entry, roots):
    item = entry.data["signed"]["item"]
    by = by_administrator(replay, entry, in_team_only=False)
    entry.builds_on(by.entry)
    owner = replay.people.present(item["owner"])
    check_act(replay, entry, roots, by.public, by.entry, owner.record)
    if item["agent"] in replay.agents or item["token_hash"] in replay.token_hashes:
        raise Wrong("an agent with this id or token is registered already")
    check_name(item["name"])
    replay.agents[item["agent"]] = Agent(entry)
    replay.token_hashes.add(item["token_hash"])


def agent_revoked(replay, entry, roots):
    item = entry.data["signed"]["item"]
    agent = replay.agents.get(item["agent"])
    if agent is None or agent.revoked:
        raise Wrong("the agent is not registered, or was revoked")
    by = signing_key(replay, entry)
    entry.builds_on(by.entry, agent.entry)
    if item["registration"] != agent.entry.hash.hex():
        raise Wrong("it is about another registration")
    if by.reviewer != agent.owner and not replay.people.is_administrator(by.reviewer):
        raise Wrong("signed by a person who may not do this")
    check_act(replay, entry, roots, by.public, by.entry, agent.entry)
    agent.revoked = True


def agent_paused(replay, entry, roots):
    item = entry.data["signed"]["item"]
    agent = replay.agents.get(item["agent"])
    if agent is None or agent.revoked:
        raise Wrong("the agent is not registered, or was revoked")
    by = signing_key(replay, entry)
    entry.builds_on(by.entry, agent.entry)
    if item["registration"] != agent.entry.hash.hex():
        raise Wrong("it is about another registration")
    if any(
        pause.by == by.reviewer and pause.run == item.get("run")
        for pause in agent.pauses
        if not pause.lifted
    ):
        raise Wrong("this person has paused it already")
    check_act(replay, entry, roots, by.public, by.entry, agent.entry)
    agent.pauses.append(Pause(entry))


def agent_resumed(replay, entry, roots):
    item = entry.data["signed"]["item"]
    agent = replay.agents.get(item["agent"])
    if agent is None:
        raise Wrong("the agent is not registered")
    standing = [pause for pause in agent.pauses if not pause.lifted]
    pause = next((it for it in standing if it.entry.hash.hex() == item["pause"]), None)
    if pause is None:
        raise Wrong("there is no such pause, or it was lifted")
    by = signing_key(replay, entry)
    entry.builds_on(by.entry, pause.entry)
    is_administrator = replay.people.is_administrator(by.reviewer)
    if by.reviewer != pause.by and (
        by.reviewer == agent.owner
        or (by.reviewer == agent.registered_by and not is_administrator)
    ):
        raise Wrong("nobody lifts another person's pause of their own agent")
    check_act(replay, entry, roots, by.public, by.entry, pause.entry)
    pause.lifted = True
