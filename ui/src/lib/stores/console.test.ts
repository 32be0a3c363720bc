import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LOCAL, ProblemError, type Backend, type Line } from '../ipc';
import { action, lockedView, problem, review, rows, view } from '../ipc/fake/parts';
import type { Command, ConsoleView, Event, Reply, Told } from '../ipc/types';
import { ConsoleStore } from './console.svelte';
import { HistoryStore } from './history.svelte';

class Recorder implements Backend {
  readonly sent: Command[] = [];
  /** The gateway of each command that was sent. */
  readonly to: string[] = [];
  answer: (command: Command, gateway: string) => Reply = () => ({ is: 'accepted' });
  tell: (told: Told) => void = () => {};
  line: (line: Line) => void = () => {};

  async send(gateway: string, command: Command): Promise<Reply> {
    this.sent.push(command);
    this.to.push(gateway);
    return this.answer(command, gateway);
  }

  listen(onTold: (told: Told) => void, onLine: (line: Line) => void): void {
    this.tell = onTold;
    this.line = onLine;
  }

  event(event: Event | null, gateway = LOCAL): void {
    this.tell({ gateway, event });
  }

  of(kind: Command['do']): Command[] {
    return this.sent.filter((command) => command.do === kind);
  }
}

const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

let backend: Recorder;
let store: ConsoleStore;
const summary = action('act_01');
const ready = view({ inbox: [summary] });

beforeEach(async () => {
  location.hash = '';
  backend = new Recorder();
  backend.answer = (command) => {
    if (command.do === 'view') return { is: 'view', value: ready };
    if (command.do === 'open_action') return { is: 'review', value: review(action(command.action)) };
    return { is: 'accepted' };
  };
  store = new ConsoleStore(backend);
  store.start();
  await settle();
});

describe('lock', () => {
  it('drops what was shown, keeps the place, and asks anew once unlocked', async () => {
    const log = new HistoryStore(store);
    log.rows = rows(3);
    log.query = 'terraform';
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    store.openConfirmation('approve');
    backend.event({ is: 'view', value: lockedView(ready) });
    expect(store.review).toBeNull();
    expect(store.confirmation).toBeNull();
    // An answer that was on its way is not taken in.
    backend.event({ is: 'review', value: review(action('act_01')) });
    expect(store.review).toBeNull();
    log.forget();
    expect([log.rows, log.query, log.entry]).toEqual([[], '', null]);
    backend.event({ is: 'view', value: ready });
    await settle();
    expect(store.review?.summary.id).toBe('act_01');
    expect(store.confirmation).toBeNull();
  });
});

describe('apply', () => {
  it('shows the view as it came, whole', () => {
    expect(store.view).toBe(ready);
    const next = view({ phase: { is: 'signed_out' } });
    backend.event({ is: 'view', value: next });
    expect(store.view).toBe(next);
    expect(store.phase).toBe('signed_out');
    expect(store.canDecide).toBe(false);
  });

  it('takes a review only of the action that is on screen', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    expect(store.review?.summary.id).toBe('act_01');
    backend.event({ is: 'review', value: review(action('act_02')) });
    expect(store.review?.summary.id).toBe('act_01');
    const running = review(action('act_01', { status: { is: 'running' } }));
    backend.event({ is: 'review', value: running });
    expect(store.review).toBe(running);
  });

  it('drops an answer that comes after the person went on', async () => {
    store.go({ is: 'action', action: 'act_01' });
    store.go({ is: 'action', action: 'act_02' });
    await settle();
    expect(store.review?.summary.id).toBe('act_02');
    store.go({ is: 'inbox' });
    expect(store.review).toBeNull();
    store.go({ is: 'action', action: 'act_03' });
    store.go({ is: 'inbox' });
    await settle();
    expect(store.review).toBeNull();
  });

  it('brings an action up, with its confirmation, and sends no verdict', async () => {
    backend.event({ is: 'show', value: { action: 'act_02', confirm: 'deny' } });
    await settle();
    expect(store.place).toEqual({ is: 'action', action: 'act_02' });
    expect(store.confirmation).toMatchObject({ action: 'act_02', choice: 'deny', unasked: true });
    expect(backend.of('decide')).toEqual([]);
  });

  it('brings an action up that a notification wants to break glass for, and nothing more', async () => {
    backend.event({ is: 'show', value: { action: 'act_02', confirm: 'break_glass' } });
    await settle();
    expect(store.place).toEqual({ is: 'action', action: 'act_02' });
    expect(store.confirmation).toBeNull();
  });

  it('never swaps what is being confirmed; the other comes next', async () => {
    backend.event({ is: 'show', value: { action: 'act_01', confirm: 'approve' } });
    await settle();
    backend.event({ is: 'show', value: { action: 'act_02', confirm: 'approve' } });
    expect(store.confirmation?.action).toBe('act_01');
    expect(store.place).toEqual({ is: 'action', action: 'act_01' });
    store.closeConfirmation();
    await settle();
    expect(store.confirmation).toMatchObject({ action: 'act_02', unasked: true });
    expect(store.review?.summary.id).toBe('act_02');
  });

  it('looks at the opened action again when what blocks it may have changed', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    const before = backend.of('open_action').length;
    backend.event({ is: 'view', value: view({ notices: [] }) });
    expect(backend.of('open_action')).toHaveLength(before);
    backend.event({ is: 'view', value: view({ phase: { is: 'upgrade_needed', entry: 3 } }) });
    expect(backend.of('open_action')).toHaveLength(before + 1);
  });
});

describe('decide', () => {
  const verdict = { is: 'verdict', action: 'act_01', verdict: 'approve' } as const;

  beforeEach(async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    store.openConfirmation('approve');
  });

  it('sends what the confirmation states and changes no status by itself', async () => {
    await store.decide('read twice');
    expect(backend.of('decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'approve', reason: 'read twice' }]);
    expect(store.review?.summary.status.is).toBe('pending');
    expect(store.view?.inbox).toHaveLength(1);
    expect(store.confirmation).not.toBeNull();
  });

  it('closes the confirmation once the verdict is proven, not before', async () => {
    await store.decide('');
    for (const state of [{ is: 'waiting' }, { is: 'proving' }, { is: 'cancelled' }] as const) {
      backend.event({ is: 'view', value: view({ ceremony: { purpose: verdict, route: 'browser', url: null, code: null, state } }) });
      expect(store.confirmation).not.toBeNull();
    }
    backend.event({
      is: 'view',
      value: view({ ceremony: { purpose: verdict, route: 'browser', url: null, code: null, state: { is: 'done' } } }),
    });
    expect(store.confirmation).toBeNull();
  });

  it('is not closed by a decision that was taken elsewhere: that is told in words', () => {
    backend.event({ is: 'review', value: review(action('act_01', { status: { is: 'denied' } })) });
    expect(store.confirmation).not.toBeNull();
  });

  it('is not closed by the end of another key prompt', async () => {
    await store.decide('');
    const other = { ...verdict, action: 'act_02' };
    backend.event({
      is: 'view',
      value: view({ ceremony: { purpose: other, route: 'browser', url: null, code: null, state: { is: 'done' } } }),
    });
    expect(store.confirmation).not.toBeNull();
    backend.event({
      is: 'view',
      value: view({ ceremony: { purpose: { is: 'sign_in' }, route: 'browser', url: null, code: null, state: { is: 'done' } } }),
    });
    expect(store.confirmation).not.toBeNull();
  });

  it('keeps the confirmation and the refusal when it is refused', async () => {
    backend.answer = () => {
      throw new ProblemError(problem('stale_pin', 'The pin is old.', 'Try again.'));
    };
    await store.decide('');
    expect(store.confirmation).not.toBeNull();
    expect(store.refusals.decide?.code).toBe('stale_pin');
    expect(store.busy.has('decide')).toBe(false);
  });
});

describe('the line', () => {
  it('stops deciding when lost, and asks for everything again when it is back', async () => {
    expect(store.canDecide).toBe(true);
    backend.line({ is: 'lost', retryAtUnixMs: 0 });
    expect(store.canDecide).toBe(false);
    const before = backend.of('view').length;
    backend.line({ is: 'open' });
    await settle();
    expect(backend.of('view')).toHaveLength(before + 1);
    expect(store.canDecide).toBe(true);
  });
});

describe('history', () => {
  it('catches up without losing older pages, and starts over across a gap', async () => {
    const log = new HistoryStore(store);
    let all = rows(30);
    backend.answer = (command) => {
      if (command.do !== 'history') return { is: 'accepted' };
      const { before } = command;
      const matching = all.filter((row) => before === null || row.index < before);
      return { is: 'history', value: { rows: matching.slice(0, 10), more: matching.length > 10, total: all.length } };
    };
    await log.reload();
    await log.loadOlder();
    expect(log.rows).toHaveLength(20);
    all = rows(33);
    await log.catchUp();
    expect(log.rows.map((row) => row.index)).toEqual(Array.from({ length: 23 }, (_, at) => 32 - at));
    all = rows(60);
    await log.catchUp();
    expect(log.rows.map((row) => row.index)).toEqual(Array.from({ length: 10 }, (_, at) => 59 - at));
  });

  it('drops the answer to an older question', async () => {
    const log = new HistoryStore(store);
    const answers: ((reply: Reply) => void)[] = [];
    vi.spyOn(backend, 'send').mockImplementation(() => new Promise((done) => answers.push(done)));
    const first = log.reload();
    const second = log.reload();
    answers[1]?.({ is: 'history', value: { rows: rows(3), more: false, total: 3 } });
    answers[0]?.({ is: 'history', value: { rows: rows(9), more: false, total: 9 } });
    await Promise.all([first, second]);
    expect(log.total).toBe(3);
  });
});

describe('several gateways', () => {
  const STAGING = 'staging.example:8443';
  const PRODUCTION = 'production.example';
  const at = (id: string, change: Partial<ConsoleView> = {}): ConsoleView =>
    view({ gateway: { ...view().gateway, id, name: id }, ...change });

  beforeEach(() => {
    backend.event({ is: 'view', value: at(STAGING, { inbox: [action('act_s1')] }) }, STAGING);
    backend.event({ is: 'view', value: at(PRODUCTION, { inbox: [action('act_p1'), action('act_p2')] }) }, PRODUCTION);
  });

  it('keeps a view of each, this computer’s first, and counts what waits at all', () => {
    expect([...store.views.keys()]).toEqual([LOCAL, STAGING, PRODUCTION]);
    expect(store.current).toBe(LOCAL);
    expect(store.several).toBe(true);
    expect(store.waiting).toBe(4);
    backend.event({ is: 'view', value: lockedView(at(PRODUCTION, { inbox: [action('act_p1')] })) }, PRODUCTION);
    expect(store.waiting).toBe(3);
    expect([...store.views.keys()]).toEqual([LOCAL, STAGING, PRODUCTION]);
  });

  it('puts this computer first, however late it speaks', async () => {
    const late = new ConsoleStore(backend);
    late.start();
    backend.event({ is: 'view', value: at(STAGING) }, STAGING);
    expect([...late.views.keys()]).toEqual([STAGING]);
    expect(late.view).toBeNull();
    await settle();
    expect([...late.views.keys()]).toEqual([LOCAL, STAGING]);
    expect(late.view).toBe(ready);
  });

  it('sends what is asked to the gateway on screen', async () => {
    await store.ask({ do: 'verify' });
    store.go({ is: 'action', action: 'act_p1' }, PRODUCTION);
    await settle();
    store.openConfirmation('approve');
    await store.decide('');
    await store.deliveries('act_p1');
    const sent = backend.sent.map((command, index) => [command.do, backend.to[index]]);
    expect(sent).toContainEqual(['verify', LOCAL]);
    expect(sent).toContainEqual(['open_action', PRODUCTION]);
    expect(sent).toContainEqual(['decide', PRODUCTION]);
    expect(sent).toContainEqual(['deliveries', PRODUCTION]);
  });

  it('drops what was opened, confirmed or refused when another comes on screen', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    store.openConfirmation('approve');
    store.refusals = { verify: problem('busy', 'It is busy.', 'Wait.') };
    // The same action id elsewhere is another action.
    store.go({ is: 'action', action: 'act_01' }, STAGING);
    expect([store.review, store.confirmation, store.saying, store.called]).toEqual([null, null, null, null]);
    expect(store.refusals).toEqual({});
    expect(location.hash).toBe(`#/@${STAGING}/action/act_01`);
    await settle();
    expect(store.review?.summary.id).toBe('act_01');
  });

  it('takes a review only from the gateway on screen', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    const before = store.review;
    backend.event({ is: 'review', value: review(action('act_01', { status: { is: 'approved' } })) }, STAGING);
    expect(store.review).toBe(before);
  });

  it('drops answers and refusals that come after another came on screen', async () => {
    const ends: { answer: (reply: Reply) => void; refuse: (error: unknown) => void }[] = [];
    vi.spyOn(backend, 'send').mockImplementation(() => new Promise((answer, refuse) => ends.push({ answer, refuse })));
    const first = store.request({ do: 'people' });
    const second = store.request({ do: 'verify' });
    const third = store.openAction('act_01');
    expect(store.busy.has('verify')).toBe(true);
    store.go({ is: 'inbox' }, STAGING);
    expect(store.busy.has('verify')).toBe(false);
    ends[0]?.answer({ is: 'accepted' });
    ends[1]?.refuse(new ProblemError(problem('busy', 'It is busy.', 'Wait.')));
    ends[2]?.answer({ is: 'review', value: review(action('act_01')) });
    expect(await first).toBeNull();
    expect(await second).toBeNull();
    await third;
    expect(store.refusals).toEqual({});
    expect(store.review).toBeNull();
  });

  it('goes where an action was brought up', async () => {
    backend.event({ is: 'show', value: { action: 'act_p1', confirm: 'deny' } }, PRODUCTION);
    await settle();
    expect(store.current).toBe(PRODUCTION);
    expect(store.confirmation).toMatchObject({ action: 'act_p1', choice: 'deny', unasked: true });
    backend.event({ is: 'show', value: { action: 'act_x', confirm: 'approve' } }, 'unknown.example');
    expect(store.current).toBe(PRODUCTION);
    expect(store.confirmation?.action).toBe('act_p1');
  });

  it('never swaps what is being confirmed for another gateway’s; that comes next', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    store.openConfirmation('approve');
    // The same id, elsewhere.
    backend.event({ is: 'show', value: { action: 'act_01', confirm: 'approve' } }, PRODUCTION);
    backend.event({ is: 'view', value: at(PRODUCTION, { phase: { is: 'signed_out' } }) }, PRODUCTION);
    expect(store.current).toBe(LOCAL);
    expect(store.confirmation?.unasked).toBe(false);
    expect(store.called).toEqual({ gateway: PRODUCTION, action: 'act_01', confirm: 'approve' });
    store.closeConfirmation();
    expect(store.current).toBe(PRODUCTION);
    expect(store.confirmation).toMatchObject({ action: 'act_01', unasked: true });
  });

  it('brings up what was called when the confirmation is left by Back', async () => {
    store.go({ is: 'action', action: 'act_01' });
    await settle();
    store.openConfirmation('approve');
    backend.event({ is: 'show', value: { action: 'act_p1', confirm: null } }, PRODUCTION);
    location.hash = '#/inbox';
    store.followAddress();
    expect([store.current, store.place, store.called]).toEqual([PRODUCTION, { is: 'action', action: 'act_p1' }, null]);
  });

  it('never swaps what is on the way to a signature: a dialog that holds, a key prompt', () => {
    const release = store.hold();
    backend.event({ is: 'show', value: { action: 'act_s1', confirm: null } }, STAGING);
    expect(store.current).toBe(LOCAL);
    const prompt = { purpose: { is: 'statement', words: 'Something.' }, route: 'browser', url: null, code: null, state: { is: 'waiting' } } as const;
    backend.event({ is: 'view', value: { ...ready, ceremony: prompt } });
    release();
    expect(store.current).toBe(LOCAL);
    backend.event({ is: 'view', value: ready });
    expect(store.current).toBe(STAGING);
    expect(store.place).toEqual({ is: 'action', action: 'act_s1' });
  });

  it('leaves a gateway that is followed no longer', () => {
    store.go({ is: 'people' }, STAGING);
    backend.event(null, PRODUCTION);
    expect([...store.views.keys()]).toEqual([LOCAL, STAGING]);
    expect(store.current).toBe(STAGING);
    backend.event(null, STAGING);
    expect(store.current).toBe(LOCAL);
    expect(store.several).toBe(false);
    expect(location.hash).toBe('#/inbox');
    // Back leads to nothing that is gone.
    location.hash = `#/@${STAGING}/people`;
    store.followAddress();
    expect([store.current, store.place]).toEqual([LOCAL, { is: 'inbox' }]);
  });

  it('waits for the gateway that the address names at the start, unless the person goes on', () => {
    const NEW = 'new.example:1';
    location.hash = `#/@${NEW}/people`;
    store.followAddress();
    expect([store.current, store.place]).toEqual([LOCAL, { is: 'inbox' }]);
    backend.event({ is: 'view', value: at(NEW) }, NEW);
    expect([store.current, store.place]).toEqual([NEW, { is: 'people' }]);
    location.hash = '#/@other.example/people';
    store.followAddress();
    store.go({ is: 'history', action: null });
    backend.event({ is: 'view', value: at('other.example') }, 'other.example');
    expect([store.current, store.place]).toEqual([LOCAL, { is: 'history', action: null }]);
  });

  it('does not leave for it when a signature is on its way', () => {
    const NEW = 'new.example:1';
    location.hash = `#/@${NEW}/people`;
    store.followAddress();
    const release = store.hold();
    backend.event({ is: 'view', value: at(NEW) }, NEW);
    expect(store.current).toBe(LOCAL);
    release();
    expect(store.current).toBe(LOCAL);
  });

  it('asks this computer for its view when the line is back, wherever one is', async () => {
    store.go({ is: 'inbox' }, STAGING);
    backend.line({ is: 'lost', retryAtUnixMs: 0 });
    backend.line({ is: 'open' });
    await settle();
    expect(backend.to.at(-1)).toBe(LOCAL);
    expect(store.current).toBe(STAGING);
    expect(store.view?.gateway.id).toBe(STAGING);
  });
});
