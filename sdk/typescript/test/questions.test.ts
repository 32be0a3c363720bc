/** Questions that reviewers ask while an action waits, and answers that come at a bad time. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { type Client, Denied, InvalidAction, Unreachable } from '../src/index.js';
import { Transport } from '../src/http.js';
import { Lab, refusal } from './lab.js';

const CHANGE = { operation: 'delete_customer', after: { customer: 'c_42' } };

let lab: Lab;
let client: Client;
before(async () => {
  lab = await Lab.start();
  client = lab.client();
});
after(() => lab.stop());

describe('an action', () => {
  it('is asked about, and the answer is logged', async () => {
    const heard: string[] = [];
    const running = client.run(CHANGE, () => 'done', {
      onQuestion: (question, text) => {
        heard.push(text);
        return `because of entry ${question.entry}`;
      },
    });
    const proposed = await lab.next();
    const { entry } = await lab.tell('ask', { action: proposed.action, text: 'why now?' });
    while (!(await lab.kinds(proposed.action)).includes('action.answered')) await pause(20);
    const { entries } = await lab.tell('log');
    const index = entries.findIndex(
      (found: { kind: string; data: { action: string } }) =>
        found.kind === 'action.answered' && found.data.action === proposed.action,
    );
    assert.equal((await lab.tell('part', { index, name: 'answer' })).text, `because of entry ${entry}`);
    await lab.approve(proposed);
    assert.equal(await running, 'done');
    assert.deepEqual(heard, ['why now?']);
  });

  it('that is approved while an answer is made runs', async () => {
    const [asked, ask] = later();
    const running = client.run(CHANGE, () => 'done', {
      onQuestion: async () => {
        await asked;
        await lab.approve(proposed);
        return 'it comes too late';
      },
    });
    const proposed = await lab.next();
    await lab.tell('ask', { action: proposed.action, text: 'why now?' });
    ask();
    assert.equal(await running, 'done');
    assert(!(await lab.kinds(proposed.action)).includes('action.answered'));
  });

  it('keeps an answer that is lost, asks for it once and sends it again', async (test) => {
    const sent: unknown[] = [];
    const heard: string[] = [];
    const send = Transport.prototype.send;
    test.mock.method(Transport.prototype, 'send', function (this: Transport, request: Parameters<typeof send>[0]) {
      if (request.path.endsWith('/answers')) sent.push(request.body);
      return send.call(this, request);
    });
    for (const how of ['lose', { replace: { status: 503, body: {} } }]) await lab.fault('/answers', how);
    let over = false;
    const onQuestion = (_: unknown, text: string): string => `because, ${heard.push(text)}`;
    const running = lab
      .client(lab.detour)
      .run(CHANGE, () => 'done', { onQuestion })
      .finally(() => (over = true));
    const proposed = await lab.next();
    await lab.tell('ask', { action: proposed.action, text: 'why now?' });
    while (sent.length < 3 && !over) await pause(20);
    await lab.approve(proposed);
    assert.equal(await running, 'done');
    assert.deepEqual([heard, sent.length, new Set(sent).size], [['why now?'], 3, 1]);
    assert.equal((await lab.kinds(proposed.action)).filter((kind) => kind === 'action.answered').length, 1);
  });

  it('is withdrawn when an answer fails', async () => {
    const ends: [string | Error, new (...words: never[]) => Error][] = [
      ['', InvalidAction],
      ['x'.repeat(4097), InvalidAction],
      [new Denied('another'), Denied],
      [new Unreachable('another', true), Unreachable],
      [new RangeError('mine'), RangeError],
    ];
    for (const [end, kind] of ends) {
      const heard: string[] = [];
      const onQuestion = (_: unknown, text: string): string => {
        heard.push(text);
        if (end instanceof Error) throw end;
        return end;
      };
      const running = refusal(client.run(CHANGE, assert.fail, { onQuestion }));
      const proposed = await lab.next();
      await lab.tell('ask', { action: proposed.action, text: 'why now?' });
      assert(await running instanceof kind);
      assert.deepEqual(heard, ['why now?']);
      assert.equal((await lab.entries(proposed.action)).at(-1).data.resolution, 'withdrawn');
    }
  });

  it('is withdrawn when the gateway takes no such answer', async () => {
    await lab.fault('/answers', { replace: { status: 422, body: { code: 'bad_text', detail: 'so it is' } } });
    const detoured = lab.client(lab.detour);
    const running = refusal(detoured.run(CHANGE, assert.fail, { onQuestion: () => 'because' }));
    const proposed = await lab.next();
    await lab.tell('ask', { action: proposed.action, text: 'why now?' });
    assert.match((await running).message, /bad_text/);
    assert.equal((await lab.entries(proposed.action)).at(-1).data.resolution, 'withdrawn');
  });
});

function later(): [Promise<void>, () => void] {
  let done = (): void => {};
  return [new Promise((resolve) => (done = resolve)), () => done()];
}
