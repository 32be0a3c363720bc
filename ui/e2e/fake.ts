// How a test drives the fake console behind the page.
import type { JSHandle, Page } from '@playwright/test';
import type { FakeBackend } from '../src/lib/ipc/fake';
import type { Command } from '../src/lib/ipc/types';

/** The fake, as soon as the page has made it: a loaded document may not have run its modules yet. */
const held = (page: Page): Promise<JSHandle<FakeBackend>> =>
  page.waitForFunction(() => (window as unknown as { fake?: FakeBackend }).fake) as Promise<JSHandle<FakeBackend>>;

/** Commands that were sent, of one kind. */
export async function sent(page: Page, kind: Command['do']): Promise<Command[]> {
  const all = await (await held(page)).evaluate((fake) => fake.sent);
  return all.filter((command) => command.do === kind);
}

/** The fake behind the page, to be told what happens next. */
export const fakeOf = (page: Page) => ({
  ceremony: async (state: Parameters<FakeBackend['ceremony']>[0]) =>
    (await held(page)).evaluate((fake, next) => fake.ceremony(next), state),
  change: async (change: Parameters<FakeBackend['change']>[0]) =>
    (await held(page)).evaluate((fake, next) => fake.change(next), change),
  emit: async (event: Parameters<FakeBackend['emit']>[0]) =>
    (await held(page)).evaluate((fake, next) => fake.emit(next), event),
  line: async (line: Parameters<FakeBackend['line']>[0]) =>
    (await held(page)).evaluate((fake, next) => fake.line(next), line),
  refuse: async (kind: Command['do'], code: string) =>
    (await held(page)).evaluate((fake, next) => void fake.refuse.set(next.kind, next.code), { kind, code }),
  review: async (id: string) =>
    (await held(page)).evaluate(async (fake, action) => {
      const reply = await fake.send({ do: 'open_action', action });
      if (reply.is !== 'review') throw new Error('no review');
      return reply.value;
    }, id),
});
