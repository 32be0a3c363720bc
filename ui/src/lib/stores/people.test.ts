import { beforeEach, expect, it } from 'vitest';
import type { Backend } from '../ipc';
import { people, sessions } from '../ipc/fake/teams';
import type { Command, Reply } from '../ipc/types';
import { ConsoleStore } from './console.svelte';
import { PeopleStore } from './people.svelte';

let sent: Command[];
let answers: ((reply: Reply) => void)[];
let store: PeopleStore;

beforeEach(() => {
  sent = [];
  answers = [];
  const backend: Backend = {
    send: (_gateway, command) => {
      sent.push(command);
      return new Promise((answer) => answers.push(answer));
    },
    listen: () => {},
  };
  store = new PeopleStore(new ConsoleStore(backend));
});

const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

it('keeps what was read until it is read anew, and drops the answer to an older question', async () => {
  const [first, second] = [people(), people({ claims: [] })];
  void store.reload();
  answers[0]?.({ is: 'people', value: first });
  await settle();
  expect(store.people).toBe(first);
  void store.reload();
  void store.reload();
  expect(store.people).toBe(first);
  answers[2]?.({ is: 'people', value: second });
  answers[1]?.({ is: 'people', value: people() });
  await settle();
  expect(store.people).toBe(second);
});

it('asks which sessions are left once one has ended', async () => {
  const ended = store.endSession('ses_2');
  answers[0]?.({ is: 'accepted' });
  await settle();
  answers[1]?.({ is: 'sessions', value: sessions().slice(0, 1) });
  await ended;
  expect(sent).toEqual([{ do: 'end_session', id: 'ses_2' }, { do: 'sessions' }]);
  expect(store.sessions).toHaveLength(1);
});
