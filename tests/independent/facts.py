"""What can be told of an action, and the form of an `inputs` part: "Inputs" and "Facts" of policy.md."""

import re

from action import PAYLOADS, STATEMENT_CLASSES, file_name
from common import Wrong, array, boolean, integer, one_of, record, string, time, write_time
from entries import agent_id, reviewer_id, run
from sql import at_least

HOUR_MS = 3_600_000


# -- Form ------------------------------------------------------------------------------------------------


def _set_of(member, key=str.encode):
    def check(value):
        array(member)(value)
        if sorted(set(value), key=key) != value:
            raise Wrong("a set is not sorted, or has a member twice")

    return check


_SET = _set_of(string)
_FACTS = {
    "command": record(
        {
            "args": _SET,
            "cwd": string,
            "env": _SET,
            "line": string,
            "name": string,
            "program": string,
            "root": boolean,
            "user": string,
        }
    ),
    "effects": _set_of(one_of("destructive", "permission", "read", "unknown", "write")),
    "file": record({"creates": boolean, "path": string, "root": boolean, "user": string}),
    "git": record({"deletes": boolean, "refs": _SET, "remote": string, "rewrites": boolean}),
    "json": record({"operation": string, "removes": boolean}),
    "sql": record(
        {
            "classes": _set_of(one_of(*STATEMENT_CLASSES), STATEMENT_CLASSES.index),
            "database": string,
            "tables": _SET,
            "whole_table": boolean,
        },
        ("database",),
    ),
    "terraform": record(
        {
            "addresses": _SET,
            "creates": integer,
            "deletes": integer,
            "replaces": integer,
            "types": _SET,
            "updates": integer,
        }
    ),
    "tool": record({"server": string, "tool": string}),
}
_PERSON = record(
    {
        "groups": array(string),
        "id": reviewer_id,
        "identity": string,
        "name": string,
        "roles": array(one_of("administrator", "reviewer")),
    }
)
check_inputs = record(
    {
        "agent": record({"id": agent_id, "name": string, "owner": _PERSON}),
        "facts": record(_FACTS, [name for name in _FACTS if name != "effects"]),
        "first_of_kind": boolean,
        "kind": one_of(*PAYLOADS),
        "last_hour": integer,
        "last_hour_of_kind": integer,
        "quorum": integer,
        "run": run,
        "target": record({"environment": string, "resource": string, "system": string}),
        "time": time,
        "wait_s": integer,
    },
    ("run", "wait_s"),
)


# -- What the log says -----------------------------------------------------------------------------------


def person_of(people, reviewer):
    """A person by their record."""
    person = people.persons[reviewer]
    return {
        "groups": person.groups,
        "id": reviewer,
        "identity": person.identity,
        "name": person.name,
        "roles": person.roles,
    }


def known(replay, entry):
    """The inputs of a proposal that is about to be applied, but for what its payload and its proposer say."""
    data, agent = entry.data, replay.agents[entry.data["agent"]]
    kind = data["action_kind"]
    recent = [of for at, of in agent.proposals if entry.time - at < HOUR_MS]
    inputs = {
        "agent": {"id": data["agent"], "name": agent.name, "owner": person_of(replay.people, agent.owner)},
        "first_of_kind": all(of != kind for _, of in agent.proposals),
        "kind": kind,
        "last_hour": len(recent),
        "last_hour_of_kind": recent.count(kind),
        "quorum": replay.people.rules.quorum,
        "time": write_time(entry.time),
    }
    return {**inputs, **{name: data[name] for name in ("run",) if name in data}}


# -- What the payload says -------------------------------------------------------------------------------


def facts_of(action):
    kind, payload = action["kind"], action["payload"]
    name, tell = _TELL[kind]
    told, effects = tell(payload)
    facts = {"effects": sorted(effects)}
    if name is not None:
        facts[name] = told
    command = payload if kind == "command" else payload.get("command")
    if kind in _OF_COMMANDS:
        facts["command"] = _command(command)
    return facts


def _sorted(texts):
    return sorted(set(texts), key=str.encode)


def _command(command):
    argv = command["argv"]
    return {
        "args": _sorted(argv),
        "cwd": command["cwd"],
        "env": _sorted(name for name in _variables(command) if name not in _USUAL),
        "line": " ".join(argv),
        "name": file_name(argv[0]),
        "program": command["program"]["path"],
        "root": command["uid"] == 0,
        "user": command["user"],
    }


_USUAL = {"HOME", "LANG", "PATH", "TERM", "TZ", "USER"}
# Where `psql` connects, and as whom.
_HARMLESS = _USUAL | {
    *("PGAPPNAME", "PGCONNECT_TIMEOUT", "PGDATABASE", "PGHOST", "PGHOSTADDR", "PGPASSWORD"),
    *("PGPORT", "PGSSLMODE", "PGSSLROOTCERT", "PGUSER"),
}


def _variables(command):
    return {variable["name"] for variable in command["env"]}


def _nothing(command):
    return None, {"unknown"}


def _file(change):
    told = {name: change[name] for name in ("path", "user")}
    return {**told, "creates": "before" not in change, "root": change["uid"] == 0}, {"write"}


def _push(push):
    deletes = any("new" not in ref for ref in push["refs"])
    rewrites = any(ref["lost"] > 0 for ref in push["refs"])
    told = {
        "deletes": deletes,
        "refs": _sorted(ref["name"] for ref in push["refs"]),
        "remote": push["remote"],
        "rewrites": rewrites,
    }
    return told, {"write", "destructive"} if deletes or rewrites else {"write"}


def _json(change):
    return {"operation": change["operation"], "removes": "after" not in change}, {"unknown"}


_EFFECT_OF_CLASS = {
    "read": "read",
    "session": "write",
    "write": "write",
    "delete": "destructive",
    "schema": "destructive",
    "permission": "permission",
    "unknown": "unknown",
}


def _sql(sql):
    statements = sql["statements"]
    classes, whole_table = at_least(sql["command"])
    classes |= {statement["class"] for statement in statements}
    whole_table |= any(statement["whole_table"] for statement in statements)
    told = {
        "classes": sorted(classes, key=STATEMENT_CLASSES.index),
        "tables": _sorted(table for statement in statements for table in statement["tables"]),
        "whole_table": whole_table,
    }
    if "database" in sql:
        told["database"] = sql["database"]
    effects = {_EFFECT_OF_CLASS[one] for one in classes}
    if "read" in effects and not _variables(sql["command"]) <= _HARMLESS:
        effects = effects - {"read"} | {"unknown"}
    return told, effects | ({"destructive"} if whole_table else set())


def _plan(plan):
    does = [_does(set(change["actions"])) for change in plan["changes"]]
    addresses = [change["address"] for change in plan["changes"]]
    told = {name: does.count(name) for name in ("creates", "deletes", "replaces", "updates")}
    told["addresses"] = _sorted(addresses)
    told["types"] = _sorted(map(_type_of, addresses))
    actions = {action for change in plan["changes"] for action in change["actions"]}
    effects = {"write"} if plan["outputs"] or actions & (_PLANNED - {"no-op"}) else {"unknown"}
    if not actions <= _PLANNED:
        effects.add("unknown")
    if told["deletes"] or told["replaces"]:
        effects.add("destructive")
    return told, effects


_PLANNED = {"create", "delete", "forget", "import", "move", "no-op", "update"}


def _does(actions):
    if actions & {"delete", "forget"}:
        return "replaces" if "create" in actions else "deletes"
    if "create" in actions:
        return "creates"
    return "updates" if "update" in actions else None


# In the address of a resource: what stands in quotes, and any other character.
_PIECES = re.compile(r'"(?:\\.|[^"\\])*"?|.', re.DOTALL)


def _type_of(address):
    """The word before the last full stop that stands outside of brackets and quotes."""
    words, depth = [""], 0
    for piece in _PIECES.findall(address):
        if piece == "." and depth == 0:
            words.append("")
            continue
        depth = max(depth + {"[": 1, "]": -1}.get(piece, 0), 0)
        words[-1] += piece
    return words[-2] if len(words) > 1 else words[0]


def _call(call):
    return {"server": call["server"], "tool": call["tool"]}, {"unknown"}


_OF_COMMANDS = ("command", "git.push", "sql", "terraform.plan")
_TELL = {
    "command": (None, _nothing),
    "file.change": ("file", _file),
    "git.push": ("git", _push),
    "json": ("json", _json),
    "mcp.tool_call": ("tool", _call),
    "sql": ("sql", _sql),
    "terraform.plan": ("terraform", _plan),
}
