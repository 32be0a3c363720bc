// The way to a verdict, and every reason why it must not be short.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('keys alone lead from the inbox to the key prompt', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(page.locator('[data-action=act_01][data-row]')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('review')).toBeVisible();
  await expect(page.getByTestId('review-back')).toBeFocused();
  await page.keyboard.press('a');
  await expect(page.getByTestId('confirm-reason')).toBeFocused();
  await page.keyboard.type('a plan I have read, said Ada');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByTestId('ceremony')).toBeVisible();
  expect(await sent(page, 'decide')).toEqual([
    { do: 'decide', action: 'act_01', verdict: 'approve', reason: 'a plan I have read, said Ada' },
  ]);
});

test('approved appears only when the console says so', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  const status = page.getByTestId('review').locator('header').getByTestId('status').first();
  await page.getByTestId('review-approve').click();
  await page.getByTestId('confirm-ask-key').click();
  await expect(page.getByTestId('ceremony-code')).toHaveText('KX4-92M');
  await expect(status).toHaveAttribute('data-status', 'pending');
  await fake.ceremony({ is: 'proving' });
  await expect(page.getByTestId('ceremony')).toContainText('Waiting until the ledger proves');
  await fake.ceremony({ is: 'done' });
  await expect(page.getByTestId('confirm')).toHaveCount(0);
  await expect(status).toHaveAttribute('data-status', 'pending');
  const review = await fake.review('act_01');
  await fake.emit({ is: 'review', value: { ...review, summary: { ...review.summary, status: { is: 'approved' } } } });
  await expect(status).toHaveAttribute('data-status', 'approved');
  await expect(page.getByTestId('review-approve')).toHaveCount(0);
  await expect(page.getByTestId('ceremony')).toHaveCount(0, { timeout: 5000 });
});

test('deny has its own key and its own words', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review-deny')).toBeEnabled();
  await page.keyboard.press('d');
  await expect(page.getByTestId('confirm')).toContainText('Deny this action');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByTestId('ceremony')).toContainText('Sign the denial');
  expect(await sent(page, 'decide')).toMatchObject([{ verdict: 'deny', reason: '' }]);
});

test('a cancelled key prompt leaves the reason where it was', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  await page.getByTestId('review-approve').click();
  await page.getByTestId('confirm-reason').fill('read twice');
  await page.getByTestId('confirm-ask-key').click();
  await fake.ceremony({ is: 'cancelled' });
  await expect(page.getByTestId('ceremony')).toContainText('Nothing happened');
  await page.getByTestId('ceremony-cancel').click();
  await expect(page.getByTestId('ceremony')).toHaveCount(0);
  await expect(page.getByTestId('confirm-reason')).toHaveValue('read twice');
});

test('Escape cancels the key prompt, then the confirmation, then the review', async ({ page }) => {
  await page.goto('/?fake=review');
  await page.getByTestId('review-approve').click();
  await page.getByTestId('confirm-ask-key').click();
  await expect(page.getByTestId('ceremony')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('ceremony')).toHaveCount(0);
  expect(await sent(page, 'cancel_ceremony')).toHaveLength(1);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('confirm')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('review')).toHaveCount(0);
});

test('a notification opens the confirmation with the focus on Back, and decides nothing', async ({ page }) => {
  await page.goto('/?fake=confirm-approve');
  await expect(page.getByTestId('confirm')).toBeVisible();
  await expect(page.getByTestId('confirm-back')).toBeFocused();
  await expect(page.getByTestId('confirm-ask-key')).toBeEnabled();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('confirm')).toHaveCount(0);
  expect(await sent(page, 'decide')).toEqual([]);
});

test('a press that was meant for what stood there before asks for nothing', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
  await fake.emit({ is: 'show', value: { action: 'act_01', confirm: 'approve' } });
  await page.keyboard.press('Control+Enter');
  await expect(page.getByTestId('confirm-ask-key')).toBeEnabled();
  expect(await sent(page, 'decide')).toEqual([]);
});

test('a second notification does not swap the action that is being confirmed', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=inbox#/action/act_01');
  await page.getByTestId('review-approve').click();
  await fake.emit({ is: 'show', value: { action: 'act_03', confirm: 'approve' } });
  await expect(page.getByTestId('confirm')).toContainText('Another action was brought up');
  await page.getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toMatchObject([{ action: 'act_01' }]);
  await page.getByTestId('ceremony-cancel').click();
  await page.getByTestId('confirm-back').click();
  await expect(page.getByTestId('review')).toHaveAttribute('data-action', 'act_03');
});

test('shortcuts are silent while typing', async ({ page }) => {
  await page.goto('/?fake=history');
  await expect(page.getByTestId('history-row').first()).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByTestId('history-search')).toBeFocused();
  await page.keyboard.type('gi?ad');
  await expect(page.getByTestId('history')).toBeVisible();
  await expect(page.getByTestId('help')).toHaveCount(0);
  await expect(page.getByTestId('history-search')).toHaveValue('gi?ad');
});

test('when the time runs out, the decision closes with words', async ({ page }) => {
  await page.goto('/?fake=review-expiring');
  await page.getByTestId('review-approve').click();
  await expect(page.getByTestId('confirm-ask-key')).toBeEnabled();
  await expect(page.getByTestId('confirm-ask-key')).toBeDisabled({ timeout: 5000 });
  await expect(page.getByTestId('confirm')).toContainText('The time to decide is over');
  await page.keyboard.press('Control+Enter');
  expect(await sent(page, 'decide')).toEqual([]);
  await page.getByTestId('confirm-back').click();
  await expect(page.getByTestId('review-approve')).toBeDisabled();
  await expect(page.getByTestId('review-deny')).toBeDisabled();
  await expect(page.getByTestId('review')).toContainText('The time to decide is over');
});

for (const scenario of ['frozen', 'upgrade', 'signed-out']) {
  test(`nothing can be decided when ${scenario}`, async ({ page }) => {
    await page.goto(`/?fake=${scenario}#/action/act_01`);
    await expect(page.getByTestId('review-approve')).toBeDisabled();
    await page.keyboard.press('a');
    await expect(page.getByTestId('confirm-ask-key')).toBeDisabled();
    await page.keyboard.press('Control+Enter');
    expect(await sent(page, 'decide')).toEqual([]);
  });
}

test('a blocked action says why and cannot be decided', async ({ page }) => {
  await page.goto('/?fake=review-blocked');
  await expect(page.getByTestId('review')).toContainText('cannot be decided while the gateway is offline');
  await expect(page.getByTestId('review-approve')).toBeDisabled();
});

test('a refused decision is told in the confirmation', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  await page.getByTestId('review-approve').click();
  await fake.refuse('decide', 'stale_pin');
  await page.getByTestId('confirm-ask-key').click();
  await expect(page.getByTestId('confirm').locator('[data-problem=stale_pin]')).toBeVisible();
});

test('hostile text is shown, marked and counted, and does nothing', async ({ page }) => {
  await page.goto('/?fake=review-hostile');
  const review = page.getByTestId('review');
  await expect(page.getByTestId('marks')).toContainText('11');
  await expect(review.locator('h1 .mark')).toHaveCount(4);
  await expect(review.locator('.mark', { hasText: 'U+202E' }).first()).toBeVisible();
  await expect(review).toContainText('<img src=x onerror=alert(1)>');
  expect(await review.locator('img, a').count()).toBe(0);
  expect(await review.evaluate((element) => /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u001b]/u.test(element.textContent ?? ''))).toBe(false);
  await expect(review).toContainText('empty argument');
  const opener = review.getByRole('button', { name: /more characters/ });
  await opener.click();
  await expect(opener).toHaveCount(0);
});

test('a long script opens whole', async ({ page }) => {
  await page.goto('/?fake=review-script');
  const script = page.getByRole('list', { name: 'Text of the script' });
  await expect(script.locator('li')).toHaveCount(40);
  await page.getByRole('button', { name: /56 more lines/ }).click();
  await expect(script.locator('li')).toHaveCount(96);
});

test('the three origins are apart', async ({ page }) => {
  await page.goto('/?fake=review');
  for (const origin of ['computed', 'claimed', 'policy']) {
    await expect(page.locator(`[data-origin=${origin}]`).first()).toBeVisible();
  }
  await expect(page.locator('[data-origin=claimed] a')).toHaveCount(0);
});
