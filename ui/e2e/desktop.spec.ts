// What the desktop window alone has: the lock and the settings.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('a locked console shows a count and a way in, and nothing else', async ({ page }) => {
  await page.goto('/?fake=inbox#/action/act_01');
  await expect(page.getByTestId('review')).toContainText('terraform');
  await page.getByTestId('nav-settings').click();
  await page.getByTestId('lock-now').click();
  await expect(page.getByTestId('locked-count')).toHaveText('3 actions wait for you.');
  await expect(page.locator('body')).not.toContainText('terraform');
  await expect(page.locator('body')).not.toContainText('Ada');
  await expect(page.getByTestId('settings')).toHaveCount(0);
  await expect(page).toHaveTitle('(3) Vidimus');
  // Keys that go somewhere go nowhere.
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await expect(page.getByTestId('unlock')).toBeVisible();
  expect(await sent(page, 'history')).toEqual([]);
  await page.getByTestId('unlock').click();
  expect(await sent(page, 'sign_in')).toHaveLength(1);
  await expect(page.getByTestId('ceremony')).toBeVisible();
});

test('a refused unlock says why', async ({ page }) => {
  await page.goto('/?fake=locked');
  await fakeOf(page).refuse('sign_in', 'prompt_in_progress');
  await page.getByTestId('unlock').click();
  await expect(page.locator('[data-problem=prompt_in_progress]')).toBeVisible();
});

test('settings say what is chosen and what the desktop lacks', async ({ page }) => {
  await page.goto('/?fake=settings-nothing-there');
  const settings = page.getByTestId('settings');
  await expect(settings.getByTestId('service')).toHaveCount(4);
  await expect(settings.locator('[data-missing=no_tray]')).toContainText('AppIndicator');
  await expect(settings.getByTestId('lock-after')).toHaveValue('45');
  await settings.getByTestId('lock-after').selectOption('never');
  expect(await sent(page, 'set_lock_after')).toEqual([{ do: 'set_lock_after', seconds: null }]);
  await settings.getByTestId('autostart').check();
  expect(await sent(page, 'set_autostart')).toEqual([{ do: 'set_autostart', on: true }]);
  await expect(settings.getByTestId('autostart')).toBeChecked();
});

test('a browser page has no settings of a desktop', async ({ page }) => {
  await page.goto('/?fake=inbox-browser');
  await expect(page.getByTestId('nav-help')).toBeVisible();
  await expect(page.getByTestId('nav-settings')).toHaveCount(0);
});
