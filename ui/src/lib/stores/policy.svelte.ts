// The policy of the gateway on screen, and what is being written in its place.
// What is typed is kept while one looks elsewhere, and dropped with the gateway
// and with the lock.

import type { PolicyCheckView, PolicyFileText, PolicyPreviewView, PolicyReplayView, PolicyShadowView, PolicyStartView, PolicyView, ReplaySpan } from '../ipc/types';
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
  /** What came of the draft's tests. */
  tests = $derived(this.checked?.answer.tests ?? null);
  /** How far back the next replay looks. */
  span = $state<ReplaySpan>('week');
  /** The last replay, and the draft that it was about. */
  replayed = $state.raw<{ files: PolicyFileText[]; answer: PolicyReplayView } | null>(null);
  /** Whether that draft is what stands there now. */
  replayCurrent = $derived(this.draft !== null && this.replayed !== null && same(this.replayed.files, this.draft));
  /** Whether one goes on, or the last one was cancelled. */
  replaying = $state(false);
  replayCancelled = $state(false);
  /** The policy in shadow, with what came of it; null where nothing is. */
  shadow = $state.raw<PolicyShadowView | null>(null);
  /** Whether that is the draft. */
  shadowIsDraft = $derived(this.draft !== null && this.shadow !== null && same(this.shadow.files, this.draft));

  readonly #console: ConsoleStore;
  #gateway: string | null = null;
  /** Answers to an older question are dropped. */
  #question = 0;
  #shadowQuestion = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #replays = 0;

  constructor(console: ConsoleStore) {
    this.#console = console;
  }

  async reload(): Promise<void> {
    this.#follow();
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

  /** Adds the starter's tests; false when a file of their name stands there. */
  addTests(): boolean {
    const tests = this.start?.starter.find(({ name }) => name.endsWith('.json'));
    if (tests === undefined || !this.add(tests.name)) return false;
    this.type(tests.text);
    return true;
  }

  remove(name: string): void {
    if (this.draft === null || this.draft.length < 2) return;
    const files = this.draft.filter((file) => file.name !== name);
    if (this.open === name) this.open = files[0]?.name ?? '';
    this.#set(files);
  }

  discard(): void {
    this.#dropReplay();
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

  /** Has the console decide anew, under the draft, what was proposed lately. */
  async replay(): Promise<void> {
    const files = this.draft;
    if (files === null) return;
    const number = ++this.#replays;
    this.replaying = true;
    this.replayCancelled = false;
    const reply = await this.#console.request({ do: 'replay_policy', files, span: this.span });
    // It was dropped meanwhile, with the draft or the gateway.
    if (number !== this.#replays) return;
    this.replaying = false;
    if (reply?.is !== 'policy_replayed') return;
    this.replayCancelled = reply.value === null;
    if (reply.value !== null) this.replayed = { files, answer: reply.value };
  }

  /** Reads what came of the policy in shadow. */
  async reloadShadow(): Promise<void> {
    this.#follow();
    const question = ++this.#shadowQuestion;
    const reply = await this.#console.request({ do: 'policy_shadow' });
    if (question === this.#shadowQuestion && reply?.is === 'policy_shadow') this.shadow = reply.value;
  }

  /** Puts the draft in shadow, in the place of what is there. */
  async beginShadow(): Promise<void> {
    if (this.draft !== null) await this.#console.request({ do: 'shadow_policy', files: this.draft });
  }

  /** Whether it was stopped. */
  async stopShadow(): Promise<boolean> {
    return (await this.#console.request({ do: 'stop_shadow' })) !== null;
  }

  cancelReplay(): void {
    void this.#console.request({ do: 'cancel_replay' });
  }

  /** Drops everything: the console is locked, or another gateway is on screen. */
  forget(): void {
    this.#question++;
    this.#shadowQuestion++;
    this.discard();
    this.#gateway = null;
    this.shadow = null;
    this.policy = null;
    this.start = null;
  }

  /** What belongs to another gateway is dropped. */
  #follow(): void {
    if (this.#gateway !== this.#console.current) this.forget();
    this.#gateway = this.#console.current;
  }

  #dropReplay(): void {
    const gateway = this.#gateway;
    if (this.replaying && gateway !== null) void this.#console.requestAt(gateway, { do: 'cancel_replay' }, () => false);
    this.#replays++;
    this.replaying = false;
    this.replayCancelled = false;
    this.replayed = null;
  }

  #set(files: PolicyFileText[]): void {
    this.draft = files;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), CHECK_WAITS_MS);
  }
}

const same = (one: PolicyFileText[], next: PolicyFileText[]): boolean =>
  one.length === next.length && one.every(({ name, text }, at) => name === next[at]?.name && text === next[at]?.text);
