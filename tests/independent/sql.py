"""What SQL does at least: "SQL, read again" of policy.md."""

import re

from action import options, sources

_FUNCTIONS = set(
    "abs array_agg avg ceil coalesce concat count current_database current_user date_trunc extract floor format"
    " generate_series greatest json_agg jsonb_agg least left length lower max min now nullif rank replace right round"
    " row_number string_agg substring sum to_char trim upper version".split()
)
_STRUCTURE = set(
    "all and any array as between by case conflict cube date distinct else escape except exists explain filter from group"
    " having ilike in intersect interval join lateral like limit materialized not offset on or over returning rollup row"
    " select set sets some then time timestamp timestamptz to union using values when where zone".split()
)
_TYPES = set(
    "bigint bool boolean bytea character cidr date decimal double float float4 float8 inet int int2 int4 int8 integer"
    " interval json jsonb numeric real smallint text time timestamp timestamptz timetz uuid varchar".split()
)
_OPERATORS = set("+ - * / % ^ < > = <= >= <> != || ~ ~* !~ !~* -> ->> #> #>> @> <@ &&".split())
_READS = set("explain select show table values with".split())
_SESSIONS = set("abort begin commit end release rollback savepoint set start".split())
_CHANGES = set("delete insert merge update".split())
_DEFINES = set("alter create drop grant revoke truncate".split())
_NOT_READING = set("analyse analyze declare execute into share".split())
_ON_PEOPLE = set("alter create drop reassign reset set".split())
_PEOPLE = set(
    "authorization group owned owner policy privileges role security session_authorization user".split()
)
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_BEFORE = set("(,[") | _OPERATORS


def at_least(command):
    """The classes of what the command runs, and whether all rows of a table change."""
    classes, whole_table = set(), False
    if any(name in ("", "-d") and _steers(value) for name, value, _ in options(command["argv"])):
        classes.add("unknown")
    for source in sources(command):
        tokens = _tokens(source)
        if tokens is None:
            classes |= {"unknown"} | _named(re.findall(r"[a-z0-9_]+", _small(source)))
            continue
        while tokens:
            end = tokens.index(";") if ";" in tokens else len(tokens)
            statement, tokens = tokens[:end], tokens[end + 1 :]
            if statement:
                classes |= _classes(statement)
                whole_table |= _whole_table(statement)
    return classes, whole_table


def _small(text):
    """Only A to Z become small."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def _steers(connection):
    text = _small(connection)
    return ("=" in text or "://" in text) and any(sign in text for sign in ("%", "options", "service"))


# A comment is a blank; a string is `'`, a name in quotes `"`, a number `0`; all else stands for itself, in small letters.
_TOKEN = re.compile(
    r"(?P<blank>[ \t\n\v\f\r]|--[^\n\r]*(?=[\n\r]))"
    r"|(?P<text>'[^']*')|(?P<name>\"[^\"]*\")"
    r"|(?P<number>[0-9][0-9.]*)(?![A-Za-z_])"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>::|[()\[\],.;])"
    r"|(?P<operator>(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?])+)"
)
_STANDS_FOR = {"text": "'", "name": '"', "number": "0"}


def _tokens(source):
    """None where it is in doubt."""
    if "\\" in source or "\0" in source:
        return None
    tokens, at = [], 0
    while at < len(source):
        if source.startswith("/*", at):
            at = _behind_comment(source, at)
            if at is None:
                return None
            continue
        found = _TOKEN.match(source, at)
        # A shorter number is none: `1.5e3` is in doubt.
        if not found or (found["number"] and re.match("[0-9.]", source[found.end() : found.end() + 1])):
            return None
        if found["operator"] and found[0] not in _OPERATORS:
            return None
        if found.lastgroup != "blank":
            tokens.append(_STANDS_FOR.get(found.lastgroup, _small(found[0])))
        at = found.end()
    return tokens


def _behind_comment(source, at):
    depth = 0
    for found in re.finditer(r"/\*|\*/", source[at:]):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return at + found.end()
    return None


def _named(words):
    found = set(words)
    classes = {
        "delete": found & {"delete", "truncate"},
        "schema": found & {"alter", "create", "drop"},
        "permission": found & {"grant", "revoke"} or (words[:1] and words[0] in _ON_PEOPLE and found & _PEOPLE),
        "write": found & {"insert", "merge", "update"},
    }
    return {name for name, there in classes.items() if there}


def _classes(statement):
    words = [token for token in statement if _WORD.fullmatch(token)]
    first = words[0] if words else ""
    plain = all(_is_plain(statement, at) for at in range(len(statement)))
    classes = _named(words)
    if plain and first in _READS and not classes and not _NOT_READING & set(words):
        classes.add("read")
    if plain and first in _SESSIONS and '"' not in statement:
        classes.add("session")
    if not classes or not (first in _DEFINES or (plain and first in _READS | _SESSIONS | _CHANGES)):
        classes.add("unknown")
    return classes


def _is_plain(statement, at):
    token = statement[at]
    before = ["", "", *statement[:at]]
    if token == "(":
        if at == 0 or before[-1] in _BEFORE | {")"} or before[-2] == "::" or _names_a_table(statement[:at]):
            return True
        return before[-1] in _FUNCTIONS | _STRUCTURE and before[-2] != "."
    if token == "'":
        return before[-1] in _BEFORE | {"'"} or (before[-1] in _STRUCTURE and before[-2] != ".")
    if token == "::":
        behind = [*statement[at + 1 : at + 3], "", ""]
        return behind[0] in _TYPES and behind[1] != "."
    return True


def _names_a_table(tokens):
    """They end with `into` and a name."""
    while len(tokens) > 1 and (tokens[-1] == '"' or _WORD.fullmatch(tokens[-1])):
        if tokens[-2] == "into":
            return True
        if tokens[-2] != ".":
            return False
        tokens = tokens[:-2]
    return False


def _whole_table(statement):
    words = set(statement)
    begins = (
        token in ("delete", "update") and (at == 0 or statement[at - 1] in ("(", ")"))
        for at, token in enumerate(statement)
    )
    return "truncate" in words or ("where" not in words and any(begins))
