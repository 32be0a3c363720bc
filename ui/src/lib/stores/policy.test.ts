import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Command, Reply } from '../ipc/types';
import type { ConsoleStore } from './console.svelte';
import { PolicyStore } from './policy.svelte';

/** A console whose answers the test gives when it likes. */
function scripted() {
  const asked: { command: Command; answer: (reply: Reply | null) => void }[] = [];
  const console = {
    current: 'local',
    request: (command: Command) => new Promise<Reply | null>((answer) => asked.push({ command, answer })),
  };
  return { asked, console, store: new PolicyStore(console as unknown as ConsoleStore) };
}

const checked = (count: number): Reply => ({
  is: 'policy_checked',
  value: {
    rules: [],
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
