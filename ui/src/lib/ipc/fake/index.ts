// A console without a gateway, for tests and design work. Never part of a
// production build: `__FAKE__` is false there and this module falls away.

import { LOCAL, ProblemError, type Backend, type Line } from '../backend';
import type { CeremonyPurpose, Command, ConsoleView, Event, PolicyFileText, PolicyReplayView, PolicyShadowView, PolicyView, Reply, Route, Told } from '../types';
import { formatAddress, type Place } from '../../stores/place';
import { followedView } from './gateways';
import { brokeGlass, reviewedGlass } from './glass';
import { places } from './grants';
import { FAKE_CONSOLE_MARKER } from './marker';
import { edited, entry, fields, lockedView, problem } from './parts';
import type { Scenario } from './scenario';
import { scenarios } from './scenarios';
import { checked, policy, previewed, signedPolicy, start } from './policies';
import { shadowed } from './policy-shadow';
import { replayed } from './policy-trials';
import { failing, joining, joiningRead, MODELS, people, sessions, signedBy } from './teams';

const PAGE_ROWS = 25;
const STEP_MS = 120;

export class FakeBackend implements Backend {
  /** Every command that was sent, oldest first. */
  readonly sent: Command[] = [];
  /** The gateway of each. */
  readonly to: string[] = [];
  /** Refuse the next command of this kind. */
  readonly refuse = new Map<Command['do'], string>();
  readonly marker = FAKE_CONSOLE_MARKER;
  /** What each gateway would say. */
  readonly #worlds = new Map<string, Scenario>();
  /** The gateway that a test means when it names none. */
  readonly #first: string;
  readonly #scenario: Scenario;
  #onTold: (told: Told) => void = () => {};
  #onLine: (line: Line) => void = () => {};
  #endReplay: (value: PolicyReplayView | null) => void = () => {};
  /** What becomes of a gateway's log once its key prompt is done. */
  readonly #signs = new Map<string, () => void>();

  constructor(name: string) {
    const make = scenarios[name];
    if (make === undefined) throw new Error(`no scenario ${name}; there are: ${Object.keys(scenarios).join(', ')}`);
    const scenario = make();
    this.#scenario = scenario;
    this.#first = scenario.current ?? LOCAL;
    for (const world of [scenario, ...(scenario.others ?? [])]) this.#worlds.set(world.view.gateway.id, world);
    Object.assign(window, { fake: this });
    if (location.hash === '') {
      const place = startsAt(scenario, this.#world());
      if (place !== null) history.replaceState(null, '', formatAddress({ gateway: this.#first, place }));
    }
  }

  listen(onTold: (told: Told) => void, onLine: (line: Line) => void): void {
    this.#onTold = onTold;
    this.#onLine = onLine;
    onLine({ is: 'open' });
    for (const world of this.#scenario.others ?? []) this.#push(world.view.gateway.id);
    const { show, entry, settings, steps } = this.#scenario;
    if (settings) setTimeout(() => find('nav-settings')?.click(), 100);
    if (show !== undefined) setTimeout(() => onTold({ gateway: this.#first, event: { is: 'show', value: show } }), 50);
    if (entry !== undefined) {
      setTimeout(() => document.querySelector<HTMLElement>(`[data-index="${entry}"]`)?.click(), 300);
    }
    for (const [at, step] of (steps ?? []).entries()) setTimeout(() => take(step), STEP_MS * (at + 1));
  }

  /** Pushes an event, as the console would; null when the gateway is followed no longer. */
  emit(event: Event | null, gateway: string = this.#first): void {
    const world = this.#worlds.get(gateway);
    if (event === null) this.#worlds.delete(gateway);
    else if (event.is === 'view' && world !== undefined) world.view = event.value;
    this.#onTold({ gateway, event });
  }

  /** Pushes a view with some of it changed. */
  change(change: Partial<ConsoleView>, gateway: string = this.#first): void {
    this.emit({ is: 'view', value: { ...this.#world(gateway).view, ...change } }, gateway);
  }

  /** Moves the key prompt on. */
  ceremony(state: NonNullable<ConsoleView['ceremony']>['state'] | null, gateway: string = this.#first): void {
    const { ceremony } = this.#world(gateway).view;
    this.change({ ceremony: state === null || ceremony === null ? null : { ...ceremony, state } }, gateway);
    if (state?.is === 'waiting' || state?.is === 'proving') return;
    const signs = this.#signs.get(gateway);
    this.#signs.delete(gateway);
    if (state?.is !== 'done' || signs === undefined) return;
    signs();
    this.logged({}, gateway);
    for (const review of this.#world(gateway).reviews) this.emit({ is: 'review', value: review }, gateway);
  }

  /** Something is logged: the checkpoint grows, and people are as given. */
  logged(change: Partial<NonNullable<Scenario['people']>> = {}, gateway: string = this.#first): void {
    const world = this.#world(gateway);
    world.people = { ...(world.people ?? people()), ...change };
    const { checkpoint } = world.view.gateway;
    if (checkpoint === null) return;
    this.change({ gateway: { ...world.view.gateway, checkpoint: { ...checkpoint, size: checkpoint.size + 1 } } }, gateway);
  }

  /** The policy is another one by now. */
  policied(change: Partial<PolicyView>, gateway: string = this.#first): void {
    const world = this.#world(gateway);
    world.policy = { ...(world.policy ?? policy()), ...change };
    this.logged({}, gateway);
  }

  /** A replay that waits is over. */
  endReplay(value: PolicyReplayView | null = replayed(), gateway: string = this.#first): void {
    this.change({ policyReplay: null }, gateway);
    this.#endReplay(value);
  }

  /** What is in shadow comes to something else, or is there no more. */
  inShadow(shadow: PolicyShadowView | undefined, gateway: string = this.#first): void {
    const world = this.#world(gateway);
    if (shadow === undefined) delete world.shadow;
    else world.shadow = shadow;
    this.change({ policyShadow: shadow?.summary ?? null }, gateway);
  }

  line(line: Line): void {
    this.#onLine(line);
  }

  async send(gateway: string, command: Command): Promise<Reply> {
    this.sent.push(command);
    this.to.push(gateway);
    await Promise.resolve();
    const refused = this.refuse.get(command.do);
    if (refused !== undefined) {
      this.refuse.delete(command.do);
      throw new ProblemError(problem(refused, `The fake console refused ${command.do}.`, 'Try again.'));
    }
    if (command.do === 'replay_policy') return { is: 'policy_replayed', value: await this.#replay(gateway, command.files) };
    return this.#reply(gateway, command) ?? { is: 'accepted' };
  }

  #reply(gateway: string, command: Command): Reply | null {
    const world = this.#world(gateway);
    const { view, reviews, history } = world;
    const words = signedBy(command, world);
    if (words !== null) this.#begin(gateway, { is: 'statement', words }, 'browser');
    switch (command.do) {
      case 'view':
        return { is: 'view', value: view };
      case 'open_action': {
        const found = reviews.find((review) => review.summary.id === command.action);
        if (found !== undefined) return { is: 'review', value: found };
        throw new ProblemError(problem('no_such_action', `There is no action \`${command.action}\` in this log.`, 'Go back to the inbox.'));
      }
      case 'saw': {
        const at = reviews.findIndex((review) => review.summary.id === command.action);
        const found = reviews[at];
        if (found === undefined) break;
        const toSee = found.toSee.map((one) => (command.sections.includes(one.section) ? { ...one, seen: true } : one));
        reviews[at] = { ...found, toSee };
        this.emit({ is: 'review', value: reviews[at] }, gateway);
        break;
      }
      case 'edit_fields':
        return { is: 'edit_fields', value: fields() };
      case 'preview_edit':
        return { is: 'edit_preview', value: edited() };
      case 'grant_places':
        return { is: 'grant_places', value: places() };
      case 'grants':
        return { is: 'grants', value: world.grants ?? [] };
      case 'broken_glass':
        return { is: 'broken_glass', value: world.glass ?? [] };
      case 'review_glass':
        this.#signs.set(gateway, () => reviewedGlass(world, command));
        break;
      case 'deliveries':
        return { is: 'deliveries', value: world.deliveries ?? { endpoints: 0, problem: null, deliveries: [] } };
      case 'history': {
        const query = command.query.toLowerCase();
        const matching = history.filter(
          (row) =>
            (command.action === null || row.action === command.action) &&
            (command.before === null || row.index < command.before) &&
            (row.kind.includes(query) || JSON.stringify(row.text).toLowerCase().includes(query)),
        );
        return {
          is: 'history',
          value: { rows: matching.slice(0, PAGE_ROWS), more: matching.length > PAGE_ROWS, total: history.length },
        };
      }
      case 'open_entry': {
        const row = history.find((candidate) => candidate.index === command.index);
        if (row !== undefined) return { is: 'entry', value: entry(row) };
        throw new ProblemError(problem('no_such_entry', 'There is no such entry.', 'Go back.'));
      }
      case 'people':
        return { is: 'people', value: (world.people ??= people({ team: view.gateway.team })) };
      case 'policy':
        return { is: 'policy', value: (world.policy ??= policy()) };
      case 'policy_start':
        return { is: 'policy_start', value: start() };
      case 'check_policy':
        return { is: 'policy_checked', value: checked(command.files) };
      case 'preview_policy':
        return { is: 'policy_preview', value: previewed(command.files, wordsFor(world.replayed, command.files), wordsFor(world.shadow, command.files)) };
      case 'policy_shadow':
        return { is: 'policy_shadow', value: world.shadow ?? null };
      case 'shadow_policy': {
        const begun = shadowed(command.files);
        this.inShadow({ ...begun, summary: { ...begun.summary, sinceUnixMs: Date.now() } }, gateway);
        break;
      }
      case 'stop_shadow':
        this.inShadow(undefined, gateway);
        break;
      case 'cancel_replay':
        this.endReplay(null, gateway);
        break;
      case 'change_policy':
      case 'agree_policy':
        this.#begin(gateway, signedPolicy(command.do === 'agree_policy'), 'browser');
        break;
      case 'sessions':
        return { is: 'sessions', value: (world.sessions ??= sessions()) };
      case 'end_session':
        world.sessions = (world.sessions ?? sessions()).filter(({ id }) => id !== command.id);
        break;
      case 'invite':
      case 'joining':
        return { is: 'joining', value: joining(command.do === 'invite') };
      case 'models':
        return { is: 'models', value: MODELS };
      case 'try_rules':
        return { is: 'fails_rules', value: failing(command.rules) };
      case 'read_joining':
        return { is: 'joining_read', value: joiningRead(command.text, [...this.#worlds.values()]) };
      case 'follow':
      case 'follow_new': {
        const next = followedView(command);
        const { id } = next.view.gateway;
        this.#worlds.set(id, next);
        this.#push(id);
        return { is: 'followed', value: { gateway: id } };
      }
      case 'rename':
        this.change({ gateway: { ...view.gateway, name: command.name, colour: command.colour } }, gateway);
        break;
      case 'unfollow':
        this.emit(null, gateway);
        break;
      case 'export':
        return { is: 'exported', value: { path: '/home/ada/vidimus-export-2026-11-21.jsonl', size: 183_204 } };
      case 'recognise':
        if (words === null) this.change({ doubts: view.doubts.filter(({ entry }) => entry !== command.entry) }, gateway);
        break;
      case 'disown':
        return { is: 'exported', value: { path: '/home/ada/.local/share/vidimus/evidence/2026-11-21-verdict.jsonl', size: 183_204 } };
      case 'setup':
        this.#begin(gateway, { is: 'setup' }, command.route);
        break;
      case 'found':
        this.#begin(gateway, { is: 'found' }, 'browser');
        break;
      case 'enrol':
        this.#begin(gateway, { is: 'new_key', label: command.label }, 'browser');
        break;
      case 'sign_in':
        this.#begin(gateway, { is: 'sign_in' }, 'browser');
        break;
      case 'connect_agent':
        this.#begin(gateway, { is: 'connect_agent', name: command.name }, 'browser');
        break;
      case 'decide':
        this.#begin(gateway, { is: 'verdict', action: command.action, verdict: command.verdict }, 'browser');
        if (command.verdict === 'break_glass') this.#signs.set(gateway, () => brokeGlass(world, command));
        break;
      case 'cancel_ceremony':
        this.ceremony(null, gateway);
        break;
      case 'verify':
        this.change({ verification: { is: 'running', done: 12, total: history.length } }, gateway);
        break;
      case 'lock':
        this.change(lockedView(view), gateway);
        break;
      case 'set_autostart':
        if (view.desktop !== null) this.change({ desktop: { ...view.desktop, autostart: command.on } }, gateway);
        break;
      case 'set_lock_after':
        if (view.desktop !== null) this.change({ desktop: { ...view.desktop, lockAfterS: command.seconds } }, gateway);
        break;
      default:
        break;
    }
    return null;
  }

  async #replay(gateway: string, files: PolicyFileText[]): Promise<PolicyReplayView | null> {
    const world = this.#world(gateway);
    let found: PolicyReplayView | null;
    if (world.replay === 'waits') {
      const over = new Promise<PolicyReplayView | null>((end) => (this.#endReplay = end));
      this.change({ policyReplay: { step: 'evaluating', done: 120, total: 214 } }, gateway);
      found = await over;
    } else found = world.replay ?? replayed();
    if (found !== null) world.replayed = { files, words: found.words };
    return found;
  }

  #world(gateway: string = this.#first): Scenario {
    const world = this.#worlds.get(gateway);
    if (world !== undefined) return world;
    throw new ProblemError(problem('no_such_gateway', `No gateway \`${gateway}\` is followed here.`, 'Follow it first.'));
  }

  #push(gateway: string): void {
    this.#onTold({ gateway, event: { is: 'view', value: this.#world(gateway).view } });
  }

  #begin(gateway: string, purpose: CeremonyPurpose, route: Route): void {
    this.#signs.delete(gateway);
    const page = route === 'browser';
    const { url } = this.#world(gateway).view.gateway;
    this.change(
      {
        ceremony: {
          purpose,
          route,
          url: page ? `${url}/key/4F7Q2M` : null,
          code: page ? 'KX4-92M' : null,
          state: { is: 'waiting' },
        },
      },
      gateway,
    );
  }
}

/** The place that the address names at first; null for none. */
function startsAt(scenario: Scenario, world: Scenario): Place | null {
  const opened = world.reviews[0]?.summary.id;
  if (scenario.at === 'history') return { is: 'history', action: null };
  if (scenario.at === 'people' || scenario.at === 'policy') return { is: scenario.at };
  if (scenario.at === 'action' && opened !== undefined) return { is: 'action', action: opened };
  return scenario.current === undefined ? null : { is: 'inbox' };
}

/** What was found of this very text. */
function wordsFor(found: { files: PolicyFileText[]; words: string } | undefined, files: PolicyFileText[]): string | null {
  return found !== undefined && JSON.stringify(found.files) === JSON.stringify(files) ? found.words : null;
}

const find = (testid: string): HTMLElement | null => document.querySelector<HTMLElement>(`[data-testid="${testid}"]`);

/** Does what a person would. */
function take(step: string | [testid: string, text: string]): void {
  if (typeof step === 'string') return find(step)?.click();
  const field = find(step[0]);
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) return;
  field.value = step[1];
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
