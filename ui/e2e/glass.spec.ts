// Break-glass: one person alone in an emergency, and the review afterwards.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { fakeOf, sent } from './fake';

const PRODUCTION = 'vidimus.example';
const REASON = 'The shop takes no orders.';

async function accessible(page: Page): Promise<void> {
  const axe = new AxeBuilder({ page }).setLegacyMode().withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const { violations } = await axe.analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

test('by keyboard alone, with a reason and the words, after one’s own approval', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=glass');
  await expect(page.getByTestId('review').locator('[data-problem=decided_already]')).toBeVisible();
  await expect(page.getByTestId('review-approve')).toBeDisabled();
  await page.getByTestId('glass-open').press('Enter');
  const dialog = page.getByTestId('glass');
  await expect(dialog.getByTestId('glass-back')).toBeFocused();
  await expect(dialog).toContainText('terraform apply -auto-approve plan.tfplan');
  await expect(dialog).toContainText('buildbox:/srv/infra/production');
  await expect(dialog.getByTestId('glass-without')).toContainText('without those who are still needed: 1 from operations');
  await expect(dialog.getByTestId('glass-reviewers')).toContainText('Grace Okafor or Linus Andersen reviews it afterwards');

  const send = dialog.getByTestId('glass-send');
  const size = dialog.getByTestId('glass-size');
  await dialog.getByTestId('glass-words').fill('break glass');
  await expect(size).toHaveText('At least 20 characters.');
  await expect(send).toBeDisabled();
  await dialog.getByTestId('glass-reason').fill('   It is on fire.   ');
  await expect(size).toHaveText('6 more characters at least.');
  await expect(send).toBeDisabled();
  await dialog.getByTestId('glass-reason').fill(` ${REASON} `);
  await expect(size).toHaveText('Long enough.');
  await expect(send).toBeEnabled();
  await dialog.getByTestId('glass-words').fill('break glas');
  await expect(send).toBeDisabled();
  await dialog.getByTestId('glass-words').press('Enter');
  expect(await sent(page, 'decide')).toEqual([]);
  await accessible(page);

  await dialog.getByTestId('glass-words').fill('Break  glass ');
  await dialog.getByTestId('glass-words').press('Enter');
  expect(await sent(page, 'decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'break_glass', reason: REASON }]);
  await expect(page.getByTestId('ceremony')).toContainText('Sign to break glass');
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  await expect(page.getByTestId('ceremony')).toContainText('Every administrator is told.');
  await page.getByTestId('ceremony-cancel').click();
  await expect(page.getByTestId('glass-open')).toHaveCount(0);
  await expect(page.getByTestId('review')).toContainText('Ada Reviewer broke glass for it.');
  const band = page.getByTestId('glass-band');
  await expect(band).toContainText('You broke glass for release-bot');
  await expect(band).toContainText(REASON);
  await expect(band.getByTestId('glass-review')).toBeDisabled();

  // It waits for somebody else's review.
  await page.getByTestId('nav-policy').click();
  const row = page.getByTestId('glass-row').filter({ hasText: REASON });
  await expect(row).toContainText('You broke glass for release-bot');
  await expect(row).toContainText('Another administrator reviews it.');
  await expect(row.getByTestId('glass-review')).toBeDisabled();
});

test('leaving it sends nothing, and gives the focus back', async ({ page }) => {
  await page.goto('/?fake=glass');
  const open = page.getByTestId('glass-open');
  const dialog = page.getByTestId('glass');
  for (const leave of [() => page.keyboard.press('Escape'), () => dialog.getByTestId('glass-back').click()]) {
    await open.click();
    await dialog.getByTestId('glass-reason').fill(REASON);
    await leave();
    await expect(dialog).toHaveCount(0);
    await expect(open).toBeFocused();
  }
  // Nothing of it is kept for the next time.
  await open.click();
  await expect(dialog.getByTestId('glass-reason')).toHaveValue('');
  expect(await sent(page, 'decide')).toEqual([]);
});

test('a refusal and a key prompt that was left keep what was typed', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-glass-filled');
  const dialog = page.getByTestId('glass');
  await fake.refuse('decide', 'too_many_unreviewed');
  await dialog.getByTestId('glass-send').click();
  await expect(dialog.locator('[data-problem=too_many_unreviewed]')).toBeVisible();
  await dialog.getByTestId('glass-send').click();
  await fake.ceremony({ is: 'cancelled' });
  await page.getByTestId('ceremony-cancel').click();
  await expect(dialog.getByTestId('glass-send')).toBeEnabled();
  await expect(dialog.getByTestId('glass-reason')).not.toHaveValue('');
});

test('somebody’s denial stops it while it is being written', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-glass-filled');
  await expect(page.getByTestId('glass-send')).toBeEnabled();
  const review = await page.evaluate(async (gateway) => {
    const { fake } = window as unknown as { fake: { send: (gateway: string, command: object) => Promise<{ value: { glass: object } }> } };
    return (await fake.send(gateway, { do: 'open_action', action: 'act_01' })).value;
  }, PRODUCTION);
  const blocked = { code: 'glass_stays', message: 'Somebody has denied it.', hint: 'Nobody breaks glass over a denial. Talk to them.' };
  await fake.emit({ is: 'review', value: { ...review, glass: { ...review.glass, blocked } } as never });
  await expect(page.getByTestId('glass').locator('[data-problem=glass_stays]')).toBeVisible();
  await expect(page.getByTestId('glass-send')).toBeDisabled();
});

test('where the policy does not offer it there is no such button; where it is blocked, it says why', async ({ page }) => {
  await page.goto('/?fake=policy-asks');
  await expect(page.getByTestId('review-approve')).toBeVisible();
  await expect(page.getByTestId('glass-open')).toHaveCount(0);
  await page.goto('/?fake=glass-blocked');
  await expect(page.getByTestId('glass-open')).toBeDisabled();
  await expect(page.getByTestId('glass-blocked')).toContainText('a key that cannot leave its device');
  await expect(page.getByTestId('glass-open')).toHaveAttribute('aria-describedby', 'glass-blocked');
});

test('while one is the only administrator, it says that nobody can review it', async ({ page }) => {
  await page.goto('/?fake=review-glass-alone');
  const said = page.getByTestId('glass-reviewers');
  await expect(said).toContainText('Nobody can review it while you are the only administrator.');
  await expect(said).toContainText('after three that are open you can break no more');
  await expect(page.getByTestId('glass')).not.toContainText('Every administrator is told');
});

test('on the action’s own page it stands near the top, and is reviewed there', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-glass-broken');
  const band = page.getByTestId('glass-band');
  await expect(band).toBeInViewport({ ratio: 1 });
  await expect(band).toContainText('Mei Watanabe broke glass for release-bot, 12 min ago, ledger entry 61.');
  await expect(band).toContainText('The policy had asked for 1 from operations and 1 from security. Approved as well by Tomás Ferreira.');
  await expect(band).toContainText('Why: The shop takes no orders since 02:10');
  await expect(band).toContainText('Waits for a review');
  // Nobody else must approve it any more.
  await expect(page.getByTestId('approvals')).toHaveCount(0);
  await accessible(page);

  const review = band.getByTestId('glass-review');
  const dialog = page.getByTestId('review-glass');
  await review.press('Enter');
  await expect(dialog).toContainText('Mei Watanabe broke glass');
  await page.keyboard.press('Escape');
  await expect(review).toBeFocused();
  await review.press('Enter');
  await dialog.getByTestId('finding-justified').press('Space');
  await dialog.getByTestId('review-glass-reason').fill('I read the alerts.');
  await dialog.getByTestId('review-glass-send').press('Enter');
  expect(await sent(page, 'review_glass')).toEqual([{ do: 'review_glass', entry: 61, justified: true, reason: 'I read the alerts.' }]);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  await page.getByTestId('ceremony-cancel').click();
  await expect(band).toContainText('It could not wait');
  await expect(band).toContainText('Reviewed by Ada Reviewer');
  await expect(band).toContainText('I read the alerts.');
  await expect(review).toHaveCount(0);
  await expect(band).not.toContainText('Waits for a review');
});

test('on that page it says who does not review it and why, and what was found', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-glass-own');
  const band = page.getByTestId('glass-band');
  await expect(band).toContainText('You broke glass');
  await expect(band).toContainText('The reason is on its way to this computer.');
  await expect(band.getByTestId('glass-review')).toBeDisabled();
  await expect(band.getByTestId('glass-review')).toHaveAccessibleDescription(/You broke it, or it was for an agent of yours\. Another administrator reviews it\./);

  await page.goto('/?fake=review-glass-reviewed');
  await expect(band).toContainText('It should have waited');
  await expect(band).toContainText('Reviewed by Linus Andersen');
  await expect(band).toContainText('U+202E');
  await expect(band.getByTestId('glass-review')).toHaveCount(0);
  await accessible(page);

  // Nothing is signed while the line is lost.
  await page.goto('/?fake=review-glass-broken');
  await expect(band.getByTestId('glass-review')).toBeEnabled();
  await fake.line({ is: 'lost', retryAtUnixMs: Date.now() + 20_000 });
  await expect(band.getByTestId('glass-review')).toBeDisabled();
});

test('where nobody broke glass the page says nothing of it', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review-approve')).toBeVisible();
  await expect(page.getByTestId('glass-band')).toHaveCount(0);
});

test('a notification never leads to breaking glass', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=glass');
  await expect(page.getByTestId('review')).toBeVisible();
  await fake.emit({ is: 'show', value: { action: 'act_01', confirm: 'break_glass' } });
  await expect(page.getByTestId('glass-open')).toBeVisible();
  await expect(page.getByTestId('confirm')).toHaveCount(0);
  await expect(page.getByTestId('glass')).toHaveCount(0);
});

test('listed beside the policy, what is open first, and reviewed with the key', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=policy-glass');
  const count = page.getByTestId('policies-count');
  await expect(count).toHaveText('2: 1 policy to be agreed to, 1 broken glass to be reviewed');
  const rows = page.getByTestId('glass-row');
  await expect(rows).toHaveCount(4);
  await expect(rows.nth(0)).toContainText('Mei Watanabe broke glass for release-bot, 12 min ago');
  await expect(rows.nth(0)).toContainText('The policy had asked for 1 from operations and 1 from security. Approved as well by Tomás Ferreira.');
  await expect(rows.nth(0)).toContainText('Waits for a review');
  await expect(rows.nth(1)).toContainText('The reason is on its way to this computer.');
  await expect(rows.nth(1).getByTestId('glass-review')).toBeDisabled();
  await expect(rows.nth(2)).toContainText('It should have waited');
  await expect(rows.nth(3)).toContainText('It could not wait');
  await expect(rows.nth(3)).toContainText('Nobody else had approved it.');

  const review = rows.nth(0).getByTestId('glass-review');
  const dialog = page.getByTestId('review-glass');
  await review.press('Enter');
  await page.keyboard.press('Escape');
  await expect(review).toBeFocused();
  await review.press('Enter');
  const send = dialog.getByTestId('review-glass-send');
  await expect(dialog.getByRole('radio', { checked: true })).toHaveCount(0);
  await dialog.getByTestId('review-glass-reason').fill(' I read the alerts. ');
  await expect(send).toBeDisabled();
  await dialog.getByTestId('finding-unjustified').press('Space');
  await expect(send).toBeEnabled();
  await dialog.getByTestId('review-glass-reason').fill('  ');
  await expect(send).toBeDisabled();
  await dialog.getByTestId('review-glass-reason').fill(' I read the alerts. ');
  await accessible(page);
  await send.press('Enter');
  expect(await sent(page, 'review_glass')).toEqual([{ do: 'review_glass', entry: 61, justified: false, reason: 'I read the alerts.' }]);
  await expect(page.getByTestId('ceremony-words')).toContainText('it should have waited');
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  await page.getByTestId('ceremony-cancel').click();
  await expect(count).toHaveText('1: 1 policy to be agreed to');
  // What is open still comes first.
  await expect(rows.nth(0)).toContainText('You broke glass for claude-code');
  await expect(page.locator('[data-entry="61"]')).toContainText('I read the alerts.');
  await expect(page.locator('[data-entry="61"]')).toContainText('Reviewed by Ada Reviewer');

  await page.locator('[data-entry="61"]').getByRole('button', { name: 'The action that it was for' }).click();
  await expect(page.getByTestId('review')).toHaveAttribute('data-action', 'act_r3');
});

test('without one the list says so, and a refusal can be tried again', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=policy');
  await expect(page.getByTestId('broken-glass')).toContainText('There is none.');
  await expect(page.getByTestId('policies-count')).toHaveCount(0);
  await page.getByTestId('nav-inbox').click();
  await fake.refuse('broken_glass', 'not_here_yet');
  await page.getByTestId('nav-policy').click();
  const list = page.getByTestId('broken-glass');
  await expect(list.locator('[data-problem=not_here_yet]')).toBeVisible();
  await list.getByRole('button', { name: 'Try again' }).click();
  await expect(list).toContainText('There is none.');
});

test('who is no administrator reads it, and is told who reviews it', async ({ page }) => {
  await page.goto('/?fake=policy-glass-member');
  await expect(page.getByTestId('policies-count')).toHaveCount(0);
  const row = page.getByTestId('glass-row').first();
  await expect(row.getByTestId('glass-review')).toBeDisabled();
  await expect(row).toContainText('An administrator reviews it.');
});
