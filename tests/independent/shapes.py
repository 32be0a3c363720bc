"""What the shape of a standing grant covers: "Shape" of grants.md."""

import copy
import re

from common import Wrong, array, canonical, exactly_one, integer, is_sorted, parse, parse_canonical, record, string

MAX_PLACES = 16
MAX_CHOICES = 64
MAX_WORD = 64

_POINTER = re.compile(r"(/([^/~]|~[01])*)*", re.DOTALL)
_POSITION = re.compile(r"0|[1-9][0-9]{0,9}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Where an action of each kind may differ at all.
_MAY_BE_FREE = {
    "command": re.compile(r"/payload/argv/[1-9][0-9]*"),
    "json": re.compile(r"/payload/(after|before)/.*", re.DOTALL),
    "mcp.tool_call": re.compile(r"/payload/arguments/.*", re.DOTALL),
}
_MAY = exactly_one({"one_of": array(string), "word": integer})
_SHAPE = record({"free": array(record({"at": string, "may": _MAY}))})


class Shape:
    """The content of a `shape` part."""

    def __init__(self, content):
        shape = parse_canonical(content)
        _SHAPE(shape)
        self.free = {place["at"]: place["may"] for place in shape["free"]}
        places = [place["at"] for place in shape["free"]]
        if len(places) > MAX_PLACES or not is_sorted(places):
            raise Wrong("the places are not at most 16, sorted, each once")
        for may in self.free.values():
            if "word" in may and not 1 <= may["word"] <= MAX_WORD:
                raise Wrong("a word is not of at most 1 to 64 bytes")
            if "one_of" in may and not (1 <= len(may["one_of"]) <= MAX_CHOICES and is_sorted(may["one_of"])):
                raise Wrong("not 1 to 64 strings, sorted, each once")

    def check_fits(self, action):
        """It fits the action that its grant is over."""
        if _binds_secret(action):
            raise Wrong("the action binds a secret")
        if not all(map(_POINTER.fullmatch, self.free)):
            raise Wrong("a place is no JSON pointer")
        allowed = _MAY_BE_FREE.get(action["kind"])
        bound = _bound_arguments(action)
        if any(allowed is None or not allowed.fullmatch(at) or at in bound for at in self.free):
            raise Wrong("a place that may not be free")
        value = self._value(action)
        for at in self.free:
            _find(value, at)

    def check_covers(self, like, action):
        """It covers an action, being that of a grant over another, `like`, that it fits."""
        wanted, value = self._value(like), copy.deepcopy(self._value(action))
        for at, may in self.free.items():
            around, key = _find(wanted, at)
            there, own = _find(value, at)
            if there[own] != around[key] and not _may_stand(may, there[own]):
                raise Wrong(f"at `{at}` stands what the grant does not allow")
            there[own] = around[key]
        # As bytes: to Python `true` is 1.
        if canonical(value) != canonical(wanted):
            raise Wrong("it differs where the grant does not allow it")

    def _value(self, action):
        """The value of an action, as places lead into it."""
        if not self.free or action["kind"] != "mcp.tool_call":
            return action
        payload = action["payload"]
        return {**action, "payload": {**payload, "arguments": parse(payload["arguments"].encode())}}


def _binds_secret(action):
    payload = action["payload"]
    command = payload if action["kind"] == "command" else payload.get("command", {})
    return bool(payload.get("secrets")) or any("commit" in variable for variable in command.get("env", []))


def _bound_arguments(action):
    """Where the arguments stand that name a script or a file whose content is bound."""
    if action["kind"] != "command":
        return set()
    command = action["payload"]
    files = [*command["files"], *([command["script"]] if "script" in command else [])]
    return {f"/payload/argv/{file['argument']}" for file in files}


def _may_stand(may, text):
    if "one_of" in may:
        return text in may["one_of"]
    return len(text) <= may["word"] and _WORD.fullmatch(text) is not None


def _find(value, pointer):
    """The string that a JSON pointer (RFC 6901) leads to, as what holds it and the key or position there."""
    around = key = None
    for token in pointer.split("/")[1:]:
        around, key = value, token.replace("~1", "/").replace("~0", "~")
        if isinstance(around, list) and _POSITION.fullmatch(key):
            key = int(key)
            there = key < len(around)
        else:
            there = isinstance(around, dict) and key in around
        if not there:
            raise Wrong(f"`{pointer}` leads nowhere")
        value = around[key]
    if not isinstance(value, str):
        raise Wrong(f"`{pointer}` leads to no string")
    return around, key
