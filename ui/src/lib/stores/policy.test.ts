import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Command, PolicyReplayView, PolicyShadowView, Reply } from '../ipc/types';
import type { ConsoleStore } from './console.svelte';
import { PolicyStore } from './policy.svelte';

/** A console whose answers the test gives when it likes. */
function scripted() {
  const asked: { gateway?: string; command: Command; answer: (reply: Reply | null) => void }[] = [];
  const console = {
    current: 'local',
    request: (command: Command) => new Promise<Reply | null>((answer) => asked.push({ command, answer })),
    requestAt: (gateway: string, command: Command) => new Promise<Reply | null>((answer) => asked.push({ gateway, command, answer })),
  };
  return { asked, console, store: new PolicyStore(console as unknown as ConsoleStore) };
}

const checked = (count: number): Reply => ({
  is: 'policy_checked',
  value: {
    rules: [],
    calendars: [],
    tests: { words: 'There are no tests.', alarm: false, cases: [], failed: 0, problems: [] },
    problems: Array.from({ length: count }, (_, line) => ({ file: 'a.cedar', line, column: 1, policy: null, message: { spans: [] } })),
  },
});

const settle = () => vi.advanceTimersByTimeAsync(1000);

beforeEach(() => {
  vi.useFakeTimers();
});

describe('PolicyStore', () => {
  test('an answer about an older draft is dropped', async () => {
    const { asked, store } = scripted();
    store.begin([{ name: 'a.cedar', text: '1' }]);
    store.type('2');
    await settle();
    expect(asked).toHaveLength(2);
    asked[0]?.answer(checked(3));
    await settle();
    expect(store.checked).toBeNull();
    asked[1]?.answer(checked(0));
    await settle();
    expect(store.right).toBe(true);
    store.type('3');
    expect(store.right).toBe(false);
  });

  test('files have one name each, and one stays', async () => {
    const { store } = scripted();
    store.begin([{ name: 'b.cedar', text: 'b' }]);
    expect(store.add('b.cedar')).toBe(false);
    expect(store.add('a.json')).toBe(true);
    expect(store.draft?.map(({ name }) => name)).toEqual(['a.json', 'b.cedar']);
    // Policies go into a file that can hold them.
    store.insert('x');
    expect(store.open).toBe('b.cedar');
    expect(store.draft?.[1]?.text).toBe('b\n\nx');
    store.remove('a.json');
    store.remove('b.cedar');
    expect(store.draft).toHaveLength(1);
  });

  test('a replay belongs to its text, and goes with it', async () => {
    const { asked, console, store } = scripted();
    void store.reload();
    store.begin([{ name: 'a.cedar', text: '1' }]);
    const found = { words: 'found' } as PolicyReplayView;
    const replays = () => asked.filter(({ command }) => command.do === 'replay_policy');
    void store.replay();
    expect(store.replaying).toBe(true);
    replays()[0]?.answer({ is: 'policy_replayed', value: found });
    await settle();
    expect([store.replaying, store.replayed?.answer, store.replayCurrent]).toEqual([false, found, true]);
    store.type('2');
    expect(store.replayCurrent).toBe(false);
    store.type('1');
    expect(store.replayCurrent).toBe(true);
    void store.replay();
    replays()[1]?.answer({ is: 'policy_replayed', value: null });
    await settle();
    expect([store.replayCancelled, store.replayed?.answer]).toEqual([true, found]);

    // With the gateway it is stopped there, and its answer is nobody's.
    void store.replay();
    console.current = 'vidimus.example';
    void store.reload();
    expect(asked.filter(({ command }) => command.do === 'cancel_replay').map(({ gateway }) => gateway)).toEqual(['local']);
    replays()[2]?.answer({ is: 'policy_replayed', value: found });
    await settle();
    expect([store.replaying, store.replayed]).toEqual([false, null]);
  });

  test('the shadow is known by its text, and goes with the gateway and the lock', async () => {
    const { asked, console, store } = scripted();
    const files = [{ name: 'a.cedar', text: '1' }];
    const reads = () => asked.filter(({ command }) => command.do === 'policy_shadow');
    const shadow = { files, words: 'found' } as PolicyShadowView;
    void store.reloadShadow();
    void store.reloadShadow();
    reads()[1]?.answer({ is: 'policy_shadow', value: shadow });
    reads()[0]?.answer({ is: 'policy_shadow', value: null });
    await settle();
    expect(store.shadow).toBe(shadow);
    expect(store.shadowIsDraft).toBe(false);
    store.begin(files);
    expect(store.shadowIsDraft).toBe(true);
    store.type('2');
    expect(store.shadowIsDraft).toBe(false);
    void store.beginShadow();
    expect(asked.at(-1)?.command).toEqual({ do: 'shadow_policy', files: [{ name: 'a.cedar', text: '2' }] });
    // What is written is dropped without it.
    store.discard();
    expect(store.shadow).toBe(shadow);

    void store.reloadShadow();
    console.current = 'vidimus.example';
    void store.reload();
    expect(store.shadow).toBeNull();
    reads()[2]?.answer({ is: 'policy_shadow', value: shadow });
    await settle();
    expect(store.shadow).toBeNull();
    void store.reloadShadow();
    reads()[3]?.answer({ is: 'policy_shadow', value: shadow });
    await settle();
    store.forget();
    expect(store.shadow).toBeNull();
  });

  test('a shadow that is not stopped is said to go on', async () => {
    const { asked, store } = scripted();
    const stopped = [store.stopShadow(), store.stopShadow()];
    asked[0]?.answer({ is: 'accepted' });
    asked[1]?.answer(null);
    expect(await Promise.all(stopped)).toEqual([true, false]);
  });

  test('another gateway begins with nothing', async () => {
    const { asked, console, store } = scripted();
    void store.reload();
    asked[0]?.answer({ is: 'policy', value: { administrator: true, blocked: null, needed: 1, inForce: null, builtIn: [], waiting: [] } });
    await settle();
    store.begin([{ name: 'a.cedar', text: '1' }]);
    expect(store.policy).not.toBeNull();
    console.current = 'vidimus.example';
    void store.reload();
    expect([store.policy, store.draft]).toEqual([null, null]);
  });
});
