"""Policies: policy.md. Cedar's own engine parses, validates and evaluates, one policy at a time; what is around it is
here.
"""

import json
import os
import re
import sys
from datetime import datetime, timezone

import cedarpy

from calendars import Calendars
from common import (
    Wrong,
    array,
    canonical,
    is_control,
    is_space,
    one_of,
    parse_canonical,
    read_time,
    record,
    string,
    write_time,
)
from people import is_group

MAX_FILES = 200
MAX_POLICIES = 5_000
MAX_PEOPLE = 16
MAX_ESCALATIONS = 16
MAX_NESTING = 32
MAX_OPERATORS = 1_000
MAX_ANSWERING = 256
MAX_SEEN = 262_144
MAX_WHY = 300
DAY_S = 86_400
USUAL_S = 900
QUESTIONS = ("propose", "release", "decide")
_NAME = re.compile(r"(?!\.)[a-z0-9_.-]+\.(cedar|ics|json)")
_ID = re.compile(r"[a-z0-9_.-]{1,64}")
_TIME = re.compile(r"([1-9][0-9]*)([smhd])")
_UNITS = {"d": DAY_S, "h": 3_600, "m": 60, "s": 1}
_NUMBER = re.compile(r"[1-9][0-9]?")
_SCHEMA_FILE = "../../crates/policy/src/schema.cedarschema"


# -- Text ------------------------------------------------------------------------------------------------

_TEXT = record(
    {
        "files": array(record({"name": string, "text": string})),
        "type": one_of("vidimus-policy"),
        "v": one_of(1),
    }
)


def read_text(content):
    """The files of a `policy` part."""
    text = parse_canonical(content)
    _TEXT(text)
    names = [file["name"] for file in text["files"]]
    if not 1 <= len(names) <= MAX_FILES or sorted(set(names)) != names:
        raise Wrong("not 1 to 200 files, sorted by name, each once")
    if not all(len(name) <= 80 and _NAME.fullmatch(name) for name in names):
        raise Wrong("the name of a file is not fit")
    return text["files"]


# -- What a policy asks for ------------------------------------------------------------------------------


def _number(text):
    if not _NUMBER.fullmatch(text) or int(text) > MAX_PEOPLE:
        raise Wrong(f"`{text}` is no number from 1 to 16")
    return int(text)


def _seconds(text, most):
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) * _UNITS[found[2]] > most:
        raise Wrong(f"`{text}` is no time of at most {most} seconds")
    return int(found[1]) * _UNITS[found[2]]


def _people(text):
    """How many in all, and of each group."""
    people, groups = 0, {}
    for term in text.split(" and "):
        number, of, group = term.partition(" from ")
        people += _number(number)
        if of:
            if not is_group(group) or group in groups:
                raise Wrong(f"`{group}` is no group, or named twice")
            groups[group] = _number(number)
    if people > MAX_PEOPLE:
        raise Wrong("more than 16 people")
    return people, groups


_PROOFS = {"device-bound": "device_bound", "proven-model": "proven_model"}


def _assurance(text):
    words = text.split(",")
    while any(word and is_space(word[0]) for word in words):
        words = [word[1:] if word and is_space(word[0]) else word for word in words]
    while any(word and is_space(word[-1]) for word in words):
        words = [word[:-1] if word and is_space(word[-1]) else word for word in words]
    if not all(word in _PROOFS for word in words):
        raise Wrong("an assurance that is not known")
    return sorted({_PROOFS[word] for word in words})


def _escalate(text):
    """The group that is told, and after how many seconds."""
    group, _, after = text.partition(" after ")
    if not is_group(group):
        raise Wrong(f"`{group}` is no group")
    return group, _seconds(after, DAY_S)


def _only(word):
    def read(text):
        one_of(word)(text)
        return True

    return read


def _why(text):
    if not 1 <= len(text) <= MAX_WHY or any(map(is_control, text)):
        raise Wrong("`@why` is not of 1 to 300 characters")
    return text


def _id(text):
    if not _ID.fullmatch(text):
        raise Wrong(f"`{text}` is no id")
    return text


ANNOTATIONS = {
    "id": _id,
    "why": _why,
    "people": _people,
    "reason": _only("required"),
    "review": _only("full"),
    "assurance": _assurance,
    "break_glass": _only("allowed"),
    "escalate": _escalate,
    "grace": lambda text: _seconds(text, 3_600),
    "separate": lambda text: _seconds(text, 365 * DAY_S),
    "standing": _only("allowed"),
    "ttl": lambda text: _seconds(text, DAY_S),
    "use": lambda text: _seconds(text, DAY_S),
    "veto": _number,
}


class Policy:
    """One policy of a set."""

    def __init__(self, tree, is_team):
        said = {name: value or "" for name, value in tree.get("annotations", {}).items()}
        for name in said:
            one_of(*ANNOTATIONS)(name)
        if "id" not in said:
            raise Wrong("a policy without an id")
        self.says = {name: ANNOTATIONS[name](value) for name, value in said.items()}
        self.id = self.says["id"]
        self.permits = tree["effect"] == "permit"
        self.questions = _questions(tree["action"], self.permits)
        if said.keys() - {"id", "why"} and not (self.permits and self.questions == ("propose",)):
            raise Wrong(f"`{self.id}` asks for something and does not permit to propose")
        if self.says.get("escalate", ("", 0))[1] >= self.says.get("ttl", DAY_S + 1):
            raise Wrong(f"`{self.id}` tells a group when it has expired")
        if {"review", "standing"} <= said.keys():
            raise Wrong(f"`{self.id}` wants the whole of it seen, and lets it be approved in advance")
        if not is_team and (said.keys() & {"break_glass", "escalate", "veto"} or self.people != (1, {})):
            raise Wrong(f"`{self.id}` speaks of people who are not there")
        _check_language(tree["conditions"])
        self.alone = _set_of(tree)

    @property
    def people(self):
        return self.says.get("people", (1, {}))

    def answer(self, asked):
        """Whether it applies; None when it cannot be evaluated."""
        result = cedarpy.is_authorized(asked.request, self.alone, asked.entities)
        if result.diagnostics.errors:
            return None
        return result.decision == cedarpy.Decision.Allow if self.permits else result.diagnostics.reasons != []


def _questions(action, permits):
    if action["op"] == "All":
        named = QUESTIONS
    else:
        uids = action["entities"] if "entities" in action else [action["entity"]]
        if any(uid["type"] != "Vidimus::Action" for uid in uids):
            raise Wrong("a policy names what is no question")
        named = tuple(uid["id"] for uid in uids)
    if not set(named) <= set(QUESTIONS) or (permits and action["op"] != "=="):
        raise Wrong("a policy names another question, or permits more than one")
    return named


# -- What cedarpy takes or keeps to itself ---------------------------------------------------------------

with open(os.path.join(os.path.dirname(__file__), _SCHEMA_FILE), encoding="utf-8") as schema:
    SCHEMA = cedarpy.Schema.from_str(schema.read())

# Everything that an expression may be made of: the language, and the functions of the extensions.
_LANGUAGE = set(
    "! neg == != in < <= > >= && || + - * contains containsAll containsAny isEmpty getTag hasTag . has like is"
    " if-then-else Set Record Var"
    " datetime duration offset durationSince toDate toTime toMilliseconds toSeconds toMinutes toHours toDays"
    " decimal greaterThan greaterThanOrEqual lessThan lessThanOrEqual"
    " ip isInRange isIpv4 isIpv6 isLoopback isMulticast".split()
)


def _check_language(conditions):
    """Refuses the function `unknown`, which this engine has for partial evaluation."""
    for condition in conditions:
        _check_expression(condition["body"])


def _check_expression(expression):
    ((name, of),) = expression.items()
    if name == "Value":
        return
    if name not in _LANGUAGE:
        raise Wrong(f"`{name}` is not known")
    if name == "Record":
        of = list(of.values())
    elif isinstance(of, dict):
        of = [of[part] for part in ("left", "right", "arg", "if", "then", "else", "in") if part in of]
    for part in of if isinstance(of, list) else []:
        _check_expression(part)


_CANNOT_APPLY = "unable to find an applicable action given the policy scope constraints"


def _set_of(*trees):
    policies = {tree.get("annotations", {})["id"]: tree for tree in trees}
    return cedarpy.PolicySet.from_json_str(
        json.dumps({"staticPolicies": policies, "templates": {}, "templateLinks": []})
    )


def _check_valid(policy):
    """Strict validation without an error."""
    result = cedarpy.validate_policies(str(policy.alone), SCHEMA)
    # cedarpy's Cedar calls an error what 4.14 warns of: a scope that nothing fits.
    errors = [error for error in result.errors if not str(error.error).endswith(_CANNOT_APPLY)]
    if errors:
        raise Wrong(f"`{policy.id}`: {errors}")


# -- A set -----------------------------------------------------------------------------------------------


class PolicySet:
    """A set of policies that is right in a log of that profile."""

    def __init__(self, files, is_team, name):
        self.name = name
        self.policies = {}
        self.calendars = Calendars(files)
        for file in files:
            if file["name"].endswith(".cedar"):
                for tree in _parse(file["text"]):
                    policy = Policy(tree, is_team)
                    if policy.id in self.policies:
                        raise Wrong(f"two policies are called `{policy.id}`")
                    self.policies[policy.id] = policy
        if len(self.policies) > MAX_POLICIES:
            raise Wrong("more than 5,000 policies")
        for question in ("propose", "decide"):
            if not any(one.permits and question in one.questions for one in self.policies.values()):
                raise Wrong(f"nothing permits to {question}")
        for policy in self.policies.values():
            _check_valid(policy)

    def ask(self, question, asked):
        """`(permitted, forbidden, failed)`: ids of the policies that gave that answer; None when there is none."""
        if len(canonical(asked.inputs)) > MAX_SEEN:
            return None
        found = {True: [], False: [], None: []}
        for name in sorted(self.policies):
            policy = self.policies[name]
            if question in policy.questions:
                answer = policy.answer(asked)
                if answer is not False:
                    found[policy.permits if answer else None].append(name)
        given = found[None] or found[False] or found[True]
        return None if len(given) > MAX_ANSWERING else (found[True], found[False], found[None])

    def _ask(self, question, inputs, unix_time, person=None):
        return self.ask(question, Asked(question, inputs, unix_time, self.calendars, person))

    def may_approve(self, person, inputs, unix_time):
        """Ids of the policies that let this person approve; none when they may not."""
        answer = self._ask("decide", inputs, unix_time, person)
        permitted, forbidden, failed = answer or ([], [], [])
        return [] if forbidden or failed else permitted

    def evaluate(self, inputs):
        """The evaluation without its reasons, which are words."""
        wait = min(inputs.get("wait_s", USUAL_S), DAY_S)
        if wait == 0:
            return self._refused([])
        time = read_time(inputs["time"])
        permitted, forbidden, failed = self._ask("propose", inputs, time) or ([], [], [])
        if failed:
            return self._refused(failed)
        if forbidden:
            return self._refused(forbidden)
        if not permitted:
            return self._refused([])
        asking = [self.policies[one] for one in permitted]
        evaluation = {
            "policy": self.name,
            "ttl_s": min([wait, *_said(asking, "ttl")]),
            "use_s": min(_said(asking, "use"), default=USUAL_S),
        }
        released, forbidden, failed = self._ask("release", inputs, time) or ([], [], [])
        if released and not forbidden and not failed:
            return {**evaluation, "decision": "release", "policies": released, "quorum": 0}
        demands = _added_up(asking, inputs["quorum"])
        if demands["quorum"] > MAX_PEOPLE or len(demands.get("escalate", [])) > MAX_ESCALATIONS:
            return self._refused([])
        return {**evaluation, **demands, "decision": "ask", "policies": permitted}

    def _refused(self, policies):
        refused = {"decision": "refuse", "policy": self.name, "quorum": 0}
        return {**refused, "ttl_s": 1, "use_s": USUAL_S, **({"policies": policies} if policies else {})}


def _said(policies, name):
    return [policy.says[name] for policy in policies if name in policy.says]


def _added_up(policies, quorum):
    """The strictest of what these ask for; what says nothing is left out."""
    groups = {}
    for policy in policies:
        for group, people in policy.people[1].items():
            groups[group] = max(people, groups.get(group, 0))
    escalate = {}
    for group, after in _said(policies, "escalate"):
        escalate[group] = min(after, escalate.get(group, after))
    demands = {
        "assurance": sorted({proof for proofs in _said(policies, "assurance") for proof in proofs}),
        "break_glass": len(_said(policies, "break_glass")) == len(policies),
        "escalate": [{"after_s": escalate[group], "group": group} for group in sorted(escalate)],
        "full_review": bool(_said(policies, "review")),
        "grace_s": max(_said(policies, "grace"), default=0),
        "groups": [{"group": group, "people": groups[group]} for group in sorted(groups)],
        "reason_required": bool(_said(policies, "reason")),
        "separate_s": max(_said(policies, "separate"), default=0),
        "standing": len(_said(policies, "standing")) == len(policies),
    }
    veto = min(policy.says.get("veto", 1) for policy in policies)
    if veto > 1:
        demands["veto"] = veto
    people = max(policy.people[0] for policy in policies)
    present = {name: value for name, value in demands.items() if value}
    return {**present, "quorum": max(people, sum(groups.values()), quorum)}


_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"?|//[^\n\r]*|[A-Za-z_][A-Za-z0-9_]*|[=!<>]=|\|\||&&|.', re.DOTALL
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_DEEPER = {*"([{.!-+*/%<>=", *"== != <= >= || && if in is has like when unless".split()}


def _check_depth(text):
    opened, operators = [], 0
    for token in _TOKEN.findall(text):
        if token in _CLOSES:
            opened.append(_CLOSES[token])
        elif opened and token == opened[-1]:
            opened.pop()
        elif token == ";":
            opened, operators = [], 0
        operators += token in _DEEPER
        if len(opened) > MAX_NESTING or operators > MAX_OPERATORS:
            raise Wrong("a policy is too deep")


# What is within MAX_OPERATORS may still be thousands of objects deep.
sys.setrecursionlimit(20_000)


def _parse(text):
    _check_depth(text)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise Wrong(f"Cedar does not read it: {error}") from error
    if parsed["templates"] or parsed["templateLinks"]:
        raise Wrong("a policy is a template")
    return list(parsed["staticPolicies"].values())


# -- A question ------------------------------------------------------------------------------------------


def _uid(of, name):
    return {"type": f"Vidimus::{of}", "id": name}


def _entity(of, name, attributes, parents):
    return {"uid": _uid(of, name), "attrs": attributes, "parents": parents}


class Asked:
    """What Cedar is asked about a proposal: by its agent, or by a person who decides at that time."""

    def __init__(self, question, inputs, unix_time, calendars, person=None):
        agent, owner = inputs["agent"], inputs["agent"]["owner"]
        if person is not None and person["id"] == owner["id"]:
            owner = person
        people = {one["id"]: one for one in (owner, person or owner)}
        target = _target(inputs["target"])
        principal = _uid("Agent", agent["id"]) if person is None else _uid("Person", person["id"])
        self.inputs = inputs
        self.request = {
            "principal": principal,
            "action": _uid("Action", question),
            "resource": target["uid"],
            "context": _context(inputs, unix_time) | calendars.seen(unix_time, (person or owner)["identity"]),
        }
        attributes = {"name": agent["name"], "owner": {"__entity": _uid("Person", owner["id"])}}
        self.entities = [
            _entity("Agent", agent["id"], attributes, _groups(owner)),
            target,
            *map(_person, people.values()),
        ]


def _groups(person):
    return [_uid("Group", group) for group in person["groups"]]


def _person(person):
    attributes = {role: role in person["roles"] for role in ("administrator", "reviewer")}
    attributes |= {name: person[name] for name in ("identity", "name")}
    return _entity("Person", person["id"], attributes, _groups(person))


def _target(target):
    environment, system = (target[name].replace("%", "%25").replace("/", "%2F") for name in ("environment", "system"))
    around = [_uid("Environment", target["environment"]), _uid("System", target["system"])]
    return _entity("Target", f"{environment}/{system}/{target['resource']}", target, around)


def _context(inputs, unix_time):
    plain = ("first_of_kind", "kind", "last_hour", "last_hour_of_kind", "run")
    written = datetime.fromtimestamp(unix_time // 1_000, timezone.utc)
    return {
        **inputs["facts"],
        **{name: inputs[name] for name in plain if name in inputs},
        "agent": {"__entity": _uid("Agent", inputs["agent"]["id"])},
        "proposed": {"__extn": {"fn": "datetime", "arg": inputs["time"]}},
        "time": {"__extn": {"fn": "datetime", "arg": write_time(unix_time)}},
        "weekday": written.isoweekday(),
    }
