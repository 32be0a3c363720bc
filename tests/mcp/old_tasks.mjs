// The official TypeScript SDK's experimental tasks of 2025-11-25, over standard input and output.
// Calls a tool as a task, then takes another call back. Prints one JSON document about what it got.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, ...args] = JSON.parse(process.argv[2]);
const [tool, values] = process.argv.slice(3);
const transport = new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
const client = new Client({ name: "old", version: "1" });
await client.connect(transport);
// Listed first: the SDK then knows which tools take tasks.
const { tools } = await client.listTools();
const { tasks } = client.experimental;
const seen = [];
let result;
for await (const message of tasks.callToolStream({ name: tool, arguments: JSON.parse(values) })) {
  seen.push(message.type === "taskStatus" ? message.task.status : message.type);
  result = message.result ?? message.error?.message ?? result;
}
const waits = { ...JSON.parse(values), wait: "wait" };
let cancelled;
for await (const message of tasks.callToolStream({ name: tool, arguments: waits })) {
  if (message.type !== "taskCreated") continue;
  cancelled = await tasks.cancelTask(message.task.taskId);
  break;
}
const support = Object.fromEntries(tools.map((one) => [one.name, one.execution?.taskSupport ?? null]));
console.log(JSON.stringify({ support, seen, result, cancelled }));
await client.close();
