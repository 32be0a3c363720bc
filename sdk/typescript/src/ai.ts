/**
 * Vercel AI SDK: tools that run only what was approved, and report it.
 *
 * A tool waits inside its own call, or it pauses (`pause`, the SDK's `needsApproval`): then `settle` answers every
 * approval request of these tools. A pause that anybody else approves runs nothing.
 */

import type { Tool, ToolModelMessage } from 'ai';

import { type Change, Proposal, type Target } from './action.js';
import { Client } from './client.js';
import { InvalidAction, NotSetUp, VidimusError } from './errors.js';
import * as strict from './strict.js';
import { type Json, Malformed } from './strict.js';

export interface ApprovalsOptions {
  /** Without it the only agent that is connected on this computer. */
  client?: Client;
  target?: Target;
  ttlS?: number;
  /**
   * Holds approved proposals by the id of their call, from `settle` until the tool runs. Give one that lasts when it
   * goes on in another process.
   */
  kept?: Pick<Map<string, string>, 'get' | 'set' | 'delete'>;
}

/** What is used of the second argument of `execute`, the same in each version of the SDK. */
interface Call {
  toolCallId: string;
  abortSignal?: AbortSignal | undefined;
}

/** An approval request in what `generateText` and `streamText` return. */
interface ApprovalRequest {
  type: 'tool-approval-request';
  approvalId: string;
  toolCall: { toolCallId: string; toolName: string; input: unknown };
}

/** Holds tools as one agent of Vidimus. The action is the tool's name and its input; both are shown and kept. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #kept: Pick<Map<string, string>, 'get' | 'set' | 'delete'>;
  readonly #held = new Set<string>();
  #client: Client | undefined;

  constructor(options: ApprovalsOptions = {}) {
    this.#options = options;
    this.#kept = options.kept ?? new Map();
    this.#client = options.client;
  }

  /** The tool, held. `name` is the one under which it stands in `tools`. */
  tool<INPUT, OUTPUT>(
    name: string,
    tool: Tool<INPUT, OUTPUT>,
    { pause = false }: { pause?: boolean } = {},
  ): Tool<INPUT, OUTPUT> {
    const execute = tool.execute as ((input: INPUT, call: Call) => Executed<OUTPUT>) | undefined;
    if (!execute) throw new InvalidAction(`the tool \`${name}\` has no \`execute\`: there is nothing to hold`);
    this.#held.add(name);
    const held = async (input: INPUT, call: Call): Promise<OUTPUT> => {
      const given = this.#change(name, input);
      const kept = strict.canonical(given.after as Json);
      // The very input that is approved: nobody else can change what is shown, or what runs.
      const change = { ...given, after: strict.parse(kept) };
      const exact = strict.parse(kept) as INPUT;
      const run = async (): Promise<OUTPUT> => await whole(execute(exact, call));
      const { ttlS } = this.#options;
      if (!pause) return await this.#asking().run(change, run, { ttlS, signal: call.abortSignal });
      const found = this.#kept.get(call.toolCallId);
      if (found === undefined) {
        throw new VidimusError('nothing has run: this call was not approved by way of Vidimus');
      }
      this.#kept.delete(call.toolCallId);
      return await this.#asking().execute(Proposal.fromJson(found), run, change, call.abortSignal);
    };
    return { ...tool, execute: held, needsApproval: pause } as Tool<INPUT, OUTPUT>;
  }

  /**
   * Proposes what was paused for, waits for all of it, and says how to go on: add the message after
   * `result.response.messages` and generate again.
   */
  async settle(content: readonly { type: string }[], options: { signal?: AbortSignal } = {}): Promise<ToolModelMessage> {
    const requests = content.filter((part) => part.type === 'tool-approval-request') as ApprovalRequest[];
    const ours = requests.filter((request) => this.#held.has(request.toolCall.toolName));
    return { role: 'tool', content: await Promise.all(ours.map((request) => this.#decide(request, options.signal))) };
  }

  async #decide(
    { approvalId, toolCall }: ApprovalRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ type: 'tool-approval-response'; approvalId: string; approved: boolean; reason?: string }> {
    const client = this.#asking();
    try {
      const change = this.#change(toolCall.toolName, toolCall.input);
      const proposal = await client.propose(client.prepare(change, this.#options.ttlS), signal);
      await client.wait(proposal, { signal });
      this.#kept.set(toolCall.toolCallId, proposal.toJson());
      return { type: 'tool-approval-response', approvalId, approved: true };
    } catch (error) {
      if (!(error instanceof VidimusError) || error instanceof NotSetUp) throw error;
      return { type: 'tool-approval-response', approvalId, approved: false, reason: error.message };
    }
  }

  #change(name: string, input: unknown): Change {
    try {
      strict.checkJson(input);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new InvalidAction(`the input of \`${name}\` cannot be shown: ${error.message}`, { cause: error });
    }
    return { operation: name, after: input, target: { resource: 'ai', ...this.#options.target } };
  }

  #asking(): Client {
    return (this.#client ??= new Client());
  }
}

type Executed<OUTPUT> = AsyncIterable<OUTPUT> | PromiseLike<OUTPUT> | OUTPUT;

/** A tool may stream: its last piece is its result. */
async function whole<OUTPUT>(result: Executed<OUTPUT>): Promise<OUTPUT> {
  if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return await result;
  let last: { piece: OUTPUT } | undefined;
  for await (const piece of result) last = { piece };
  if (!last) throw new TypeError('the tool streamed nothing');
  return last.piece;
}
