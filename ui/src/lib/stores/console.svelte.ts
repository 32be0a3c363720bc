// What the console last said of each gateway, and what this page shows of the
// current one. The page never guesses: a verdict, an agent or a key stands on
// screen when the console's view says so, and not before.

import { LOCAL, problemOf, type Backend, type Line } from '../ipc';
import type { Command, ConsoleView, DeliveriesView, Event, Problem, Reply, ReviewView, Told, VerdictChoice } from '../ipc/types';
import { Reading } from '../reading';
import { formatAddress, parseAddress, type Address, type Place } from './place';

/** What the compact confirmation leads to. Glass is broken from the whole review only. */
export type Confirmable = Exclude<VerdictChoice, 'break_glass'>;

/** The compact confirmation, open over whatever is below it. */
export interface Confirmation {
  action: string;
  choice: Confirmable;
  /** Raised by a notification, not by this page: the focus must wait elsewhere. */
  unasked: boolean;
  /** The key was asked for from this confirmation. */
  asked: boolean;
}

/** An action that a notification brought up. */
export interface Called {
  gateway: string;
  action: string;
  confirm: Confirmable | null;
}

/** How many actions wait at a gateway, also while it is locked. */
export function waitingAt(view: ConsoleView): number {
  return view.phase.is === 'locked' ? view.phase.waiting : view.inbox.length;
}

/** Which part of the page a refused command belongs to. */
export type Origin = Command['do'];

export class ConsoleStore {
  /** What each gateway last said: this computer's first, then in the order in which they came. */
  views = $state.raw<ReadonlyMap<string, ConsoleView>>(new Map());
  /** The gateway on screen. All that is opened, refused or confirmed belongs to it. */
  current = $state(LOCAL);
  view = $derived(this.views.get(this.current) ?? null);
  /** Whether it must be said everywhere which gateway is meant. */
  several = $derived(this.views.size > 1);
  /** Actions that wait, at all gateways. */
  waiting = $derived([...this.views.values()].reduce((sum, view) => sum + waitingAt(view), 0));
  /** The opened action, as the console last verified it. */
  review = $state.raw<ReviewView | null>(null);
  /** What of it has to be seen before it is approved, and was not. */
  unseen = $derived((this.review?.toSee ?? []).filter(({ seen }) => !seen));
  /** Notices what of it is seen. */
  readonly reading = new Reading(
    () => ({ action: this.review?.summary.id ?? '', sections: this.unseen.map(({ section }) => section) }),
    (action, sections) => this.ask({ do: 'saw', action, sections }),
  );
  /** Why the opened action cannot be shown. */
  reviewProblem = $state.raw<Problem | null>(null);
  confirmation = $state.raw<Confirmation | null>(null);
  /** Brought up while something is being confirmed; comes next when that is left. */
  called = $state.raw<Called | null>(null);
  place = $state.raw<Place>({ is: 'inbox' });
  line = $state.raw<Line>({ is: 'open' });
  /** The last refusal per kind of command; cleared when it is sent again. */
  refusals = $state.raw<Partial<Record<Origin, Problem>>>({});
  /** Commands under way, each with its gateway. */
  #underWay = $state.raw<readonly { gateway: string; origin: Origin }[]>([]);
  /** Commands under way at the gateway on screen. */
  busy = $derived<ReadonlySet<Origin>>(
    new Set(this.#underWay.filter(({ gateway }) => gateway === this.current).map(({ origin }) => origin)),
  );

  phase = $derived(this.view?.phase.is ?? 'starting');
  /** Whether a verdict can be asked for at all right now. */
  canDecide = $derived(this.phase === 'ready' && this.line.is === 'open');

  /** Words about the opened action are being written. */
  saying = $state.raw<{ action: string; kind: 'ask' | 'flag' } | null>(null);
  /** Whether the opened action can be taken now. */
  mayTake = $derived(
    this.canDecide && this.review !== null && this.review.summary.status.is === 'pending' && this.review.taken?.me !== true,
  );

  /** The stop button of the opened action's agent was pressed. */
  pausing = $state(false);
  /** Whether that agent can be paused from here. */
  mayPause = $derived(this.canDecide && this.review !== null);

  /** The opened action is being edited. */
  editing = $state(false);
  /** Whether it can be, from here and now. */
  mayEdit = $derived(this.canDecide && this.review !== null && this.review.editBlocked === null);

  readonly #backend: Backend;
  /** Grows with each change of the gateway: answers to an earlier visit are dropped. */
  #visit = 0;
  /** Named by the address before it was heard of. */
  #awaited: Address | null = null;
  /** Open dialogs that lead to a signature. */
  #holds = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Starts listening and asks for the first view. */
  start(): void {
    this.#backend.listen(
      (told) => this.apply(told),
      (line) => this.#lineChanged(line),
    );
    void this.#refresh();
  }

  /** Takes in one pushed event. */
  apply({ gateway, event }: Told): void {
    if (event === null) this.#drop(gateway);
    else this.#takeIn(gateway, event);
  }

  #takeIn(gateway: string, event: Event): void {
    switch (event.is) {
      case 'view':
        this.#applyView(gateway, event.value);
        break;
      case 'review':
        if (gateway === this.current && this.wantsReview(event.value.summary.id)) this.#applyReview(event.value);
        break;
      case 'show':
        this.#show({ gateway, action: event.value.action, confirm: event.value.confirm === 'break_glass' ? null : event.value.confirm });
        break;
    }
  }

  /** Sends a command whose effect arrives as a view. True when accepted. */
  async ask(command: Command): Promise<boolean> {
    return (await this.request(command)) !== null;
  }

  /** Sends a command to the gateway on screen and gives its reply, or null with
   *  the refusal kept. Null too when another gateway came on screen meanwhile. */
  async request(command: Command): Promise<Reply | null> {
    const visit = this.#visit;
    const reply = await this.requestAt(this.current, command, () => visit === this.#visit);
    return visit === this.#visit ? reply : null;
  }

  /** The same for any gateway. The refusal is kept only where it `matters` still. */
  async requestAt(gateway: string, command: Command, matters: () => boolean = () => true): Promise<Reply | null> {
    const origin = command.do;
    const entry = { gateway, origin };
    this.#underWay = [...this.#underWay, entry];
    this.dismissRefusal(origin);
    try {
      return await this.#backend.send(gateway, command);
    } catch (refusal) {
      if (matters()) this.refusals = { ...this.refusals, [origin]: problemOf(refusal) };
      return null;
    } finally {
      this.#underWay = this.#underWay.filter((other) => other !== entry);
    }
  }

  dismissRefusal(origin: Origin): void {
    if (this.refusals[origin] === undefined) return;
    const { [origin]: _gone, ...rest } = this.refusals;
    this.refusals = rest;
  }

  /** Shows a place, of the gateway on screen unless another is named, and writes it into the address. */
  go(place: Place, gateway: string = this.current): void {
    const address = { gateway, place };
    const fragment = formatAddress(address);
    if (location.hash !== fragment) history.pushState(null, '', fragment);
    this.arrive(address);
  }

  /** Shows a place that the address already names. */
  arrive(address: Address): void {
    const known = this.#knows(address.gateway);
    // At the start the others have not spoken yet: till then, and for one that
    // is followed no longer, this computer stands in.
    this.#awaited = known ? null : address;
    const { gateway, place } = known ? address : { gateway: LOCAL, place: { is: 'inbox' } as const };
    const before = this.place;
    const same = gateway === this.current && before.is === 'action' && place.is === 'action' && before.action === place.action;
    if (gateway !== this.current) {
      this.#visit++;
      this.current = gateway;
      this.refusals = {};
    }
    this.place = place;
    this.reviewProblem = null;
    if (!same) {
      this.review = null;
      this.confirmation = null;
      this.saying = null;
      this.pausing = false;
      this.editing = false;
    }
    if (place.is === 'action') void this.openAction(place.action);
    // What was confirmed has been left, by the browser's Back too.
    this.#next();
  }

  /** Shows the place that the address names: at the start and on the browser's Back. */
  followAddress(): void {
    this.arrive(parseAddress(location.hash));
  }

  /** Keeps what is on screen while a dialog leads to a signature; until what this gives is called. */
  hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      this.#next();
    };
  }

  /** Has the console fetch and verify an action's parts, and shows the result. */
  async openAction(action: string): Promise<void> {
    this.reviewProblem = null;
    const visit = this.#visit;
    const wanted = (): boolean => visit === this.#visit && this.wantsReview(action);
    try {
      const reply = await this.#backend.send(this.current, { do: 'open_action', action });
      if (reply.is === 'review' && wanted()) this.#applyReview(reply.value);
    } catch (refusal) {
      if (wanted()) this.reviewProblem = problemOf(refusal);
    }
  }

  /** Asks who was told about an action; null when the gateway does not say. */
  async deliveries(action: string): Promise<DeliveriesView | null> {
    try {
      const reply = await this.#backend.send(this.current, { do: 'deliveries', action });
      return reply.is === 'deliveries' ? reply.value : null;
    } catch {
      return null;
    }
  }

  /** Opens the compact confirmation for the opened action, or brings up what has to be seen before. It decides nothing. */
  openConfirmation(choice: Confirmable): void {
    const review = this.review;
    if (review === null) return;
    if (choice === 'approve' && this.unseen.length > 0) return this.reading.next();
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
    this.#next();
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

  #knows(gateway: string): boolean {
    return gateway === LOCAL || this.views.has(gateway);
  }

  /** Brings an action up. Anybody on the session bus can forge the click behind
   *  it, so what a person is confirming is never swapped under the hand. */
  #show(called: Called): void {
    const { gateway, action, confirm } = called;
    if (!this.#knows(gateway)) return;
    if (this.#held(gateway)) {
      const same =
        gateway === this.current && this.confirmation?.action === action && (confirm === null || this.confirmation.choice === confirm);
      if (!same) this.called = called;
      return;
    }
    this.go({ is: 'action', action }, gateway);
    if (confirm !== null) this.confirmation = { action, choice: confirm, unasked: true, asked: false };
  }

  /** Whether a person is on the way to a signature that this gateway's action would hide. */
  #held(gateway: string): boolean {
    const prompted = gateway !== this.current && this.view !== null && this.view.ceremony !== null;
    return this.confirmation !== null || this.#holds > 0 || prompted;
  }

  /** Brings up what was called meanwhile, once nothing is in its way. */
  #next(): void {
    const next = this.called;
    if (next === null || this.#held(next.gateway)) return;
    this.called = null;
    this.#show(next);
  }

  #applyView(gateway: string, view: ConsoleView): void {
    const before = this.views.get(gateway) ?? null;
    const views = new Map(this.views).set(gateway, view);
    const local = views.get(LOCAL);
    this.views = local === undefined ? views : new Map([[LOCAL, local], ...views]);
    if (gateway === this.#awaited?.gateway && !this.#held(gateway)) return this.arrive(this.#awaited);
    if (gateway !== this.current) return;
    if (view.phase.is === 'locked') return this.#forget();
    // What blocks a decision depends on these, and the review states it.
    const changed =
      before !== null &&
      (before.phase.is !== view.phase.is || before.gateway.connection.is !== view.gateway.connection.is);
    if (changed && this.place.is === 'action') void this.openAction(this.place.action);
    this.#closeConfirmationWhenProven();
    if (view.ceremony === null) this.#next();
  }

  /** A gateway is followed no longer. */
  #drop(gateway: string): void {
    if (gateway === LOCAL) return;
    const views = new Map(this.views);
    views.delete(gateway);
    this.views = views;
    if (this.called?.gateway === gateway) this.called = null;
    if (gateway !== this.current) return;
    const address: Address = { gateway: LOCAL, place: { is: 'inbox' } };
    history.replaceState(null, '', formatAddress(address));
    this.arrive(address);
  }

  /** The console is locked: what it showed before is dropped. The place stays, and is asked for anew. */
  #forget(): void {
    this.review = null;
    this.reviewProblem = null;
    this.confirmation = null;
    this.pausing = false;
    this.editing = false;
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

  /** The other gateways' views come by themselves, once the page listens. */
  async #refresh(): Promise<void> {
    const reply = await this.requestAt(LOCAL, { do: 'view' });
    if (reply?.is === 'view') this.#applyView(LOCAL, reply.value);
  }
}
