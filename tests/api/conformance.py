"""Holds a running gateway against the description that it serves, with schemathesis.

`api_lab PYTHON tests/api/conformance.py`, where PYTHON has tests/api/requirements.txt. Once as an
agent, once as a session. Left out, because a stream has no end and schemathesis waits for it:
`events`, `feed`. Left out, because the run would sign itself out: `end_session`. The gateway's own
tests cover these three.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
PHASES = "examples,coverage,fuzzing"
RUNS = [
    ("agent", os.environ["VIDIMUS_TOKEN"], ["agents"], PHASES + ",stateful"),
    ("session", os.environ["VIDIMUS_SESSION"], ["consoles", "key prompts"], PHASES),
]
LEFT_OUT = ["events", "feed", "end_session"]


def main():
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    base = os.environ["VIDIMUS_URL"]
    hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    failed = []
    for who, token, tags, phases in RUNS:
        command = [program, "--config-file", HERE / "schemathesis.toml", "run", f"{base}/v1/openapi.json"]
        command += ["--header", f"Authorization: Bearer {token}", "--checks", "all", "--continue-on-failure"]
        command += ["--warnings", "off", "--request-timeout", "30", "--phases", phases]
        for tag in tags:
            command += ["--include-tag", tag]
        for operation in LEFT_OUT:
            command += ["--exclude-operation-id", operation]
        print(f"schemathesis as {who}", flush=True)
        if subprocess.run(command, env=os.environ | hooks, cwd=tempfile.gettempdir()).returncode:
            failed.append(who)
    if failed:
        sys.exit(f"the gateway and its description differ, asked as {' and '.join(failed)}")


if __name__ == "__main__":
    main()
