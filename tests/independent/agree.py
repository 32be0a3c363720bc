"""Asks the Python verifier about every case that the Rust example wrote, and compares: python agree.py FOLDER

Good or bad and the exit code must be the same for each case; of a bad one also the check, the section, the
entry and the part that are named, and what is said to be known of the bytes there.
Exit code 0 when the two agree on everything.
"""

import argparse
import collections
import json
import multiprocessing
import os
import sys

from common import Wrong
from verify import USAGE, VIOLATED, AtLeast, Trust, Verdict, verify

# Where the Rust report has two checks, each for a share of an entry's rules, the specification has one list.
SAME_CHECK = {"signatures": "entries"}
# What says where the first wrong thing is, as `vidimus verify --json` names it and in the order of ours.
PLACE = ("check", "section", "entry", "part", "bytes")


def judge(case):
    """Our answer to one case, and a line that says how the two differ, if they do."""
    folder, case = case
    with open(os.path.join(folder, case["file"]), "rb") as file:
        data = file.read()
    try:
        trust = None if case["trust"] is None else Trust(case["trust"].encode())
        at_least = None if case["at_least"] is None else AtLeast(case["at_least"].encode())
        ours = verify(data, trust, at_least)
    except Wrong as error:
        ours = Verdict(USAGE, why=error.why)
    except Exception as error:  # A verifier that breaks down on hostile bytes has no answer.
        ours = Verdict(-1, "crash", why=repr(error))
    wrong = case["wrong"] or dict.fromkeys(PLACE)
    theirs = tuple(SAME_CHECK.get(wrong[name], wrong[name]) for name in PLACE)
    # export.md says what is named where one place was changed; of several, any may be.
    named = ours.code == VIOLATED and case["places"] == 1
    if ours.code == case["code"] and (not named or ours.place() == theirs):
        return ours.code, None
    return ours.code, (
        f"{case['name']} ({case['file']})\n"
        f"    Rust:   {case['code']} {theirs}: {case['why']}\n"
        f"    Python: {ours.code} {ours.place()}: {ours.why}"
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
    print(f"{len(cases)} cases ({counts}); {len(differences)} disagreements")
    # A list that holds only good or only bad cases would prove nothing.
    if differences or not (arguments.only or {0, 1, 2, 3, 4} <= codes.keys()):
        sys.exit(1)


if __name__ == "__main__":
    main()
