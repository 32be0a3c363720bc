// Setting up, connecting an agent, the history, and what stays on screen.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('setting up asks for a name, then for the key, and shows the code', async ({ page }) => {
  await page.goto('/?fake=setup');
  await page.getByTestId('setup-browser').click();
  await expect(page.getByTestId('setup-name')).toBeFocused();
  expect(await sent(page, 'setup')).toEqual([]);
  await page.getByTestId('setup-name').fill(' Ada Reviewer ');
  await page.getByTestId('setup-browser').click();
  await expect(page.getByTestId('ceremony-code')).toHaveText('KX4-92M');
  expect(await sent(page, 'setup')).toEqual([{ do: 'setup', name: 'Ada Reviewer', route: 'browser' }]);
  await page.getByTestId('ceremony-reopen').click();
  expect(await sent(page, 'reopen_ceremony')).toHaveLength(1);
  await expect(page.getByTestId('ceremony-cancel')).toBeEnabled();
  await page.getByTestId('ceremony-cancel').click();
  expect(await sent(page, 'cancel_ceremony')).toHaveLength(1);
});

test('a software key is the last resort on the desktop', async ({ page }) => {
  await page.goto('/?fake=setup');
  await expect(page.getByText('does not stop an agent that runs as the same user')).toBeVisible();
  await page.getByTestId('setup-name').fill('Ada');
  await page.getByTestId('setup-software').click();
  expect(await sent(page, 'setup')).toEqual([{ do: 'setup', name: 'Ada', route: 'software' }]);
  await expect(page.getByTestId('ceremony')).toContainText('this window never asks for it');
  await expect(page.getByTestId('ceremony').locator('input')).toHaveCount(0);
});

test('a browser page offers no software key and says why', async ({ page }) => {
  await page.goto('/?fake=setup-browser');
  await expect(page.getByTestId('setup-software')).toHaveCount(0);
  await expect(page.getByTestId('setup-no-software')).toBeVisible();
  await expect(page.getByTestId('display-trust')).toBeVisible();
});

test('on a browser page the key page is a link to the gateway itself', async ({ page }) => {
  await page.goto('/?fake=ceremony-browser');
  await expect(page.getByTestId('ceremony-open')).toHaveAttribute('href', 'http://localhost:8443/key/4F7Q2M');
  await expect(page.getByTestId('ceremony-open')).toHaveAttribute('rel', /noopener/);
  await expect(page.getByTestId('ceremony-reopen')).toHaveCount(0);
});

test('the standing marks stand in every view', async ({ page }) => {
  for (const place of ['#/inbox', '#/history', '#/action/act_01']) {
    await page.goto('about:blank');
    await page.goto(`/?fake=inbox-software${place}`);
    await expect(page.getByTestId('software-mark')).toBeVisible();
    await page.goto('about:blank');
    await page.goto(`/?fake=inbox-browser${place}`);
    await expect(page.getByTestId('display-trust')).toBeVisible();
  }
});

test('connecting an agent: a checked name, one command, and the view decides', async ({ page }) => {
  await page.goto('/?fake=first');
  await page.getByTestId('connect-agent-name').fill('not a name');
  await page.getByTestId('connect-agent').click();
  expect(await sent(page, 'connect_agent')).toEqual([]);
  await page.getByTestId('connect-agent-name').fill('claude-code');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('ceremony')).toBeVisible();
  expect(await sent(page, 'connect_agent')).toEqual([{ do: 'connect_agent', name: 'claude-code', owner: null }]);
  await expect(page.getByTestId('try-command')).toHaveCount(0);
  await fakeOf(page).change({
    ceremony: null,
    agents: [{ id: 'agt_1', name: 'claude-code', profilePath: '/home/ada/.config/vidimus/agents/claude-code.json', revoked: false, pauses: [] }],
    tryCommand: '/opt/vidimus/bin/vidimus exec -- /usr/bin/true',
  });
  await expect(page.getByTestId('try-command')).toHaveText('/opt/vidimus/bin/vidimus exec -- /usr/bin/true');
});

test('signing in is asked for, and the history is there without', async ({ page }) => {
  await page.goto('/?fake=signed-out');
  await page.getByTestId('nav-history').click();
  await expect(page.getByTestId('history-row').first()).toBeVisible();
  await page.getByTestId('sign-in').click();
  expect(await sent(page, 'sign_in')).toHaveLength(1);
  await expect(page.getByTestId('ceremony')).toContainText('Sign in with your key');
});

test('history: pages, search, one entry whole, one action’s thread', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await expect(page.getByTestId('history-row')).toHaveCount(25);
  await page.getByTestId('history-older').click();
  await expect(page.getByTestId('history-row')).toHaveCount(42);
  await expect(page.getByTestId('history-older')).toHaveCount(0);
  await page.getByTestId('history-search').fill('verdict.given');
  await expect(page.getByTestId('history-row')).toHaveCount(5);
  await page.locator('[data-testid=history-row][data-index="36"]').click();
  await expect(page.getByTestId('entry')).toContainText('Leaf hash');
  await expect(page.getByTestId('entry')).toContainText('"kind": "verdict.given"');
  await page.getByRole('button', { name: 'Only its entries' }).click();
  await expect(page.getByRole('button', { name: /Only action/ })).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
});

test('verify shows its progress and its result; export shows where the file is', async ({ page }) => {
  await page.goto('/?fake=history');
  await page.getByTestId('verify').click();
  await expect(page.getByTestId('verify-result')).toHaveAttribute('data-state', 'running');
  await expect(page.getByTestId('verify')).toBeDisabled();
  await fakeOf(page).change({
    verification: { is: 'passed', entries: 42, signatures: 61, at_unix_ms: Date.now(), took_ms: 40, remarks: ['Single operator.'] },
  });
  await expect(page.getByTestId('verify-result')).toHaveAttribute('data-state', 'passed');
  await expect(page.getByTestId('verify-result')).toContainText('Single operator.');
  await page.getByTestId('export').click();
  await expect(page.getByTestId('export-path')).toHaveText('/home/ada/vidimus-export-2026-11-21.jsonl');
});

test('an offline gateway is named, with the next try and a way to try now', async ({ page }) => {
  await page.goto('/?fake=offline');
  await expect(page.getByTestId('offline')).toContainText('refused the connection');
  await page.getByTestId('retry').click();
  expect(await sent(page, 'retry')).toHaveLength(1);
});

test('a lost line is said, and stops deciding', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review-approve')).toBeEnabled();
  await fakeOf(page).line({ is: 'lost', retryAtUnixMs: Date.now() + 5000 });
  await expect(page.getByText('This page has lost its console.')).toBeVisible();
  await expect(page.getByTestId('review-approve')).toBeDisabled();
});

test('help opens by ?, lists the keys, and can switch them off', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
  await page.keyboard.press('?');
  await page.getByLabel('Single-key shortcuts are on').uncheck();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('help')).toHaveCount(0);
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await expect(page.getByTestId('history')).toHaveCount(0);
});

test('the browser’s Back leads back', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await page.locator('[data-action=act_01][data-row]').click();
  await expect(page.getByTestId('review')).toBeVisible();
  await page.goBack();
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
});
