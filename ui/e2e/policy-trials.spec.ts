// A policy tried out before it is signed: the tests beside it, and a replay of
// what was proposed lately.
import { expect, test, type Page } from '@playwright/test';
import { fakeOf, sent } from './fake';

const editor = (page: Page) => page.getByRole('textbox', { name: 'Text of the policy file' });
const tests = (page: Page) => page.getByTestId('policy-tests');
const result = (page: Page) => page.getByTestId('policy-replay-result');

/** Types into the open file in place of some of it. */
async function replace(page: Page, line: RegExp, text: string): Promise<void> {
  await page.locator('.cm-line', { hasText: line }).first().click();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.type(text);
}

test('the starter brings its tests, and they run while one types', async ({ page }) => {
  await page.goto('/?fake=policy-none');
  await page.getByTestId('policy-starter').click();
  await expect(page.getByTestId('policy-tab')).toHaveText(['policy.cedar', 'tests.json']);
  await expect(page.getByTestId('policy-tests-words')).toHaveText('All 3 tests pass.');
  await expect(page.getByTestId('policy-test')).toHaveCount(3);

  // A test leads to its line, in its own file, by keyboard alone.
  await page.getByTestId('policy-test').nth(1).press('Enter');
  await expect(page.getByTestId('policy-tab').nth(1)).toHaveAttribute('aria-selected', 'true');
  await expect(editor(page)).toBeFocused();
  await expect(page.locator('.cm-activeLine')).toHaveText('{');
  await page.keyboard.press('ArrowDown');
  await expect(page.locator('.cm-activeLine')).toContainText('a command waits for a person');
  // A name has another colour than its value: this is JSON, not Cedar.
  const colour = (words: string) => page.locator('.cm-activeLine span', { hasText: words }).last().evaluate((span) => getComputedStyle(span).color);
  expect(await colour('"name"')).not.toBe(await colour('a command waits'));

  await replace(page, /"decision": "ask", "people": "1"\}/, '"expect": {"decision": "refuse"}');
  const failed = tests(page).locator('[data-failed="true"]');
  await expect(failed).toHaveCount(1);
  await expect(failed).toContainText('Decision: expected refuse, came ask 1 person');
  await expect(failed).toContainText('Because: 1 person');
  await expect(page.getByTestId('policy-tests-words')).toContainText('1 of 3 tests fails: “a command waits for a person”.');
  const asked = await sent(page, 'check_policy');
  expect(JSON.stringify(asked.at(-1))).toContain('refuse');
});

test('a failing test is said before the key, and keeps nobody from it', async ({ page }) => {
  await page.goto('/?fake=policy-tests-fail');
  await expect(page.getByTestId('policy-tests-words')).toContainText('1 of 3 tests fails');
  await expect(page.getByTestId('policy-look')).toBeEnabled();
  await page.getByTestId('policy-look').click();
  const dialog = page.getByTestId('policy-sign');
  await expect(dialog.getByTestId('policy-trials')).toContainText('1 of 3 tests fails: “a command waits for a person”.');
  await page.getByTestId('policy-sign-send').click();
  expect(await sent(page, 'change_policy')).toHaveLength(1);
});

test('tests that cannot be read are named with their place', async ({ page }) => {
  await page.goto('/?fake=policy-tests-wrong');
  await expect(page.getByTestId('policy-tests-words')).toContainText('The tests cannot be read, so none was run: policy.json.');
  const problem = page.getByTestId('policy-tests-problems').getByRole('button');
  await expect(problem).toContainText('policy.json, line 5');
  await problem.press('Enter');
  await expect(editor(page)).toBeFocused();
  await expect(page.locator('.cm-activeLine')).toContainText('oops');
  await expect(page.locator('.cm-lint-marker-error')).toHaveCount(1);
  // What is wrong with tests is not wrong with the policy.
  await expect(page.getByTestId('policy-look')).toBeEnabled();
});

test('without tests the starter’s are offered', async ({ page }) => {
  await page.goto('/?fake=policy-tests-none');
  await expect(page.getByTestId('policy-tests-words')).toHaveText('There are no tests.');
  await expect(tests(page)).toContainText('Tests say what must come of an action');
  await page.getByTestId('policy-add-tests').press('Enter');
  await expect(page.getByTestId('policy-tab')).toHaveText(['policy.cedar', 'tests.json']);
  await expect(page.getByTestId('policy-tests-words')).toHaveText('All 3 tests pass.');
});

test('last week is replayed as a table, and summed before the key', async ({ page }) => {
  await page.goto('/?fake=policy-edit');
  const button = page.getByTestId('policy-replay-run');
  await expect(button).toHaveText('Replay last week');
  await expect(button).toBeEnabled();
  await button.press('Enter');
  await expect(result(page)).toContainText('In the last week: 214 decisions, 4 would differ');
  const rows = page.getByTestId('policy-replay-row');
  await expect(rows).toHaveCount(5);
  await expect(rows.first()).toContainText('Waits for 2 from operations and 1 from security');
  await expect(rows.first()).toContainText('Reason: not required → required');
  await expect(rows.first()).toContainText('production-destructive');
  await expect(page.getByTestId('policy-replay')).toContainText('Cannot be judged');
  await expect(page.getByTestId('policy-replay')).toContainText('Its content is not on this computer.');
  await page.getByTestId('policy-replay-only').press('Space');
  await expect(rows).toHaveCount(100);
  await page.getByRole('button', { name: 'Show 100 more' }).click();
  await expect(rows).toHaveCount(200);
  const [command] = await sent(page, 'replay_policy');
  expect(command).toMatchObject({ span: 'week' });

  await page.getByTestId('policy-look').click();
  await expect(page.getByTestId('policy-trials')).toContainText('214 decisions, 4 would differ');
  await page.keyboard.press('Escape');

  // A row opens its action, and the table is still there afterwards.
  await page.getByTestId('policy-replay-only').press('Space');
  await rows.first().getByRole('button').press('Enter');
  await expect(page).toHaveURL(/act_01/);
  await page.goBack();
  await expect(page.getByTestId('policy-replay-row')).toHaveCount(5);

  // Another text was not replayed.
  await editor(page).focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('// another\n');
  await expect(result(page)).toContainText('The text has changed since.');
  await expect(page.getByTestId('policy-look')).toBeEnabled();
  await page.getByTestId('policy-look').click();
  await expect(page.getByTestId('policy-sign')).toBeVisible();
  await expect(page.getByTestId('policy-trials')).not.toContainText('decisions');
});

test('a replay shows how far it is, and can be cancelled', async ({ page }) => {
  await page.goto('/?fake=policy-replaying');
  await expect(result(page)).toHaveAttribute('data-state', 'running');
  await expect(result(page)).toContainText('120 of 214 proposals');
  await expect(page.getByRole('progressbar', { name: 'Replay' })).toHaveAttribute('value', '120');
  await expect(page.getByTestId('policy-replay-run')).toBeDisabled();
  await page.getByTestId('policy-replay-cancel').press('Enter');
  await expect(result(page)).toHaveText('Cancelled. Nothing was changed.');
  expect(await sent(page, 'cancel_replay')).toHaveLength(1);

  await page.getByTestId('policy-replay-run').click();
  await expect(result(page)).toHaveAttribute('data-state', 'running');
  await fakeOf(page).endReplay();
  await expect(result(page)).toHaveAttribute('data-state', 'done');
});

test('a replay that is discarded with its text is stopped and never shown', async ({ page }) => {
  await page.goto('/?fake=policy-replaying');
  await expect(result(page)).toHaveAttribute('data-state', 'running');
  await page.getByTestId('policy-discard').click();
  await expect.poll(async () => (await sent(page, 'cancel_replay')).length).toBe(1);
  await page.getByTestId('policy-change').click();
  await expect(result(page)).toHaveAttribute('data-state', 'none');
});

test('a replay may find nothing, or fail and be tried again', async ({ page }) => {
  await page.goto('/?fake=policy-replayed-empty');
  await expect(result(page)).toHaveText('Nothing was proposed in the last week.');
  await expect(page.getByTestId('policy-replay-table')).toHaveCount(0);
  await page.getByTestId('policy-replay-span').selectOption('month');
  await expect(page.getByTestId('policy-replay-run')).toHaveText('Replay last 30 days');
  await fakeOf(page).refuse('replay_policy', 'local_failure');
  await page.getByTestId('policy-replay-run').click();
  await expect(result(page)).toHaveAttribute('data-state', 'failed');
  await result(page).getByRole('button', { name: 'Try again' }).click();
  await expect(result(page)).toHaveText('Nothing was proposed in the last week.');
  const asked = await sent(page, 'replay_policy');
  expect(asked.at(-1)).toMatchObject({ span: 'month' });
});

test('what is wrong is not replayed', async ({ page }) => {
  await page.goto('/?fake=policy-edit-wrong');
  await expect(page.getByTestId('policy-checked')).toContainText('2 problems');
  await expect(page.getByTestId('policy-replay-run')).toBeDisabled();
  await expect(page.getByTestId('policy-replay')).toContainText('It can be replayed once nothing is wrong with it.');
});
