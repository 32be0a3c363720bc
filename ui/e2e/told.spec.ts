// Who was told about an action, beside it.
import { expect, test } from '@playwright/test';
import { sent } from './fake';

test('who was told, when, and whether it arrived', async ({ page }) => {
  await page.goto('/?fake=review-told');
  const told = page.getByTestId('deliveries');
  await expect(told).toContainText('not in the ledger');
  const rows = told.getByRole('listitem');
  await expect(rows).toHaveCount(4);
  await expect(rows.nth(0)).toContainText(/chat.*arrived.*action\.proposed · entry 41.*arrived \d\d:\d\d:\d\d/);
  await expect(rows.nth(1)).toContainText(/not arrived yet.*Its connection was refused.*tried 2 times since .*again/);
  await expect(rows.nth(2)).toContainText(/given up.*410/);
  await expect(rows.nth(3)).toContainText('waiting');
  await expect(rows.nth(3)).not.toContainText('tried');
});

test('nothing is said of it while nobody is to be told', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByText('What happened')).toBeVisible();
  await expect.poll(() => sent(page, 'deliveries')).not.toEqual([]);
  await expect(page.getByTestId('deliveries')).toHaveCount(0);
});

test('an action that nobody was told of, and a file that is refused', async ({ page }) => {
  await page.goto('/?fake=review-told-nobody');
  await expect(page.getByTestId('deliveries')).toContainText('Nobody was told about this action.');
  await page.goto('about:blank');
  await page.goto('/?fake=review-told-exposed');
  await expect(page.getByTestId('deliveries')).toContainText('chmod 600');
});

test('an escalation: in the row, in the review with whom it reached, and in its story', async ({ page }) => {
  await page.goto('/?fake=review-escalated');
  const line = page.getByTestId('review').getByTestId('escalated');
  await expect(line).toContainText(/escalated to managers at \d\d:\d\d:\d\d, delivered to chat, not delivered yet to on-call\./);
  await expect(page.getByText('Nobody had decided in time: escalated to managers.')).toBeVisible();
  await page.getByTestId('review-back').click();
  await expect(page.locator('[data-action=act_01]').getByTestId('escalated')).toContainText(/escalated to managers at \d\d:\d\d:\d\d/);
});

test('an action that was not escalated says nothing of it', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByText('What happened')).toBeVisible();
  await expect(page.getByTestId('escalated')).toHaveCount(0);
});
