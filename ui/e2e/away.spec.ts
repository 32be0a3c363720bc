// While somebody is away: groups are lent, seen by both, and taken back.
import { expect, test } from '@playwright/test';
import { delegation } from '../src/lib/ipc/fake/teams';
import { fakeOf, sent } from './fake';

test('groups are lent by keyboard alone, to somebody and for a time', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=team');
  await page.getByTestId('delegate-open').press('Enter');
  const dialog = page.getByTestId('delegate');
  await expect(dialog.getByTestId('gateway-strip')).toContainText('Production');
  // Nobody is chosen for one, and all groups are.
  await expect(dialog.getByTestId('delegate-send')).toBeDisabled();
  await expect(dialog.getByTestId('delegate-group')).toHaveCount(2);
  await expect(dialog.getByTestId('delegate-to').locator('option')).toHaveText(['Choose a reviewer', /^Linus Andersen/, /^Mei Watanabe/]);
  await dialog.getByTestId('delegate-to').selectOption('rev_linus');
  await expect(dialog.getByTestId('delegate-send')).toBeEnabled();
  await expect(dialog.getByLabel('How long')).toHaveAccessibleDescription(/^Until /);
  await dialog.getByTestId('delegate-group').nth(0).press('Space');
  await dialog.getByTestId('delegate-group').nth(1).press('Space');
  await expect(dialog.getByTestId('delegate-send')).toBeDisabled();
  await dialog.getByTestId('delegate-group').nth(1).press('Space');
  await dialog.getByTestId('delegate-hours').selectOption('72');
  await fake.refuse('delegate', 'bad_delegation');
  await dialog.getByTestId('delegate-send').press('Enter');
  await expect(dialog.locator('[data-problem=bad_delegation]')).toBeVisible();
  await dialog.getByTestId('delegate-send').press('Enter');
  const wanted = { do: 'delegate', to: 'rev_linus', groups: ['on-call'], hours: 72 };
  expect(await sent(page, 'delegate')).toEqual([wanted, wanted]);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  await fake.ceremony(null);
  await fake.logged({ delegations: [delegation()] });
  await expect(page.locator('[data-person=rev_ada]').getByTestId('lent')).toContainText('Linus Andersen decides for on-call in your place until ');
  await expect(page.locator('[data-person=rev_linus]').getByTestId('lent')).toHaveCount(1);
  // Whoever lends, lends to one person at a time.
  await page.getByTestId('delegate-open').press('Enter');
  await expect(dialog.getByTestId('delegate-to')).toHaveValue('rev_linus');
  await expect(dialog.getByTestId('delegate-to').locator('option[value=rev_mei]')).toBeDisabled();
  await expect(dialog.getByTestId('delegate-holder')).toHaveText('Linus Andersen does already. To choose somebody else, end that first.');
});

test('both see it in their inbox, and whoever is back ends it', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=team-away-inbox');
  const lent = page.getByTestId('inbox-lent').getByTestId('lent');
  await expect(lent).toHaveCount(2);
  await expect(lent.nth(1)).toContainText('You decide for database-owners, payments and release in the place of Mei Watanabe until ');
  await expect(lent.nth(1).getByTestId('lent-end')).toHaveText('End…');
  await lent.nth(0).getByRole('button', { name: 'I am back…' }).press('Enter');
  const dialog = page.getByTestId('end-delegation');
  await expect(dialog).toContainText('What was approved that way and has not started has to be approved anew.');
  await dialog.getByTestId('end-delegation-send').press('Enter');
  expect(await sent(page, 'end_delegation')).toEqual([{ do: 'end_delegation', delegation: 'del_01' }]);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
});

test('who has no group, or nobody to lend one to, is not asked; signed out it waits', async ({ page }) => {
  await page.goto('/?fake=people-personal');
  await expect(page.getByTestId('people')).toBeVisible();
  await expect(page.getByTestId('delegate-open')).toHaveCount(0);
  await page.goto('/?fake=team-signed-out');
  await expect(page.getByTestId('delegate-open')).toBeDisabled();
});
