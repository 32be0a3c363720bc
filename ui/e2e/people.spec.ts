// People, keys, rules, agents and sessions: what is shown, and what is asked of the key.
import { expect, test } from '@playwright/test';
import { PRODUCTION } from '../src/lib/ipc/fake/gateways';
import { digest } from '../src/lib/ipc/fake/parts';
import { fakeOf, sent, sentTo } from './fake';

test('taking in a newcomer: the digits are compared, the key is asked, the dialog goes', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=team');
  const claim = page.locator('[data-testid=claim][data-for=newcomer]');
  await expect(claim.getByTestId('claim-fingerprint')).toContainText('9051 7723 0468 3315 2290');
  await claim.getByTestId('claim-open').click();
  const dialog = page.getByTestId('take-in');
  await expect(dialog.getByTestId('gateway-strip')).toContainText('Production');
  await expect(dialog.getByTestId('take-in-fingerprint')).toContainText('9051 7723 0468 3315 2290');
  await dialog.getByTestId('person-identity').fill('grace@vidimus.example');
  await dialog.getByTestId('person-groups').fill('platform, on-call  platform');
  await expect(dialog.getByTestId('take-in-send')).toBeDisabled();
  await dialog.getByTestId('take-in-same').check();
  await dialog.getByTestId('role-reviewer').uncheck();
  await expect(dialog.getByTestId('take-in-send')).toBeDisabled();
  await dialog.getByTestId('role-administrator').check();
  await dialog.getByTestId('take-in-send').click();
  expect(await sentTo(page, 'register')).toEqual([
    [
      PRODUCTION,
      { do: 'register', enrolment: digest(301), identity: 'grace@vidimus.example', roles: ['administrator'], groups: ['platform', 'on-call'] },
    ],
  ]);
  await expect(page.getByTestId('ceremony-words')).toHaveText('Grace Okafor is taken in as administrator.');
  await fake.ceremony({ is: 'cancelled' });
  await page.getByTestId('ceremony-cancel').click();
  await expect(dialog.getByTestId('person-identity')).toHaveValue('grace@vidimus.example');
  await dialog.getByTestId('take-in-send').click();
  await fake.ceremony({ is: 'proving' });
  await expect(dialog).toHaveCount(1);
  await fake.ceremony({ is: 'done' });
  await expect(dialog).toHaveCount(0);
  // Only what the console reads says that it is so.
  await expect(claim).toHaveCount(1);
  await fake.logged({ claims: [] });
  await expect(page.getByTestId('claims')).toHaveCount(0);
});

test('a further key counts after the same comparison; what is blocked says why', async ({ page }) => {
  await page.goto('/?fake=team');
  const known = page.locator('[data-testid=claim][data-for=known]');
  await expect(known.first().getByTestId('claim-agreed')).toHaveText('1 of 2 administrators agreed: Linus Andersen');
  await expect(known.nth(1).getByTestId('claim-open')).toHaveCount(0);
  await expect(known.nth(1).locator('[data-problem=has_a_key]')).toBeVisible();
  await known.first().getByTestId('claim-open').click();
  await expect(page.getByTestId('take-in-send')).toBeDisabled();
  await page.getByTestId('take-in-same').check();
  await fakeOf(page).refuse('admit', 'stale_pin');
  await page.getByTestId('take-in-send').click();
  await expect(page.getByTestId('take-in').locator('[data-problem=stale_pin]')).toBeVisible();
  await page.getByTestId('take-in-send').click();
  expect(await sent(page, 'admit')).toEqual([
    { do: 'admit', enrolment: digest(303) },
    { do: 'admit', enrolment: digest(303) },
  ]);
});

test('people are changed, removed, and lose keys, each with what follows', async ({ page }) => {
  await page.goto('/?fake=team');
  const mei = page.locator('[data-testid=person][data-person=rev_mei]');
  await expect(mei.getByTestId('key')).toHaveAttribute('data-standing', 'outdated');
  await expect(mei).toContainText('365 days');
  await mei.getByTestId('person-change').click();
  await page.getByTestId('person-groups').fill('payments');
  await page.getByTestId('role-administrator').check();
  await page.getByTestId('change-person-send').click();
  expect(await sent(page, 'change_person')).toEqual([
    { do: 'change_person', id: 'rev_mei', name: 'Mei Watanabe', identity: 'mei@vidimus.example', roles: ['reviewer', 'administrator'], groups: ['payments'] },
  ]);
  await page.getByTestId('ceremony-cancel').click();
  await page.getByTestId('change-person-back').click();
  await mei.getByTestId('person-remove').click();
  await expect(page.getByTestId('remove-person')).toContainText('Open sessions end.');
  await page.getByTestId('remove-person-send').click();
  expect(await sent(page, 'remove_person')).toEqual([{ do: 'remove_person', id: 'rev_mei' }]);
  await page.getByTestId('ceremony-cancel').click();
  await page.getByTestId('remove-person-back').click();
  await mei.getByTestId('key-revoke').click();
  await expect(page.getByTestId('revoke-last')).toBeVisible();
  await page.getByTestId('why-stolen').check();
  await page.getByTestId('revoke-key-send').click();
  expect(await sent(page, 'revoke_key')).toEqual([{ do: 'revoke_key', enrolment: digest(205), why: 'stolen' }]);
  await expect(page.getByTestId('removed')).toContainText('1 person removed');
  await expect(page.locator('[data-person=rev_tomas]')).toBeHidden();
});

test('inviting: a text to hand over, until when, and the log’s digits', async ({ page }) => {
  await page.goto('/?fake=team');
  await page.getByTestId('invite').click();
  await expect(page.getByTestId('invite-send')).toBeDisabled();
  await page.getByTestId('invite-name').fill('Grace Okafor');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('joining-handed')).toContainText('vidimus-joining:');
  await expect(page.getByTestId('joining-over')).toContainText('It is over');
  await expect(page.getByTestId('joining-log')).toContainText('4417 0265 9930 1882 7346');
  await page.getByTestId('hand-over-back').click();
  await page.locator('[data-person=rev_mei]').getByTestId('person-invite').click();
  await page.getByTestId('invite-send').click();
  await page.getByTestId('hand-over-back').click();
  expect(await sent(page, 'invite')).toEqual([
    { do: 'invite', name: 'Grace Okafor', reviewer: null },
    { do: 'invite', name: 'Mei Watanabe', reviewer: 'rev_mei' },
  ]);
  await page.getByTestId('joining').click();
  await expect(page.getByTestId('hand-over')).toContainText('Paste this there');
  await expect(page.getByTestId('joining-over')).toHaveCount(0);
  expect(await sent(page, 'joining')).toHaveLength(1);
});

test('rules are tried before they are signed', async ({ page }) => {
  await page.goto('/?fake=team');
  await page.getByTestId('rules-change').click();
  const tried = page.getByTestId('rules-tried');
  await expect(tried).toContainText('1 key would no longer count');
  await expect(page.getByTestId('change-rules-send')).toBeDisabled();
  await page.getByTestId('rules-device-bound').check();
  await expect(tried).toContainText('2 keys would no longer count');
  await expect(tried.getByRole('listitem').nth(0)).toContainText(/Ada Reviewer.*“Phone”.*copied by its maker/);
  await expect(tried.getByRole('listitem').nth(1)).toContainText('the last key of this person');
  await page.getByTestId('rules-device-bound').uncheck();
  await page.getByTestId('rules-age').fill('0');
  await expect(tried).toContainText('Every key in force keeps these rules.');
  await page.getByTestId('rules-quorum').fill('17');
  await expect(tried).toContainText('cannot be rules');
  await expect(page.getByTestId('change-rules-send')).toBeDisabled();
  await page.getByTestId('rules-quorum').fill('3');
  await expect(page.getByTestId('change-rules-send')).toBeEnabled();
  await page.getByTestId('change-rules-send').click();
  const rules = { quorum: 3, deviceBound: false, maxAgeDays: 0, models: [] };
  expect(await sent(page, 'change_rules')).toEqual([{ do: 'change_rules', rules }]);
  expect((await sent(page, 'try_rules')).at(-1)).toEqual({ do: 'try_rules', rules });
});

test('rules name models by their names, each with all of its anchors', async ({ page }) => {
  await page.goto('/?fake=team');
  await page.getByTestId('rules-change').click();
  await page.getByTestId('rules-age').fill('0');
  await page.getByTestId('models-find').fill('windows');
  expect(await sent(page, 'models')).toHaveLength(1);
  await expect(page.getByTestId('models').getByRole('listitem')).toHaveCount(1);
  await page.getByLabel('Windows Hello VBS').check();
  await expect(page.getByTestId('rules-tried')).toContainText('It is of no model that the rules allow.');
  await page.getByTestId('change-rules-send').click();
  const named = (await sent(page, 'change_rules')).flatMap((command) => (command.do === 'change_rules' ? command.rules.models : []));
  expect(named.map(({ aaguid }) => aaguid)).toEqual(Array(2).fill('9ddd1817-af5a-4672-a2b9-3e3dd95000a9'));
});

test('a member changes nothing of others', async ({ page }) => {
  await page.goto('/?fake=team-member');
  await expect(page.getByTestId('person').first()).toBeVisible();
  for (const id of ['invite', 'person-change', 'person-remove', 'person-invite', 'rules-change']) await expect(page.getByTestId(id)).toHaveCount(0);
  await expect(page.locator('[data-person=rev_linus]').getByTestId('key-revoke')).toHaveCount(0);
  await expect(page.locator('[data-person=rev_ada]').getByTestId('key-revoke')).toHaveCount(2);
  await expect(page.locator('[data-testid=claim][data-for=newcomer] [data-problem=not_an_administrator]')).toBeVisible();
  await page.getByTestId('nav-inbox').click();
  await expect(page.getByText('Only an administrator of the team connects agents.')).toBeVisible();
  await expect(page.getByTestId('connect-agent')).toHaveCount(0);
});

test('a further key says what comes next', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=people-personal');
  await expect(page.getByRole('heading', { name: 'Keys and sessions' })).toBeVisible();
  for (const id of ['rules', 'agents', 'invite']) await expect(page.getByTestId(id)).toHaveCount(0);
  await page.getByTestId('add-key-open').click();
  await page.getByTestId('key-label').fill('Security key');
  await page.keyboard.press('Enter');
  expect(await sent(page, 'enrol')).toEqual([{ do: 'enrol', label: 'Security key' }]);
  await fake.ceremony({ is: 'done' });
  await expect(page.getByTestId('add-key')).toHaveCount(0);
  await expect(page.getByTestId('ceremony')).toContainText('Its digits stand under');
});

test('sessions: the others are ended, this one is signed out of', async ({ page }) => {
  await page.goto('/?fake=people-personal');
  const other = page.locator('[data-testid=session][data-session=ses_2]');
  await other.getByTestId('session-end').click();
  await expect(other).toHaveCount(0);
  expect(await sent(page, 'end_session')).toEqual([{ do: 'end_session', id: 'ses_2' }]);
  await page.getByRole('button', { name: 'Sign out' }).last().click();
  expect(await sent(page, 'sign_out')).toHaveLength(1);
});

test('signed out, everything is read and nothing can be changed', async ({ page }) => {
  await page.goto('/?fake=team-signed-out');
  await expect(page.getByTestId('people-why-not')).toContainText('sign in to change anything');
  await expect(page.getByTestId('person').first()).toBeVisible();
  await expect(page.getByTestId('invite')).toBeDisabled();
  await expect(page.getByTestId('claim-open').first()).toBeDisabled();
  expect(await sent(page, 'sessions')).toEqual([]);
});

test('what is read stays on screen while it is read anew, and a refusal says so', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=team');
  await expect(page.getByTestId('person').first()).toBeVisible();
  const before = (await sent(page, 'people')).length;
  // A view without new entries asks nothing.
  await fake.change({ notices: [] });
  await page.waitForTimeout(100);
  expect(await sent(page, 'people')).toHaveLength(before);
  await fake.refuse('people', 'mirror_busy');
  await fake.logged({ claims: [] });
  await expect(page.locator('[data-problem=mirror_busy]')).toBeVisible();
  await expect(page.getByTestId('person').first()).toBeVisible();
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByTestId('claims')).toHaveCount(0);
  expect(await sent(page, 'people')).toHaveLength(before + 2);
});

test('an agent of a team acts for somebody, and is ended', async ({ page }) => {
  await page.goto('/?fake=team-inbox');
  await page.getByTestId('connect-agent-owner').selectOption('Mei Watanabe');
  await page.getByTestId('connect-agent-name').fill('deploy-bot');
  await page.getByTestId('connect-agent').click();
  expect(await sentTo(page, 'connect_agent')).toEqual([[PRODUCTION, { do: 'connect_agent', name: 'deploy-bot', owner: 'rev_mei' }]]);
  await page.getByTestId('ceremony-cancel').click();
  await page.keyboard.press('Escape');
  await page.getByTestId('nav-people').click();
  const agents = page.getByTestId('agents');
  await expect(agents).toContainText('acts for Mei Watanabe · registered by Ada Reviewer');
  await agents.getByTestId('agent-end').first().click();
  await page.getByTestId('end-agent-send').click();
  expect(await sent(page, 'revoke_agent')).toEqual([{ do: 'revoke_agent', agent: 'agt_7Q2M' }]);
});

test('g p leads to people', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await expect(page.getByTestId('people')).toBeVisible();
  await page.goBack();
  await expect(page.getByTestId('inbox-row').first()).toBeVisible();
});
