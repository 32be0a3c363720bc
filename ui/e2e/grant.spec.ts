// Standing grants: given from a review, listed beside the policy, and ended.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('a grant is given by keyboard alone, and says what it covers', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  await page.getByTestId('grant-open').press('Enter');
  const dialog = page.getByTestId('grant');
  await expect(dialog.getByTestId('grant-exact')).toBeVisible();
  await expect(dialog).toContainText('Nobody looks at what it covers before that runs, unless the policy asks for more people.');
  await expect(dialog.getByLabel('Proposed before')).toHaveAccessibleDescription('What was approved may start a little later.');
  // Nothing is signed without a reason.
  await expect(dialog.getByTestId('grant-send')).toBeDisabled();
  await dialog.getByTestId('grant-reason').fill('every night');
  await expect(dialog.getByTestId('grant-send')).toBeEnabled();
  await dialog.getByTestId('grant-uses').fill('0');
  await expect(dialog.getByTestId('grant-send')).toBeDisabled();
  await dialog.getByTestId('grant-uses').fill('7');
  await dialog.getByTestId('grant-place').nth(2).press('Space');
  await expect(dialog.getByTestId('grant-exact')).toHaveCount(0);
  // The narrow kind comes first; any word is chosen on purpose.
  await expect(dialog.getByTestId('grant-one-of')).toBeChecked();
  await expect(dialog.getByTestId('grant-send')).toBeDisabled();
  await dialog.getByLabel('Any word').press('Space');
  await expect(dialog.getByTestId('grant-send')).toBeEnabled();
  await dialog.getByTestId('grant-place').nth(1).press('Space');
  await expect(dialog.getByTestId('grant-one-of').nth(0)).toBeChecked();
  await expect(dialog.getByTestId('grant-send')).toBeDisabled();
  await dialog.getByLabel('What may stand there').fill('-input=false\n\n-auto-approve\n');
  await dialog.getByTestId('grant-hours').selectOption('24');
  await dialog.getByTestId('grant-send').press('Enter');
  expect(await sent(page, 'grant')).toEqual([
    {
      do: 'grant',
      action: 'act_01',
      open: [
        { at: '/payload/argv/2', may: { is: 'one_of', value: ['-input=false', '-auto-approve'] } },
        { at: '/payload/argv/3', may: { is: 'word', value: 32 } },
      ],
      uses: 7,
      hours: 24,
      reason: 'every night',
    },
  ]);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
});

test('where the policy wants people there is no such button, and a refusal is said', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=policy-asks');
  await expect(page.getByTestId('review')).toBeVisible();
  await expect(page.getByTestId('grant-open')).toHaveCount(0);
  await page.goto('/?fake=review');
  await fake.refuse('grant_places', 'not_grantable');
  await page.getByTestId('grant-open').click();
  await expect(page.getByTestId('grant').locator('[data-problem=not_grantable]')).toBeVisible();
  await expect(page.getByTestId('grant-send')).toBeDisabled();
});

test('a grant is one person’s approval, and goes round no larger number of people', async ({ page }) => {
  await page.goto('/?fake=review-grant-two');
  const dialog = page.getByTestId('grant');
  await expect(dialog).toContainText('Each still needs as many people as the policy asks for, of whom this is one.');
  await expect(dialog).toContainText('It covers nothing for which fewer people are asked than for this one.');
  await expect(dialog).not.toContainText('Nobody looks at');
});

test('where somebody denied it, nothing like it is approved, and it says why', async ({ page }) => {
  await page.goto('/?fake=review-grant-denied');
  const open = page.getByTestId('grant-open');
  await expect(open).toBeDisabled();
  await expect(open).toHaveAccessibleDescription(/Somebody denied it: nothing like it is approved in advance\. Wait for one/);
  await expect(page.getByTestId('grant-blocked')).toContainText('Why you cannot approve more like it: Somebody denied it');
});

test('grants are listed with what is left of them, and ended with the key', async ({ page }) => {
  await page.goto('/?fake=policy-grants');
  const rows = page.getByTestId('grant-row');
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(0)).toContainText('7 left, for what is proposed before');
  await expect(rows.nth(0)).toContainText('May differ: Argument 2');
  await expect(rows.nth(1)).toContainText('Exactly this.');
  await expect(page.getByText('2 grants that are over')).toBeVisible();
  await rows.nth(0).getByTestId('grant-end').click();
  const dialog = page.getByTestId('grant-revoke');
  await expect(dialog).toContainText('has not started does not run');
  await dialog.getByTestId('grant-revoke-send').click();
  expect(await sent(page, 'revoke_grant')).toEqual([{ do: 'revoke_grant', grant: 'gra_01' }]);
});

test('a grant leads to the action that it is over', async ({ page }) => {
  await page.goto('/?fake=policy-grants');
  await page.getByTestId('grant-row').first().getByRole('button', { name: 'The action that it is over' }).click();
  await expect(page.getByTestId('review')).toHaveAttribute('data-action', 'act_01');
});

test('without one, the list says how to give one', async ({ page }) => {
  await page.goto('/?fake=policy');
  await expect(page.getByTestId('grants')).toContainText('There is none');
});
