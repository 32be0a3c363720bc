/** The way of one action: propose, wait, redeem once, run, report. Spec: docs/spec/api.md. */

import { setTimeout as pause } from 'node:timers/promises';

import { actionBytes, type Change, Proposal, textContent } from './action.js';
import {
  AlreadyRan,
  Changed,
  Denied,
  Edited,
  Expired,
  GatewayRefused,
  InvalidAction,
  NotSetUp,
  Pending,
  RefusedByPolicy,
  Unknown,
  Unproven,
  Unreachable,
  UpgradeNeeded,
  VidimusError,
  visible,
  Withdrawn,
} from './errors.js';
import { type Reply, type Request, Transport } from './http.js';
import type { ActionView, Content, Question } from './models.js';
import { readJwks, verifyPermit } from './permit.js';
import { loadProfile, type Profile } from './profile.js';
import { expectRun, readBundle } from './proof.js';
import * as strict from './strict.js';
import { type Json, type JsonObject, Malformed } from './strict.js';

const MAX_WAIT_S = 30;
const GRACE_MS = 10_000;
const RETRY_MS = 2_000;
const REPORT_MS = 60_000;
const MAX_WHY = 500;
const ACTION = /^act_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const PAUSED =
  'the agent, or this run of it, is paused; nothing has run. ' +
  'Asking again is useless until somebody resumes it in the console';

/** What is about to run: a change, or what describes it each time it is asked. */
export type Describes = Change | (() => Change | Promise<Change>);
/** Gets what a reviewer asks and its text. What it returns is the answer. */
export type OnQuestion = (question: Question, text: string) => string | undefined | Promise<string | undefined>;

export interface ClientOptions {
  /** The agent's name; without it the only agent that is connected on this computer. */
  agent?: string;
  /** The folder that `VIDIMUS_HOME` would name. */
  home?: string;
  /** A file with further certificate authorities; else `VIDIMUS_TLS_CA`, else the profile says. */
  tlsCa?: string;
  /** Told what must not be lost and is no error; else `console.warn`. */
  warn?: (words: string) => void;
}

export interface WaitOptions {
  onQuestion?: OnQuestion | undefined;
  /** Ends the waiting. In `run` it also takes the proposal back. */
  signal?: AbortSignal | undefined;
}

export interface RunOptions extends WaitOptions {
  /** Longest wait for a decision, in seconds; the policy may shorten it. */
  ttlS?: number | undefined;
}

/** Asks for approval as one agent. Any number of actions may be on their way at once. */
export class Client {
  readonly profile: Profile;
  readonly #transport: Transport;
  readonly #warn: (words: string) => void;

  constructor(options: ClientOptions = {}) {
    this.profile = loadProfile(options.agent, options.home);
    this.#transport = new Transport(this.profile, options.tlsCa);
    this.#warn = options.warn ?? ((words) => console.warn(`vidimus: ${words}`));
  }

  /**
   * Proposes, waits, redeems, runs `run` once, reports. Returns what it returns.
   *
   * `change` may be a function that describes the change: it is called again before and after the redemption, and
   * unless it says the same, bit for bit, nothing runs (`Changed`). A signal, and any error of `onQuestion` or of an
   * answer, takes the proposal back.
   */
  async run<T>(change: Describes, run: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    let proposal = this.prepare(await describe(change), options.ttlS);
    const hearing: Hearing = { heard: 0, answers: [], failing: false };
    try {
      proposal = await this.propose(proposal, options.signal);
      await this.#wait(proposal, options, hearing);
    } catch (error) {
      if (!(error instanceof VidimusError) || hearing.failing) await this.#takeBack(proposal);
      throw error;
    }
    return await this.execute(proposal, run, change, options.signal);
  }

  /** A proposal that nobody has been told of yet. */
  prepare(change: Change, ttlS?: number): Proposal {
    return Proposal.of(change, this.profile.agent, this.profile.log, ttlS);
  }

  /** Proposes what `prepare` made; the same again is no other. Keep the answer: it knows when it expires. */
  async propose(proposal: Proposal, signal?: AbortSignal): Promise<Proposal> {
    const body = strict.canonical(proposal.body());
    const request: Request = { method: 'POST', path: '/v1/actions', body, signal };
    for (const wait of [250, 500, 1000, 2000]) {
      try {
        return proposal.expiring(acknowledged(this.#object(await this.#transport.send(request)), proposal));
      } catch (error) {
        if (!(error instanceof Unreachable && error.sent)) throw error;
      }
      await pause(wait, undefined, { signal });
    }
    return proposal.expiring(acknowledged(this.#object(await this.#transport.send(request)), proposal));
  }

  /**
   * Returns once it is approved; every other end is an error. After `timeoutMs` it is `Pending`. A gateway that is down
   * is asked again until the action has expired.
   */
  async wait(proposal: Proposal, options: WaitOptions & { timeoutMs?: number } = {}): Promise<void> {
    await this.#wait(proposal, options, { heard: 0, answers: [], failing: false });
  }

  async #wait(
    proposal: Proposal,
    { onQuestion, signal, timeoutMs }: WaitOptions & { timeoutMs?: number },
    hearing: Hearing,
  ): Promise<void> {
    const expires = Date.parse(proposal.expiresAt);
    if (Number.isNaN(expires)) {
      throw new InvalidAction('this proposal does not say when it expires: use what `propose` returned');
    }
    const until = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    // A gateway keeps whoever asks waiting while something runs, too: so look first.
    let wait = 0;
    for (;;) {
      let view: ActionView | undefined;
      try {
        const asked = { wait: hearing.answers.length > 0 ? 0 : wait, heard: hearing.heard, signal };
        view = await this.#view(proposal, asked);
      } catch (error) {
        if (!(error instanceof Unreachable) || Date.now() > expires + GRACE_MS) throw error;
        await pause(RETRY_MS, undefined, { signal });
      }
      if (view) {
        if (await this.#decided(view)) return;
        await this.#hear(proposal, view.questions ?? [], hearing, { onQuestion, signal });
      }
      if (until !== undefined && Date.now() >= until) throw new Pending(proposal);
      const left = until === undefined ? MAX_WAIT_S : Math.max(1, Math.floor((until - Date.now()) / 1000));
      wait = Math.min(MAX_WAIT_S, left);
    }
  }

  /** Where it stands, without waiting. */
  async status(proposal: Proposal): Promise<ActionView> {
    return await this.#view(proposal, { wait: 0 });
  }

  /** Answers the question of that entry. The answer is logged as the agent's claim and decides nothing. */
  async answer(proposal: Proposal, question: number, text: string): Promise<void> {
    const request = answering(proposal, question, text);
    // The same text and salt are the same answer, so a lost one is sent once more.
    const reply = await this.#transport.send(request).catch((error: unknown) => {
      if (!(error instanceof Unreachable && error.sent)) throw error;
      return this.#transport.send(request);
    });
    this.#expectSuccess(reply);
  }

  /** Takes it back while nobody has decided. */
  async withdraw(proposal: Proposal): Promise<void> {
    this.#expectSuccess(await this.#post(proposal, 'withdraw'));
  }

  /**
   * Redeems an approved proposal, runs `run` once and reports. `change` is what is about to run. From the redemption on
   * every known way out reports an outcome.
   */
  async execute<T>(
    proposal: Proposal,
    run: () => T | Promise<T>,
    change: Describes,
    signal?: AbortSignal,
  ): Promise<T> {
    const redeemed = await this.#redeem(proposal, change, signal);
    let begun = performance.now();
    let started = false;
    try {
      this.#prove(proposal, redeemed);
      await expectSame(proposal, change);
      signal?.throwIfAborted();
      begun = performance.now();
      started = true;
      const result = whole(await run());
      await this.#report(proposal, performance.now() - begun, { succeeded: {} });
      return result;
    } catch (error) {
      await this.#report(proposal, started ? performance.now() - begun : 0, { failed: { why: why(error, started) } });
      throw error;
    }
  }

  /** The one point after which it may run. A lost answer is never asked for again. */
  async #redeem(proposal: Proposal, change: Describes, signal: AbortSignal | undefined): Promise<Redeemed> {
    const { agent, executor, log } = this.profile;
    if (proposal.agent !== agent || proposal.log !== log) {
      throw new NotSetUp("the proposal is of another agent or log than this client's profile");
    }
    const digest = await expectSame(proposal, change);
    const token = await this.#permit(proposal);
    const keys = await this.#transport.send({ method: 'GET', path: '/.well-known/jwks.json' });
    this.#expectSuccess(keys);
    verifyPermit(token, readJwks(keys.body), { audience: executor, action: proposal.action, digest, agent });
    signal?.throwIfAborted();
    try {
      const reply = await this.#post(proposal, 'redeem', { action_digest: digest, permit: token });
      this.#expectSuccess(reply);
      return { token, digest, reply };
    } catch (error) {
      if (error instanceof Unreachable && error.sent) {
        const words = `the answer to the redemption was lost, and nothing has run here (${error.message})`;
        throw new Unknown(proposal.action, words, { cause: error });
      }
      // Somebody else with this proposal may have been first.
      if (error instanceof GatewayRefused) await this.#decided(await this.status(proposal));
      throw error;
    }
  }

  async #permit(proposal: Proposal): Promise<string> {
    try {
      const found = this.#object(await this.#post(proposal, 'permit'));
      if (typeof found['permit'] !== 'string') throw new Unproven('the answer holds no permit');
      return found['permit'];
    } catch (error) {
      if (!(error instanceof GatewayRefused && [409, 410].includes(error.status))) throw error;
      if (!(await this.#decided(await this.status(proposal)))) throw new Pending(proposal);
      throw new Expired(`it was approved, but cannot be released any more; nothing has run: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** The permit again, now by the keys that the trusted log names, and what the log must hold of this run. */
  #prove(proposal: Proposal, { token, digest, reply }: Redeemed): void {
    const { agent, executor, log } = this.profile;
    try {
      const bundle = readBundle(reply.body, log);
      const wanted = { audience: executor, action: proposal.action, digest, agent, issuer: bundle.origin };
      expectRun(bundle, verifyPermit(token, bundle.permitKeys, wanted), executor);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Unproven(error.message, { cause: error });
    }
  }

  /** Reports how it ended; without an outcome the console shows *unknown*. Never an error: the run is over. */
  async #report(proposal: Proposal, durationMs: number, outcome: JsonObject): Promise<void> {
    const body = { duration_ms: Math.floor(durationMs), outcome, output_omitted: 0 };
    const until = Date.now() + REPORT_MS;
    for (;;) {
      try {
        this.#expectSuccess(await this.#post(proposal, 'outcome', body));
        return;
      } catch (error) {
        if (error instanceof Unreachable && Date.now() < until) {
          await pause(500);
          continue;
        }
        this.#warn(
          `the outcome of ${proposal.action} could not be reported, so the console shows it as unknown: ` +
            words(error),
        );
        return;
      }
    }
  }

  async #takeBack(proposal: Proposal): Promise<void> {
    try {
      await this.withdraw(proposal);
    } catch (error) {
      // Decided meanwhile, or never proposed.
      if (error instanceof GatewayRefused) return;
      this.#warn(`${proposal.action} could not be withdrawn, it will expire: ${String(error)}`);
    }
  }

  /** Whether it is approved; `false` while it waits. Everything else is an error. */
  async #decided(view: ActionView): Promise<boolean> {
    if (view.status === 'superseded') throw await this.#edited(view);
    return decided(view);
  }

  /** What the reviewer made of it. Nobody here runs that, so it is withdrawn before somebody decides on it. */
  async #edited({ superseded_by: successor = '' }: ActionView): Promise<Edited> {
    if (!ACTION.test(successor)) throw new Unproven("the action's view does not say what took its place");
    const path = `/v1/actions/${successor}`;
    const failures: string[] = [];
    let after: Json | undefined;
    try {
      this.#expectSuccess(await this.#transport.send({ method: 'POST', path: `${path}/withdraw` }));
    } catch (error) {
      failures.push(`It could not be withdrawn: ${words(error)}`);
    }
    try {
      const content = this.#object(await this.#transport.send({ method: 'GET', path: `${path}/payload` }));
      const action = strict.parseObject(strict.utf8(strict.decode(content['bytes'])));
      after = strict.object(action['payload'], 'payload')['after'];
    } catch (error) {
      failures.push(`The reviewer's version could not be read: ${words(error)}`);
    }
    return new Edited(successor, after, failures);
  }

  /** Hands new open questions over; text that comes back is the answer. */
  async #hear(proposal: Proposal, questions: Question[], hearing: Hearing, options: WaitOptions): Promise<void> {
    hearing.failing = true;
    const fresh = questions.slice(hearing.heard);
    hearing.heard += fresh.length;
    for (const question of fresh.filter(({ answered }) => !answered)) {
      const text = textOf(question.text);
      if (!options.onQuestion) {
        this.#warn(`a reviewer asks about ${proposal.action}: ${visible(text)}`);
        continue;
      }
      const answer = await options.onQuestion(question, text);
      if (answer !== undefined) hearing.answers.push(answering(proposal, question.entry, answer));
    }
    await this.#sendAnswers(hearing, options.signal);
    hearing.failing = false;
  }

  /** Those that a gateway that is down does not get are kept: the same text and salt are the same answer. */
  async #sendAnswers({ answers }: Hearing, signal: AbortSignal | undefined): Promise<void> {
    for (let [request] = answers; request; [request] = answers) {
      try {
        this.#expectSuccess(await this.#transport.send({ ...request, signal }));
      } catch (error) {
        if (error instanceof Unreachable) return await pause(RETRY_MS, undefined, { signal });
        // It was decided or answered meanwhile. Which, the next status says.
        if (!(error instanceof GatewayRefused && error.status === 409)) throw error;
      }
      answers.shift();
    }
  }

  async #view(
    proposal: Proposal,
    asked: { wait: number; heard?: number; signal?: AbortSignal | undefined },
  ): Promise<ActionView> {
    const questions = asked.heard === undefined ? '' : `&questions=${asked.heard}`;
    const path = `/v1/actions/${proposal.action}?wait=${asked.wait}${questions}`;
    const body = this.#object(
      await this.#transport.send({ method: 'GET', path, waitS: asked.wait, signal: asked.signal }),
    );
    try {
      ['action', 'expires_at', 'status'].forEach((name) => strict.string(body[name], `\`${name}\``));
      strict.array(body['policy'], '`policy`').forEach((one) => strict.string(one, '`policy`'));
      if (body['reason'] !== undefined) strict.string(strict.object(body['reason'], '`reason`')['bytes'], '`bytes`');
      if (body['starts_at'] !== undefined) strict.string(body['starts_at'], '`starts_at`');
      if (body['superseded_by'] !== undefined) strict.string(body['superseded_by'], '`superseded_by`');
      if (![undefined, true, false].includes(body['paused'] as boolean)) throw new Malformed('`paused` is no boolean');
      strict.array(body['questions'] ?? [], '`questions`').forEach(expectQuestion);
    } catch (error) {
      throw new Unproven(`the action's view cannot be read: ${String(error)}`, { cause: error });
    }
    if (body['action'] !== proposal.action) throw new Unproven('the view is of another action');
    return body as unknown as ActionView;
  }

  async #post(proposal: Proposal, what: string, body?: JsonObject): Promise<Reply> {
    const path = `/v1/actions/${proposal.action}/${what}`;
    return await this.#transport.send({ method: 'POST', path, ...(body && { body: strict.canonical(body) }) });
  }

  #object(reply: Reply): JsonObject {
    this.#expectSuccess(reply);
    try {
      return strict.parseObject(strict.utf8(reply.body));
    } catch (error) {
      throw new Unproven(`the answer is not a gateway's: ${String(error)}`, { cause: error });
    }
  }

  #expectSuccess(reply: Reply): void {
    if (reply.status >= 200 && reply.status < 300) return;
    let code: string;
    let detail: string;
    try {
      const problem = strict.parseObject(strict.utf8(reply.body));
      code = strict.string(problem['code'], 'code');
      detail = strict.string(problem['detail'], 'detail');
    } catch (error) {
      throw new Unreachable(`it answers ${reply.status}, not as a gateway does`, true, { cause: error });
    }
    if (reply.status >= 500) {
      throw new Unreachable(`the gateway cannot answer (${visible(code)}): ${visible(detail)}`, true);
    }
    if (reply.status === 401) {
      throw new NotSetUp(
        `the gateway does not know the token of the agent \`${visible(this.profile.name)}\`. ` +
          'Connect the agent anew in the console: open `vidimus-console`',
      );
    }
    if (code === 'agent_paused') throw new Withdrawn(PAUSED);
    throw new GatewayRefused(reply.status, code, detail);
  }
}

/**
 * What a wait has heard, and answers that the gateway has not got yet. While `failing` an error is one of the user's
 * code or of an answer, whatever its class.
 */
interface Hearing {
  heard: number;
  answers: Request[];
  failing: boolean;
}

/** The answer to a redemption, not judged yet. */
interface Redeemed {
  token: string;
  digest: string;
  reply: Reply;
}

async function describe(change: Describes): Promise<Change> {
  return typeof change === 'function' ? await change() : change;
}

/** Refuses what runs only while it is read. */
function whole<T>(result: T): T {
  if (typeof result === 'object' && result !== null && 'next' in result && typeof result.next === 'function') {
    if (Symbol.iterator in result || Symbol.asyncIterator in result) {
      throw new TypeError('the function returned an iterator, which has not run yet: return what it is to yield');
    }
  }
  return result;
}

function answering(proposal: Proposal, question: number, text: string): Request {
  const body = strict.canonical({ question, text: { ...textContent(text) } });
  return { method: 'POST', path: `/v1/actions/${proposal.action}/answers`, body };
}

/** The digest of what would run now, if that is what was proposed. */
async function expectSame(proposal: Proposal, change: Describes): Promise<string> {
  const bytes = actionBytes(await describe(change));
  if (!bytes.equals(proposal.bytes)) {
    const [old, now] = [proposal.bytes, bytes].map((data) => strict.parse(data.toString()));
    throw new Changed([...paths(old, now, '')]);
  }
  return proposal.digestOf(bytes);
}

/** What differs, as key paths. */
function* paths(old: Json | undefined, now: Json | undefined, path: string): Generator<string> {
  const isObject = (value: Json | undefined): value is JsonObject =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  if (isObject(old) && isObject(now)) {
    const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
    for (const key of [...keys].sort()) yield* paths(old[key], now[key], path ? `${path}.${key}` : key);
  } else if (old === undefined || now === undefined || strict.canonical(old) !== strict.canonical(now)) {
    yield `\`${path.replace(/^payload\./, '')}\``;
  }
}

/** When it expires. The acknowledged entry must be ours; that it is in the trusted log is proven before a run. */
function acknowledged(ack: JsonObject, proposal: Proposal): string {
  try {
    const [entry] = strict.array(ack['entries'], 'entries');
    const leaf = strict.parseCanonical(strict.string(strict.object(entry, 'an entry')['leaf'], 'leaf'));
    const parts = strict.array(leaf['parts'], 'parts').map((part) => strict.object(part, 'a part'));
    const payload = parts.find((part) => part['name'] === 'payload');
    const data = strict.object(leaf['data'], 'data');
    const ours = data['action'] === proposal.action && payload?.['commit'] === proposal.digest;
    if (leaf['kind'] === 'action.proposed' && ours) {
      const time = strict.string(data['expires_at'], 'expires_at');
      if (Number.isNaN(Date.parse(time))) throw new Malformed('`expires_at` is no time');
      return time;
    }
  } catch (error) {
    throw new Unproven('the acknowledgement cannot be read', { cause: error });
  }
  throw new Unproven('the gateway acknowledged something else than what was proposed');
}

/** The same for every end that needs no further request. */
function decided(view: ActionView): boolean {
  switch (view.status) {
    case 'pending':
      return false;
    case 'approved':
      if (view.paused) throw new Withdrawn(PAUSED);
      return true;
    case 'denied':
      throw new Denied(view.reason ? textOf(view.reason) : '');
    case 'expired':
      throw new Expired('expired: nobody decided in time. Nothing has run');
    case 'withdrawn':
      throw new Withdrawn(view.paused ? PAUSED : 'withdrawn; nothing has run');
    case 'refused':
      throw new RefusedByPolicy(view.policy);
    case 'redeemed':
      throw new Unknown(view.action, 'its permit was used already, and it has no outcome');
    case 'completed':
      throw new AlreadyRan(`${view.action} has an outcome already: ${visible(strict.canonical(view.outcome ?? null))}`);
    default:
      throw new UpgradeNeeded(`the status \`${view.status}\` of ${view.action}`);
  }
}

function expectQuestion(value: Json): void {
  const question = strict.object(value, 'a question');
  if (typeof question['answered'] !== 'boolean') throw new Malformed('`answered` is no boolean');
  strict.integer(question['entry'], '`entry`');
  strict.string(strict.object(question['text'], '`text`')['bytes'], '`bytes`');
}

function textOf(content: Content): string {
  try {
    return strict.decode(content.bytes).toString();
  } catch (error) {
    throw new Unproven('a text of the gateway cannot be read', { cause: error });
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The words of an error of the user's may hold what must not be logged for ever; its name does not. */
function why(error: unknown, started: boolean): string {
  const name = error instanceof Error ? error.name : typeof error;
  const ours = error instanceof Changed || error instanceof Unproven;
  const words = started ? name : ours ? error.message : `not started: ${name}`;
  if (Buffer.byteLength(words) <= MAX_WHY) return words.toWellFormed();
  const cut = Buffer.from(words).subarray(0, MAX_WHY - 3).toString();
  return `${cut.replace(/\ufffd+$/, '')}…`;
}
