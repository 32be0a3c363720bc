// How a test drives the fake console behind the page.
import type { Page } from '@playwright/test';
import type { FakeBackend } from '../src/lib/ipc/fake';
import type { Command } from '../src/lib/ipc/types';

type Held = { fake: FakeBackend };

/** Commands that were sent, of one kind. */
export async function sent(page: Page, kind: Command['do']): Promise<Command[]> {
  const all = await page.evaluate(() => (window as unknown as Held).fake.sent);
  return all.filter((command) => command.do === kind);
}
