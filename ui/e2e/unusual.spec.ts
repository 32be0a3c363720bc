// What is unusual in an action, by what its agent proposed before.
import { expect, test } from '@playwright/test';

test('what is unusual stands before what will run', async ({ page }) => {
  await page.goto('/?fake=review-change');
  const unusual = page.getByRole('region', { name: 'Unusual' });
  await expect(unusual.getByRole('listitem')).toHaveCount(2);
  await expect(unusual).toContainText('claude-code has not acted on this before');
});

test('nothing is said where nothing is', async ({ page }) => {
  await page.goto('/?fake=review-expiring');
  await expect(page.getByTestId('review')).toBeVisible();
  await expect(page.getByTestId('unusual')).toHaveCount(0);
});
