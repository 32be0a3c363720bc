"""What SQL does at least: "SQL, read again" of policy.md."""

import re

from action import options, sources

_FUNCTIONS = set(
    "abs array_agg avg ceil coalesce concat count current_database current_user date_trunc extract floor format"
    " generate_series greatest json_agg jsonb_agg least left length lower max min now nullif rank replace right"
    " round row_number string_agg substring sum to_char trim upper version".split()
)
_STRUCTURE = set(
    "all and any array as between by case conflict cube date distinct else escape except exists explain filter"
    " from group having ilike in intersect interval join lateral like limit materialized not offset on or over"
    " returning rollup row select set sets some then time timestamp timestamptz to union using values when where"
    " zone".split()
)
_TYPES = set(
    "bigint bool boolean bytea character cidr date decimal double float float4 float8 inet int int2 int4 int8"
    " integer interval json jsonb numeric real smallint text time timestamp timestamptz timetz uuid varchar".split()
)
_OPERATORS = set("+ - * / % ^ < > = <= >= <> != || ~ ~* !~ !~* -> ->> #> #>> @> <@ &&".split())
_READS = set("explain select show table values with".split())
_SESSIONS = set("abort begin commit end release rollback savepoint set start".split())
_CHANGES = set("delete insert merge update".split())
_DEFINES = set("alter create drop grant revoke truncate".split())
_BEFORE = set("(,[") | _OPERATORS
_NOT_READING = set("analyse analyze declare execute into share".split())
_ON_PEOPLE = set("alter create drop reassign reset set".split())
_PEOPLE = set(
    "authorization group owned owner policy privileges role security session_authorization user".split()
)
# Right behind these, `delete` and `update` change no rows by themselves: triggers, keys, locks, ON CONFLICT, names.
_NO_CHANGE_BEHIND = set(". do for key on or".split())
_HARMLESS_TO_SET = set(
    "application_name characteristics constraints idle_in_transaction_session_timeout lock_timeout"
    " maintenance_work_mem statement_timeout transaction work_mem".split()
)
_HARMLESS_SETTING = re.compile(
    "(application_name|connect_timeout|dbname|host|hostaddr|password|port|sslmode|sslrootcert|user)="
)


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
        for statement in _statements(tokens):
            classes |= _classes(statement)
            whole_table |= _whole_table(statement)
    return classes, whole_table


# -- Where it connects -----------------------------------------------------------------------------------


def _steers(connection):
    """Whether it may set more than where to connect, and as whom."""
    is_url = connection.startswith(("postgres://", "postgresql://"))
    if not is_url and "=" not in connection:
        return "://" in connection
    if any(sign in connection for sign in "%'\\"):
        return True
    settings = connection.partition("?")[2].split("&") if is_url else re.split("[ \t\n\v\f\r]", connection)
    return any(setting and not _HARMLESS_SETTING.match(setting) for setting in settings)


# -- Tokens ----------------------------------------------------------------------------------------------

# A comment is a blank. No part of a number is one: `1.5e3` is in doubt.
_TOKEN = re.compile(
    r"(?P<blank>[ \t\n\v\f\r]+|--[^\n\r]*(?=[\n\r]))"
    r"|(?P<text>'[^']*')|(?P<name>\"[^\"]*\")"
    r"|(?P<number>[0-9][0-9.]*(?![0-9.A-Za-z_]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>::|[()\[\],.;])"
    r"|(?P<operator>(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?])+)"
)
_COMMENT_ENDS = re.compile(r"/\*|\*/")
_CAPITALS = {ord(capital): capital.lower() for capital in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _small(text):
    """Only A to Z become small."""
    return text.translate(_CAPITALS)


def _tokens(source):
    """A string is `'`, a number `0`, a name in quotes `"` and the name; all else stands for itself. In small letters;
    None where it is in doubt."""
    if "\\" in source or "\0" in source:
        return None
    source, tokens, at = _small(source), [], 0
    while at < len(source):
        if source.startswith("/*", at):
            at = _behind_comment(source, at)
            if at is None:
                return None
            continue
        found = _TOKEN.match(source, at)
        if not found or (found["operator"] and found[0] not in _OPERATORS):
            return None
        at, kind = found.end(), found.lastgroup
        if kind == "name":
            tokens.append(found[0][:-1])
        elif kind != "blank":
            tokens.append({"text": "'", "number": "0"}.get(kind, found[0]))
    return tokens


def _behind_comment(source, at):
    depth = 0
    for found in _COMMENT_ENDS.finditer(source, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return None


def _statements(tokens):
    """Those that have a token."""
    statement = []
    for token in [*tokens, ";"]:
        if token != ";":
            statement.append(token)
        elif statement:
            yield statement
            statement = []


def _is_word(token):
    return token[0] in "abcdefghijklmnopqrstuvwxyz_"


def _is_name(token):
    return token[0] == '"' or _is_word(token)


# -- Statements ------------------------------------------------------------------------------------------


def _named(words, quoted=()):
    """The classes that words say, and names in quotes."""
    found = set(words)
    of_people = words[:1] and words[0] in _ON_PEOPLE and found & _PEOPLE
    of_catalog = found & (_CHANGES | {"truncate"}) and any(name.startswith("pg_") for name in (*words, *quoted))
    classes = {
        "delete": found & {"delete", "truncate"},
        "schema": found & {"alter", "create", "drop"},
        "permission": found & {"grant", "revoke"} or of_people or of_catalog,
        "write": found & {"insert", "merge", "update"},
    }
    return {name for name, there in classes.items() if there}


def _classes(statement):
    words = [token for token in statement if _is_word(token)]
    quoted = [token[1:] for token in statement if token[0] == '"']
    first = words[0] if words else ""
    plain = _is_plain(statement)
    classes = _named(words, quoted)
    if plain and first in _READS and not classes and not _NOT_READING & set(words):
        classes.add("read")
    if plain and first in _SESSIONS and not quoted:
        classes.add("session")
    if (
        not classes
        or not (first in _DEFINES or (plain and first in _READS | _SESSIONS | _CHANGES))
        or (first in _DEFINES and "select" in words and not plain)
        or _sets_another([token.removeprefix('"') for token in statement if _is_name(token)])
    ):
        classes.add("unknown")
    return classes


def _sets_another(names):
    """Whether it is a SET or RESET of a setting that is not harmless."""
    if names[:1] not in (["set"], ["reset"]):
        return False
    at = 2 if names[1:2] in (["local"], ["session"]) else 1
    return not _HARMLESS_TO_SET.intersection(names[at : at + 1])


def _is_plain(statement):
    """It calls nothing and converts to nothing that is not known only to compute."""
    before, last = "", ""  # the two tokens before this one
    to_come = named = False  # behind `into`: the next one belongs to its name, this one ended it
    for token in [*statement, ""]:
        known = last in _STRUCTURE and before != "."
        if token == "(":
            called = known or (last in _FUNCTIONS and before != ".")
            if not (called or last in _BEFORE | {"", ")"} or before == "::" or named):
                return False
        elif token == "'" and not (known or last in _BEFORE | {"'"}):
            return False
        if (last == "::" and token not in _TYPES) or (before == "::" and token == "."):
            return False
        to_come, named = (
            token == "into" or (token == "." and named),
            to_come and token != "" and _is_name(token),
        )
        before, last = last, token
    return True


def _whole_table(statement):
    words = [token for token in statement if _is_word(token)]
    if "truncate" in words:
        return True
    if words[:1] in (["grant"], ["revoke"]):
        return False
    waiting, last = [False], ""  # in each of the open brackets: whether a change has no condition yet
    for token in statement:
        if token in ("delete", "update") and last not in _NO_CHANGE_BEHIND:
            if waiting[-1]:
                return True
            waiting[-1] = True
        elif token == "where":
            waiting[-1] = False
        elif token == "(":
            waiting.append(False)
        elif token == ")" and len(waiting) > 1 and waiting.pop():
            return True
        last = token
    return any(waiting)
