"""Every example of the README, as it stands there, and the package as it is installed."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from agents import set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from .conftest import ROOT, Lab
from .test_integrations import ASK, Scripted

PACKAGE = ROOT / "sdk/python"
EXAMPLES = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
FIRST, STEPS, LANGCHAIN, OPENAI = EXAMPLES


def play(example: str, names: dict[str, Any]) -> Any:
    """Runs an example where these names are there. One that awaits gives a coroutine."""
    code = compile(example, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return FunctionType(code, names)()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install` makes of this folder. Nothing is downloaded."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(PACKAGE)], check=True)
    return site


@pytest.mark.parametrize(
    ("verdict", "printed"),
    [("approve", "done: 20\n"), ("deny", "denied; nothing has run. The reviewer's reason: \\x1b[31mno\n")],
)
def test_the_first_example_runs_where_the_package_is_installed(
    lab: Lab, beside: ThreadPoolExecutor, installed: Path, tmp_path: Path, verdict: str, printed: str
) -> None:
    environment = os.environ | {"VIDIMUS_HOME": str(lab.home), "PYTHONPATH": str(installed)}
    where = f"import vidimus\nassert vidimus.__file__.startswith({str(installed)!r})\n"
    command = [sys.executable, "-c", where + FIRST]
    options: Any = {"env": environment, "cwd": tmp_path, "text": True, "stdout": subprocess.PIPE}
    running = beside.submit(lambda: subprocess.run(command, check=True, **options))
    proposed = lab.next()
    assert proposed["payload"]["payload"]["after"] == {"customer": "c_42", "limit": 20}
    if verdict == "approve":
        lab.approve(proposed)
    else:
        lab.deny(proposed, "\x1b[31mno")
    assert running.result().stdout == printed


def test_step_by_step(lab: Lab, beside: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    ran: list[str] = []
    prompts: list[str] = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return "because"

    monkeypatch.setenv("VIDIMUS_HOME", str(lab.home))
    monkeypatch.setattr("builtins.input", answer)
    running = beside.submit(play, STEPS, {"save": kept.append, "rotate": lambda: ran.append("k2")})
    proposed = lab.next()
    assert proposed["payload"]["target"] | {"resource": ""} == {
        "system": "vault",
        "resource": "",
        "environment": "staging",
    }
    lab.tell("ask", action=proposed["action"], text="\x1b[31mwhy?")
    while "action.answered" not in lab.kinds(proposed["action"]) and not running.done():
        time.sleep(0.02)
    lab.approve(proposed)
    running.result()
    assert (prompts, len(kept), ran) == (["\\x1b[31mwhy? "], 1, ["k2"])


def test_langchain(lab: Lab, beside: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    @tool
    def delete_customer(customer: str) -> str:
        """Delete a customer."""
        return f"deleted {customer}"

    monkeypatch.setenv("VIDIMUS_HOME", str(lab.home))
    call = {"name": "delete_customer", "args": {"customer": "c_42"}, "id": "call_1"}
    model = Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))
    names: dict[str, Any] = {"model": model, "tools": [delete_customer]}
    play(LANGCHAIN, names)
    running = beside.submit(names["agent"].invoke, ASK)
    proposed = lab.next()
    lab.approve(proposed)
    assert running.result()["messages"][-1].content == "done"
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}


def test_openai(lab: Lab, beside: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete_customer(customer: str) -> str:
        """Delete a customer."""
        return f"deleted {customer}"

    set_tracing_disabled(True)
    monkeypatch.setenv("VIDIMUS_HOME", str(lab.home))
    call = function_call("delete_customer", {"customer": "c_42"}, call_id="call_1")
    names: dict[str, Any] = {
        "model": ScriptedModel([[call], [assistant_message("done")]]),
        "delete_customer": delete_customer,
    }
    running = beside.submit(lambda: asyncio.run(play(OPENAI, names)))
    proposed = lab.next()
    lab.approve(proposed)
    running.result()
    assert names["result"].final_output == "done"
    assert lab.outcome(proposed["action"]) == {"succeeded": {}}
