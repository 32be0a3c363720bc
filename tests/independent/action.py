"""The content of a `payload` and a `context` part: action.md. A new action kind is a line in `PAYLOADS`."""

import hashlib
import re

from common import (
    Wrong,
    array,
    boolean,
    digest,
    exactly_one,
    integer,
    is_control,
    is_space,
    one_of,
    parse_canonical,
    parse_text,
    record,
    string,
    up_to,
)


def read_action(content):
    return parse_canonical(content, depth=MAX_DEPTH)


def check_action(content, kind):
    """The bytes are a canonical action of the kind that the proposal names."""
    action = read_action(content)
    shape = record({"kind": one_of(kind), "payload": PAYLOADS[kind], "target": _TARGET})
    shape(action)
    RULES[kind](action)


def check_context(content):
    record(
        {"intent": string, "on_behalf_of": string},
        optional=("intent", "on_behalf_of"),
    )(parse_canonical(content))


MAX_DEPTH = 32
_TARGET = record({"environment": string, "resource": string, "system": string})


def _absolute(value):
    string(value)
    if not value.startswith("/"):
        raise Wrong("not an absolute path")


MAX_U32 = 2**32 - 1
_POSITION = up_to(MAX_U32)
_FILE = record({"path": _absolute, "sha256": digest, "size": integer})


def _variable(value):
    record({"name": string, "value": string, "commit": digest}, optional=("value", "commit"))(value)
    if ("value" in value) == ("commit" in value):
        raise Wrong("a variable has not exactly one of `value` and `commit`")
    if not value["name"] or "=" in value["name"]:
        raise Wrong("a variable's name is empty or has `=`")
    if "\0" in value["name"] or "\0" in value.get("value", ""):
        raise Wrong("a variable holds NUL")


def _stdin(value):
    if isinstance(value, str):
        one_of("null", "inherited")(value)
    else:
        exactly_one({"bound": _BOUND_STDIN})(value)


_BOUND_STDIN = record({"sha256": digest, "size": integer, "text": string}, optional=("text",))

_COMMAND = record(
    {
        "argv": array(string),
        "cwd": _absolute,
        "env": array(_variable),
        "files": array(record({"argument": _POSITION, "file": _FILE})),
        "interpreter": record({"argument": string, "file": _FILE}, optional=("argument",)),
        "not_bound": array(string),
        "program": _FILE,
        "script": record({"argument": _POSITION, "file": _FILE, "text": string}, optional=("text",)),
        "stdin": _stdin,
        "uid": up_to(MAX_U32),
        "user": string,
    },
    optional=("interpreter", "script"),
)


def _command_rules(action):
    _rules_of_command(action["payload"])


def _rules_of_command(command):
    argv, names = command["argv"], [variable["name"] for variable in command["env"]]
    if not argv or any("\0" in argument for argument in argv):
        raise Wrong("`argv` is empty or holds NUL")
    if sorted(set(names), key=str.encode) != names:
        raise Wrong("`env` is not sorted, or has a name twice")
    script = command.get("script")
    for bound in command["files"] + ([script] if script else []):
        if bound["argument"] >= len(argv):
            raise Wrong("a file is bound to an argument that is not there")
    if "interpreter" in command and (
        script is None or script["argument"] != 0 or script["file"] != command["program"]
    ):
        raise Wrong("an interpreter without a program that is a script")
    if script is not None and "text" in script:
        _check_text(script["text"], script["file"])
    if command["stdin"] not in ("null", "inherited"):
        bound = command["stdin"]["bound"]
        if "text" in bound:
            _check_text(bound["text"], bound)


def _check_text(text, of):
    """The text is the content of what is bound by this size and SHA-256."""
    content = text.encode()
    if (len(content), hashlib.sha256(content).hexdigest()) != (of["size"], of["sha256"]):
        raise Wrong("a text is not the content that is bound")


# -- JSON of the proposer's own --------------------------------------------------------------------------


def _not_null(value):
    if value is None:
        raise Wrong("`null` for what is not there")


_CHANGE = record(
    {"after": _not_null, "before": _not_null, "operation": string}, optional=("after", "before")
)


def _change_rules(action):
    change = action["payload"]
    operation = change["operation"]
    if not 1 <= len(operation.encode()) <= 200:
        raise Wrong("`operation` has not 1 to 200 bytes")
    if all(map(is_space, operation)) or any(map(is_control, operation)):
        raise Wrong("`operation` is blank, or holds a control character")
    if "after" not in change and "before" not in change:
        raise Wrong("neither `before` nor `after` is there")


# -- A command and what can be said of it ----------------------------------------------------------------

MAX_JSON_TEXT = 262_144


def _json_text(value):
    string(value)
    if len(value.encode()) > MAX_JSON_TEXT:
        raise Wrong("a JSON text has more than 262,144 bytes")
    return parse_text(value.encode(), MAX_DEPTH)


def _json_object(value):
    if not isinstance(_json_text(value), dict) or not value.startswith("{"):
        raise Wrong("a JSON text is no object, or does not begin with `{`")


def _sorted_once(values):
    if sorted(set(values), key=str.encode) != values:
        raise Wrong("a list is not sorted, or has a member twice")


def _not_empty(value):
    if not value:
        raise Wrong("a list or a string is empty")


_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def _object_id(value):
    string(value)
    if not _OBJECT.fullmatch(value):
        raise Wrong("not an object id")


_COMMIT = record({"author": string, "id": _object_id, "subject": string})
_REF = record(
    {
        "commits": array(_COMMIT),
        "lost": integer,
        "more": integer,
        "name": string,
        "new": _object_id,
        "old": _object_id,
    },
    optional=("new", "old"),
)
_PUSH = record({"command": _COMMAND, "refs": array(_REF), "remote": string})


def _push_rules(action):
    push = action["payload"]
    _rules_of_command(push["command"])
    if not 1 <= len(push["refs"]) <= 100:
        raise Wrong("not 1 to 100 references")
    for ref in push["refs"]:
        if not ref["name"].startswith("refs/"):
            raise Wrong("a reference is not named in full")
        if "old" not in ref and "new" not in ref:
            raise Wrong("a reference goes from nothing to nothing")
        if len(ref["commits"]) > 200:
            raise Wrong("more than 200 commits are listed")
    names = [ref["name"] for ref in push["refs"]]
    if len(set(names)) != len(names) or any(":" in name for name in names):
        raise Wrong("a reference is named twice, or with `:`")
    _push_line(push["command"], push["remote"], push["refs"])


_HOW = {"--atomic", "--no-progress", "--no-verify", "--porcelain", "--progress", "--quiet", "--verbose"}


def file_name(path):
    return path.rpartition("/")[2]


def _named(command, *names):
    """The program has one of these names, as given and behind all links."""
    if not {file_name(command["argv"][0]), file_name(command["program"]["path"])} <= set(names):
        raise Wrong("the program has another name")


def _push_line(command, remote, refs):
    """`argv` moves these references there, and nothing else."""
    if any(variable["name"].startswith("GIT_") for variable in command["env"]):
        raise Wrong("a variable changes what git does")
    argv = command["argv"]
    _named(command, "git")
    start = ["-c", "push.pushOption=", "push"]
    at = next((at for at in range(1, len(argv)) if argv[at : at + 3] == start), None)
    if at is None:
        raise Wrong("no push in the command line")
    own = argv[1:at]
    while own:
        word = own.pop(0)
        if word == "-C" and own:
            own.pop(0)
        elif word not in ("--no-pager", "--literal-pathspecs") and not word.startswith(
            ("--git-dir=", "--work-tree=")
        ):
            raise Wrong("an option of git that a push does not take")
    rest = argv[at + 3 :]
    while rest and rest[0] in _HOW:
        rest.pop(0)
    leases = [f"--force-with-lease={ref['name']}:{ref.get('old', '')}" for ref in refs]
    moved = [f"{ref.get('new', '')}:{ref['name']}" for ref in refs]
    if rest != ["--no-follow-tags", "--no-recurse-submodules", *leases, "--", remote, *moved]:
        raise Wrong("the command line pushes something else")


STATEMENT_CLASSES = ("read", "session", "write", "delete", "schema", "permission", "unknown")
_STATEMENT = record(
    {
        "class": one_of(*STATEMENT_CLASSES),
        "plan": string,
        "tables": array(string),
        "text": string,
        "whole_table": boolean,
    },
    optional=("plan",),
)
_SQL = record(
    {"command": _COMMAND, "database": string, "statements": array(_STATEMENT)}, optional=("database",)
)


def _sql_rules(action):
    _rules_of_command(action["payload"]["command"])
    _not_empty(action["payload"]["statements"])
    for statement in action["payload"]["statements"]:
        _sorted_once(statement["tables"])
    statements = [statement["text"] for statement in action["payload"]["statements"]]
    _named(action["payload"]["command"], "psql")
    left = iter(statements)
    for source in sources(action["payload"]["command"]):
        at = _BLANKS.match(source).end()
        while at < len(source):
            statement = next(left, "")
            if not statement or not source.startswith(statement, at):
                raise Wrong("the statements are not the SQL that runs")
            at = _BLANKS.match(source, at + len(statement)).end()
    if next(left, None) is not None:
        raise Wrong("a statement that does not run")


_BLANKS = re.compile(r"[\t\n\v\f\r ;]*")
_FLAGS = {
    "-1": "--single-transaction",
    "-a": "--echo-all",
    "-A": "--no-align",
    "-b": "--echo-errors",
    "-e": "--echo-queries",
    "-H": "--html",
    "-n": "--no-readline",
    "-q": "--quiet",
    "-t": "--tuples-only",
    "-w": "--no-password",
    "-x": "--expanded",
    "-X": "--no-psqlrc",
    "": "--csv",
}
_VALUED = {
    "--command": "-c",
    "--dbname": "-d",
    "--file": "-f",
    "--field-separator": "-F",
    "--host": "-h",
    "--port": "-p",
    "--pset": "-P",
    "--username": "-U",
    "--set": "-v",
}


def options(argv):
    """What `psql` is given: `(letter, value, position of the value)`. A word that is no option has no letter, and `-X`
    has no value."""
    at = 1
    while at < len(argv):
        word = argv[at]
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            value = value if equals else None
        elif word.startswith("-"):
            name, value = word[:2], word[2:] or None
        else:
            yield "", word, at
            at += 1
            continue
        if value is None and (name in _FLAGS or name in _FLAGS.values()):
            if name in ("-X", "--no-psqlrc"):
                yield "-X", None, at
            at += 1
            continue
        name = _VALUED.get(name, name)
        if name not in _VALUED.values():
            raise Wrong("an option of `psql` that is not known")
        if value is None:
            at += 1
            if at == len(argv):
                raise Wrong("an option of `psql` without its value")
            value = argv[at]
        yield name, value, at
        at += 1


def sources(command):
    """The texts of SQL that a command line of `psql` runs."""
    texts, files = [], []
    given = list(options(command["argv"]))
    if all(name != "-X" for name, _, _ in given):
        raise Wrong("`psql` reads its start-up file")
    for name, value, at in given:
        if name == "-c":
            texts.append(value)
        elif name == "-f":
            files.append((value, at))
        elif name == "-v" and value != "ON_ERROR_STOP=1":
            raise Wrong("a variable of `psql`")
    script = command.get("script", {"argument": 0})
    script = None if script["argument"] == 0 else script
    if len(files) > 1 or (texts and (files or script)):
        raise Wrong("more than one source of SQL")
    if texts:
        return texts
    if script:
        source = script
        if not files or files[0][1] != script["argument"]:
            raise Wrong("a script that is not the file of SQL")
    elif command["stdin"] not in ("null", "inherited") and all(value == "-" for value, _ in files):
        source = command["stdin"]["bound"]
    else:
        raise Wrong("no SQL that is bound")
    if "text" not in source:
        raise Wrong("the SQL has no text")
    return [source["text"]]


_RESOURCE = record(
    {
        "actions": array(string),
        "address": string,
        "after": _json_text,
        "before": _json_text,
        "unknown": _json_text,
    },
    optional=("after", "before", "unknown"),
)
_OUTPUT = record(
    {"actions": array(string), "after": _json_text, "before": _json_text, "name": string},
    optional=("after", "before"),
)
_PLAN = record(
    {"changes": array(_RESOURCE), "command": _COMMAND, "outputs": array(_OUTPUT), "version": string}
)


def _plan_rules(action):
    plan = action["payload"]
    _rules_of_command(plan["command"])
    for change in plan["changes"] + plan["outputs"]:
        _not_empty(change["actions"])
    _plan_line(plan["command"])


_APPLY = re.compile(r"--?(compact-warnings|input|lock|lock-timeout|no-color|parallelism)(=.*)?", re.DOTALL)


def _plan_line(command):
    """`argv` applies a saved plan that is bound."""
    _named(command, "terraform", "tofu")
    if any(variable["name"].startswith("TF_CLI_ARGS") for variable in command["env"]):
        raise Wrong("a variable adds arguments")
    words = command["argv"][1:]
    if words and words[0].startswith("-chdir="):
        words.pop(0)
    if len(words) < 2 or words[0] != "apply" or words[-1].startswith("-"):
        raise Wrong("it applies no saved plan")
    if not all(map(_APPLY.fullmatch, words[1:-1])):
        raise Wrong("an option that is not known")
    last = len(command["argv"]) - 1
    if all(bound["argument"] != last for bound in command["files"]):
        raise Wrong("the plan is not bound")


# -- A file, a tool ---------------------------------------------------------------------------------------

_MODE = re.compile(r"[0-7]{4}")


def _mode(value):
    string(value)
    if not _MODE.fullmatch(value):
        raise Wrong("a mode is not four octal digits")


_STATE = record({"mode": _mode, "sha256": digest, "size": integer, "text": string}, optional=("text",))
_FILE_CHANGE = record(
    {"after": _STATE, "before": _STATE, "path": _absolute, "uid": up_to(MAX_U32), "user": string},
    optional=("before",),
)


def _file_rules(action):
    change = action["payload"]
    if "\0" in change["path"]:
        raise Wrong("`path` holds NUL")
    for state in (change["after"], change.get("before", {})):
        if "text" in state:
            _check_text(state["text"], state)


_SECRET = record({"commit": digest, "pointer": string})
_CALL = record(
    {
        "arguments": _json_object,
        "definition": _json_object,
        "secrets": array(_SECRET),
        "server": string,
        "tool": string,
    }
)


def _call_rules(action):
    call = action["payload"]
    _not_empty(call["tool"])
    if len(call["secrets"]) > 100:
        raise Wrong("more than 100 secrets")
    _sorted_once([secret["pointer"] for secret in call["secrets"]])
    arguments = _json_text(call["arguments"])
    for secret in call["secrets"]:
        if _at(arguments, secret["pointer"]) != "(bound, not shown)":
            raise Wrong("a secret's pointer leads to something that is shown")


def _at(value, pointer):
    """What a JSON pointer (RFC 6901) leads to."""
    if pointer == "":
        return value
    if not pointer.startswith("/"):
        return None
    for token in pointer[1:].split("/"):
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,9}", token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    return value


PAYLOADS = {
    "command": _COMMAND,
    "file.change": _FILE_CHANGE,
    "git.push": _PUSH,
    "json": _CHANGE,
    "mcp.tool_call": _CALL,
    "sql": _SQL,
    "terraform.plan": _PLAN,
}
RULES = {
    "command": _command_rules,
    "file.change": _file_rules,
    "git.push": _push_rules,
    "json": _change_rules,
    "mcp.tool_call": _call_rules,
    "sql": _sql_rules,
    "terraform.plan": _plan_rules,
}
