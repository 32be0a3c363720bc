// The policy: read, written with problems told while one types, signed, agreed
// to; and what it keeps somebody from approving.
import { expect, test, type Page } from '@playwright/test';
import { fakeOf, sent } from './fake';

const editor = (page: Page) => page.getByRole('textbox', { name: 'Text of the policy file' });

test('written by keyboard alone, with its problems, and signed', async ({ page }) => {
  await page.goto('/?fake=team-inbox');
  await expect(page.getByTestId('nav-policy')).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('y');
  await expect(page.getByRole('heading', { name: 'Policy', exact: true })).toBeVisible();
  await page.getByTestId('policy-change').press('Enter');
  await expect(page.getByTestId('policy-checked')).toContainText('Nothing is wrong with it.');

  // A letter goes into the text, and is no shortcut.
  await editor(page).focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('\npermti (principal, action, resource);');
  await expect(page.getByTestId('policy-checked')).toContainText('1 problem');
  await expect(page.getByTestId('policy-look')).toBeDisabled();
  const asked = await sent(page, 'check_policy');
  expect(JSON.stringify(asked.at(-1))).toContain('permti (principal');

  // The list leads to the line.
  await page.keyboard.press('Control+Home');
  const problem = page.getByTestId('policy-problems').getByRole('button');
  await problem.press('Enter');
  await expect(editor(page)).toBeFocused();
  await expect(page.locator('.cm-activeLine')).toContainText('permti');
  // Nobody is caught in the editor.
  await page.keyboard.press('Shift+Tab');
  await expect(editor(page)).not.toBeFocused();

  await problem.press('Enter');
  for (let letters = 'permti'.length; letters > 0; letters--) await page.keyboard.press('Delete');
  await page.keyboard.type('permit');
  await expect(page.getByTestId('policy-look')).toBeEnabled();
  await page.getByTestId('policy-look').press('Enter');
  const dialog = page.getByTestId('policy-sign');
  await expect(dialog).toContainText('production-destructive changes');
  await expect(dialog).toContainText('It waits for another administrator');
  await page.getByTestId('policy-sign-send').press('Enter');
  await expect(page.getByTestId('ceremony-words')).toContainText('It holds once another administrator agrees.');
  const [change] = await sent(page, 'change_policy');
  expect(JSON.stringify(change)).toContain('permit (principal, action, resource);');

  const { ceremony } = (await page.evaluate(() => (window as unknown as { fake: { send: (gateway: string, command: object) => Promise<{ value: { ceremony: object } }> } }).fake.send('vidimus.example', { do: 'view' }))).value;
  const waits = { ...(ceremony as { purpose: object }), purpose: { ...(ceremony as { purpose: object }).purpose, standing: 'waits' }, state: { is: 'done' } };
  await fakeOf(page).change({ ceremony: waits as never });
  await expect(page.getByTestId('ceremony')).toContainText('It waits for a second administrator');
  await expect(page.getByTestId('policy-sign')).toHaveCount(0);
  await page.getByTestId('ceremony-cancel').click();
  await expect(page.getByTestId('policy-starter')).toBeVisible();
});

test('what was typed is still there after a look elsewhere', async ({ page }) => {
  await page.goto('/?fake=policy');
  await page.getByTestId('policy-change').click();
  await editor(page).focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('// kept\n');
  await page.getByTestId('nav-people').click();
  await page.getByTestId('nav-policy').click();
  await expect(page.locator('.cm-content')).toContainText('// kept');
  await page.getByTestId('policy-discard').click();
  await expect(page.getByTestId('policy-change')).toBeVisible();
});

test('files are tabs, and templates stand at the end', async ({ page }) => {
  await page.goto('/?fake=policy-edit');
  const tabs = page.getByTestId('policy-tab');
  await expect(tabs).toHaveText(['policy.cedar', 'policy.json']);
  await tabs.first().press('ArrowRight');
  await expect(tabs.nth(1)).toBeFocused();
  await expect(tabs.nth(1)).toHaveAttribute('aria-selected', 'true');
  await expect(page.locator('.cm-content')).toContainText('a read passes');

  await page.getByTestId('policy-add-file').click();
  await page.getByTestId('policy-file-name').fill('Bad name');
  await expect(page.getByTestId('policy-add-send')).toBeDisabled();
  await page.getByTestId('policy-file-name').fill('policy.json');
  await page.getByTestId('policy-add-send').click();
  await expect(page.getByTestId('policy-add')).toContainText('There is a file of that name.');
  await page.getByTestId('policy-file-name').fill('more.cedar');
  await page.getByTestId('policy-add-send').click();
  await expect(tabs).toHaveText(['more.cedar', 'policy.cedar', 'policy.json']);

  await page.getByTestId('policy-templates-open').getByText('Policies to begin with').click();
  await page.getByRole('button', { name: 'Insert “Commands as root”' }).click();
  await expect(page.locator('.cm-content')).toContainText('root-commands');
  await page.getByTestId('policy-remove-file').click();
  await expect(tabs).toHaveText(['policy.cedar', 'policy.json']);
});

test('what waits is seen with its difference, and agreed to', async ({ page }) => {
  await page.goto('/?fake=policy-waiting');
  await expect(page.getByTestId('policies-count')).toContainText('1');
  const waiting = page.getByTestId('policy-waiting');
  await expect(waiting).toContainText('Linus Andersen');
  await expect(waiting).toContainText('One more administrator has to.');
  await waiting.getByText('line by line').click();
  await expect(waiting).toContainText('@people("2 from operations and 1 from security")');
  await page.getByTestId('policy-agree').click();
  await expect(page.getByTestId('policy-sign')).toContainText('It is in force at once.');
  await page.getByTestId('policy-sign-send').click();
  expect(await sent(page, 'agree_policy')).toHaveLength(1);
});

test('begins with the starter', async ({ page }) => {
  await page.goto('/?fake=policy-none');
  await expect(page.getByTestId('policy-in-force')).toContainText('the built-in rules hold');
  await page.getByTestId('policy-starter').click();
  await expect(page.locator('.cm-content')).toContainText('everyone-proposes');
});

for (const [name, why] of [
  ['policy-member', 'Only administrators change the policy.'],
  ['policy-offline', 'Nothing can be changed while offline.'],
] as const) {
  test(`${name}: read, and not written`, async ({ page }) => {
    await page.goto(`/?fake=${name}`);
    await expect(page.getByTestId('policy-why-not')).toContainText(why);
    await expect(page.getByTestId('policy-change')).toHaveCount(0);
    await expect(page.locator('.cm-content')).toContainText('everyone-proposes');
    await editor(page).focus();
    await page.keyboard.type('nothing of this');
    await expect(page.locator('.cm-content')).not.toContainText('nothing of this');
  });
}

test('a check that fails is said, and can be tried again', async ({ page }) => {
  await page.goto('/?fake=policy');
  await fakeOf(page).refuse('check_policy', 'broken');
  await page.getByTestId('policy-change').click();
  await expect(page.getByTestId('policy-checked')).toContainText('refused check_policy');
  await page.getByTestId('policy-checked').getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByTestId('policy-checked')).toContainText('Nothing is wrong with it.');
});

test('an approval that wants a reason is not signed without one', async ({ page }) => {
  await page.goto('/?fake=policy-asks');
  await expect(page.locator('[data-origin="policy"]')).toContainText('1 from operations and 1 from security');
  await page.getByTestId('review-approve').click();
  const ask = page.getByTestId('confirm-ask-key');
  await expect(page.getByTestId('confirm')).toContainText('the policy wants one');
  await expect(ask).toBeDisabled();
  await page.keyboard.press('Control+Enter');
  await page.getByTestId('confirm-reason').fill('   ');
  await expect(ask).toBeDisabled();
  expect(await sent(page, 'decide')).toHaveLength(0);
  await page.getByTestId('confirm-reason').fill('Checked with the team.');
  await ask.click();
  expect(await sent(page, 'decide')).toHaveLength(1);
});

test('whom the policy does not let approve may deny', async ({ page }) => {
  await page.goto('/?fake=policy-not-me');
  await expect(page.getByTestId('review')).toContainText('No policy lets Ada Reviewer approve it.');
  await expect(page.getByTestId('review-approve')).toBeDisabled();
  // The shortcut leads to the same words, and to no key.
  await page.keyboard.press('a');
  await expect(page.getByTestId('confirm')).toContainText('No policy lets Ada Reviewer approve it.');
  await expect(page.getByTestId('confirm-ask-key')).toBeDisabled();
  await page.keyboard.press('Escape');
  await page.getByTestId('review-deny').click();
  await page.getByTestId('confirm-ask-key').click();
  expect(await sent(page, 'decide')).toHaveLength(1);
});
