// The stop button: from the review of an action and from the list of agents, and back.
import { expect, test } from '@playwright/test';
import { agent, pause } from '../src/lib/ipc/fake/parts';
import { fakeOf, sent } from './fake';

test('an agent is paused from the review of its action, whole or one run, with the key', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review')).toBeVisible();
  await page.keyboard.press('p');
  const dialog = page.getByTestId('pause-agent');
  await expect(dialog).toContainText('What runs already is not stopped.');
  // The safe side is chosen: all of it.
  await expect(dialog.getByTestId('pause-whole')).toBeChecked();
  await dialog.getByTestId('pause-run').check();
  await expect(dialog).toContainText('The agent names its runs itself');
  await expect(dialog).toContainText('Nothing of this run can be proposed');
  await dialog.getByTestId('pause-agent-back').click();
  await page.keyboard.press('p');
  await expect(dialog.getByTestId('pause-whole')).toBeChecked();
  await expect(dialog).toContainText('Nothing can be proposed');
  await dialog.getByTestId('pause-run').check();
  await dialog.getByTestId('pause-agent-send').click();
  expect(await sent(page, 'pause_agent')).toEqual([{ do: 'pause_agent', agent: 'agt_7Q2M', run: 'nightly-2026-11-21' }]);
  await expect(page.getByTestId('ceremony-words')).toContainText('nightly-2026-11-21');
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  // Only what the console reads says that it is paused.
  await expect(page.getByTestId('paused')).toHaveCount(0);
  await fake.ceremony(null);
  await fake.change({ agents: [agent({ pauses: [pause({ run: 'nightly-2026-11-21', by: 'Ada Reviewer', me: true })] })] });
  await expect(page.getByTestId('paused')).toContainText('The run nightly-2026-11-21 of claude-code is paused by you');
});

test('a paused agent stands out everywhere, and is resumed with the key', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=paused');
  await expect(page.getByTestId('paused')).toContainText('The agent claude-code is paused by you');
  await page.getByTestId('nav-history').click();
  await page.getByTestId('resume').click();
  const dialog = page.getByTestId('resume-agent');
  await expect(dialog).toContainText('What the pause stopped stays stopped');
  await fake.refuse('resume_agent', 'overtaken');
  await dialog.getByTestId('resume-agent-send').click();
  await expect(dialog.locator('[data-problem=overtaken]')).toBeVisible();
  await dialog.getByTestId('resume-agent-send').click();
  expect(await sent(page, 'resume_agent')).toEqual([
    { do: 'resume_agent', agent: 'agt_7Q2M', pause: 51 },
    { do: 'resume_agent', agent: 'agt_7Q2M', pause: 51 },
  ]);
});

test('nobody is offered to lift what they may not', async ({ page }) => {
  await page.goto('/?fake=team-agents-paused');
  const own = page.getByTestId('agent').filter({ hasText: 'release-bot' });
  await expect(own.getByTestId('paused')).toContainText('it is your own agent');
  await expect(own.getByTestId('resume')).toHaveCount(0);
  await expect(own.getByTestId('pause')).toBeEnabled();
});

test('what a pause stopped says so', async ({ page }) => {
  await page.goto('/?fake=review-stopped');
  await expect(page.getByTestId('status').first()).toHaveText('Stopped by a pause');
  await expect(page.getByTestId('review')).toContainText('It did not run, and never does.');
});
