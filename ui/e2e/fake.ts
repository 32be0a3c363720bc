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

/** The same with the gateway that each was sent to. */
export async function sentTo(page: Page, kind: Command['do']): Promise<[gateway: string, command: Command][]> {
  const [sent, to] = await (await held(page)).evaluate((fake) => [fake.sent, fake.to] as const);
  return sent.map((command, at): [string, Command] => [to[at] ?? '', command]).filter(([, command]) => command.do === kind);
}

/** The fake behind the page, to be told what happens next. */
export const fakeOf = (page: Page) => ({
  ceremony: async (...given: Parameters<FakeBackend['ceremony']>) =>
    (await held(page)).evaluate((fake, next) => fake.ceremony(...next), given),
  change: async (...given: Parameters<FakeBackend['change']>) =>
    (await held(page)).evaluate((fake, next) => fake.change(...next), given),
  emit: async (...given: Parameters<FakeBackend['emit']>) => (await held(page)).evaluate((fake, next) => fake.emit(...next), given),
  logged: async (...given: Parameters<FakeBackend['logged']>) =>
    (await held(page)).evaluate((fake, next) => fake.logged(...next), given),
  line: async (line: Parameters<FakeBackend['line']>[0]) =>
    (await held(page)).evaluate((fake, next) => fake.line(next), line),
  endReplay: async (...given: Parameters<FakeBackend['endReplay']>) =>
    (await held(page)).evaluate((fake, next) => fake.endReplay(...next), given),
  inShadow: async (...given: Parameters<FakeBackend['inShadow']>) =>
    (await held(page)).evaluate((fake, next) => fake.inShadow(...next), given),
  refuse: async (kind: Command['do'], code: string) =>
    (await held(page)).evaluate((fake, next) => void fake.refuse.set(next.kind, next.code), { kind, code }),
  review: async (id: string) =>
    (await held(page)).evaluate(async (fake, action) => {
      const reply = await fake.send('local', { do: 'open_action', action });
      if (reply.is !== 'review') throw new Error('no review');
      return reply.value;
    }, id),
});
