// The policy of the gateway on screen, and what is being written in its place.
// What is typed is kept while one looks elsewhere, and dropped with the gateway
// and with the lock.

import type { PolicyCheckView, PolicyFileText, PolicyPreviewView, PolicyStartView, PolicyView } from '../ipc/types';
import type { ConsoleStore } from './console.svelte';

const CHECK_WAITS_MS = 300;

export class PolicyStore {
  policy = $state.raw<PolicyView | null>(null);
  start = $state.raw<PolicyStartView | null>(null);
  /** What is being written; null where nothing is. */
  draft = $state.raw<PolicyFileText[] | null>(null);
  /** The name of the file on screen. */
  open = $state('');
  /** The last answer about the draft, and the draft that it is about. */
  checked = $state.raw<{ files: PolicyFileText[]; answer: PolicyCheckView } | null>(null);
  /** Whether that answer is about what stands there now. */
  current = $derived(this.draft !== null && this.checked?.files === this.draft);
  problems = $derived(this.checked?.answer.problems ?? []);
  /** Whether the draft can be signed, as far as it was checked. */
  right = $derived(this.current && this.problems.length === 0);

  readonly #console: ConsoleStore;
  #gateway: string | null = null;
  /** Answers to an older question are dropped. */
  #question = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(console: ConsoleStore) {
    this.#console = console;
  }

  async reload(): Promise<void> {
    if (this.#gateway !== this.#console.current) this.forget();
    this.#gateway = this.#console.current;
    const question = ++this.#question;
    const reply = await this.#console.request({ do: 'policy' });
    if (question === this.#question && reply?.is === 'policy') this.policy = reply.value;
  }

  async loadStart(): Promise<void> {
    if (this.start !== null) return;
    const reply = await this.#console.request({ do: 'policy_start' });
    if (reply?.is === 'policy_start') this.start = reply.value;
  }

  /** Begins to write, from these files. */
  begin(files: PolicyFileText[]): void {
    this.draft = files;
    this.open = files[0]?.name ?? '';
    this.checked = null;
    void this.check();
  }

  /** The open file was typed into. */
  type(text: string): void {
    if (this.draft === null) return;
    this.#set(this.draft.map((file) => (file.name === this.open ? { ...file, text } : file)));
  }

  /** Puts policies at the end of the open file, or of the first that can hold them. */
  insert(text: string): void {
    if (this.draft === null) return;
    const holds = (name: string): boolean => name.endsWith('.cedar');
    const into = holds(this.open) ? this.open : this.draft.find(({ name }) => holds(name))?.name;
    if (into === undefined) return;
    this.open = into;
    const join = (before: string): string => (before.trim() === '' ? text : `${before.replace(/\n*$/, '\n')}\n${text}`);
    this.#set(this.draft.map((file) => (file.name === into ? { ...file, text: join(file.text) } : file)));
  }

  /** Adds an empty file; false when there is one of that name. */
  add(name: string): boolean {
    if (this.draft === null || this.draft.some((file) => file.name === name)) return false;
    this.open = name;
    const files = [...this.draft, { name, text: '' }];
    this.#set(files.sort((one, next) => (one.name < next.name ? -1 : 1)));
    return true;
  }

  remove(name: string): void {
    if (this.draft === null || this.draft.length < 2) return;
    const files = this.draft.filter((file) => file.name !== name);
    if (this.open === name) this.open = files[0]?.name ?? '';
    this.#set(files);
  }

  discard(): void {
    clearTimeout(this.#timer);
    this.draft = null;
    this.checked = null;
    this.open = '';
  }

  /** Has the console say what is wrong with the draft. */
  async check(): Promise<void> {
    const files = this.draft;
    if (files === null) return;
    const reply = await this.#console.request({ do: 'check_policy', files });
    // What was typed meanwhile is asked about by itself.
    if (reply?.is === 'policy_checked' && this.draft === files) this.checked = { files, answer: reply.value };
  }

  async preview(): Promise<PolicyPreviewView | null> {
    if (this.draft === null) return null;
    const reply = await this.#console.request({ do: 'preview_policy', files: this.draft });
    return reply?.is === 'policy_preview' ? reply.value : null;
  }

  /** Drops everything: the console is locked, or another gateway is on screen. */
  forget(): void {
    this.#question++;
    this.#gateway = null;
    this.policy = null;
    this.start = null;
    this.discard();
  }

  #set(files: PolicyFileText[]): void {
    this.draft = files;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), CHECK_WAITS_MS);
  }
}
