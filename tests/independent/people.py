"""Who is in the log, with which roles, keys and rules: "People" and "Keys" of lifecycle.md."""

import re
from dataclasses import dataclass, field

from common import LAST_TIME, Wrong, is_control, is_space
from entries import Entry
from webauthn import PublicKey

ADMINISTRATOR, REVIEWER = "administrator", "reviewer"
MAX_GROUPS = 32
DAY_MS = 86_400_000
_GROUP = re.compile(r"[a-z0-9_.-]{1,40}")


@dataclass(eq=False)
class Key:
    """A key that was enrolled. `entry` is its enrolment."""

    entry: Entry
    reviewer: str
    name: str
    public: PublicKey
    backup_eligible: bool
    model: dict | None = None
    admitted: bool = False
    revoked: bool = False
    words: list = field(default_factory=list)  # keys of administrators that signed for it


@dataclass
class Person:
    """A person. `record` is the entry that says what holds for them."""

    record: Entry
    name: str
    identity: str
    roles: list
    groups: list = field(default_factory=list)
    left: bool = False


@dataclass(frozen=True)
class Rules:
    """What a `rules.changed` says, or `log.opened` by saying nothing."""

    entry: Entry
    device_bound: bool = False
    max_age_days: int = 0
    models: tuple = ()
    quorum: int = 1

    def check(self, key, time):
        """Refuses a key that these rules do not let count."""
        if self.device_bound and key.backup_eligible:
            raise Wrong("signed with a key that may leave its device, which the rules do not allow")
        if self.models and key.model not in self.models:
            raise Wrong("signed with a key of a model that the rules do not allow")
        if self.max_age_days and time >= min(
            key.entry.time + self.max_age_days * DAY_MS, LAST_TIME
        ):
            raise Wrong("signed with a key that is older than the rules allow")

    def let(self, key, time):
        try:
            self.check(key, time)
        except Wrong:
            return False
        return True


class People:
    """Everybody with their keys, and the rules for these."""

    def __init__(self, opened):
        self.persons = {}  # by id
        self.keys = {}  # by credential id
        self.enrolled = {}  # the same by the hash of their enrolment
        self.rules = Rules(opened)
        self.delegations = []  # in log order

    def enrol(self, credential_id, key):
        self.keys[credential_id] = self.enrolled[key.entry.hash.hex()] = key

    def present(self, reviewer):
        """The person, if they are in the log and have not left."""
        person = self.persons.get(reviewer)
        if person is None or person.left:
            raise Wrong("there is no such person in this log, or they have left")
        return person

    def is_present(self, reviewer):
        return reviewer in self.persons and not self.persons[reviewer].left

    def is_administrator(self, reviewer):
        return self.is_present(reviewer) and ADMINISTRATOR in self.persons[reviewer].roles

    def is_reviewer(self, reviewer):
        return self.is_present(reviewer) and REVIEWER in self.persons[reviewer].roles

    def administrators(self):
        return {reviewer for reviewer in self.persons if self.is_administrator(reviewer)}

    def in_force(self, key):
        return key.admitted and not key.revoked and self.is_present(key.reviewer)

    def counts(self, key, time):
        return self.in_force(key) and self.rules.let(key, time)

    def approvers(self, key, time):
        """The administrators whose word for a claimed key stands."""
        return {
            word.reviewer
            for word in key.words
            if self.is_administrator(word.reviewer) and self.counts(word, time)
        }

    def check_free(self, identity, of):
        """Nobody else who is here has this identity."""
        for reviewer, person in self.persons.items():
            if reviewer != of and not person.left and person.identity == identity:
                raise Wrong("a person with this id or identity is registered already")


# -- What is fit -----------------------------------------------------------------------------------------


def check_name(name):
    if (
        not 1 <= len(name) <= 80
        or any(map(is_control, name))
        or is_space(name[0])
        or is_space(name[-1])
    ):
        raise Wrong("a name must have 1 to 80 characters and no control characters")


def check_identity(identity):
    if not 1 <= len(identity) <= 254 or any(
        is_control(character) or is_space(character) or is_upper(character) for character in identity
    ):
        raise Wrong("an identity must have 1 to 254 characters without spaces and capitals")


def is_upper(character):
    """Unicode property Uppercase: category Lu and the few characters of Other_Uppercase."""
    return character.isupper()


def is_group(text):
    return _GROUP.fullmatch(text) is not None


def check_roles(item):
    roles, groups = item["roles"], item["groups"]
    if (
        not roles
        or sorted(set(roles)) != roles
        or sorted(set(groups)) != groups
        or len(groups) > MAX_GROUPS
        or not all(map(is_group, groups))
    ):
        raise Wrong("roles and groups must be sorted, each once, and fit")
