/**
 * The action of kind `json`: its bytes, its digest, and what a proposal of it must keep. Spec: docs/spec/action.md,
 * docs/spec/tree.md.
 */

import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import { InvalidAction } from './errors.js';
import type { Content } from './models.js';
import * as strict from './strict.js';
import { type Json, type JsonObject, Malformed } from './strict.js';

export const PAYLOAD_TYPE = 'application/vidimus-action+json';
export const CONTEXT_TYPE = 'application/vidimus-context+json';
export const TEXT_TYPE = 'text/plain;charset=utf-8';
const MAX_PAYLOAD = 1_048_576;
const MAX_CONTEXT = 65_536;
const MAX_TEXT = 4_096;
const MAX_OPERATION = 200;
const RUN = /^[!-~]{1,128}$/;
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/** Where an action runs, in the proposer's words. */
export interface Target {
  /** The machine or service; this computer's name when left out. */
  system?: string;
  /** What is acted on. */
  resource?: string;
  /** `local` when left out. */
  environment?: string;
}

/**
 * What is about to be done: one operation, what is there before it, what is there after it.
 *
 * `before` and `after` are JSON with integers from 0 to 2^53 - 1 only. They are shown to the reviewer and kept by the
 * gateway: never put a secret there. `intent` and `onBehalfOf` are claims beside the action and no part of its digest,
 * nor is `run`, the name of the agent's run that it belongs to: a person can pause that run. It is not private, and has 1
 * to 128 visible ASCII characters without spaces.
 */
export interface Change {
  operation: string;
  after?: Json;
  before?: Json;
  target?: Target;
  intent?: string;
  onBehalfOf?: string;
  run?: string;
}

/** The RFC 8785 bytes of the action. */
export function actionBytes(change: Change): Buffer {
  const { operation, after, before, target = {} } = change;
  const payload: Record<string, unknown> = { operation };
  if (after !== undefined) payload['after'] = after;
  if (before !== undefined) payload['before'] = before;
  if (after === null || before === null || (after === undefined && before === undefined)) {
    throw new InvalidAction('an action needs `before`, `after` or both, and neither is `null` itself');
  }
  const where = {
    environment: target.environment ?? 'local',
    resource: target.resource ?? '',
    system: target.system ?? hostname(),
  };
  if (typeof operation !== 'string' || Object.values(where).some((text) => typeof text !== 'string')) {
    throw new InvalidAction('`operation` and the three members of `target` are strings');
  }
  if (operation.trim() === '' || Buffer.byteLength(operation) > MAX_OPERATION) {
    throw new InvalidAction(`\`operation\` has 1 to ${MAX_OPERATION} bytes and is not blank`);
  }
  if (/\p{Cc}/u.test(operation)) throw new InvalidAction('`operation` holds a control character');
  return bytes({ kind: 'json', payload, target: where }, MAX_PAYLOAD);
}

/** The RFC 8785 bytes of the claims, if there are any. */
function contextBytes(change: Change): Buffer | undefined {
  const claims = { intent: change.intent, on_behalf_of: change.onBehalfOf };
  const given = Object.entries(claims).filter(([, text]) => text !== undefined);
  if (given.some(([, text]) => typeof text !== 'string')) {
    throw new InvalidAction('`intent` and `onBehalfOf` are strings');
  }
  return given.length > 0 ? bytes(Object.fromEntries(given), MAX_CONTEXT) : undefined;
}

/** An action on its way. Keep it (`toJson`) where nobody else reads to go on after a restart. */
export class Proposal {
  private constructor(
    readonly action: string,
    readonly agent: string,
    readonly log: string,
    readonly payload: Content,
    readonly context: Content | undefined,
    readonly run: string | undefined,
    readonly ttlS: number | undefined,
    readonly expiresAt: string,
  ) {}

  /** A new one, with an id and salts of its own. */
  static of(change: Change, agent: string, log: string, ttlS?: number): Proposal {
    const claims = contextBytes(change);
    const payload = content(PAYLOAD_TYPE, actionBytes(change));
    const context = claims && content(CONTEXT_TYPE, claims);
    return new Proposal(newId('act_'), agent, log, payload, context, checkedRun(change.run), ttlS, '');
  }

  /** What `toJson` wrote. */
  static fromJson(text: string): Proposal {
    try {
      const kept = strict.parseObject(text);
      strict.members(kept, ['action', 'agent', 'expires_at', 'log', 'payload', 'v'], ['context', 'run', 'ttl_s']);
      if (kept['v'] !== 1) throw new Malformed('it is of another version');
      const member = (name: string): string => strict.string(kept[name], name);
      return new Proposal(
        member('action'),
        member('agent'),
        member('log'),
        readContent(kept['payload']),
        kept['context'] === undefined ? undefined : readContent(kept['context']),
        kept['run'] === undefined ? undefined : checkedRun(member('run')),
        kept['ttl_s'] === undefined ? undefined : strict.integer(kept['ttl_s'], 'ttl_s'),
        member('expires_at'),
      );
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new InvalidAction(`this is not a kept proposal: ${error.message}`, { cause: error });
    }
  }

  /** Text for `fromJson`. It holds what the action holds, and the salts. */
  toJson(): string {
    return strict.canonical({
      ...this.body(),
      agent: this.agent,
      expires_at: this.expiresAt,
      log: this.log,
      v: 1,
    });
  }

  /** The action's bytes. */
  get bytes(): Buffer {
    return Buffer.from(this.payload.bytes, 'base64url');
  }

  /** The action digest of what was proposed. */
  get digest(): string {
    return this.digestOf(this.bytes);
  }

  /** The action digest that these bytes would have. */
  digestOf(data: Uint8Array): string {
    return commit(Buffer.from(this.payload.salt, 'hex'), PAYLOAD_TYPE, data);
  }

  /** The body of `POST /v1/actions`. */
  body(): JsonObject {
    const body: JsonObject = { action: this.action, payload: { ...this.payload } };
    if (this.context !== undefined) body['context'] = { ...this.context };
    if (this.run !== undefined) body['run'] = this.run;
    if (this.ttlS !== undefined) body['ttl_s'] = this.ttlS;
    return body;
  }

  /** The same, acknowledged. */
  expiring(expiresAt: string): Proposal {
    const { action, agent, log, payload, context, run, ttlS } = this;
    return new Proposal(action, agent, log, payload, context, run, ttlS, expiresAt);
  }
}

/** The part commitment of docs/spec/tree.md, in hex. */
export function commit(salt: Uint8Array, type: string, data: Uint8Array): string {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(data.length));
  const hash = createHash('sha256').update('vidimus/part/v1\0').update(salt).update(length);
  return hash.update(`${type}\0`).update(data).digest('hex');
}

/** An answer's text, with a salt of its own. */
export function textContent(text: string): Content {
  const data = Buffer.from(text);
  if (text.trim() === '' || data.length > MAX_TEXT) {
    throw new InvalidAction(`an answer has 1 to ${MAX_TEXT} bytes and is not blank`);
  }
  return content(TEXT_TYPE, data);
}

/** 128 random bits, most significant first. */
export function newId(prefix: string): string {
  const number = BigInt(`0x${randomBytes(16).toString('hex')}`);
  const digit = (at: number): string => DIGITS[Number((number >> BigInt(125 - 5 * at)) & 31n)] ?? '';
  return prefix + Array.from({ length: 26 }, (_, at) => digit(at)).join('');
}

function content(type: string, data: Uint8Array): Content {
  return { bytes: Buffer.from(data).toString('base64url'), salt: randomBytes(32).toString('hex'), type };
}

function readContent(value: Json | undefined): Content {
  const found = strict.object(value, 'content');
  strict.members(found, ['bytes', 'salt', 'type']);
  strict.decode(found['bytes']);
  strict.digest(found['salt']);
  return found as unknown as Content;
}

function checkedRun(run: unknown): string | undefined {
  if (run === undefined) return undefined;
  if (typeof run !== 'string' || !RUN.test(run)) {
    throw new InvalidAction('`run` has 1 to 128 visible ASCII characters and no spaces');
  }
  return run;
}

function bytes(value: unknown, most: number): Buffer {
  try {
    strict.checkJson(value);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new InvalidAction(error.message, { cause: error });
  }
  const data = Buffer.from(strict.canonical(value));
  if (data.length > most) throw new InvalidAction(`the action has ${data.length} bytes, at most ${most} are taken`);
  return data;
}
