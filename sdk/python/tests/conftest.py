"""A real gateway with a person, driven by `crates/gateway/examples/sdk_lab.rs`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vidimus import AsyncClient, Client

ROOT = Path(__file__).parents[3]
LAB = Path(os.environ.get("VIDIMUS_SDK_LAB", ROOT / "target/debug/examples/sdk_lab"))


class Lab:
    """The person at the console."""

    def __init__(self) -> None:
        self._program = subprocess.Popen([LAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self._read()
        self.home = Path(told["home"])
        self.detour = Path(told["detour"])

    def tell(self, order: str, **members: Any) -> Any:
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps({"do": order, **members}) + "\n")
        self._program.stdin.flush()
        return self._read()

    def next(self) -> Any:
        """The next proposal, when it comes."""
        return self.tell("next")

    def approve(self, proposed: Any) -> None:
        self.tell("approve", action=proposed["action"])

    def deny(self, proposed: Any, reason: str) -> None:
        self.tell("deny", action=proposed["action"], reason=reason)

    def kinds(self, action: str) -> list[str]:
        """The kinds of the entries about an action, in order."""
        return [entry["kind"] for entry in self.entries(action)]

    def entries(self, action: str) -> list[Any]:
        found = self.tell("log")["entries"]
        return [entry for entry in found if _action_of(entry) == action]

    def outcome(self, action: str) -> Any:
        return next(entry["data"]["outcome"] for entry in self.entries(action) if entry["kind"] == "action.completed")

    def close(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait()

    def _read(self) -> Any:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        assert line, "the lab has ended"
        return json.loads(line)


def _action_of(entry: Any) -> Any:
    data = entry["data"]
    return data.get("action") or data.get("signed", {}).get("item", {}).get("action")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def client(lab: Lab) -> Iterator[Client]:
    with Client(home=lab.home) as client:
        yield client


@pytest.fixture
def detoured(lab: Lab) -> Iterator[Client]:
    """Its answers go through the forwarder that `fault` breaks."""
    with Client(home=lab.detour) as client:
        yield client


@pytest.fixture
async def async_client(lab: Lab) -> Any:
    async with AsyncClient(home=lab.home) as client:
        yield client


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Runs what waits, while the test decides."""
    with ThreadPoolExecutor() as pool:
        yield pool
