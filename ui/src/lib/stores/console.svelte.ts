// What the console last said, and what this page shows of it. The page never
// guesses: a verdict, an agent or a key stands on screen when the console's
// view says so, and not before.

import { problemOf, type Backend, type Line } from '../ipc';
import type { Command, ConsoleView, DeliveriesView, Event, Problem, Reply, ReviewView, VerdictChoice } from '../ipc/types';
import { formatPlace, parsePlace, type Place } from './place';

/** The compact confirmation, open over whatever is below it. */
export interface Confirmation {
  action: string;
  choice: VerdictChoice;
  /** Raised by a notification, not by this page: the focus must wait elsewhere. */
  unasked: boolean;
  /** The key was asked for from this confirmation. */
  asked: boolean;
}

/** Which part of the page a refused command belongs to. */
export type Origin = Command['do'];

export class ConsoleStore {
  view = $state.raw<ConsoleView | null>(null);
  /** The opened action, as the console last verified it. */
  review = $state.raw<ReviewView | null>(null);
  /** Why the opened action cannot be shown. */
  reviewProblem = $state.raw<Problem | null>(null);
  confirmation = $state.raw<Confirmation | null>(null);
  /** Brought up while a confirmation is open; comes next when that is left. */
  called = $state.raw<{ action: string; confirm: VerdictChoice | null } | null>(null);
  place = $state.raw<Place>({ is: 'inbox' });
  line = $state.raw<Line>({ is: 'open' });
  /** The last refusal per kind of command; cleared when it is sent again. */
  refusals = $state.raw<Partial<Record<Origin, Problem>>>({});
  /** Commands under way. */
  busy = $state.raw<ReadonlySet<Origin>>(new Set());

  phase = $derived(this.view?.phase.is ?? 'starting');
  /** Whether a verdict can be asked for at all right now. */
  canDecide = $derived(this.phase === 'ready' && this.line.is === 'open');

  /** Words about the opened action are being written. */
  saying = $state.raw<{ action: string; kind: 'ask' | 'flag' } | null>(null);
  /** Whether the opened action can be taken now. */
  mayTake = $derived(
    this.canDecide && this.review !== null && this.review.summary.status.is === 'pending' && this.review.taken?.me !== true,
  );

  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Starts listening and asks for the first view. */
  start(): void {
    this.#backend.listen(
      (event) => this.apply(event),
      (line) => this.#lineChanged(line),
    );
    void this.#refresh();
  }

  /** Takes in one pushed event. */
  apply(event: Event): void {
    switch (event.is) {
      case 'view':
        this.#applyView(event.value);
        break;
      case 'review':
        if (this.wantsReview(event.value.summary.id)) this.#applyReview(event.value);
        break;
      case 'show':
        this.#show(event.value.action, event.value.confirm);
        break;
    }
  }

  /** Sends a command whose effect arrives as a view. True when accepted. */
  async ask(command: Command): Promise<boolean> {
    return (await this.request(command)) !== null;
  }

  /** Sends a command and gives its reply, or null with the refusal kept. */
  async request(command: Command): Promise<Reply | null> {
    const origin = command.do;
    this.#setBusy(origin, true);
    this.dismissRefusal(origin);
    try {
      return await this.#backend.send(command);
    } catch (refusal) {
      this.refusals = { ...this.refusals, [origin]: problemOf(refusal) };
      return null;
    } finally {
      this.#setBusy(origin, false);
    }
  }

  dismissRefusal(origin: Origin): void {
    if (this.refusals[origin] === undefined) return;
    const { [origin]: _gone, ...rest } = this.refusals;
    this.refusals = rest;
  }

  /** Shows a place and writes it into the address. */
  go(place: Place): void {
    const fragment = formatPlace(place);
    if (location.hash !== fragment) history.pushState(null, '', fragment);
    this.arrive(place);
  }

  /** Shows a place that the address already names. */
  arrive(place: Place): void {
    const before = this.place;
    this.place = place;
    if (place.is !== 'action') {
      this.review = null;
      this.reviewProblem = null;
      this.confirmation = null;
      this.saying = null;
      return;
    }
    if (before.is !== 'action' || before.action !== place.action) {
      this.review = null;
      this.confirmation = null;
      this.saying = null;
    }
    void this.openAction(place.action);
  }

  /** Shows the place that the address names: at the start and on the browser's Back. */
  followAddress(): void {
    this.arrive(parsePlace(location.hash));
  }

  /** Has the console fetch and verify an action's parts, and shows the result. */
  async openAction(action: string): Promise<void> {
    this.reviewProblem = null;
    try {
      const reply = await this.#backend.send({ do: 'open_action', action });
      if (reply.is === 'review' && this.wantsReview(action)) this.#applyReview(reply.value);
    } catch (refusal) {
      if (this.wantsReview(action)) this.reviewProblem = problemOf(refusal);
    }
  }

  /** Asks who was told about an action; null when the gateway does not say. */
  async deliveries(action: string): Promise<DeliveriesView | null> {
    try {
      const reply = await this.#backend.send({ do: 'deliveries', action });
      return reply.is === 'deliveries' ? reply.value : null;
    } catch {
      return null;
    }
  }

  /** Opens the compact confirmation for the opened action. It decides nothing. */
  openConfirmation(choice: VerdictChoice): void {
    const review = this.review;
    if (review === null) return;
    this.dismissRefusal('decide');
    this.confirmation = { action: review.summary.id, choice, unasked: false, asked: false };
  }

  /** Opens the words to ask or flag with, where that is possible now. */
  openSay(kind: 'ask' | 'flag'): void {
    const review = this.review;
    if (review === null || !this.canDecide) return;
    if (kind === 'ask' && review.summary.status.is !== 'pending') return;
    this.dismissRefusal(kind);
    this.saying = { action: review.summary.id, kind };
  }

  /** Leaves them. Nothing is sent. */
  closeSay(): void {
    this.saying = null;
  }

  /** Closes the confirmation. Nothing is sent. */
  closeConfirmation(): void {
    this.confirmation = null;
    const next = this.called;
    this.called = null;
    if (next !== null) this.#show(next.action, next.confirm);
  }

  /** Asks for the key to decide what the confirmation states. */
  async decide(reason: string): Promise<void> {
    const confirmation = this.confirmation;
    if (confirmation === null) return;
    const accepted = await this.ask({
      do: 'decide',
      action: confirmation.action,
      verdict: confirmation.choice,
      reason,
    });
    if (accepted && this.confirmation?.action === confirmation.action) {
      this.confirmation = { ...this.confirmation, asked: true };
      this.#closeConfirmationWhenProven();
    }
  }

  wantsReview(action: string): boolean {
    return this.phase !== 'locked' && this.place.is === 'action' && this.place.action === action;
  }

  /** Brings an action up. Anybody on the session bus can forge the click behind
   *  it, so what a person is confirming is never swapped under the hand. */
  #show(action: string, confirm: VerdictChoice | null): void {
    if (this.confirmation !== null) {
      const same = this.confirmation.action === action && (confirm === null || this.confirmation.choice === confirm);
      if (!same) this.called = { action, confirm };
      return;
    }
    this.go({ is: 'action', action });
    if (confirm !== null) this.confirmation = { action, choice: confirm, unasked: true, asked: false };
  }

  #applyView(view: ConsoleView): void {
    const before = this.view;
    this.view = view;
    if (view.phase.is === 'locked') return this.#forget();
    // What blocks a decision depends on these, and the review states it.
    const changed =
      before !== null &&
      (before.phase.is !== view.phase.is || before.gateway.connection.is !== view.gateway.connection.is);
    if (changed && this.place.is === 'action') void this.openAction(this.place.action);
    this.#closeConfirmationWhenProven();
  }

  /** The console is locked: what it showed before is dropped. The place stays, and is asked for anew. */
  #forget(): void {
    this.review = null;
    this.reviewProblem = null;
    this.confirmation = null;
    this.called = null;
    this.refusals = {};
  }

  #applyReview(review: ReviewView): void {
    this.review = review;
    this.reviewProblem = null;
    this.#closeConfirmationWhenProven();
  }

  /** The confirmation has done its work once the console proved the verdict. */
  #closeConfirmationWhenProven(): void {
    const confirmation = this.confirmation;
    if (confirmation === null || !confirmation.asked) return;
    const ceremony = this.view?.ceremony ?? null;
    const proven =
      ceremony !== null &&
      ceremony.purpose.is === 'verdict' &&
      ceremony.purpose.action === confirmation.action &&
      ceremony.state.is === 'done';
    const decided =
      ceremony === null && this.review?.summary.id === confirmation.action && this.review.summary.status.is !== 'pending';
    if (proven || decided) this.closeConfirmation();
  }

  #lineChanged(line: Line): void {
    const reopened = this.line.is === 'lost' && line.is === 'open';
    this.line = line;
    if (reopened) {
      void this.#refresh();
      if (this.place.is === 'action') void this.openAction(this.place.action);
    }
  }

  async #refresh(): Promise<void> {
    const reply = await this.request({ do: 'view' });
    if (reply?.is === 'view') this.#applyView(reply.value);
  }

  #setBusy(origin: Origin, busy: boolean): void {
    const next = new Set(this.busy);
    if (busy) next.add(origin);
    else next.delete(origin);
    this.busy = next;
  }
}
