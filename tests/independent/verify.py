"""An offline verifier of exports, written from docs/spec alone: python verify.py [--trust FILE] [--at-least FILE]
EXPORT

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
    parse,
    parse_canonical,
    read_base64url,
    read_digest,
    record,
    string,
)
from entries import VERSION, read_entry
from evaluations import Evaluations, Misjudged
from lifecycle import Replay
from tree import Tree, commit, leaf_hash, read_checkpoint, sha256

VERIFIED, VIOLATED, USAGE, UNANCHORED, UPGRADE = 0, 1, 2, 3, 4
WORDS = {
    VERIFIED: "verified",
    VIOLATED: "violated",
    UNANCHORED: "internally consistent, anchored by nobody",
    UPGRADE: "upgrade needed",
}
CHANGED, AS_SIGNED, UNPROVEN = "changed", "as_signed", "unproven"

MAX_HEADER = 786_944
MAX_HASH = 66
MAX_LEAF = 65_535
MAX_PART = 1_399_124
MAX_TRAILER = 128
MAX_TRUST = 65_536


@dataclass
class Verdict:
    """How a verification ended, and the first thing that is wrong: which check found it, in which section, at
    which entry and part, and what is known of the bytes there."""

    code: int
    check: str | None = None
    section: str | None = None
    entry: int | None = None
    part: str | None = None
    bytes: str | None = None
    why: str | None = None

    def place(self):
        return self.check, self.section, self.entry, self.part, self.bytes

    def __str__(self):
        words = WORDS[self.code]
        if self.why is None:
            return words
        named = (self.section, self.entry, self.part, self.bytes)
        return f"{words}: {', '.join(str(name) for name in named if name is not None)}: {self.why}"


class Found(Exception):
    """What is wrong, and where."""

    def __init__(self, why, check, section, known, entry=None, part=None):
        super().__init__(why)
        self.verdict = Verdict(VIOLATED, check, section, entry, part, known, str(why))


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


class AtLeast:
    """An earlier checkpoint: a signed note, or an earlier export, of which only the header is read."""

    def __init__(self, data):
        line = data.partition(b"\n")[0]
        if line.lstrip(b" \t\r").startswith(b"{") and len(line) <= MAX_HEADER:
            # Only the note counts, and it is signed: the line around it need not be canonical.
            header = parse(line)
            _HEADER(header)
            note = header["checkpoint"]
        else:
            try:
                note = data.decode("utf-8", "strict")
            except UnicodeDecodeError as error:
                raise Wrong("not UTF-8") from error
        self.checkpoint = read_checkpoint(note)


def verify(data, trust=None, at_least=None):
    """The verdict on the bytes of an export. Reads it from top to bottom and ends at the first wrong thing."""
    try:
        export = Export(Lines(data), trust)
        export.check_size()
        export.read_hashes()
        export.read_leaves()
        export.check_checkpoint()
        export.read_parts()
        export.read_trailer()
        if trust is not None and export.tree.first != trust.log:
            raise Found("the trust file names another log", "anchor", "trust", UNPROVEN)
        if at_least is not None:
            export.check_at_least(at_least.checkpoint)
    except Found as found:
        return found.verdict
    except Unknown as error:
        return Verdict(UPGRADE, why=str(error))
    if export.unknown is not None:
        return Verdict(UPGRADE, entry=export.unknown, why="of an unknown version or kind")
    return Verdict(UNANCHORED if trust is None else VERIFIED)


# -- Lines -----------------------------------------------------------------------------------------------


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


class Lines:
    """The lines of a file, one after the other."""

    def __init__(self, data):
        self._data = data
        self.at = 0

    def next(self, most):
        """The next line, without its line feed."""
        end = self._data.find(b"\n", self.at)
        if end < 0 or end - self.at > most:
            raise Wrong("a line is missing, has no end or is too long")
        line, self.at = self._data[self.at : end], end + 1
        return line

    def ahead(self):
        """The same lines, to look ahead."""
        lines = Lines(self._data)
        lines.at = self.at
        return lines

    def begins_with(self, text):
        return self._data.startswith(text, self.at)

    def before(self, line):
        """Every byte before the line that was just read."""
        return self._data[: self.at - len(line) - 1]

    def left(self):
        return len(self._data) - self.at


def _read(line, shape):
    value = parse_canonical(line)
    shape(value)
    return value


def _header(line):
    header = parse_canonical(line)
    if isinstance(header, dict) and header.get("type") == "vidimus-export":
        integer(header.get("v"))
        if header["v"] != VERSION:
            raise Unknown(f"format version {header['v']}")
    _HEADER(header)
    return header


class LogKey:
    """The key and the origin that a first leaf names, if it keeps every rule."""

    def __init__(self, leaf):
        entry, replay = read_entry(leaf, 0), Replay()
        replay.apply(entry, Tree().roots)
        self.key = replay.log_key
        self.origin = entry.data["origin"]

    @classmethod
    def of(cls, leaf):
        """None when the leaf names no key."""
        try:
            return cls(leaf)
        except (Wrong, Unknown):
            return None

    def signed(self, checkpoint):
        if checkpoint is None or checkpoint.origin != self.origin:
            return False
        try:
            checkpoint.check_signatures(self.key)
        except Wrong:
            return False
        return True


# -- From top to bottom ----------------------------------------------------------------------------------


class Export:
    """An export that is being read."""

    def __init__(self, lines, trust):
        self.lines = lines
        self.trust = trust
        try:
            self.header = _header(lines.next(MAX_HEADER))
        except Wrong as error:
            raise Found(error, "file", "header", CHANGED) from error
        try:
            self.checkpoint = read_checkpoint(self.header["checkpoint"])
        except Wrong:
            self.checkpoint = None
        self.hashes = []
        self.tree = Tree()
        self.log_key = None
        self.entries = []
        self.replay = Replay()
        self.unknown = None

    def check_size(self):
        """The header's size is the checkpoint's; when it is not, the first leaf's key says which one is right."""
        if self.checkpoint is None or self.checkpoint.size == self.header["size"]:
            if self.header["size"] < 1:
                raise Found("it holds no entry", "file", "header", CHANGED)
            return
        why = "the header and the checkpoint name different sizes"
        lines = self.lines.ahead()
        try:
            while lines.begins_with(b'"'):
                lines.next(MAX_LEAF)
            leaf = lines.next(MAX_LEAF)
        except Wrong:
            leaf = b""
        key = LogKey.of(leaf) if leaf_hash(leaf).hex() == self.header["log"] else None
        if key is None:
            raise Found(why, "file", "header", UNPROVEN)
        if key.signed(self.checkpoint):
            raise Found(why, "file", "header", CHANGED)
        raise Found(why, "checkpoint", "checkpoint", UNPROVEN)

    def read_hashes(self):
        claimed = Tree()
        for index in range(self.header["size"]):
            check = "file"
            try:
                line = self.lines.next(MAX_HASH)
                if len(line) != MAX_HASH or line[:1] + line[-1:] != b'""':
                    raise Wrong("the line is none with a hash")
                check = "entries"
                self.hashes.append(read_digest(_read(line, string)))
            except Wrong as error:
                raise Found(error, check, "hashes", CHANGED, index) from error
            claimed.append(self.hashes[-1])
        self.claimed_root = claimed.roots[-1]

    def read_leaves(self):
        """Judges the entries up to the first that is unknown; hashes all."""
        for index, claimed in enumerate(self.hashes):
            try:
                leaf = self.lines.next(MAX_LEAF)
            except Wrong as error:
                proven = self._signed() and self._hashes_lead_to_checkpoint()
                known = CHANGED if proven else UNPROVEN
                raise Found(error, "file", "entries", known, index) from error
            if index == 0:
                self.log_key = LogKey.of(leaf)
            hashed = leaf_hash(leaf)
            if hashed != claimed:
                self.tree.append(hashed)
                self._another_hash(index)
            try:
                if self.unknown is None:
                    entry = read_entry(leaf, index)
                    self.replay.apply(entry, self.tree.roots)
                    self.entries.append(entry)
            except Wrong as error:
                self.tree.append(hashed)
                self._broken_rule(error, index)
            except Unknown:
                self.unknown = index
            self.tree.append(hashed)

    def _signed(self):
        return self.log_key is not None and self.log_key.signed(self.checkpoint)

    def _hashes_lead_to_checkpoint(self):
        return self.checkpoint is not None and self.claimed_root == self.checkpoint.root

    def _leaves_lead_to_checkpoint(self):
        lines = self.lines.ahead()
        try:
            while self.tree.size < len(self.hashes):
                self.tree.append(leaf_hash(lines.next(MAX_LEAF)))
        except Wrong:
            return False
        return self.checkpoint is not None and self.tree.roots[-1] == self.checkpoint.root

    def _another_hash(self, index):
        why, signed = "the leaf has another hash than its line says", self._signed()
        hashes_lead = self._hashes_lead_to_checkpoint()
        anchored = index == 0 and self.trust is not None and self.trust.log == self.hashes[0]
        if hashes_lead and (signed or anchored):
            raise Found(why, "entries", "entries", CHANGED, index)
        if signed and self._leaves_lead_to_checkpoint():
            raise Found(why, "entries", "hashes", CHANGED, index)
        if signed or index == 0 or (self.log_key is None and hashes_lead):
            raise Found(why, "entries", "entries", UNPROVEN, index)
        raise Found("the log's key did not sign it", "checkpoint", "checkpoint", UNPROVEN)

    def _broken_rule(self, why, index):
        proven = self._signed() and (
            self._hashes_lead_to_checkpoint() or self._leaves_lead_to_checkpoint()
        )
        raise Found(why, "entries", "entries", AS_SIGNED if proven else UNPROVEN, index)

    def check_checkpoint(self):
        # When the first entry is unknown, there is no key.
        if self.checkpoint is None or (self.unknown != 0 and not self._signed()):
            raise Found("the log's key did not sign it", "checkpoint", "checkpoint", UNPROVEN)
        if self.tree.roots[-1] != self.checkpoint.root:
            why = "the entries do not lead to the root that the log signed"
            raise Found(why, "checkpoint", "entries", CHANGED)
        if self.tree.first.hex() != self.header["log"]:
            raise Found("`log` is not the first leaf's hash", "file", "header", CHANGED)

    def read_trailer(self):
        try:
            line = self.lines.next(MAX_TRAILER)
            if sha256(self.lines.before(line)).hex() != _read(line, _TRAILER)["sha256"]:
                raise Wrong("the digest is another: the file is damaged")
            if self.lines.left():
                raise Wrong("something follows the trailer")
        except Wrong as error:
            raise Found(error, "file", "trailer", CHANGED) from error

    def check_at_least(self, earlier):
        why = None
        if self.unknown != 0 and earlier.origin != self.log_key.origin:
            why = "it is of another log"
        elif self.unknown != 0 and not self.log_key.signed(earlier):
            why = "the log's key did not sign it"
        elif earlier.size > self.tree.size:
            why = f"the last {earlier.size - self.tree.size} entries are missing"
        elif earlier.root != self.tree.roots[earlier.size]:
            why = "the log signed two histories"
        if why is not None:
            raise Found(why, "at_least", "at_least", UNPROVEN)

    # -- Parts

    def read_parts(self):
        """Each part that an entry commits to is there, in order, and no other. Those of entries that are not
        judged are not looked at."""
        wanted = [(entry, part) for entry in self.entries for part in entry.parts]
        self.too_many = self.unknown is None and self.header["parts"] > len(wanted)
        evaluations = Evaluations(self.replay)
        for entry, part in wanted:
            try:
                content = self._part(entry, part)
            except Wrong as error:
                raise Found(error, "parts", "parts", CHANGED, entry.index, part["name"]) from error
            try:
                _make_sense(entry, part, content)
                evaluations.take(entry, part["name"], content)
            except Wrong as error:
                raise Found(error, "parts", "parts", AS_SIGNED, entry.index, part["name"]) from error
            except Misjudged as error:
                raise Found(error.why, "policy", "parts", AS_SIGNED, error.entry) from error
        count = self.header["parts"]
        if self.unknown is not None:
            self._pass_unjudged(count - len(wanted))
        elif self.too_many:
            self._no_part_more()
        if count < len(wanted) or self.too_many:
            raise Found("there is another number of parts", "file", "header", CHANGED)

    def _part(self, entry, committed):
        """The content of the part that belongs here."""
        part = _read(self.lines.next(MAX_PART), _PART_LINE)
        if (part["index"], part["name"]) != (entry.index, committed["name"]):
            if self.too_many:
                _surplus(part)
            raise Wrong("another line stands in its place")
        content = read_base64url(part["bytes"])
        if (
            not _is_content_type(part["type"])
            or commit(read_digest(part["salt"]), part["type"], content).hex() != committed["commit"]
        ):
            raise Wrong("it is not what the entry commits to")
        if part["type"] != committed["type"]:
            raise Wrong("it is of another type")
        return content

    def _no_part_more(self):
        try:
            part = _read(self.lines.ahead().next(MAX_PART), _PART_LINE)
        except Wrong:
            return
        _surplus(part)

    def _pass_unjudged(self, count):
        for _ in range(count):
            if self.lines.left() == 0:
                raise Found("there are fewer parts", "file", "header", CHANGED)
            try:
                part = _read(self.lines.next(MAX_PART), _PART_LINE)
            except Wrong as error:
                raise Found(error, "parts", "parts", CHANGED) from error
            if part["index"] < self.unknown:
                _surplus(part)


def _surplus(part):
    raise Found("no entry commits to it", "parts", "parts", CHANGED, part["index"], part["name"])


def _is_content_type(text):
    return text != "" and all(" " <= character <= "~" for character in text)


def _make_sense(entry, committed, content):
    if len(content) != committed["size"]:
        raise Wrong("it is of another size than the entry says")
    judge = CONTENTS.get(committed["name"])
    if judge is not None:
        judge(content, entry)


def _utf8(content, entry):
    try:
        content.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Wrong("the text is not UTF-8") from error


# What the content of a part must be, by its name.
CONTENTS = {
    "payload": lambda content, entry: check_action(content, entry.data["action_kind"]),
    "context": lambda content, entry: check_context(content),
    "reason": _utf8,
    "policy": _utf8,
    "question": _utf8,
    "answer": _utf8,
    "remark": _utf8,
}


def main():
    parser = argparse.ArgumentParser(description="Check an export of a Vidimus ledger")
    parser.add_argument("--trust", metavar="FILE", help="the trust file that the ledger must chain to")
    parser.add_argument(
        "--at-least", metavar="FILE", help="an earlier checkpoint or export that it must contain"
    )
    parser.add_argument("export", metavar="EXPORT")
    arguments = parser.parse_args()
    try:
        trust = _given(arguments.trust, Trust, MAX_TRUST + 2)
        at_least = _given(arguments.at_least, AtLeast, MAX_HEADER + 1)
        with open(arguments.export, "rb") as file:
            data = file.read()
    except OSError as error:
        parser.exit(USAGE, f"cannot read: {error}\n")
    except Wrong as error:
        parser.exit(USAGE, f"{error.why}\n")
    verdict = verify(data, trust, at_least)
    print(verdict)
    sys.exit(verdict.code)


def _given(path, form, most):
    """What a file says that was given beside the export."""
    if path is None:
        return None
    with open(path, "rb") as file:
        data = file.read(most)
    try:
        return form(data)
    except Wrong as error:
        raise Wrong(f"{path} is not what it should be: {error.why}") from error


if __name__ == "__main__":
    main()
