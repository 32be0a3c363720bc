/** A real gateway with a person, driven by `crates/gateway/examples/sdk_lab.rs`. */

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { Client } from '../src/index.js';

const PROGRAM = process.env['VIDIMUS_SDK_LAB'] ?? '../../target/debug/examples/sdk_lab';

/** A proposal, as the person sees it. */
export interface Proposed {
  action: string;
  index: number;
  payload: any;
}

/** The person at the console. */
export class Lab {
  readonly #program: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #turn: Promise<unknown> = Promise.resolve();
  home = '';
  detour = '';

  private constructor() {
    this.#program = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] }) as unknown as ChildProcessWithoutNullStreams;
    this.#lines = createInterface({ input: this.#program.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Lab> {
    const lab = new Lab();
    const { home, detour } = await lab.#read();
    Object.assign(lab, { home, detour });
    return lab;
  }

  /** One order after the other, however many ask at once. */
  async tell(order: string, members: object = {}): Promise<any> {
    const turn = this.#turn.then(() => {
      this.#program.stdin.write(`${JSON.stringify({ do: order, ...members })}\n`);
      return this.#read();
    });
    this.#turn = turn;
    return await turn;
  }

  async next(): Promise<Proposed> {
    return await this.tell('next');
  }

  async approve({ action }: { action: string }): Promise<void> {
    await this.tell('approve', { action });
  }

  async deny({ action }: { action: string }, reason: string): Promise<void> {
    await this.tell('deny', { action, reason });
  }

  async fault(path: string, how: unknown): Promise<void> {
    await this.tell('fault', { path, how });
  }

  /** The entries about an action, in order. */
  async entries(action: string): Promise<any[]> {
    const { entries } = await this.tell('log');
    return entries.filter(({ data }: any) => (data.action ?? data.signed?.item.action) === action);
  }

  async kinds(action: string): Promise<string[]> {
    return (await this.entries(action)).map((entry) => entry.kind);
  }

  async outcome(action: string): Promise<unknown> {
    return (await this.entries(action)).find((entry) => entry.kind === 'action.completed')?.data.outcome;
  }

  client(home = this.home): Client {
    return new Client({ home });
  }

  stop(): void {
    this.#program.stdin.end();
  }

  async #read(): Promise<any> {
    const line = await this.#lines.next();
    assert(!line.done, 'the lab has ended');
    return JSON.parse(line.value);
  }
}

/** What a promise is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof Error);
    return error;
  }
  assert.fail('it was not refused');
}
