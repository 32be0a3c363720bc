// Grace time: what enough people have approved can still be stopped.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('somebody else stops it from the band, by the usual denial', async ({ page }) => {
  await page.goto('/?fake=review-grace');
  const band = page.getByTestId('grace-band');
  await expect(band).toContainText('Approved by Mei Watanabe, Tomás Ferreira — runs in');
  await expect(band).toContainText(/0:2\d/);
  await expect(band).toContainText('unless somebody denies it.');
  await expect(page.getByTestId('on-expiry')).toContainText('unless somebody denies it before');
  await expect(page.getByTestId('review-approve')).toBeDisabled();
  await expect(page.getByTestId('review').locator('[data-problem=approved_enough]')).toBeVisible();

  const deny = band.getByTestId('grace-deny');
  await expect(deny).toHaveText('Deny…');
  await deny.press('Enter');
  const dialog = page.getByTestId('confirm');
  await expect(dialog).toContainText('Deny this action');
  await dialog.getByTestId('confirm-reason').fill('The wrong cluster.');
  await dialog.getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'deny', reason: 'The wrong cluster.' }]);
});

test('whoever approved it takes that back', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review-grace-own');
  await expect(page.getByTestId('review-deny')).toContainText('Take back…');
  await page.getByTestId('grace-deny').click();
  const dialog = page.getByTestId('confirm');
  await expect(dialog).toContainText('Take your approval back');
  await expect(dialog).toContainText('Your approval counts no more');
  await dialog.getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toEqual([{ do: 'decide', action: 'act_01', verdict: 'deny', reason: '' }]);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
});

test('it can be denied also behind its expiry, and at the end of its grace time', async ({ page }) => {
  await page.clock.install();
  await page.goto('/?fake=review-grace');
  await expect(page.getByTestId('grace-band')).toBeVisible();
  await page.clock.fastForward('20:00');
  await expect(page.getByTestId('grace-band')).toContainText('now');
  await expect(page.getByTestId('grace-deny')).toBeEnabled();
  await expect(page.getByTestId('review-deny')).toBeEnabled();
});

test('its row says when it runs, and it waits for nobody', async ({ page }) => {
  await page.goto('/?fake=inbox-grace');
  const row = page.getByTestId('waits-for-others').locator('[data-action=act_01]');
  await expect(row.getByTestId('row-grace')).toContainText(/runs in\s+0:2\d/);
});
