"""The content of a `payload` and a `context` part: action.md. A new action kind is a line in `PAYLOADS`."""

import hashlib

from common import (
    Wrong,
    array,
    digest,
    integer,
    one_of,
    parse_canonical,
    record,
    string,
    up_to,
)


def check_action(content, kind):
    """The bytes are a canonical action of the kind that the proposal names."""
    action = parse_canonical(content)
    shape = record({"kind": one_of(kind), "payload": PAYLOADS[kind], "target": _TARGET})
    shape(action)
    RULES[kind](action)


def check_context(content):
    record(
        {"intent": string, "on_behalf_of": string, "run": string},
        optional=("intent", "on_behalf_of", "run"),
    )(parse_canonical(content))


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
        "stdin": one_of("null", "inherited"),
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
        text = script["text"].encode()
        if (len(text), hashlib.sha256(text).hexdigest()) != (
            script["file"]["size"],
            script["file"]["sha256"],
        ):
            raise Wrong("the text of the script is not the file's content")


PAYLOADS = {"command": _COMMAND}
RULES = {"command": _command_rules}
