"""The content of a `payload` and a `context` part: action.md. A new action kind is a line in `PAYLOADS`."""

import hashlib

from common import (
    Wrong,
    array,
    digest,
    exactly_one,
    integer,
    is_control,
    is_space,
    one_of,
    parse_canonical,
    record,
    string,
    up_to,
)


def check_action(content, kind):
    """The bytes are a canonical action of the kind that the proposal names."""
    action = parse_canonical(content, depth=MAX_DEPTH)
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
    command = action["payload"]
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


PAYLOADS = {"command": _COMMAND, "json": _CHANGE}
RULES = {"command": _command_rules, "json": _change_rules}
