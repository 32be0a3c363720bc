// A policy in shadow: put there, seen as it goes, taken into the editor, stopped.
import { expect, test, type Page } from '@playwright/test';
import type { PolicyShadowView } from '../src/lib/ipc/types';
import { fakeOf, sent } from './fake';

const shadow = (page: Page) => page.getByTestId('policy-shadow');
const found = (page: Page) => page.getByTestId('shadow-found');
const editor = (page: Page) => page.getByRole('textbox', { name: 'Text of the policy file' });

/** What the console says is in shadow now. */
const told = (page: Page): Promise<PolicyShadowView> =>
  page.evaluate(async () => {
    const { fake } = window as unknown as { fake: { send: (gateway: string, command: object) => Promise<{ value: PolicyShadowView }> } };
    return (await fake.send('vidimus.example', { do: 'policy_shadow' })).value;
  });

test('a draft is put in shadow and seen as it goes, by keyboard alone', async ({ page }) => {
  await page.goto('/?fake=policy-shadow-none');
  await expect(shadow(page)).toHaveCount(0);
  await editor(page).focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('// stricter\n');
  const begin = page.getByTestId('shadow-begin');
  await expect(begin).toHaveText('Put it in shadow');
  await expect(begin).toBeEnabled();
  await begin.press('Enter');
  await expect(found(page)).toHaveText('Nothing was proposed since.');
  await expect(page.getByTestId('policy-shadow-draft')).toContainText('This text is in shadow.');
  await expect(begin).toHaveCount(0);
  const [command] = await sent(page, 'shadow_policy');
  expect(JSON.stringify(command)).toContain('// stricter');
  await expect(page.getByTestId('shadow-count')).toHaveCount(0);

  // What is proposed meanwhile is listed as it comes.
  const now = await told(page);
  const row = {
    action: 'act_01',
    agent: 'claude-code',
    kind: 'command',
    title: { spans: [{ is: 'plain' as const, text: 'make deploy' }] },
    target: null,
    timeUnixMs: Date.now(),
    before: { decision: 'ask' as const, words: 'Waits for 1 person' },
    after: { decision: 'refuse' as const, words: 'Refused' },
    differs: true,
    differences: [],
    policies: ['no-deploys'],
    why: [],
  };
  await fakeOf(page).inShadow({ ...now, summary: { ...now.summary, proposals: 2, differing: 1 }, rows: [row] });
  await expect(found(page)).toHaveText('2 proposals since, 1 would be decided otherwise.');
  await expect(shadow(page).getByTestId('policy-replay-row')).toHaveCount(1);
  await expect(shadow(page)).toContainText('no-deploys');
  await expect(page.getByTestId('shadow-count')).toHaveText('1 would differ in shadow');
  // It is listed anew, not only counted.
  await fakeOf(page).inShadow({ ...now, summary: { ...now.summary, proposals: 3, differing: 2 }, rows: [{ ...row, action: 'act_02' }, row] });
  await expect(shadow(page).getByTestId('policy-replay-row')).toHaveCount(2);
  await expect(page.getByTestId('policy-replay-only')).toHaveCount(0);

  // Another text can take its place.
  await editor(page).focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('// stricter still\n');
  await expect(begin).toHaveText('Put this in shadow instead');
  await expect(page.getByTestId('policy-shadow-draft')).toContainText('begin anew');
  await expect(page.getByTestId('shadow-edit')).toBeDisabled();
  await expect(shadow(page)).toContainText('Something is being written above');
});

test('it is taken into the editor, said before the key, and a row opens its action', async ({ page }) => {
  await page.goto('/?fake=policy-shadow');
  await expect(found(page)).toContainText('61 of 64 proposals since were decided anew, 4 would be decided otherwise.');
  await expect(found(page)).toContainText('1 cannot be judged. 2 cannot be judged yet: the content is not on this computer.');
  await expect(shadow(page).getByTestId('policy-replay-row')).toHaveCount(5);
  await expect(shadow(page)).toContainText('Cannot be judged');
  await page.getByTestId('shadow-edit').press('Enter');
  await expect(page.locator('.cm-content')).toContainText('2 from operations and 1 from security');
  await expect(page.getByTestId('policy-shadow-draft')).toContainText('This text is in shadow.');
  await expect(page.getByTestId('shadow-edit')).toHaveCount(0);
  await page.getByTestId('policy-look').click();
  await expect(page.getByTestId('policy-trials')).toContainText('In shadow for 2 days: 61 decisions, 4 would differ.');
  await page.keyboard.press('Escape');
  await shadow(page).getByTestId('policy-replay-row').first().getByRole('button').press('Enter');
  await expect(page).toHaveURL(/act_01/);
  await page.goBack();
  await expect(shadow(page).getByTestId('policy-replay-row')).toHaveCount(5);
});

test('it is stopped after a question, and a failure is said', async ({ page }) => {
  await page.goto('/?fake=policy-shadow');
  await page.getByTestId('shadow-stop').press('Enter');
  await expect(page.getByRole('button', { name: 'Keep it' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('shadow-stopping')).toHaveCount(0);
  expect(await sent(page, 'stop_shadow')).toHaveLength(0);

  await fakeOf(page).refuse('stop_shadow', 'local_failure');
  await page.getByTestId('shadow-stop').click();
  await page.getByTestId('shadow-stop-send').click();
  await expect(page.getByTestId('shadow-stopping').getByRole('alert')).toContainText('refused stop_shadow');
  await page.getByTestId('shadow-stop-send').click();
  await expect(shadow(page)).toHaveCount(0);
  await expect(page.getByTestId('shadow-count')).toHaveCount(0);
});

test('what else there is to know of it is said', async ({ page }) => {
  await page.goto('/?fake=policy-shadow-changed');
  await expect(page.getByTestId('shadow-beside')).toHaveText('Another policy came in force since. Each proposal is compared with what was decided then.');
  await page.goto('/?fake=policy-shadow-itself');
  await expect(page.getByTestId('shadow-beside')).toContainText('It came in force');
  await page.goto('/?fake=policy-shadow-empty');
  await expect(found(page)).toHaveText('Nothing was proposed since.');
  await expect(shadow(page).getByRole('table')).toHaveCount(0);
  await page.goto('/?fake=policy-shadow-same');
  await expect(found(page)).toHaveText('12 proposals since, none would be decided otherwise.');
  await expect(shadow(page)).toContainText('Nothing would be decided otherwise.');
  await page.goto('/?fake=policy-shadow-behind');
  await expect(found(page)).toHaveText('512 of 4,000 proposals since were decided anew, none would be decided otherwise. 3,488 are still being decided anew.');
  await expect(shadow(page)).not.toContainText('Nothing would be decided otherwise.');
  await page.goto('/?fake=policy-shadow-offline');
  await expect(page.getByTestId('shadow-rests')).toContainText('Offline: what is proposed meanwhile is decided anew once the gateway can be reached.');
  await expect(page.getByTestId('shadow-stop')).toBeEnabled();
  await page.goto('/?fake=policy-shadow-wrong');
  await expect(shadow(page).locator('[data-problem="shadow_wrong"]')).toContainText('no policy by today’s rules');
  await expect(found(page)).toHaveCount(0);
  await page.getByTestId('shadow-edit').click();
  await expect(editor(page)).toBeVisible();
});

test('what is wrong is not put in shadow, and a refusal is said', async ({ page }) => {
  await page.goto('/?fake=policy-edit-wrong');
  await expect(page.getByTestId('policy-checked')).toContainText('2 problems');
  await expect(page.getByTestId('shadow-begin')).toBeDisabled();
  await expect(page.getByTestId('policy-shadow-draft')).toContainText('once nothing is wrong with it');
  await page.goto('/?fake=policy-edit');
  await fakeOf(page).refuse('shadow_policy', 'unchanged');
  await page.getByTestId('shadow-begin').click();
  await expect(page.getByTestId('policy-shadow-draft').getByRole('alert')).toContainText('refused shadow_policy');
});

test('the lock takes it off the screen', async ({ page }) => {
  await page.goto('/?fake=policy-shadow');
  await expect(page.getByTestId('shadow-count')).toBeVisible();
  await page.evaluate(() => (window as unknown as { fake: { send: (gateway: string, command: object) => Promise<unknown> } }).fake.send('vidimus.example', { do: 'lock' }));
  await expect(shadow(page)).toHaveCount(0);
  await expect(page.getByTestId('shadow-count')).toHaveCount(0);
});
