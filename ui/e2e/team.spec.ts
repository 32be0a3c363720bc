// A team's inbox: what waits for others, who has approved, who waits to be
// taken in.

import { expect, test } from '@playwright/test';

test('what waits for others stands apart, and is not counted', async ({ page }) => {
  await page.goto('/?fake=team-inbox');
  await expect(page.getByTestId('waits-for-others')).toContainText('kubectl rollout restart');
  await expect(page.getByTestId('nav-inbox')).toContainText('3');
  await expect(page.getByTestId('claims-count')).toHaveText('2 to be taken in');
});

test('a key whose attestation was verified says so', async ({ page }) => {
  await page.goto('/?fake=team');
  await expect(page.getByTestId('key-model')).toHaveText('model proven');
});

test('a review says who has approved and how many must', async ({ page }) => {
  await page.goto('/?fake=team-inbox');
  await page.getByText('terraform apply').first().click();
  await expect(page.getByTestId('approvals')).toHaveText('Approved by Mei Watanabe; 2 people must.');
});
