"""The official clients and public servers, with `vidimus mcp` between them.

Run by `cargo xtask test` against a real gateway (`crates/gateway/examples/api_lab.rs`) whose person
approves everything but calls whose arguments hold "wait".
Usage: clients.py VIDIMUS NODE_MODULES
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import ElicitResult

VIDIMUS, MODULES = sys.argv[1], Path(sys.argv[2])
HERE = Path(__file__).parent
FILES = ["node", str(MODULES / "@modelcontextprotocol/server-filesystem/dist/index.js")]
EVERYTHING = ["node", str(MODULES / "@modelcontextprotocol/server-everything/dist/index.js")]
INSPECTOR = ["node", str(MODULES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js")]
TIME = [sys.executable, "-B", "-m", "mcp_server_time", "--local-timezone", "UTC"]
BOTH_ERAS = [sys.executable, "-B", str(HERE / "both_eras.py")]


# Clients pass little of their environment on.
PROXY = [VIDIMUS, "--home", os.environ["VIDIMUS_HOME"], "mcp"]


def proxied(name, server, *options):
    return [*PROXY, "--name", name, *options, "--", *server]


def client(line, **options):
    program, *arguments = line
    return Client(StdioServerParameters(command=program, args=arguments, env=dict(os.environ)), **options)


def dumped(thing):
    return thing.model_dump(mode="json", by_alias=True, exclude_none=True)


def about(result):
    return result.meta["vidimus"]


def text(result):
    return result.content[0].text


def step(words):
    print(f"  {words}", flush=True)


async def held_files(folder):
    step("Python SDK: the filesystem server writes what was approved, and only that")
    async with client(proxied("files", [*FILES, folder], "--allow", "read_*", "--hold", "2s")) as it:
        names = [tool.name for tool in (await it.list_tools()).tools]
        assert names[-1] == "vidimus_wait" and "write_file" in names, names
        path = str(Path(folder) / "approved")
        written = await it.call_tool("write_file", {"path": path, "content": "é\n"})
        while about_pending(written):
            written = await it.call_tool("vidimus_wait", {"action": about(written)["action"]})
        assert not written.is_error, written
        assert Path(path).read_text() == "é\n"
        read = await it.call_tool("read_text_file", {"path": path})
        assert "é" in text(read), read
        other = str(Path(folder) / "not")
        pending = await it.call_tool("write_file", {"path": other, "content": "x", "wait": "wait"})
        assert about(pending)["status"] == "pending", pending
        waited = await it.call_tool("vidimus_wait", {"action": about(pending)["action"]})
        assert about(waited)["status"] == "pending", waited
    assert not Path(other).exists()


def about_pending(result):
    return bool(result.meta) and result.meta.get("vidimus", {}).get("status") in ("pending", "running")


async def same_as_direct():
    step("Python SDK: whatever is not governed is the same as without the proxy")
    seen = []
    for line in (EVERYTHING, proxied("everything", EVERYTHING, "--allow", "*")):
        async with client(line) as it:
            tools = dumped(await it.list_tools())
            tools["tools"] = [tool for tool in tools["tools"] if tool["name"] != "vidimus_wait"]
            seen.append([
                dumped(await it.list_resources()),
                dumped(await it.list_prompts()),
                tools,
                dumped(await it.call_tool("echo", {"message": "é"})),
                dumped(await it.call_tool("get-sum", {"a": 1, "b": 2})),
            ])
    assert seen[0] == seen[1], seen


async def both_eras():
    for mode in ("legacy", "2026-07-28", "auto"):
        step(f"Python SDK, {mode}: held and passed on by a server of both eras")
        async with client(proxied("eras", BOTH_ERAS, "--allow", "free"), mode=mode) as it:
            names = [tool.name for tool in (await it.list_tools()).tools]
            assert names == ["add", "free", "vidimus_wait"], names
            added = await it.call_tool("add", {"a": 1, "b": 2})
            assert added.structured_content == {"result": 3}, added
            assert text(await it.call_tool("free", {})) == "free"


async def links():
    for mode in ("legacy", "2026-07-28"):
        for answer in ("accept", "decline"):
            step(f"Python SDK, {mode}: pointed to where it is decided, and its {answer} decides nothing")
            asked = []

            async def ask(_context, params):
                asked.append(params)
                return ElicitResult(action=answer)

            line = proxied("linked", BOTH_ERAS, "--link", "page", "--hold", "5s")
            async with client(line, mode=mode, elicitation_callback=ask) as it:
                # The server is up: the time to hold counts from the call.
                await it.list_tools()
                pending = await it.call_tool("add", {"a": 1, "b": 2, "wait": "wait"})
                assert about(pending)["status"] == "pending", pending
                action = about(pending)["action"]
                [params] = asked
                assert params.mode == "url", params
                assert params.url.startswith("http://localhost:"), params
                assert params.url.endswith(f"/console#/action/{action}"), params


async def remote():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = [
        ("2025-11-25", [*EVERYTHING, "streamableHttp"], "legacy", "echo", {"message": "x"}, "Echo: x"),
        ("both eras", [*BOTH_ERAS, str(port)], "2026-07-28", "add", {"a": 1, "b": 2}, "3"),
    ]
    for name, line, mode, tool, arguments, said in servers:
        step(f"Python SDK over streamable HTTP to a server of {name}")
        server = subprocess.Popen(line, env={**os.environ, "PORT": str(port)},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await listening(port)
            url = f"http://127.0.0.1:{port}/mcp"
            async with client([*PROXY, "--url", url], mode=mode) as it:
                names = [one.name for one in (await it.list_tools()).tools]
                assert names[-1] == "vidimus_wait", names
                assert text(await it.call_tool(tool, arguments)) == said
        finally:
            server.terminate()
            server.wait()


async def listening(port):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server does not listen")


def node():
    step("TypeScript SDK: a tool of a Python server, with progress")
    line = proxied("time", TIME, "--allow", "convert_*")
    ended = run(["node", str(MODULES.parent / "old_client.mjs"), json.dumps(line),
                 "get_current_time", "convert_time", json.dumps({"timezone": "UTC"})])
    got = json.loads(ended)
    assert got["tools"] == ["get_current_time", "convert_time", "vidimus_wait"], got
    assert got["passed"]["isError"] is True, got
    assert json.loads(got["held"]["content"][0]["text"])["timezone"] == "UTC", got


def old_tasks():
    for name, server, tool, values, said in [
        ("that takes none itself", TIME, "get_current_time", {"timezone": "UTC"}, '"timezone": "UTC"'),
        ("that demands them", EVERYTHING, "simulate-research-query", {"topic": "seals"}, "seals"),
    ]:
        step(f"TypeScript SDK: tasks of 2025-11-25, with a tool {name}")
        line = [*PROXY, "--name", "tasks", "--", *server]
        ended = run(["node", str(MODULES.parent / "old_tasks.mjs"), json.dumps(line), tool, json.dumps(values)])
        got = json.loads(ended)
        assert got["support"][tool] in ("optional", "required"), got
        assert "vidimus_wait" in got["support"] and not got["support"].get("vidimus_wait"), got
        assert got["seen"][0] == "taskCreated" and got["seen"][-1] == "result", got
        assert said in got["result"]["content"][0]["text"], got
        assert got["cancelled"]["status"] == "cancelled", got


def inspector():
    step("Inspector: lists, and calls what was approved")
    line = [*INSPECTOR, "--cli", *proxied("inspected", EVERYTHING)]
    tools = json.loads(run([*line, "--method", "tools/list"]))["tools"]
    assert tools[-1]["name"] == "vidimus_wait", tools
    called = run([*line, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=hi"])
    assert "Echo: hi" in called, called


def run(line):
    ended = subprocess.run(line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended
    return ended.stdout


async def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        await held_files(folder)
    await same_as_direct()
    await both_eras()
    await links()
    await remote()
    node()
    old_tasks()
    inspector()
    step(f"all in {time.monotonic() - begun:.1f} s")


asyncio.run(main())
