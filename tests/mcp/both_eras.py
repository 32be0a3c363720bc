"""A server of the official Python SDK: on standard input and output, or on the port that is named."""

import sys

from mcp.server import MCPServer

server = MCPServer("both eras")


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def free() -> str:
    return "free"


if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run("stdio")
