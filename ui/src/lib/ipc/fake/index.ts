// A console without a gateway, for tests and design work. Never part of a
// production build: `__FAKE__` is false there and this module falls away.

import { ProblemError, type Backend, type Line } from '../backend';
import type { CeremonyPurpose, Command, ConsoleView, Event, Reply, Route } from '../types';
import { FAKE_CONSOLE_MARKER } from './marker';
import { entry, lockedView, problem } from './parts';
import { scenarios, type Scenario } from './scenarios';

const PAGE_ROWS = 25;

export class FakeBackend implements Backend {
  /** Every command that was sent, oldest first. */
  readonly sent: Command[] = [];
  /** Refuse the next command of this kind. */
  readonly refuse = new Map<Command['do'], string>();
  readonly marker = FAKE_CONSOLE_MARKER;
  #scenario: Scenario;
  #onEvent: (event: Event) => void = () => {};
  #onLine: (line: Line) => void = () => {};

  constructor(name: string) {
    const make = scenarios[name];
    if (make === undefined) throw new Error(`no scenario ${name}; there are: ${Object.keys(scenarios).join(', ')}`);
    this.#scenario = make();
    Object.assign(window, { fake: this });
    const opened = this.#scenario.reviews[0]?.summary.id;
    if (location.hash === '') {
      if (this.#scenario.at === 'history') history.replaceState(null, '', '#/history');
      if (this.#scenario.at === 'action' && opened !== undefined) history.replaceState(null, '', `#/action/${opened}`);
    }
  }

  listen(onEvent: (event: Event) => void, onLine: (line: Line) => void): void {
    this.#onEvent = onEvent;
    this.#onLine = onLine;
    onLine({ is: 'open' });
    const { show, entry, settings } = this.#scenario;
    if (settings) setTimeout(() => document.querySelector<HTMLElement>('[data-testid=nav-settings]')?.click(), 100);
    if (show !== undefined) setTimeout(() => onEvent({ is: 'show', value: show }), 50);
    if (entry !== undefined) {
      setTimeout(() => document.querySelector<HTMLElement>(`[data-index="${entry}"]`)?.click(), 300);
    }
  }

  /** Pushes an event, as the console would. */
  emit(event: Event): void {
    if (event.is === 'view') this.#scenario.view = event.value;
    this.#onEvent(event);
  }

  /** Pushes the view with some of it changed. */
  change(change: Partial<ConsoleView>): void {
    this.emit({ is: 'view', value: { ...this.#scenario.view, ...change } });
  }

  /** Moves the key prompt on. */
  ceremony(state: NonNullable<ConsoleView['ceremony']>['state'] | null): void {
    const { ceremony } = this.#scenario.view;
    this.change({ ceremony: state === null || ceremony === null ? null : { ...ceremony, state } });
  }

  line(line: Line): void {
    this.#onLine(line);
  }

  async send(command: Command): Promise<Reply> {
    this.sent.push(command);
    await Promise.resolve();
    const refused = this.refuse.get(command.do);
    if (refused !== undefined) {
      this.refuse.delete(command.do);
      throw new ProblemError(problem(refused, `The fake console refused ${command.do}.`, 'Try again.'));
    }
    const { view, reviews, history } = this.#scenario;
    switch (command.do) {
      case 'view':
        return { is: 'view', value: view };
      case 'open_action': {
        const found = reviews.find((review) => review.summary.id === command.action);
        if (found !== undefined) return { is: 'review', value: found };
        throw new ProblemError(problem('no_such_action', `There is no action \`${command.action}\` in this log.`, 'Go back to the inbox.'));
      }
      case 'deliveries':
        return { is: 'deliveries', value: this.#scenario.deliveries ?? { endpoints: 0, problem: null, deliveries: [] } };
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
      case 'export':
        return { is: 'exported', value: { path: '/home/ada/vidimus-export-2026-11-21.jsonl', size: 183_204 } };
      case 'setup':
        this.#begin({ is: 'setup' }, command.route);
        break;
      case 'sign_in':
        this.#begin({ is: 'sign_in' }, 'browser');
        break;
      case 'connect_agent':
        this.#begin({ is: 'connect_agent', name: command.name }, 'browser');
        break;
      case 'decide':
        this.#begin({ is: 'verdict', action: command.action, verdict: command.verdict }, 'browser');
        break;
      case 'cancel_ceremony':
        this.ceremony(null);
        break;
      case 'verify':
        this.change({ verification: { is: 'running', done: 12, total: history.length } });
        break;
      case 'take':
      case 'ask':
      case 'flag':
      case 'lock':
        this.change(lockedView(view));
        break;
      case 'set_autostart':
        if (view.desktop !== null) this.change({ desktop: { ...view.desktop, autostart: command.on } });
        break;
      case 'set_lock_after':
        if (view.desktop !== null) this.change({ desktop: { ...view.desktop, lockAfterS: command.seconds } });
        break;
      case 'retry':
      case 'sign_out':
      case 'reopen_ceremony':
        break;
    }
    return { is: 'accepted' };
  }

  #begin(purpose: CeremonyPurpose, route: Route): void {
    const page = route === 'browser';
    this.change({
      ceremony: {
        purpose,
        route,
        url: page ? 'http://localhost:8443/key/4F7Q2M' : null,
        code: page ? 'KX4-92M' : null,
        state: { is: 'waiting' },
      },
    });
  }
}
