// The pages of the history that are on screen, and the entry that is open.
// All of it comes from the verified copy on the console's computer.

import type { EntryView, HistoryRow } from '../ipc/types';
import type { ConsoleStore } from './console.svelte';

export class HistoryStore {
  rows = $state.raw<HistoryRow[]>([]);
  more = $state(false);
  total = $state(0);
  query = $state('');
  /** Only this action's entries. */
  action = $state<string | null>(null);
  entry = $state.raw<EntryView | null>(null);
  /** The index of the entry that is open or being opened. */
  opened = $state<number | null>(null);
  loaded = $state(false);

  readonly #console: ConsoleStore;
  /** Answers to an older question are dropped. */
  #question = 0;

  constructor(console: ConsoleStore) {
    this.#console = console;
  }

  /** Asks for the newest page again. */
  async reload(): Promise<void> {
    const question = ++this.#question;
    const reply = await this.#console.request({ do: 'history', before: null, action: this.action, query: this.query });
    if (question !== this.#question || reply?.is !== 'history') return;
    this.rows = reply.value.rows;
    this.more = reply.value.more;
    this.total = reply.value.total;
    this.loaded = true;
  }

  /** Takes in entries that were logged since, without losing older pages. */
  async catchUp(): Promise<void> {
    const newest = this.rows[0];
    if (newest === undefined) return this.reload();
    const question = ++this.#question;
    const reply = await this.#console.request({ do: 'history', before: null, action: this.action, query: this.query });
    if (question !== this.#question || reply?.is !== 'history') return;
    const fresh = reply.value.rows.filter((row) => row.index > newest.index);
    // A whole page of new rows may leave a gap below it: start over instead.
    const gap = fresh.length > 0 && fresh.length === reply.value.rows.length;
    this.rows = gap ? reply.value.rows : [...fresh, ...this.rows];
    if (gap) this.more = reply.value.more;
    this.total = reply.value.total;
  }

  /** Asks for the page below. */
  async loadOlder(): Promise<void> {
    const oldest = this.rows.at(-1);
    if (oldest === undefined) return;
    const question = ++this.#question;
    const reply = await this.#console.request({
      do: 'history',
      before: oldest.index,
      action: this.action,
      query: this.query,
    });
    if (question !== this.#question || reply?.is !== 'history') return;
    this.rows = [...this.rows, ...reply.value.rows];
    this.more = reply.value.more;
    this.total = reply.value.total;
  }

  async open(index: number): Promise<void> {
    this.opened = index;
    this.entry = null;
    const reply = await this.#console.request({ do: 'open_entry', index });
    if (reply?.is === 'entry' && this.opened === index) this.entry = reply.value;
  }

  /** Drops everything that was read: the console is locked. */
  forget(): void {
    this.#question++;
    this.rows = [];
    this.more = false;
    this.total = 0;
    this.query = '';
    this.loaded = false;
    this.close();
  }

  close(): void {
    this.opened = null;
    this.entry = null;
  }
}
