/** The way of an action against a real gateway, each end of it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import * as vidimus from '../src/index.js';
import { type Change, type Client, Proposal, requiresApproval } from '../src/index.js';
import { Transport } from '../src/http.js';
import { expectRun, readBundle } from '../src/proof.js';
import { Lab, refusal } from './lab.js';

const RAN = [
  'action.proposed',
  'verdict.given',
  'action.resolved',
  'permit.issued',
  'permit.redeemed',
  'action.completed',
];
const CHANGE: Change = {
  operation: 'delete_customer',
  after: { customer: 'c_42' },
  before: { name: 'Ada' },
  intent: 'GDPR',
  run: 'run-7',
};

let lab: Lab;
let client: Client;
let detoured: Client;
before(async () => {
  lab = await Lab.start();
  client = lab.client();
  detoured = lab.client(lab.detour);
});
after(() => lab.stop());

/** A function that counts. */
function counting(): { run: () => string; count: number } {
  const counted = { count: 0, run: () => `ran ${++counted.count}` };
  return counted;
}

async function approved(by: Client, change = CHANGE): Promise<Proposal> {
  const proposal = await by.propose(by.prepare(change));
  await lab.approve(await lab.next());
  await by.wait(proposal);
  return proposal;
}

async function fetched(by: Client, method: 'GET' | 'POST', path: string, body?: object): Promise<string> {
  const transport = new Transport(by.profile, undefined);
  const reply = await transport.send({ method, path, ...(body && { body: JSON.stringify(body) }) });
  return reply.body.toString();
}

async function permitOf(by: Client, proposal: Proposal): Promise<string> {
  return JSON.parse(await fetched(by, 'POST', `/v1/actions/${proposal.action}/permit`)).permit;
}

describe('an action', () => {
  it('runs once when it is approved, and is reported', async () => {
    const runs = counting();
    const running = client.run(CHANGE, runs.run);
    const proposed = await lab.next();
    assert.deepEqual(proposed.payload.payload, {
      after: { customer: 'c_42' },
      before: { name: 'Ada' },
      operation: 'delete_customer',
    });
    const context = await lab.tell('part', { index: proposed.index, name: 'context' });
    assert.equal(context.text, '{"intent":"GDPR"}');
    assert.equal((await lab.entries(proposed.action))[0].data.run, 'run-7');
    await lab.approve(proposed);
    assert.equal(await running, 'ran 1');
    assert.deepEqual(await lab.kinds(proposed.action), RAN);
    assert.deepEqual(await lab.outcome(proposed.action), { succeeded: {} });
  });

  it('runs at once when a standing grant approves it', async () => {
    const granted = { operation: 'rotate_key', after: { key: 'k_8' } };
    const seen = await client.propose(client.prepare(granted));
    await lab.tell('grant', { action: (await lab.next()).action });
    const runs = counting();
    assert.equal(await client.run(granted, runs.run), 'ran 1');
    const kinds = await lab.kinds((await lab.next()).action);
    assert.deepEqual(kinds, RAN.filter((kind) => kind !== 'verdict.given'));
    await client.withdraw(seen);
  });

  it('that fails is reported without its words', async () => {
    const fail = (): never => {
      throw new RangeError('password=hunter2');
    };
    const running = refusal(client.run(CHANGE, fail));
    const proposed = await lab.next();
    await lab.approve(proposed);
    assert.match((await running).message, /hunter2/);
    assert.deepEqual(await lab.outcome(proposed.action), { failed: { why: 'RangeError' } });
  });

  it('that is denied comes back with the reason', async () => {
    const runs = counting();
    const running = refusal(client.run(CHANGE, runs.run));
    await lab.deny(await lab.next(), 'not on a \x1b[31mFriday');
    const error = await running;
    assert(error instanceof vidimus.Denied);
    assert.equal(error.reason, 'not on a \x1b[31mFriday');
    assert.match(error.message, /not on a \\u\{1b\}\[31mFriday/);
    assert.deepEqual([error.ran, runs.count], [false, 0]);
  });

  it('expires, and is refused by policy', async () => {
    assert(await refusal(client.run(CHANGE, assert.fail, { ttlS: 1 })) instanceof vidimus.Expired);
    await lab.next();
    const error = await refusal(client.run(CHANGE, assert.fail, { ttlS: 0 }));
    await lab.next();
    assert(error instanceof vidimus.RefusedByPolicy && error.policy.length > 0);
  });

  it('that is pending goes on', async () => {
    const proposal = await client.propose(client.prepare(CHANGE));
    const error = await refusal(client.wait(proposal, { timeoutMs: 0 }));
    assert(error instanceof vidimus.Pending);
    const kept = error.proposal.toJson();
    await lab.approve(await lab.next());
    const again = Proposal.fromJson(kept);
    await client.wait(again);
    assert.equal(await client.execute(again, counting().run, CHANGE), 'ran 1');
  });

  it('can be withdrawn, also by a signal', async () => {
    const proposal = await client.propose(client.prepare(CHANGE));
    const waiting = refusal(client.wait(proposal));
    await lab.next();
    await client.withdraw(proposal);
    assert(await waiting instanceof vidimus.Withdrawn);
    const stop = new AbortController();
    const running = refusal(client.run(CHANGE, assert.fail, { signal: stop.signal }));
    const proposed = await lab.next();
    stop.abort();
    assert.equal((await running).name, 'AbortError');
    assert.equal((await lab.entries(proposed.action)).at(-1).data.resolution, 'withdrawn');
  });

  it('that has changed since does not run', async () => {
    let limit = 10;
    const running = refusal(
      client.run(() => ({ operation: 'raise', before: { limit }, after: { limit: 20 } }), assert.fail),
    );
    const proposed = await lab.next();
    limit = 15;
    await lab.approve(proposed);
    const error = await running;
    assert(error instanceof vidimus.Changed);
    assert.deepEqual(error.differences, ['`before.limit`']);
    assert(!(await lab.kinds(proposed.action)).includes('permit.redeemed'));
  });

  it('is looked at again after the redemption', async () => {
    const changes = [CHANGE, { ...CHANGE, after: { customer: 'c_43' } }];
    const proposal = await approved(client);
    const error = await refusal(client.execute(proposal, assert.fail, () => changes.shift() ?? CHANGE));
    assert(error instanceof vidimus.Changed);
    assert.match(JSON.stringify(await lab.outcome(proposal.action)), /is not what was approved/);
  });

  it('among many runs its own', async () => {
    const ran: string[] = [];
    const all = Array.from({ length: 20 }, (_, number) => {
      const key = `key-${number}`;
      return client.run({ operation: 'rotate_key', after: { key } }, () => void ran.push(key));
    });
    const settled = Promise.allSettled(all);
    const wanted: string[] = [];
    for (let number = 0; number < 20; number++) {
      const proposed = await lab.next();
      if (number % 2) await lab.deny(proposed, 'odd');
      else {
        wanted.push(proposed.payload.payload.after.key);
        await lab.approve(proposed);
      }
    }
    const results = await settled;
    assert.deepEqual(ran.sort(), wanted.sort());
    const denied = results.filter((one) => one.status === 'rejected' && one.reason instanceof vidimus.Denied);
    assert.deepEqual([ran.length, denied.length], [10, 10]);
  });
});

describe('a result', () => {
  it('that has not run yet is no success', async () => {
    let ran = 0;
    function* later(): Generator<number> {
      yield ++ran;
    }
    async function* laterAsync(): AsyncGenerator<number> {
      yield ++ran;
    }
    for (const run of [later, laterAsync, async () => later()]) {
      const proposal = await approved(client);
      const error = await refusal(client.execute<unknown>(proposal, run, CHANGE));
      assert(error instanceof TypeError);
      assert.match(error.message, /has not run yet/);
      assert.deepEqual(await lab.outcome(proposal.action), { failed: { why: 'TypeError' } });
    }
    assert.equal(ran, 0);
    const proposal = await approved(client);
    assert.deepEqual(await client.execute(proposal, () => [1], CHANGE), [1]);
  });
});

describe('a gateway', () => {
  it('that is down meanwhile is asked again', async () => {
    const running = client.run(CHANGE, () => 'done');
    const proposed = await lab.next();
    await lab.tell('down');
    await pause(1000);
    await lab.tell('up');
    await lab.approve(proposed);
    assert.equal(await running, 'done');
  });

  it('that is down is said to be', async () => {
    await lab.tell('down');
    const error = await refusal(client.run(CHANGE, assert.fail));
    await lab.tell('up');
    assert(error instanceof vidimus.Unreachable);
    assert.match(error.message, /vidimus gateway --personal/);
    assert.equal(error.sent, false);
  });

  it('whose acknowledgement is lost is asked once more', async () => {
    await lab.fault('/v1/actions', 'lose');
    const proposal = await approved(detoured);
    assert.equal(await detoured.execute(proposal, () => 'done', CHANGE), 'done');
    assert.equal((await lab.kinds(proposal.action)).filter((kind) => kind === 'action.proposed').length, 1);
  });

  it('whose answer to a redemption is lost leaves it unknown, and nothing is tried again', async () => {
    const proposal = await approved(detoured);
    await lab.fault('/redeem', 'lose');
    const error = await refusal(detoured.execute(proposal, assert.fail, CHANGE));
    assert(error instanceof vidimus.Unknown);
    assert.equal(error.ran, undefined);
    assert(await refusal(detoured.execute(proposal, assert.fail, CHANGE)) instanceof vidimus.Unknown);
    assert.equal((await detoured.status(proposal)).status, 'redeemed');
  });

  it('with a permit for another action runs nothing', async () => {
    const [other, proposal] = [await approved(detoured), await approved(detoured)];
    await lab.fault('/permit', { merge: { permit: await permitOf(detoured, other) } });
    const error = await refusal(detoured.execute(proposal, assert.fail, CHANGE));
    assert(error instanceof vidimus.Unproven);
    assert.match(error.message, /another action/);
    assert(!(await lab.kinds(proposal.action)).includes('permit.redeemed'));
  });

  it('that cannot serve its keys is no forger', async () => {
    const proposal = await approved(detoured);
    await lab.fault('/jwks.json', { replace: { status: 503, body: { keys: [] } } });
    assert(await refusal(detoured.execute(proposal, assert.fail, CHANGE)) instanceof vidimus.Unreachable);
    assert.equal(await detoured.execute(proposal, () => 'done', CHANGE), 'done');
  });

  it('with a forged permit runs nothing', async () => {
    const proposal = await approved(detoured);
    const [head, claims, signature = ''] = (await permitOf(detoured, proposal)).split('.');
    const forged = `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await lab.fault('/permit', { merge: { permit: forged } });
    assert.match((await refusal(detoured.execute(proposal, assert.fail, CHANGE))).message, /signature/);
  });

  it('with a bundle of another log or run runs nothing', async () => {
    const proposal = await approved(detoured);
    await lab.fault('/redeem', { merge: { entries: [{ index: 0, leaf: '{}', proof: [] }] } });
    assert.match((await refusal(detoured.execute(proposal, assert.fail, CHANGE))).message, /another log/);
    assert.match(JSON.stringify(await lab.outcome(proposal.action)), /another log/);
    const [first, second] = [await approved(detoured), await approved(detoured)];
    const redeem = { action_digest: first.digest, permit: await permitOf(detoured, first) };
    const bundle = JSON.parse(await fetched(detoured, 'POST', `/v1/actions/${first.action}/redeem`, redeem));
    await lab.fault('/redeem', { replace: { status: 200, body: bundle } });
    assert.match((await refusal(detoured.execute(second, assert.fail, CHANGE))).message, /action\.proposed/);
  });

  it('whose bundle was changed proves nothing', async () => {
    const proposal = await approved(client);
    const token = await permitOf(client, proposal);
    const redeem = { action_digest: proposal.digest, permit: token };
    const bundle = JSON.parse(await fetched(client, 'POST', `/v1/actions/${proposal.action}/redeem`, redeem));
    const { agent, executor, log } = client.profile;
    const prove = (entries: unknown[]): void => {
      const read = readBundle(Buffer.from(JSON.stringify({ ...bundle, entries })), log);
      const wanted = { audience: executor, action: proposal.action, digest: proposal.digest, agent };
      expectRun(read, vidimus.verifyPermit(token, read.permitKeys, { ...wanted, issuer: read.origin }), executor);
    };
    const entries = bundle.entries as { leaf: string }[];
    const is = (entry: { leaf: string }, kind: string): boolean => entry.leaf.includes(`"kind":"${kind}"`);
    const without = (kind: string): unknown[] => entries.filter((entry) => !is(entry, kind));
    const changed = (from: string, to: string): unknown[] =>
      entries.map((entry) => (is(entry, 'verdict.given') ? { ...entry, leaf: entry.leaf.replace(from, to) } : entry));
    prove(entries);
    const wrong: [unknown[], RegExp][] = [
      [changed('test/1', 'test/2'), /not in the signed log/],
      [changed('"v":1', '"v":2'), /another version/],
      [[entries[0], ...entries.slice(1).reverse()], /out of order/],
      [entries.slice(1), /another log/],
      [without('verdict.given'), /lacks a verdict/],
      [without('action.resolved'), /action\.resolved/],
      [without('permit.issued'), /another permit/],
      [without('permit.redeemed'), /permit\.redeemed/],
      [[], /no proof bundle/],
    ];
    for (const [other, why] of wrong) assert.throws(() => prove(other), why);

    // The same by a log that is trusted, and tells of another run.
    const read = readBundle(Buffer.from(JSON.stringify(bundle)), log);
    const wanted = { audience: executor, action: proposal.action, digest: proposal.digest };
    const permit = vidimus.verifyPermit(token, read.permitKeys, wanted);
    const told: [string, string[], RegExp][] = [
      ['action.proposed', ['actor'], /another proposal/],
      ['action.proposed', ['parts', '1', 'commit'], /another proposal/],
      ['action.resolved', ['data', 'resolution'], /no approval/],
      ['verdict.given', ['actor'], /lacks a verdict/],
      ['verdict.given', ['data', 'signed', 'item', 'verdict'], /lacks a verdict/],
      ['verdict.given', ['data', 'signed', 'item', 'action_digest'], /lacks a verdict/],
      ['verdict.given', ['data', 'signed'], /not a JSON object/],
      ['permit.issued', ['data', 'audience'], /another permit/],
      ['permit.redeemed', ['data', 'permit'], /the redemption of this permit/],
      ['permit.redeemed', ['actor'], /the redemption of this permit/],
    ];
    for (const [kind, path, why] of told) {
      const leaves = structuredClone(read.leaves);
      let inner = leaves.find((leaf) => leaf['kind'] === kind) as Record<string, unknown>;
      for (const step of path.slice(0, -1)) inner = inner[step] as Record<string, unknown>;
      inner[path.at(-1) ?? ''] = 'another';
      assert.throws(() => expectRun({ ...read, leaves }, permit, executor), why);
    }
    // What the policy released needs no verdict; what it did not release does.
    const leaves = structuredClone(read.leaves.filter((leaf) => leaf['kind'] !== 'verdict.given'));
    const data = (kind: string) => leaves.find((leaf) => leaf['kind'] === kind)?.['data'] as Record<string, unknown>;
    const unnamed = { ...permit, reviewers: [] };
    data('action.resolved')['resolution'] = 'released';
    assert.throws(() => expectRun({ ...read, leaves }, unnamed, executor), /no approval/);
    (data('action.proposed')['evaluation'] as Record<string, unknown>)['decision'] = 'release';
    expectRun({ ...read, leaves }, unnamed, executor);
    assert.throws(() => expectRun({ ...read, leaves }, permit, executor), /lacks a verdict/);
    const issued = read.leaves.filter((leaf) => leaf['kind'] === 'permit.issued');
    const ended = issued.map((leaf) => ({ ...leaf, kind: 'action.completed' }));
    assert.throws(() => expectRun({ ...read, leaves: [...read.leaves, ...ended] }, permit, executor), /has an outcome/);
  });

  it('that says an unknown status, or acknowledges something else, runs nothing', async () => {
    const proposal = await detoured.propose(detoured.prepare(CHANGE));
    await lab.approve(await lab.next());
    await lab.fault(proposal.action, { merge: { status: 'postponed' } });
    assert(await refusal(detoured.wait(proposal)) instanceof vidimus.UpgradeNeeded);
    const { entries } = JSON.parse(await fetched(detoured, 'POST', '/v1/actions', proposal.body()));
    for (const time of ['""', '"soon"', '7']) {
      const fresh = detoured.prepare(CHANGE);
      const { leaf } = entries[0];
      const ours = leaf
        .replace(proposal.action, fresh.action)
        .replace(proposal.digest, fresh.digest)
        .replace(/"expires_at":"[^"]*"/, `"expires_at":${time}`);
      await lab.fault('/v1/actions', { merge: { entries: [{ ...entries[0], leaf: ours }] } });
      assert.match((await refusal(detoured.propose(fresh))).message, /cannot be read/);
      await lab.next();
    }
    await lab.fault('/v1/actions', { merge: { entries: [] } });
    assert.match((await refusal(detoured.propose(detoured.prepare(CHANGE)))).message, /cannot be read/);
    await lab.next();
    const other = await detoured.propose(detoured.prepare(CHANGE));
    await lab.next();
    const body = JSON.parse(await fetched(detoured, 'POST', '/v1/actions', other.body()));
    await lab.fault('/v1/actions', { replace: { status: 201, body } });
    assert.match((await refusal(detoured.propose(detoured.prepare(CHANGE)))).message, /something else/);
    await lab.next();
  });

  it('gives permits that can be verified by themselves', async () => {
    const proposal = await approved(client);
    const token = await permitOf(client, proposal);
    const keys = vidimus.readJwks(Buffer.from(await fetched(client, 'GET', '/.well-known/jwks.json')));
    const { agent, executor } = client.profile;
    const wanted = { audience: executor, action: proposal.action, digest: proposal.digest, agent };
    const permit = vidimus.verifyPermit(token, keys, wanted);
    const others: [Partial<vidimus.WantedPermit>, RegExp][] = [
      [{ audience: 'exe_0' }, /another executor/],
      [{ action: 'act_0' }, /another action/],
      [{ digest: '00'.repeat(32) }, /another digest/],
      [{ agent: 'agt_0' }, /another agent/],
      [{ issuer: 'vidimus/0' }, /another log/],
      [{ now: permit.expiresAt }, /expired/],
      [{ now: permit.issuedAt - 1 }, /not valid yet/],
    ];
    for (const [other, why] of others) {
      assert.throws(() => vidimus.verifyPermit(token, keys, { ...wanted, ...other }), why);
    }
    assert.throws(() => vidimus.verifyPermit(token, [], wanted), /does not name/);
  });
});

describe('what was redeemed', () => {
  it('is not run again', async () => {
    const runs = counting();
    const proposal = await approved(client);
    await client.execute(proposal, runs.run, CHANGE);
    assert(await refusal(client.execute(proposal, runs.run, CHANGE)) instanceof vidimus.AlreadyRan);
    assert.equal(runs.count, 1);
  });

  it('is run by one of many', async () => {
    const runs = counting();
    const proposal = await approved(client);
    const all = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.execute(proposal, runs.run, CHANGE)),
    );
    assert.equal(runs.count, 1);
    assert.equal(all.filter((one) => one.status === 'fulfilled').length, 1);
  });

  it('and killed before its report is unknown, and not run twice', async () => {
    const proposal = await approved(client);
    const program = new URL('./killed.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [program, lab.home], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin.end(proposal.toJson());
    assert.deepEqual(await once(child, 'exit'), [9, null]);
    assert(await refusal(client.execute(proposal, assert.fail, CHANGE)) instanceof vidimus.Unknown);
    assert.equal((await lab.kinds(proposal.action)).at(-1), 'permit.redeemed');
  });

  it('is of its own agent', async () => {
    const proposal = await approved(client);
    assert(await refusal(detoured.execute(proposal, assert.fail, CHANGE)) instanceof vidimus.NotSetUp);
  });
});

describe('requiresApproval', () => {
  it('shows the call and runs it as it was approved', async () => {
    const seen: unknown[] = [];
    const limits: Record<string, number> = { ada: 10 };
    const setLimit = requiresApproval(
      {
        client,
        operation: 'set_limit',
        target: { system: 'billing', resource: 'limits', environment: 'prod' },
        before: ({ user }: { user: string; limit: number }) => ({ limit: limits[user] ?? 0 }),
        intent: ({ user }) => `${user} asked`,
      },
      (argument) => seen.push(argument),
    );
    const argument = { user: 'ada', limit: 20 };
    const running = setLimit(argument);
    const proposed = await lab.next();
    assert.deepEqual(proposed.payload, {
      kind: 'json',
      payload: { operation: 'set_limit', after: { user: 'ada', limit: 20 }, before: { limit: 10 } },
      target: { system: 'billing', resource: 'limits', environment: 'prod' },
    });
    // What the caller changes meanwhile is not what was approved, and does not run.
    argument.limit = 999;
    await lab.approve(proposed);
    await running;
    assert.deepEqual(seen, [{ user: 'ada', limit: 20 }]);
    const drifting = refusal(setLimit({ user: 'ada', limit: 30 }));
    const second = await lab.next();
    limits['ada'] = 11;
    await lab.approve(second);
    assert(await drifting instanceof vidimus.Changed);
    assert.equal(seen.length, 1);
  });

  it('refuses what cannot be shown', async () => {
    const use = requiresApproval({ client, operation: 'use' }, (_: unknown) => assert.fail());
    for (const value of [1.5, -1, -0, 2 ** 53, undefined, new Date(), new Map(), '\ud800', () => 1, 1n, [, 1]]) {
      assert(await refusal(use({ value })) instanceof vidimus.InvalidAction, String(value));
    }
  });
});

