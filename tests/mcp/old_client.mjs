// The official TypeScript SDK of the older protocol, over standard input and output.
// Prints one JSON document about what it got.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, ...args] = JSON.parse(process.argv[2]);
const [tool, free, values] = process.argv.slice(3);
const transport = new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
const client = new Client({ name: "old", version: "1" });
await client.connect(transport);
// Listed first: the SDK then holds results to the tools' schemas.
const { tools } = await client.listTools();
const passed = await client.callTool({ name: free, arguments: {} });
const told = [];
const held = await client.callTool(
  { name: tool, arguments: JSON.parse(values) },
  undefined,
  { onprogress: (progress) => told.push(progress) },
);
console.log(JSON.stringify({ tools: tools.map((one) => one.name), passed, held, told }));
await client.close();
