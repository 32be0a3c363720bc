"""Asks the Python verifier about every case that the Rust example wrote, and compares: python agree.py FOLDER

Good or bad and the exit code must be the same for each case, and the check and entry that are named too.
Exit code 0 when the two agree on everything.
"""

import argparse
import collections
import json
import multiprocessing
import os
import sys

from common import Wrong
from verify import USAGE, VIOLATED, Trust, Verdict, verify

# Where the Rust report has two checks, each for a share of an entry's rules, the specification has one list.
SAME_CHECK = {"signatures": "entries"}

# Cases in which the Rust verifier is known to be wrong, by name, and why. Once it is right this list has to go.
KNOWN = {
    name: "action.md asks for absolute paths in `files` and `script` too"
    for name in (
        "an action: a file of a relative path",
        "an action: a script of a relative path",
        "an action: /payload/files/0/file/path empty",
        "an action: /payload/files/0/file/path without its end",
        "an action: /payload/files/0/file/path with another character at 0",
    )
}


def judge(case):
    """Our answer to one case, and a line that says how the two differ, if they do."""
    folder, case = case
    with open(os.path.join(folder, case["file"]), "rb") as file:
        data = file.read()
    try:
        trust = None if case["trust"] is None else Trust(case["trust"].encode())
        ours = verify(data, trust)
    except Wrong as error:
        ours = Verdict(USAGE, "trust", None, error.why)
    except Exception as error:  # A verifier that breaks down on hostile bytes has no answer.
        ours = Verdict(-1, "crash", None, repr(error))
    theirs = (case["code"], SAME_CHECK.get(case["check"], case["check"]), case["entry"])
    same = ours.code == theirs[0]
    if same and ours.code == VIOLATED:
        same = (ours.check, ours.entry) == theirs[1:]
    known = KNOWN.get(case["name"])
    if same and known is not None:
        return ours.code, f"{case['name']}: the two agree now; take it off the list of known cases"
    if same or known is not None:
        return ours.code, None
    return ours.code, (
        f"{case['name']} ({case['file']})\n"
        f"    Rust:   {theirs[0]} {theirs[1]} {theirs[2]}: {case['why']}\n"
        f"    Python: {ours.code} {ours.check} {ours.entry}: {ours.why}"
    )


def main():
    parser = argparse.ArgumentParser(description="Compare the Python verifier with the Rust one")
    parser.add_argument("folder", help="what the example `independent_cases` wrote")
    parser.add_argument("--most", type=int, default=20, help="how many disagreements are printed")
    parser.add_argument("--only", default="", help="ask only about cases with this in their name")
    arguments = parser.parse_args()
    with open(os.path.join(arguments.folder, "cases.jsonl"), encoding="utf-8") as file:
        cases = [(arguments.folder, json.loads(line)) for line in file]
    cases = [case for case in cases if arguments.only in case[1]["name"]]
    with multiprocessing.Pool() as pool:
        results = pool.map(judge, cases, chunksize=64)
    codes = collections.Counter(code for code, _ in results)
    differences = [difference for _, difference in results if difference]
    for difference in differences[: arguments.most]:
        print(difference)
    counts = ", ".join(f"{count} with exit code {code}" for code, count in sorted(codes.items()))
    print(f"{len(cases)} cases ({counts}); {len(differences)} disagreements, {len(KNOWN)} known ones")
    # A list that holds only good or only bad cases would prove nothing.
    if differences or not (arguments.only or {0, 1, 2, 3, 4} <= codes.keys()):
        sys.exit(1)


if __name__ == "__main__":
    main()
