"""Runs the blocks of docs/API.md as they stand there, in one empty folder and one shell.

`api_lab python3 tests/api/walk.py docs/API.md`: the lab gives VIDIMUS_URL and VIDIMUS_TOKEN and
approves. A `python` block is a file with the name in its first line; the `sh` blocks are one script.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile


def blocks(text):
    return re.findall(r"^```(sh|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def main():
    found = blocks(pathlib.Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        script = "set -eu\n"
        for language, text in found:
            if language == "python":
                (folder / re.match(r"# (\w+\.py):", text)[1]).write_text(text)
            else:
                script += text
        subprocess.run(["bash", "-c", script], cwd=folder, check=True, timeout=300)
        # What the reader should have in hand at the end.
        read = lambda file: json.loads((folder / file).read_text())
        assert read("view.json")["status"] == "approved"
        assert len(read("bundle.json")["entries"]) == 8
        assert json.loads(read("completed.json")["entries"][0]["leaf"])["kind"] == "action.completed"
        assert "UTC" in (folder / "output").read_text()
        assert read("problem.json")["status"] == 409
    print(f"docs/API.md: {len(found)} blocks ran")


if __name__ == "__main__":
    main()
