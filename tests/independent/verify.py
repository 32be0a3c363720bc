"""An offline verifier of exports, written from docs/spec alone: python verify.py [--trust FILE] EXPORT

It shares no line with the Rust verifier; agree.py compares the two. Exit codes are those of export.md.
"""

import argparse
import sys
from dataclasses import dataclass

from action import check_action, check_context
from common import (
    Unknown,
    Wrong,
    array,
    blob,
    digest,
    integer,
    one_of,
    parse_canonical,
    read_base64url,
    read_digest,
    record,
    string,
)
from entries import VERSION, read_entry
from lifecycle import Replay
from tree import Tree, commit, leaf_hash, open_checkpoint, sha256

VERIFIED, VIOLATED, USAGE, UNANCHORED, UPGRADE = 0, 1, 2, 3, 4
WORDS = {
    VERIFIED: "verified",
    VIOLATED: "violated",
    UNANCHORED: "internally consistent, anchored by nobody",
    UPGRADE: "upgrade needed",
}

MAX_HEADER = 786_944
MAX_LEAF = 65_535
MAX_PART = 1_399_124
MAX_TRAILER = 128
MAX_TRUST = 65_536


@dataclass
class Verdict:
    """How a verification ended: exit code, check that failed, entry that failed it, and why."""

    code: int
    check: str | None = None
    entry: int | None = None
    why: str | None = None

    def __str__(self):
        words = WORDS[self.code]
        if self.why is None:
            return words
        place = self.check if self.entry is None else f"{self.check}, entry {self.entry}"
        return f"{words}: {place}: {self.why}"


_TRUST = record(
    {
        "log": digest,
        "type": one_of("vidimus-trust"),
        "v": integer,
        "witness_quorum": integer,
        "witnesses": array(string),
    }
)


class Trust:
    """A trust file."""

    def __init__(self, data):
        data = data.removesuffix(b"\n")
        if len(data) > MAX_TRUST:
            raise Wrong("too long")
        trust = parse_canonical(data)
        _TRUST(trust)
        if trust["v"] != VERSION or trust["witness_quorum"] or trust["witnesses"]:
            raise Wrong("it asks for what this version cannot check")
        self.log = read_digest(trust["log"])


def verify(data, trust=None):
    """The verdict on the bytes of an export. Reads it from top to bottom and ends at the first wrong thing."""
    check = "file"
    try:
        lines = Lines(data)
        header = _header(lines)
        check = "entries"
        replay, entries, unknown, tree = _replay(lines, header["size"])
        check = "file"
        if tree.first.hex() != header["log"]:
            raise Wrong("the header names another log")
        check = "checkpoint"
        _checkpoint(header, replay, tree)
        check = "parts"
        _parts(lines, header["parts"], entries, unknown)
        check = "file"
        _trailer(lines)
        check = "anchor"
        if trust is not None and tree.first != trust.log:
            raise Wrong("the trust file names another log", 0)
    except BadLine as error:
        return Verdict(VIOLATED, "file", None, error.why)
    except Wrong as error:
        return Verdict(VIOLATED, check, error.entry, error.why)
    except Unknown as error:
        return Verdict(UPGRADE, "file", None, str(error))
    if unknown is not None:
        return Verdict(UPGRADE, "entries", unknown, "of an unknown version or kind")
    return Verdict(UNANCHORED if trust is None else VERIFIED)


# -- File ------------------------------------------------------------------------------------------------


_HEADER = record(
    {
        "checkpoint": string,
        "log": digest,
        "parts": integer,
        "size": integer,
        "type": one_of("vidimus-export"),
        "v": integer,
    }
)
_PART_LINE = record(
    {"bytes": blob, "index": integer, "name": string, "salt": digest, "type": string}
)
_TRAILER = record({"sha256": digest})


class BadLine(Wrong):
    """A line that is no line of an export, whatever it should say."""


class Lines:
    """The lines of a file, one after the other."""

    def __init__(self, data):
        self._data = data
        self.at = 0

    def next(self, most):
        """The next line, without its line feed."""
        end = self._data.find(b"\n", self.at)
        if end < 0 or end - self.at > most:
            raise BadLine("a line is missing, has no end or is too long")
        line, self.at = self._data[self.at : end], end + 1
        return line

    def before(self, line):
        """Every byte before the line that was just read."""
        return self._data[: self.at - len(line) - 1]

    def left(self):
        return len(self._data) - self.at


def _read(line, shape):
    try:
        value = parse_canonical(line)
        shape(value)
    except Wrong as error:
        raise BadLine(error.why) from error
    return value


def _header(lines):
    header = _read(lines.next(MAX_HEADER), lambda value: None)
    if isinstance(header, dict) and header.get("type") == "vidimus-export":
        integer(header.get("v"))
        if header["v"] != VERSION:
            raise Unknown(f"format version {header['v']}")
    _HEADER(header)
    if header["size"] < 1:
        raise Wrong("it holds no entry")
    return header


def _trailer(lines):
    line = lines.next(MAX_TRAILER)
    if sha256(lines.before(line)).hex() != _read(line, _TRAILER)["sha256"]:
        raise Wrong("the digest is another: the file is damaged")
    if lines.left():
        raise Wrong("something follows the trailer")


# -- Entries ---------------------------------------------------------------------------------------------


def _replay(lines, size):
    """Judges the entries up to the first that is unknown; hashes all."""
    replay, tree, entries, unknown = Replay(), Tree(), [], None
    for index in range(size):
        leaf = lines.next(MAX_LEAF)
        try:
            if unknown is None:
                entry = read_entry(leaf, index)
                replay.apply(entry, tree.roots)
                entries.append(entry)
        except Wrong as error:
            raise Wrong(error.why, index) from error
        except Unknown:
            unknown = index
        tree.append(leaf_hash(leaf))
    return replay, entries, unknown, tree


def _checkpoint(header, replay, tree):
    if replay.opened is None:
        return
    size, root = open_checkpoint(
        header["checkpoint"], replay.log_key, replay.opened.data["origin"]
    )
    if size != tree.size or root != tree.roots[-1]:
        raise Wrong("it is not over these entries")


# -- Parts -----------------------------------------------------------------------------------------------


def _parts(lines, count, entries, unknown):
    """Each part that an entry commits to is there, in order, and no other. Those of entries that are not
    judged are not looked at."""
    wanted = [(entry, part) for entry in entries for part in entry.parts]
    wanted.reverse()
    for _ in range(count):
        part = _read(lines.next(MAX_PART), _PART_LINE)
        if unknown is not None and part["index"] >= unknown:
            continue
        place = (part["index"], part["name"].encode())
        next_place = _place(wanted[-1]) if wanted else None
        if next_place is None or place < next_place:
            raise Wrong(f"`{part['name']}` belongs to no entry here", part["index"])
        if place > next_place:
            break
        entry, committed = wanted.pop()
        try:
            _part(entry, committed, part)
        except Wrong as error:
            raise Wrong(error.why, entry.index) from error
    if wanted:
        entry, committed = wanted[-1]
        raise Wrong(f"`{committed['name']}` is missing", entry.index)


def _place(wanted):
    entry, part = wanted
    return entry.index, part["name"].encode()


def _part(entry, wanted, part):
    content = read_base64url(part["bytes"])
    if len(content) != wanted["size"] or part["type"] != wanted["type"]:
        raise Wrong(f"`{wanted['name']}` is of another size or type")
    if commit(read_digest(part["salt"]), part["type"], content).hex() != wanted["commit"]:
        raise Wrong(f"`{wanted['name']}` is not what the entry commits to")
    judge = CONTENTS.get(wanted["name"])
    if judge is not None:
        judge(content, entry)


def _utf8(content, entry):
    try:
        content.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Wrong("the reason is not UTF-8") from error


# What the content of a part must be, by its name.
CONTENTS = {
    "payload": lambda content, entry: check_action(content, entry.data["action_kind"]),
    "context": lambda content, entry: check_context(content),
    "reason": _utf8,
}


def main():
    parser = argparse.ArgumentParser(description="Check an export of a Vidimus ledger")
    parser.add_argument("--trust", metavar="FILE", help="the trust file that the ledger must chain to")
    parser.add_argument("export", metavar="EXPORT")
    arguments = parser.parse_args()
    try:
        trust = None
        if arguments.trust is not None:
            with open(arguments.trust, "rb") as file:
                trust = Trust(file.read(MAX_TRUST + 2))
        with open(arguments.export, "rb") as file:
            data = file.read()
    except OSError as error:
        parser.exit(USAGE, f"cannot read: {error}\n")
    except Wrong as error:
        parser.exit(USAGE, f"not a trust file: {error.why}\n")
    verdict = verify(data, trust)
    print(verdict)
    sys.exit(verdict.code)


if __name__ == "__main__":
    main()
