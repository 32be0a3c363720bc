// Who is in the log of the gateway on screen, and one's open sessions. What was
// read stays until it is read anew.

import type { PeopleView, SessionRow } from '../ipc/types';
import type { ConsoleStore } from './console.svelte';

export class PeopleStore {
  people = $state.raw<PeopleView | null>(null);
  /** Null until the gateway has said, which it does only with a session. */
  sessions = $state.raw<SessionRow[] | null>(null);

  readonly #console: ConsoleStore;
  /** Answers to an older question are dropped. */
  #question = 0;
  #sessionsQuestion = 0;

  constructor(console: ConsoleStore) {
    this.#console = console;
  }

  async reload(): Promise<void> {
    const question = ++this.#question;
    const reply = await this.#console.request({ do: 'people' });
    if (question === this.#question && reply?.is === 'people') this.people = reply.value;
  }

  async reloadSessions(): Promise<void> {
    const question = ++this.#sessionsQuestion;
    const reply = await this.#console.request({ do: 'sessions' });
    if (question === this.#sessionsQuestion && reply?.is === 'sessions') this.sessions = reply.value;
  }

  /** Ends a session and asks which are left. */
  async endSession(id: string): Promise<void> {
    if (await this.#console.ask({ do: 'end_session', id })) await this.reloadSessions();
  }
}
