/** Bytes, files and proofs, without a gateway. The golden values are those of docs/spec. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { actionBytes, type Change, commit, newId, Proposal } from '../src/action.js';
import { Client, InvalidAction, NotSetUp, Unreachable } from '../src/index.js';
import { STATUSES } from '../src/models.js';
import { fileName, loadProfile, parseUrl } from '../src/profile.js';
import { leafHash, openCheckpoint, rootOfInclusion } from '../src/proof.js';
import * as strict from '../src/strict.js';
import { type Json, Malformed } from '../src/strict.js';
import { refusal } from './lab.js';


const PATH = [
  'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
].map((node) => Buffer.from(node, 'hex'));
const ROOT_OF_EIGHT = '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328';
const ORIGIN = 'vidimus.example/log';
const KEY = `${ORIGIN}+ceb161fe+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4`;
const BODY = `${ORIGIN}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n`;
const SIGNED = `— ${ORIGIN} zrFh/mH50v86ShAu7CEiNinPN/gCmFjJoZ+WyU2CNHHRV8F8tDQMIrUXAFjwQFrwDYG3J3D5r/SjedNN5axGCali0Qo=\n`;
const TIMED = `— ${ORIGIN} Tf74iQAAAABqsTuAIoUd3nhP+ZGD/G1BKlNYCo5jPRR89obhdjKr7GVpWRGFt0dzVripcOnzV3B/NQtrZh6lbG15N5KXwORMJvwaAg==\n`;
const NOTE = BODY + SIGNED + TIMED;

describe('bytes', () => {
  it('commit as the specification says', () => {
    const salt = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
    const first = '2b62988d6668e4c97a6c8f8670363b8374d8357d3fdd0756095c3d91591f0aae';
    assert.equal(commit(salt, 'text/plain', Buffer.from('hello')), first);
    const second = '9e13b8773ef9d56ee21e715098a05867cb15f0627829920525b408d09bef33c0';
    assert.equal(commit(Buffer.alloc(32), 'application/json', Buffer.alloc(0)), second);
  });

  it('are included as the specification says, and no others', () => {
    const leaf = leafHash(Buffer.from('40414243', 'hex'));
    assert.equal(rootOfInclusion(5, 8, leaf, PATH).toString('hex'), ROOT_OF_EIGHT);
    assert.notEqual(rootOfInclusion(4, 8, leaf, PATH).toString('hex'), ROOT_OF_EIGHT);
    for (const [index, path] of [[8, PATH], [5, PATH.slice(1)], [5, [...PATH, ...PATH]]] as const) {
      assert.throws(() => rootOfInclusion(index, 8, leaf, [...path]), Malformed);
    }
  });

  it('are a checkpoint as the specification says, and no others', () => {
    const { size, root } = openCheckpoint(NOTE, KEY, ORIGIN);
    assert.deepEqual([size, root.toString('hex')], [8, ROOT_OF_EIGHT]);
    const wrong = [
      NOTE.replace('\n8\n', '\n9\n'),
      BODY + SIGNED,
      BODY + TIMED,
      BODY + SIGNED + SIGNED + TIMED,
      NOTE.replace('zrFh/mH5', 'zrFh/mH6'),
      NOTE.slice(0, -1),
      `${NOTE}\r\n`,
      '',
    ];
    for (const note of wrong) assert.throws(() => openCheckpoint(note, KEY, ORIGIN), Malformed, note);
    assert.throws(() => openCheckpoint(NOTE, KEY, 'another'), Malformed);
    assert.throws(() => openCheckpoint(NOTE, KEY.replace('ceb161fe', 'ceb161ff'), ORIGIN), Malformed);
  });

  it('of an action are canonical', () => {
    const change: Change = {
      operation: 'rotate',
      after: { '\ufb33': 1, '\u{1f600}': 2, b: null },
      target: { system: 's', resource: 'r', environment: 'e' },
    };
    // RFC 8785 orders keys by UTF-16 units: the emoji comes before the letter above the surrogates.
    assert.equal(
      actionBytes(change).toString(),
      '{"kind":"json","payload":{"after":{"b":null,"\u{1f600}":2,"\ufb33":1},"operation":"rotate"},' +
        '"target":{"environment":"e","resource":"r","system":"s"}}',
    );
  });

  it('of an action that breaks a rule are refused', () => {
    const nested = (depth: number): Json => (depth === 0 ? 1 : [nested(depth - 1)]);
    actionBytes({ operation: 'rotate', after: nested(30) });
    const wrong: Change[] = [
      { operation: 'rotate' },
      { operation: 'rotate', after: null },
      { operation: ' ', after: 1 },
      { operation: 'x'.repeat(201), after: 1 },
      { operation: 'a\nb', after: 1 },
      { operation: 'rotate', after: 0.5 },
      { operation: 'rotate', after: nested(31) },
      { operation: 'rotate', after: 'x'.repeat(1_048_576) },
    ];
    for (const change of wrong) assert.throws(() => actionBytes(change), InvalidAction);
  });

  it('of a proposal come back as they were kept', () => {
    const change = { operation: 'rotate', after: { a: 1 }, intent: 'why', run: 'nightly-42' };
    const kept = Proposal.of(change, 'agt_0', '00'.repeat(32), 60);
    assert.deepEqual(Proposal.fromJson(kept.toJson()), kept);
    assert.equal(kept.digestOf(actionBytes(change)), kept.digest);
    assert.equal(kept.body()['run'], 'nightly-42');
    assert.equal(Buffer.from(kept.context?.bytes ?? '', 'base64url').toString(), '{"intent":"why"}');
    const json = kept.toJson();
    for (const text of ['', '{}', json.replace('"v":1', '"v":2'), json.replace('nightly-42', 'nightly 42')]) {
      assert.throws(() => Proposal.fromJson(text), InvalidAction);
    }
  });

  it('of a run without a fit name are refused', () => {
    const made = (run: unknown): Proposal => Proposal.of({ operation: 'rotate', after: 1, run } as Change, 'agt_0', '');
    assert.equal(made('~'.repeat(128)).run, '~'.repeat(128));
    for (const run of ['', 'a b', 'a\n', 'ä', 'x'.repeat(129), 7, null]) {
      assert.throws(() => made(run), InvalidAction, String(run));
    }
  });

  it('of an id are 128 random bits', () => {
    const made = new Set(Array.from({ length: 100 }, () => newId('act_')));
    assert.equal(made.size, 100);
    for (const one of made) assert.match(one, /^act_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  });

  it('of JSON are strict', () => {
    for (const text of ['1.5', '-1', '9007199254740992', '"\\ud800"', '['.repeat(40) + ']'.repeat(40), '{']) {
      assert.throws(() => strict.parse(text), Malformed, text);
    }
    for (const text of ['{"a":1,"a":2}', '{"a": 1}', '{"b":1,"a":1}', '{"a":1.0}']) {
      assert.throws(() => strict.parseCanonical(text), Malformed, text);
    }
  });

  it('of a status are those of the interface', () => {
    const openapi = JSON.parse(readFileSync('../../docs/openapi.json', 'utf8'));
    assert.deepEqual(openapi.components.schemas.ActionStatus.enum, STATUSES);
  });
});

describe('a profile', () => {
  const home = mkdtempSync(join(tmpdir(), 'vidimus-sdk-'));
  after(() => rmSync(home, { recursive: true }));
  const token = Buffer.alloc(32).toString('base64url');
  const log = 'ab'.repeat(32);

  function write(members: { [name: string]: Json } = {}, anchor = {}, name = '../x'): string {
    const trust = join(home, 'trust.json');
    const agents = join(home, 'config', 'agents');
    mkdirSync(agents, { recursive: true });
    const base = { log, type: 'vidimus-trust', v: 1, witness_quorum: 0, witnesses: [] };
    writeFileSync(trust, `${strict.canonical({ ...base, ...anchor })}\n`);
    const profile = { agent: 'agt_0', executor: 'exe_0', log, name, token, trust, type: 'vidimus-agent', v: 1 };
    const path = join(agents, `${fileName(name)}.json`);
    writeFileSync(path, `${strict.canonical({ ...profile, url: 'http://localhost:8478', ...members })}\n`);
    chmodSync(path, 0o600);
    return path;
  }

  it('of `vidimus exec` is found', () => {
    assert(write().endsWith('/%2E.%2Fx.json'));
    assert.equal(loadProfile(undefined, home).agent, 'agt_0');
    assert.equal(loadProfile('../x', home).token(), token);
    assert(!JSON.stringify(loadProfile(undefined, home)).includes(token));
    process.env['VIDIMUS_HOME'] = home;
    assert.equal(loadProfile().agent, 'agt_0');
    delete process.env['VIDIMUS_HOME'];
    assert.throws(() => loadProfile(undefined, join(home, 'none')), /Connect an agent/);
  });

  it('that is not fit is refused', () => {
    const cases: [RegExp, { [name: string]: Json }, object][] = [
      [/another version/, { v: 2 }, {}],
      [/unknown/, { more: 1 }, {}],
      [/not a string/, { url: 1 }, {}],
      [/type or token/, { token: 'AA' }, {}],
      [/in clear/, { url: 'http://gate.example.org' }, {}],
      [/host name/, { url: 'https://10.0.0.1' }, {}],
      [/not absolute/, { tls_ca: 'ca.pem' }, {}],
      [/not absolute/, { trust: 'trust.json' }, {}],
      [/for the log/, {}, { log: 'cd'.repeat(32) }],
      [/witnesses/, {}, { witness_quorum: 1 }],
      [/not a trust file/, {}, { v: 2 }],
    ];
    for (const [why, members, anchor] of cases) {
      write(members, anchor);
      assert.throws(() => loadProfile(undefined, home), (error) => error instanceof NotSetUp && why.test(error.message));
    }
    chmodSync(write(), 0o640);
    assert.throws(() => loadProfile(undefined, home), /chmod 600/);
    write();
    const other = write({}, {}, 'other');
    assert.throws(() => loadProfile(undefined, home), /several agents/);
    assert.throws(() => loadProfile('none', home), /no agent `none`/);
    rmSync(other);
  });

  it('names an address', () => {
    const https = { host: 'gate.example.org', port: 443, tls: true, authority: 'gate.example.org' };
    assert.deepEqual(parseUrl('https://GATE.example.org:443/'), https);
    assert.equal(parseUrl('http://[::1]:1').authority, '[::1]:1');
    const wrong = [
      '',
      'ftp://localhost',
      'http://localhost/v1',
      'http://localhost/?',
      'http://user@localhost',
      'http://localhost:0',
      'http://127.0.0.2:1',
      'http://localhost.example.org:1',
      'https://gate.example.org.',
      'https://0x7f.1',
      'https://[::1]',
    ];
    for (const text of wrong) assert.throws(() => parseUrl(text), NotSetUp, text);
  });

  it('names an authority of its own', async () => {
    const [key, ca] = [join(home, 'key.pem'), join(home, 'ca.pem')];
    const made = 'req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 1 -subj /CN=localhost';
    const names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', ca];
    execFileSync('openssl', [...made.split(' '), ...names], { stdio: 'ignore' });
    const proposal = Proposal.of({ operation: 'rotate', after: 1 }, 'agt_0', log);
    const hosts: (string | undefined)[] = [];
    const view = { action: proposal.action, expires_at: '', policy: [], status: 'pending' };
    const server = createServer({ key: readFileSync(key), cert: readFileSync(ca) }, (request, response) => {
      hosts.push(request.headers.host);
      response.end(JSON.stringify(view));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    after(() => server.close());
    const { port } = server.address() as AddressInfo;
    write({ url: `https://localhost:${port}` });
    const error = await refusal(new Client({ home }).status(proposal));
    assert(error instanceof Unreachable && !error.sent);
    assert.match(error.message, /certificate/);
    assert.equal((await new Client({ home, tlsCa: ca }).status(proposal)).status, 'pending');
    write({ url: `https://localhost:${port}`, tls_ca: ca });
    assert.equal((await new Client({ home }).status(proposal)).status, 'pending');
    assert.deepEqual(hosts, [`localhost:${port}`, `localhost:${port}`]);
    assert.throws(() => new Client({ home, tlsCa: join(home, 'none.pem') }), NotSetUp);
  });
});
