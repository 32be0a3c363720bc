/**
 * What this client checks of a proof bundle: that it is of the trusted log, and that the log holds this run.
 *
 * Checked: entry 0 hashes to the log id of the trust file; the checkpoint is signed by the key that entry 0 names;
 * every entry is included in it; the entries tell of this proposal, an approval (or that the policy released it), and
 * the redemption of this permit by this agent's executor. Not checked: the reviewers' own signatures (WebAuthn), the
 * rules of docs/spec/lifecycle.md, and that the policy gives what the log says. So whoever holds the log's signing key
 * could have made up the approval; `vidimus exec` and `vidimus verify` check more.
 */

import { createHash, createPublicKey, verify } from 'node:crypto';

import { type Permit, type PermitKey, readPermitKey } from './permit.js';
import * as strict from './strict.js';
import { type Json, type JsonObject, Malformed } from './strict.js';

const MAX_ENTRIES = 1024;
const MAX_NOTE = 131_072;
const SIGNED = 1;
const COSIGNED = 4;

/** A bundle whose entries are proven to be in the trusted log. */
export interface Bundle {
  origin: string;
  permitKeys: PermitKey[];
  leaves: JsonObject[];
}

/** Reads the answer to a redemption and proves its entries. Throws `Malformed`. */
export function readBundle(body: Uint8Array, log: string): Bundle {
  const ack = strict.parseObject(strict.utf8(body));
  const proven = strict.array(ack['entries'], 'entries').map((entry) => readEntry(strict.object(entry, 'an entry')));
  const [first] = proven;
  if (!first || proven.length > MAX_ENTRIES) throw new Malformed('the answer is no proof bundle');
  if (first.index !== 0 || leafHash(first.leaf).toString('hex') !== log) {
    throw new Malformed('it is of another log than the trust file names');
  }
  const leaves = proven.map(({ leaf }) => readLeaf(leaf));
  const { origin, logKey, permitKeys } = readOpened(leaves[0] as JsonObject);
  const { size, root } = openCheckpoint(strict.string(ack['checkpoint'], 'checkpoint'), logKey, origin);
  let last = -1;
  for (const { index, leaf, path } of proven) {
    if (index <= last) throw new Malformed('its entries are out of order');
    last = index;
    if (!rootOfInclusion(index, size, leafHash(leaf), path).equals(root)) {
      throw new Malformed(`entry ${index} is not in the signed log`);
    }
  }
  return { origin, permitKeys, leaves };
}

/** The entries must tell of this proposal, its approval and the redemption of this permit, and of no outcome. */
export function expectRun(bundle: Bundle, permit: Permit, executor: string): void {
  const of = (kind: string): JsonObject[] => bundle.leaves.filter((leaf) => leaf['kind'] === kind);
  const data = (leaf: JsonObject): JsonObject => strict.object(leaf['data'], 'data');
  const about = (kind: string): JsonObject[] => of(kind).filter((leaf) => data(leaf)['action'] === permit.action);
  const only = (kind: string): JsonObject => {
    const found = about(kind);
    const [one] = found;
    if (!one || found.length !== 1) {
      throw new Malformed(`the proof holds ${found.length} entries \`${kind}\` of this action, not one`);
    }
    return one;
  };
  const item = (leaf: JsonObject): JsonObject =>
    strict.object(strict.object(data(leaf)['signed'], 'signed')['item'], 'item');
  const proposed = only('action.proposed');
  const parts = strict.array(proposed['parts'], 'parts').map((part) => strict.object(part, 'a part'));
  const payload = parts.find((part) => part['name'] === 'payload')?.['commit'];
  const redeemed = only('permit.redeemed');
  const verdicts = of('verdict.given')
    .filter((leaf) => item(leaf)['action'] === permit.action && item(leaf)['action_digest'] === permit.digest)
    .filter((leaf) => ['approve', 'break_glass'].includes(item(leaf)['verdict'] as string));
  const uses = strict.array(data(proposed)['grants'] ?? [], 'grants').map((use) => strict.object(use, 'a use')['grant']);
  const grants = of('grant.given').filter((leaf) => uses.includes(item(leaf)['grant']));
  const approvals = [...verdicts, ...grants].map((leaf) => leaf['actor'] as Json);
  const asked = strict.object(data(proposed)['evaluation'], 'evaluation')['decision'];
  const resolution = data(only('action.resolved'))['resolution'];
  const released = resolution === 'released' && asked === 'release';
  const named = permit.reviewers.every((reviewer) => approvals.includes(reviewer));
  const issued = about('permit.issued').map(data);
  const rules: [boolean, string][] = [
    [proposed['actor'] === permit.agent && payload === permit.digest, 'the log holds another proposal'],
    [resolution === 'approved' || released, 'the log holds no approval'],
    [(approvals.length > 0 || released) && named, 'the log lacks a verdict that the permit names'],
    [
      issued.some((one) => one['permit'] === permit.permit && one['audience'] === executor),
      'the log holds another permit',
    ],
    [
      data(redeemed)['permit'] === permit.permit && redeemed['actor'] === permit.agent,
      'the log does not hold the redemption of this permit',
    ],
    [about('action.completed').length === 0, 'the action has an outcome already'],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken) throw new Malformed(broken[1]);
}

/** RFC 6962. */
export function leafHash(leaf: Uint8Array): Buffer {
  return sha256(Buffer.of(0), leaf);
}

/** The root that an inclusion path leads to (RFC 9162, section 2.1.3.2). Positions are below 2^53. */
export function rootOfInclusion(index: number, size: number, leaf: Buffer, path: Buffer[]): Buffer {
  if (index >= size) throw new Malformed(`entry ${index} is not in a log of ${size} entries`);
  let [first, second, node] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const sibling of path) {
    if (second === 0n) throw new Malformed('an inclusion path is too long');
    if ((first & 1n) === 1n || first === second) {
      node = sha256(Buffer.of(1), sibling, node);
      while ((first & 1n) === 0n && first !== 0n) [first, second] = [first >> 1n, second >> 1n];
    } else {
      node = sha256(Buffer.of(1), node, sibling);
    }
    [first, second] = [first >> 1n, second >> 1n];
  }
  if (second !== 0n) throw new Malformed('an inclusion path is too short');
  return node;
}

/** Size and root of a checkpoint that the log's key signed, without and with a time. */
export function openCheckpoint(note: string, logKey: string, origin: string): { size: number; root: Buffer } {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || Buffer.byteLength(note) > MAX_NOTE || !note.endsWith('\n') || /[\x00-\x09\x0b-\x1f]/.test(note)) {
    throw new Malformed('the checkpoint is no signed note');
  }
  const body = note.slice(0, end + 1);
  const [name, key] = readLogKey(logKey);
  const prefix = `— ${name} `;
  const lines = note.slice(end + 2).split('\n');
  const signatures = lines.filter((line) => line.startsWith(prefix));
  const found = signatures.map((line) => strict.decodePadded(line.slice(prefix.length)));
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') },
    format: 'jwk',
  });
  const plain = only(found, keyId(name, SIGNED, key), 64);
  const timed = only(found, keyId(name, COSIGNED, key), 72);
  const message = `cosignature/v1\ntime ${timed.readBigUInt64BE(0)}\n${body}`;
  const signed =
    verify(null, Buffer.from(body), publicKey, plain) &&
    verify(null, Buffer.from(message), publicKey, timed.subarray(8));
  if (!signed) throw new Malformed("the checkpoint's signature does not verify");
  const [written, count, encoded, ...rest] = body.split('\n');
  const size = Number(count);
  const root = strict.decodePadded(encoded ?? '');
  const fit = Number.isSafeInteger(size) && size >= 0 && String(size) === count && rest.join('') === '';
  if (written !== origin || !fit || rest.length !== 1 || root.length !== 32) {
    throw new Malformed('the checkpoint is of another form or log');
  }
  return { size, root };
}

function readEntry(entry: JsonObject): { index: number; leaf: Buffer; path: Buffer[] } {
  strict.members(entry, ['index', 'leaf', 'proof']);
  return {
    index: strict.integer(entry['index'], 'index'),
    leaf: Buffer.from(strict.string(entry['leaf'], 'leaf')),
    path: strict.array(entry['proof'], 'proof').map(strict.digest),
  };
}

function readLeaf(leaf: Buffer): JsonObject {
  const read = strict.parseCanonical(strict.utf8(leaf));
  strict.members(read, ['actor', 'data', 'kind', 'parts', 'refs', 'time', 'v']);
  if (read['v'] !== 1) throw new Malformed('an entry is of another version: upgrade @vidimus/client');
  return read;
}

function readOpened(leaf: JsonObject): { origin: string; logKey: string; permitKeys: PermitKey[] } {
  if (leaf['kind'] !== 'log.opened') throw new Malformed('its first entry opens no log');
  const data = strict.object(leaf['data'], 'data');
  const keys = strict.array(data['permit_keys'], 'permit_keys');
  return {
    origin: strict.string(data['origin'], 'origin'),
    logKey: strict.string(data['log_key'], 'log_key'),
    permitKeys: keys.map((key) => readPermitKey(strict.object(key, 'a permit key'))),
  };
}

function readLogKey(text: string): [string, Buffer] {
  const [name = '', id, ...rest] = text.split('+');
  const data = strict.decodePadded(rest.join('+'));
  const key = data.subarray(1);
  if (data.length !== 33 || data[0] !== SIGNED || keyId(name, SIGNED, key).toString('hex') !== id) {
    throw new Malformed("the log's key cannot be read");
  }
  return [name, key];
}

function keyId(name: string, type: number, key: Buffer): Buffer {
  return sha256(Buffer.from(`${name}\n`), Buffer.of(type), key).subarray(0, 4);
}

function only(signatures: Buffer[], id: Buffer, length: number): Buffer {
  const found = signatures.filter((one) => one.subarray(0, 4).equals(id));
  const [one] = found;
  if (!one || found.length !== 1 || one.length !== 4 + length) {
    throw new Malformed("the checkpoint does not have the log's two signatures");
  }
  return one.subarray(4);
}

function sha256(...pieces: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}
