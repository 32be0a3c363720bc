// A full review: what the policy wants seen whole is approved by who saw it whole.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { fakeOf, sent } from './fake';

async function accessible(page: Page): Promise<void> {
  const axe = new AxeBuilder({ page }).setLegacyMode().withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const { violations } = await axe.analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

/** The sections that the page said were seen. */
async function told(page: Page): Promise<string[]> {
  const commands = await sent(page, 'saw');
  return commands.flatMap((command) => (command.do === 'saw' ? command.sections : []));
}

const INPUT = 'the input (87 lines)';

test('by keyboard alone: what is folded is opened and read to its end before it is approved', async ({ page }) => {
  await page.goto('/?fake=review-full');
  const band = page.getByTestId('full-review');
  const approve = page.getByTestId('review-approve');
  await expect(band).toContainText('The policy asks for a full review. Not yet seen:');
  await expect(band).toContainText(INPUT);
  await expect(approve).toBeDisabled();
  await expect(approve).toHaveAccessibleDescription(/Not yet seen: .*the input/);
  await accessible(page);
  // What is on screen from the beginning is seen, and what hides below is not.
  await expect.poll(() => told(page)).toContain('arguments');
  expect(await told(page)).not.toContain('input');

  // An approval brings up what is missing, and opens nothing.
  await page.keyboard.press('a');
  await expect(page.getByTestId('confirm')).toHaveCount(0);
  const more = page.getByRole('button', { name: /Show 47 more lines/ });
  for (let presses = 0; presses < 20 && !(await more.evaluate((it) => it === document.activeElement)); presses++) {
    await page.keyboard.press('n');
    await page.waitForTimeout(50);
  }
  await expect(more).toBeFocused();
  expect(await told(page)).not.toContain('input');
  await page.keyboard.press('Enter');
  await expect(more).toHaveCount(0);
  await expect(band).toContainText(INPUT);
  for (let presses = 0; presses < 40 && (await page.getByTestId('full-review-next').count()) > 0; presses++) {
    await page.keyboard.press('n');
    await page.waitForTimeout(50);
  }
  await expect(band).toHaveText('You have seen the whole of it.');
  await expect(approve).toBeEnabled();
  expect(await told(page)).toContain('input');

  await page.keyboard.press('a');
  const dialog = page.getByTestId('confirm');
  await expect(dialog).toContainText('Approve this action');
  await dialog.getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'approve', reason: '' }]);
});

test('what was leapt over is not seen', async ({ page }) => {
  await page.goto('/?fake=review-full');
  await page.getByRole('button', { name: /Show 47 more lines/ }).click();
  const main = page.locator('main');
  await main.evaluate((it) => it.scrollTo({ top: 0 }));
  await main.evaluate((it) => it.scrollTo({ top: it.scrollHeight }));
  await expect.poll(() => told(page)).toContain('not-bound');
  expect(await told(page)).not.toContain('input');
  await expect(page.getByTestId('full-review')).toContainText(INPUT);
  await expect(page.getByTestId('review-approve')).toBeDisabled();
  // Read by the wheel, a screen at a time.
  await page.mouse.move(500, 300);
  await main.evaluate((it) => it.scrollTo({ top: 0 }));
  for (let turns = 0; turns < 20; turns++) {
    await page.mouse.wheel(0, 300);
    await page.waitForTimeout(50);
  }
  await expect(page.getByTestId('review-approve')).toBeEnabled();
});

test('it can be denied unseen', async ({ page }) => {
  await page.goto('/?fake=review-full');
  await page.getByTestId('review-deny').click();
  await page.getByTestId('confirm').getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'deny', reason: '' }]);
});

test('what was asked meanwhile is seen too', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-full-seen');
  await expect(page.getByTestId('full-review')).toHaveText('You have seen the whole of it.');
  await expect(page.getByTestId('review-approve')).toBeEnabled();
  await accessible(page);
  await page.getByTestId('review-approve').click();
  const confirm = page.getByTestId('confirm');
  await expect(confirm.getByTestId('confirm-ask-key')).toBeEnabled();
  const review = await fake.review('act_01');
  const talk = { section: 'talk@1', words: 'what was asked and flagged', seen: false };
  await fake.emit({ is: 'review', value: { ...review, toSee: [...review.toSee, talk] } });
  await expect(confirm).toContainText('Not yet seen: what was asked and flagged. Go back');
  await expect(confirm.getByTestId('confirm-ask-key')).toBeDisabled();
});

test('an approval that nobody here asked for waits for the review too', async ({ page }) => {
  await page.goto('/?fake=confirm-full-early');
  const confirm = page.getByTestId('confirm');
  await expect(confirm).toContainText('Not yet seen:');
  await confirm.getByTestId('confirm-reason').press('Control+Enter');
  await page.waitForTimeout(900);
  await confirm.getByTestId('confirm-reason').press('Control+Enter');
  expect(await sent(page, 'decide')).toEqual([]);
});

test('glass is broken only by who saw the whole of it', async ({ page }) => {
  await page.goto('/?fake=review-full-glass');
  const open = page.getByTestId('glass-open');
  await expect(open).toBeDisabled();
  await expect(open).toHaveAccessibleDescription(/Not yet seen:/);
});

test('where nobody asks for it, nothing is told and nothing is in the way', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review-approve')).toBeEnabled();
  await expect(page.getByTestId('full-review')).toHaveCount(0);
  expect(await sent(page, 'saw')).toEqual([]);
});
