/** The real AI SDK with a scripted model, against a real gateway. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { generateText, type ModelMessage, stepCountIs, tool, type ToolSet } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

import { Approvals } from '../src/ai.js';
import type { Client } from '../src/index.js';
import { Lab } from './lab.js';

let lab: Lab;
let client: Client;
before(async () => {
  lab = await Lab.start();
  client = lab.client();
});
after(() => lab.stop());

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A model that calls the tool once, then says that it is done. */
function scripted(): MockLanguageModelV3 {
  const call = { type: 'tool-call' as const, toolCallId: 'call_1', toolName: 'remove', input: '{"customer":"c_42"}' };
  return new MockLanguageModelV3({
    doGenerate: [
      { content: [call], finishReason: { unified: 'tool-calls', raw: undefined }, usage, warnings: [] },
      {
        content: [{ type: 'text', text: 'done' }],
        finishReason: { unified: 'stop', raw: undefined },
        usage,
        warnings: [],
      },
    ],
  });
}

/** What the model was told last. */
function told(model: MockLanguageModelV3): string {
  return JSON.stringify(model.doGenerateCalls.at(-1)?.prompt);
}

function held(pause: boolean): { approvals: Approvals; tools: ToolSet; removed: string[] } {
  const removed: string[] = [];
  const remove = tool({
    inputSchema: z.object({ customer: z.string() }),
    execute: ({ customer }) => {
      removed.push(customer);
      return `removed ${customer}`;
    },
  });
  const approvals = new Approvals({ client });
  return { approvals, tools: { remove: approvals.tool('remove', remove, { pause }) }, removed };
}

const PROMPT: ModelMessage[] = [{ role: 'user', content: 'remove c_42' }];

describe('a tool of the AI SDK', () => {
  it('waits in its call', async () => {
    const { tools, removed } = held(false);
    const running = generateText({ model: scripted(), tools, messages: PROMPT, stopWhen: stepCountIs(2) });
    const proposed = await lab.next();
    assert.deepEqual(proposed.payload.payload, { operation: 'remove', after: { customer: 'c_42' } });
    await lab.approve(proposed);
    assert.equal((await running).text, 'done');
    assert.deepEqual(removed, ['c_42']);
    assert.deepEqual(await lab.outcome(proposed.action), { succeeded: {} });
  });

  it('runs what is shown, whatever becomes of its input', async () => {
    const { tools, removed } = held(false);
    const input = { customer: 'c_42' };
    const running = tools['remove']?.execute?.(input, { toolCallId: 'call_1', messages: [] });
    input.customer = 'c_43';
    const proposed = await lab.next();
    await lab.approve(proposed);
    await running;
    assert.deepEqual([proposed.payload.payload.after, removed], [{ customer: 'c_42' }, ['c_42']]);
  });

  it('tells the model of a denial', async () => {
    const { tools, removed } = held(false);
    const model = scripted();
    const running = generateText({ model, tools, messages: PROMPT, stopWhen: stepCountIs(2) });
    await lab.deny(await lab.next(), 'keep it');
    await running;
    assert.match(told(model), /keep it/);
    assert.deepEqual(removed, []);
  });

  it('is taken back when the generation is stopped', async () => {
    const stop = new AbortController();
    const { tools } = held(false);
    const options = { model: scripted(), tools, messages: PROMPT, abortSignal: stop.signal };
    const running = generateText(options).catch((error: unknown) => error);
    const proposed = await lab.next();
    stop.abort();
    await running;
    assert.equal((await lab.entries(proposed.action)).at(-1).data.resolution, 'withdrawn');
  });

  it('pauses, and goes on when it is approved', async () => {
    const { approvals, tools, removed } = held(true);
    const model = scripted();
    const paused = await generateText({ model, tools, messages: PROMPT });
    const settling = approvals.settle(paused.content);
    const proposed = await lab.next();
    await lab.approve(proposed);
    const messages = [...PROMPT, ...paused.response.messages, await settling];
    assert.equal((await generateText({ model, tools, messages })).text, 'done');
    assert.deepEqual(removed, ['c_42']);
    assert.deepEqual(await lab.outcome(proposed.action), { succeeded: {} });
  });

  it('pauses, and does not run when it is denied', async () => {
    const { approvals, tools, removed } = held(true);
    const model = scripted();
    const paused = await generateText({ model, tools, messages: PROMPT });
    const settling = approvals.settle(paused.content);
    await lab.deny(await lab.next(), 'keep it');
    const message = await settling;
    await generateText({ model, tools, messages: [...PROMPT, ...paused.response.messages, message] });
    assert.match(told(model), /keep it/);
    assert.deepEqual(removed, []);
  });

  it('runs nothing that somebody else approved', async () => {
    const { tools, removed } = held(true);
    const model = scripted();
    const paused = await generateText({ model, tools, messages: PROMPT });
    const request = paused.content.find((part) => part.type === 'tool-approval-request');
    assert(request);
    const message: ModelMessage = {
      role: 'tool',
      content: [{ type: 'tool-approval-response', approvalId: request.approvalId, approved: true }],
    };
    await generateText({ model, tools, messages: [...PROMPT, ...paused.response.messages, message] });
    assert.match(told(model), /not approved by way of Vidimus/);
    assert.deepEqual(removed, []);
  });
});
