/** Pauses and edits, by answers that follow docs/spec/api.md: the lab's person neither pauses nor edits. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';

import { newId, Proposal } from '../src/action.js';
import {
  AlreadyRan,
  Client,
  Edited,
  InvalidAction,
  readJwks,
  Unproven,
  verifyPermit,
  Withdrawn,
} from '../src/index.js';
import * as strict from '../src/strict.js';
import type { JsonObject } from '../src/strict.js';
import { refusal } from './lab.js';

type Answer = [status: number, body: JsonObject];

const LOG = 'ab'.repeat(32);
const CHANGE = { operation: 'raise_limit', after: { limit: 20 } };
const NEXT = newId('act_');
const [WITHDRAW, PAYLOAD] = [`POST /v1/actions/${NEXT}/withdraw`, `GET /v1/actions/${NEXT}/payload`];
const DONE: Answer = [200, {}];
/** As `propose` returns it. */
const proposal = Proposal.of(CHANGE, 'agt_0', LOG).expiring('2099-01-01T00:00:00Z');

const home = mkdtempSync(join(tmpdir(), 'vidimus-sdk-'));
let answers: { [route: string]: Answer } = {};
let asked: string[] = [];
let client: Client;
const encodings = new Set<unknown>();

const server = createServer((request, response) => {
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  asked.push(route);
  encodings.add(request.headers['accept-encoding']);
  const answer = answers[route];
  // What has no answer is as a gateway that goes away.
  if (!answer) return void request.destroy();
  response.writeHead(answer[0]).end(JSON.stringify(answer[1]));
});

before(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const trust = join(home, 'trust.json');
  const agents = join(home, 'config', 'agents');
  mkdirSync(agents, { recursive: true });
  writeFileSync(trust, `${strict.canonical({ log: LOG, type: 'vidimus-trust', v: 1, witness_quorum: 0, witnesses: [] })}\n`);
  const token = Buffer.alloc(32).toString('base64url');
  const profile = { agent: 'agt_0', executor: 'exe_0', log: LOG, name: 'x', token, trust, type: 'vidimus-agent', url, v: 1 };
  const path = join(agents, 'x.json');
  writeFileSync(path, `${strict.canonical(profile)}\n`);
  chmodSync(path, 0o600);
  client = new Client({ home });
});
after(() => {
  server.close();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  asked = [];
});

function view(status: string, members: JsonObject = {}): { [route: string]: Answer } {
  const body = { action: proposal.action, expires_at: '', policy: [], status, ...members };
  return { [`GET /v1/actions/${proposal.action}`]: [200, body] };
}

function problem(status: number, code: string): Answer {
  return [status, { code, detail: 'so it is', status }];
}

function editedTo(payload: strict.Json): Answer {
  const bytes = Buffer.from(strict.canonical({ kind: 'json', payload, target: {} })).toString('base64url');
  return [200, { bytes, salt: '00'.repeat(32), type: 'application/vidimus-action+json' }];
}

describe('a pause', () => {
  it('ends the wait with words of its own', async () => {
    for (const status of ['approved', 'withdrawn']) {
      answers = view(status, { paused: true });
      const error = await refusal(client.wait(proposal));
      assert(error instanceof Withdrawn);
      assert.match(error.message, /is paused.*useless until somebody resumes it in the console/);
      assert.equal(error.ran, false);
    }
    answers = view('withdrawn');
    assert.match((await refusal(client.wait(proposal))).message, /^withdrawn; nothing has run$/);
    answers = view('withdrawn', { paused: 'yes' });
    assert(await refusal(client.wait(proposal)) instanceof Unproven);
  });

  it('takes no proposal and gives no permit', async () => {
    answers = {
      'POST /v1/actions': problem(409, 'agent_paused'),
      [`POST /v1/actions/${proposal.action}/permit`]: problem(409, 'agent_paused'),
    };
    for (const way of [client.run(CHANGE, assert.fail), client.execute(proposal, assert.fail, CHANGE)]) {
      const error = await refusal(way);
      assert(error instanceof Withdrawn);
      assert.match(error.message, /is paused/);
    }
    assert.equal(asked.length, 2);
  });
});

describe('an edit', () => {
  const superseded = view('superseded', { superseded_by: NEXT });

  async function edited(): Promise<Edited> {
    const error = await refusal(client.wait(proposal));
    assert(error instanceof Edited, String(error));
    return error;
  }

  it('comes back and is withdrawn', async () => {
    for (const [payload, version] of [
      [{ after: { limit: 15 }, operation: 'raise_limit' }, { limit: 15 }],
      [{ before: 1, operation: 'raise_limit' }, undefined],
    ] as const) {
      asked = [];
      answers = { ...superseded, [WITHDRAW]: DONE, [PAYLOAD]: editedTo(payload) };
      const error = await edited();
      assert.deepEqual([error.action, error.after, error.failures, error.ran], [NEXT, version, [], false]);
      assert(error.message.includes(`edited it into ${NEXT}`));
      assert.deepEqual(asked.slice(1), [WITHDRAW, PAYLOAD]);
    }
  });

  it('stands in the words of the error', async () => {
    for (const [payload, words] of [
      [{ after: { note: 'a\u202eb', limit: 15 } }, /it is right: \{"limit":15,"note":"a\\u\{202e\}b"\}$/],
      [{ after: 'x'.repeat(9000) }, /it is right: "x{3999}\.\.\. \(cut here; `after` of this error is whole\)$/],
      [{}, /no `after`$/],
    ] as const) {
      answers = { ...superseded, [WITHDRAW]: DONE, [PAYLOAD]: editedTo(payload) };
      assert.match((await edited()).message, words);
    }
  });

  it('is told whatever fails about it', async () => {
    const payload = editedTo({ after: 15, operation: 'raise_limit' });
    const cases: [Answer | undefined, Answer, number | undefined, RegExp[]][] = [
      [problem(409, 'not_pending'), payload, 15, [/not be withdrawn: .*not_pending/]],
      [undefined, payload, 15, [/not be withdrawn: /]],
      [DONE, problem(404, 'unknown_action'), undefined, [/not be read: .*unknown_action/]],
      [DONE, [200, { bytes: 'e30' }], undefined, [/not be read/]],
      [DONE, [200, { bytes: 1 }], undefined, [/not be read/]],
      [DONE, editedTo([]), undefined, [/not be read/]],
      [problem(409, 'not_pending'), [200, {}], undefined, [/not be withdrawn/, /not be read/]],
    ];
    for (const [withdrawal, read, version, failures] of cases) {
      answers = { ...superseded, ...(withdrawal && { [WITHDRAW]: withdrawal }), [PAYLOAD]: read };
      const error = await edited();
      assert.equal(error.after, version);
      assert.equal(error.failures.length, failures.length);
      for (const failure of failures) assert.match(error.message, failure);
    }
  });

  it('that meets the run runs nothing', async () => {
    const permit = { [`POST /v1/actions/${proposal.action}/permit`]: problem(409, 'not_approved') };
    const payload = editedTo({ after: 15, operation: 'raise_limit' });
    answers = { ...superseded, ...permit, [WITHDRAW]: DONE, [PAYLOAD]: payload };
    assert(await refusal(client.execute(proposal, assert.fail, CHANGE)) instanceof Edited);
  });

  it('without an id is asked nothing', async () => {
    for (const members of [{}, { superseded_by: '' }, { superseded_by: '../../x' }, { superseded_by: 1 }]) {
      asked = [];
      answers = view('superseded', members);
      assert(await refusal(client.wait(proposal)) instanceof Unproven);
      assert.equal(asked.length, 1);
    }
  });
});

describe('an outcome that is there', () => {
  it('comes without control characters', async () => {
    answers = view('completed', { outcome: { failed: { why: '\u009b31m \u202e \u200b' } } });
    const error = await refusal(client.wait(proposal));
    assert(error instanceof AlreadyRan);
    assert.doesNotMatch(error.message, /[\p{C}\p{Zl}\p{Zp}]/u);
  });
});

describe('a wait', () => {
  it('needs what `propose` returned', async () => {
    answers = {};
    for (const expiresAt of ['', 'soon']) {
      const kept = Proposal.fromJson(proposal.expiring(expiresAt).toJson());
      const error = await refusal(client.wait(kept, { signal: AbortSignal.timeout(5000) }));
      assert(error instanceof InvalidAction, String(error));
      assert.match(error.message, /what `propose` returned/);
    }
    assert.deepEqual(asked, []);
  });

  it('takes no view of another form', async () => {
    const question = { answered: false, asked_at: '', entry: 7, text: { bytes: 'e30', salt: '', type: '' } };
    const cases: [string, JsonObject][] = [
      ['pending', { questions: [1] }],
      ['pending', { questions: [null] }],
      ['pending', { questions: [{}] }],
      ['pending', { questions: [{ ...question, answered: 0 }] }],
      ['pending', { questions: [{ ...question, entry: '7' }] }],
      ['pending', { questions: [{ ...question, text: 'why' }] }],
      ['pending', { questions: [{ ...question, text: {} }] }],
      ['pending', { questions: [{ ...question, text: { bytes: '=' } }] }],
      ['denied', { reason: 1 }],
      ['denied', { reason: {} }],
      ['denied', { reason: { bytes: 1 } }],
      ['denied', { reason: { bytes: '=' } }],
      ['refused', { policy: [1] }],
    ];
    for (const [status, members] of cases) {
      answers = view(status, members);
      const error = await refusal(client.wait(proposal, { timeoutMs: 0, onQuestion: () => assert.fail('asked') }));
      assert(error instanceof Unproven, `${JSON.stringify(members)}: ${error}`);
    }
  });

  it('asks for answers that are not compressed', () => assert.deepEqual([...encodings], ['identity']));
});

describe('a key', () => {
  it('of another length is no key', () => {
    const x = Buffer.alloc(31).toString('base64url');
    const kid = createHash('sha256').update(strict.canonical({ crv: 'Ed25519', kty: 'OKP', x })).digest('base64url');
    const head = Buffer.from(strict.canonical({ alg: 'EdDSA', kid, typ: 'vidimus-permit+jwt' })).toString('base64url');
    const served = Buffer.from(strict.canonical({ keys: [{ crv: 'Ed25519', kid, kty: 'OKP', x }] }));
    const wanted = { audience: '', action: '', digest: '' };
    assert.throws(() => verifyPermit(`${head}.e30.AA`, readJwks(served), wanted), Unproven);
  });
});
