// Several gateways on one console: which one is meant can never be mistaken.
import { expect, test, type Page } from '@playwright/test';
import { JOINING, PRODUCTION, STAGING } from '../src/lib/ipc/fake/gateways';
import { fakeOf, sent, sentTo } from './fake';

const gateway = (page: Page, id: string) => page.locator(`[data-testid=gateway][data-gateway="${id}"]`);
const band = (page: Page) => page.getByTestId('gateway-band');

test('one gateway: no band, no list, and a quiet way to follow another', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await expect(page.getByTestId('follow-open')).toBeVisible();
  await expect(band(page)).toHaveCount(0);
  await expect(page.getByTestId('gateway')).toHaveCount(0);
  await page.getByRole('button', { name: /systemctl restart nginx/ }).click();
  await page.getByTestId('review-approve').click();
  await expect(page.getByTestId('gateway-strip')).toHaveCount(0);
});

test('a browser page belongs to the gateway that serves it', async ({ page }) => {
  await page.goto('/?fake=inbox-browser');
  await expect(page.getByTestId('nav-help')).toBeVisible();
  await expect(page.getByTestId('follow-open')).toHaveCount(0);
});

test('following by a text: the digits must be compared first', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await page.getByTestId('follow-open').click();
  const follow = page.getByTestId('follow');
  await follow.getByTestId('joining-text').fill('something else');
  await expect(follow.locator('[data-problem=not_a_joining_text]')).toBeVisible();
  await follow.getByTestId('joining-text').fill(` ${JOINING}\n`);
  await expect(follow.getByTestId('joining-read')).toContainText(`https://${PRODUCTION}`);
  await expect(follow.getByTestId('joining-fingerprint')).toContainText('4417 0265 9930 1882 7346');
  await expect(follow.getByTestId('joining-read')).toContainText('It invites you');
  await expect(follow.getByTestId('follow-send')).toBeDisabled();
  await follow.getByTestId('digits-same').check();
  // What was compared belongs to the text that stood there.
  await follow.getByTestId('joining-text').fill(`${JOINING}x`);
  await expect(follow.getByTestId('digits-same')).not.toBeChecked();
  await expect(follow.getByTestId('follow-send')).toBeDisabled();
  await follow.getByTestId('joining-text').fill(JOINING);
  await follow.getByTestId('digits-same').check();
  await expect(follow.getByTestId('follow-name')).toHaveValue(PRODUCTION);
  await expect(follow.getByTestId('colour-blue')).toBeChecked();
  await follow.getByTestId('follow-name').fill('Production');
  await expect(follow.getByTestId('colour-red')).toBeChecked();
  await follow.getByTestId('follow-send').click();
  await expect(follow).toHaveCount(0);
  expect(await sentTo(page, 'follow')).toEqual([['local', { do: 'follow', text: JOINING, name: 'Production', colour: 'red' }]]);
  await expect(band(page)).toContainText('Production');
  await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'enrol');
  await expect(gateway(page, 'local')).toBeVisible();
});

test('an invited person needs no key of this computer’s own first; a gateway that is followed is known', async ({ page }) => {
  await page.goto('/?fake=setup');
  await page.getByTestId('follow-open').click();
  await page.getByTestId('joining-text').fill(JOINING);
  await expect(page.getByTestId('joining-read')).toBeVisible();
  await expect(page.getByTestId('joining-known')).toHaveCount(0);
  await page.getByTestId('digits-same').check();
  await page.getByTestId('follow-send').click();
  await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'enrol');
  await page.getByTestId('follow-open').click();
  await page.getByTestId('joining-text').fill(JOINING);
  await expect(page.getByTestId('joining-known')).toBeVisible();
});

test('following a new one: an address, perhaps an authority, and a colour of one’s own', async ({ page }) => {
  await page.goto('/?fake=inbox');
  await page.getByTestId('follow-open').click();
  await page.getByTestId('follow-new').check();
  await expect(page.getByTestId('follow-send')).toBeDisabled();
  await page.getByTestId('follow-address').fill('https://prod-gate.example:8443');
  await expect(page.getByTestId('follow-name')).toHaveValue('prod-gate.example:8443');
  await expect(page.getByTestId('colour-red')).toBeChecked();
  await page.getByTestId('colour-violet').check();
  await page.getByText('Its certificate is of our own authority').click();
  await page.getByTestId('follow-authority').fill('-----BEGIN CERTIFICATE-----');
  await fakeOf(page).refuse('follow_new', 'unreachable');
  await page.getByTestId('follow-send').click();
  await expect(page.locator('[data-problem=unreachable]')).toBeVisible();
  await page.getByTestId('follow-send').click();
  await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', 'found');
  expect((await sent(page, 'follow_new')).at(-1)).toEqual({
    do: 'follow_new',
    url: 'https://prod-gate.example:8443',
    authority: '-----BEGIN CERTIFICATE-----',
    name: 'prod-gate.example:8443',
    colour: 'violet',
  });
  await page.getByTestId('found-code').fill(' 7F2K-88QM ');
  await page.getByTestId('found-name').fill('Ada Reviewer');
  await page.getByTestId('found-send').click();
  expect(await sentTo(page, 'found')).toEqual([['prod-gate.example:8443', { do: 'found', code: '7F2K-88QM', name: 'Ada Reviewer' }]]);
  await expect(page.getByTestId('ceremony')).toContainText('Open the team’s log');
});

test('switching by a click, by keys and by Back; the title counts all', async ({ page }) => {
  await page.goto('/?fake=three-gateways');
  await expect(page.getByTestId('gateway')).toHaveCount(3);
  await expect(page).toHaveTitle('(4) Vidimus');
  await expect(band(page)).toContainText('This computer');
  await expect(gateway(page, PRODUCTION)).toContainText('3 waiting');
  await gateway(page, PRODUCTION).click();
  await expect(band(page)).toContainText('Production');
  await expect(band(page)).toHaveAttribute('data-colour', 'red');
  await expect(page.getByTestId('inbox-row').first()).toContainText('nginx');
  await page.keyboard.press('g');
  await page.keyboard.press('2');
  await expect(band(page)).toContainText('Staging');
  await expect(page.getByTestId('inbox-row').first()).toContainText('make deploy');
  expect(new URL(page.url()).hash).toBe(`#/@${STAGING}/inbox`);
  await page.getByTestId('nav-history').click();
  await expect(page.getByTestId('history-row').first()).toBeVisible();
  await page.goBack();
  await page.goBack();
  await expect(band(page)).toContainText('Production');
  await expect(page.getByTestId('inbox-row').first()).toContainText('nginx');
  await page.goBack();
  await expect(band(page)).toContainText('This computer');
  await page.keyboard.press('g');
  await page.keyboard.press('9');
  await expect(band(page)).toContainText('This computer');
  expect((await sentTo(page, 'history')).map(([to]) => to)).toEqual([STAGING]);
});

test('the place in the address is found again', async ({ page }) => {
  await page.goto(`/?fake=three-gateways#/@${PRODUCTION}/people`);
  await expect(band(page)).toContainText('Production');
  await expect(page.getByTestId('people')).toBeVisible();
  expect((await sentTo(page, 'people')).map(([to]) => to)).toEqual([PRODUCTION]);
});

test('the band stands in every view, in the confirmation and in the key prompt', async ({ page }) => {
  await page.goto('/?fake=three-gateways-production');
  for (const place of ['nav-history', 'nav-people', 'nav-inbox']) {
    await page.getByTestId(place).click();
    await expect(band(page)).toContainText('Production');
  }
  await page.locator('[data-action=act_01][data-row]').click();
  await page.getByTestId('review-approve').click();
  const strip = page.getByTestId('confirm').getByTestId('gateway-strip');
  await expect(strip).toContainText('Production');
  await expect(strip).toHaveAttribute('data-colour', 'red');
  await expect(page.getByRole('dialog', { name: 'Approve this action (Production)' })).toBeVisible();
  await page.getByTestId('confirm-ask-key').click();
  await expect(page.getByTestId('ceremony').getByTestId('gateway-strip')).toContainText('Production');
  expect((await sentTo(page, 'decide')).map(([to]) => to)).toEqual([PRODUCTION]);
});

test('what another gateway says never swaps what is confirmed', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto(`/?fake=three-gateways#/@${PRODUCTION}/action/act_01`);
  await page.getByTestId('review-approve').click();
  await page.getByTestId('confirm-reason').fill('read twice');
  const confirm = page.getByTestId('confirm');
  await fake.emit({ is: 'show', value: { action: 'act_s1', confirm: 'approve' } }, STAGING);
  await fake.change({ phase: { is: 'signed_out' } }, STAGING);
  await fake.change({ inbox: [] }, 'local');
  await expect(confirm).toContainText('Another action was brought up, at Staging');
  await expect(confirm.getByTestId('gateway-strip')).toContainText('Production');
  await expect(page.getByTestId('confirm-reason')).toHaveValue('read twice');
  await page.getByTestId('confirm-ask-key').click();
  expect(await sentTo(page, 'decide')).toEqual([[PRODUCTION, { do: 'decide', action: 'act_01', verdict: 'approve', reason: 'read twice' }]]);
  // Nor what the key is asked for.
  await fake.ceremony({ is: 'proving' }, PRODUCTION);
  await expect(page.getByTestId('ceremony').getByTestId('gateway-strip')).toContainText('Production');
  await fake.ceremony({ is: 'cancelled' }, PRODUCTION);
  await page.getByTestId('ceremony-cancel').click();
  await page.getByTestId('confirm-back').click();
  await expect(band(page)).toContainText('Staging');
  await expect(confirm.getByTestId('gateway-strip')).toContainText('Staging');
  await expect(page.getByTestId('confirm-back')).toBeFocused();
});

test('the same action of another gateway starts with nothing of this one', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto(`/?fake=three-gateways#/@${PRODUCTION}/action/act_01`);
  await page.getByTestId('review-approve').click();
  await page.getByTestId('confirm-reason').fill('read twice');
  await fake.emit({ is: 'show', value: { action: 'act_01', confirm: 'approve' } }, STAGING);
  await page.getByTestId('confirm-back').click();
  await expect(page.getByTestId('confirm').getByTestId('gateway-strip')).toContainText('Staging');
  await expect(page.getByTestId('confirm-reason')).toHaveValue('');
  await expect(page.getByTestId('confirm-back')).toBeFocused();
});

test('a notification of another gateway goes there when nothing is in its way', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=three-gateways');
  await expect(page.getByTestId('gateway')).toHaveCount(3);
  await fake.emit({ is: 'show', value: { action: 'act_s1', confirm: 'deny' } }, STAGING);
  await expect(page.getByTestId('confirm')).toContainText('staging-1:/srv/shop');
  await expect(page.getByTestId('confirm').getByTestId('gateway-strip')).toContainText('Staging');
});

test('a dialog that leads to a signature stays while another gateway calls', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=team-remove-person');
  const dialog = page.getByTestId('remove-person');
  await expect(dialog.getByTestId('gateway-strip')).toContainText('Production');
  await fake.emit({ is: 'show', value: { action: 'act_01', confirm: null } }, 'local');
  await expect(dialog).toContainText('An action was brought up');
  await page.getByTestId('remove-person-back').click();
  await expect(band(page)).toContainText('This computer');
});

test('a gateway is called otherwise, and followed no longer after what goes was said', async ({ page }) => {
  await page.goto('/?fake=three-gateways');
  await expect(page.getByTestId('gateway')).toHaveCount(3);
  await expect(page.getByTestId('gateway-settings')).toHaveCount(0);
  await gateway(page, STAGING).click();
  await page.getByTestId('gateway-settings').click();
  await page.getByTestId('gateway-name').fill('Rehearsal');
  await page.getByTestId('colour-green').check();
  await page.getByTestId('rename').click();
  expect(await sentTo(page, 'rename')).toEqual([[STAGING, { do: 'rename', name: 'Rehearsal', colour: 'green' }]]);
  await expect(band(page)).toContainText('Rehearsal');
  await expect(band(page)).toHaveAttribute('data-colour', 'green');
  await page.getByTestId('gateway-settings').click();
  await page.getByTestId('unfollow').click();
  expect(await sent(page, 'unfollow')).toEqual([]);
  await expect(page.getByTestId('unfollow-words')).toContainText('Nothing happens at the gateway');
  await page.getByTestId('unfollow-send').click();
  await expect(page.getByTestId('gateway')).toHaveCount(2);
  await expect(band(page)).toContainText('This computer');
  expect((await sentTo(page, 'unfollow')).map(([to]) => to)).toEqual([STAGING]);
  await expect(page.getByTestId('gateway-dialog')).toHaveCount(0);
});

test('a gateway that is locked, failed or without a key hides no other', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=three-gateways-offline');
  await expect(page.getByTestId('locked-count')).toHaveText('3 actions wait for you.');
  await expect(page.locator('body')).not.toContainText('Ada');
  await expect(page.getByTestId('nav-inbox')).toHaveCount(0);
  for (const phase of [{ is: 'failed', problem: { code: 'x', message: 'It broke.', hint: 'Mend it.' } }, { is: 'starting' }, { is: 'setup' }] as const) {
    await fake.change({ phase }, PRODUCTION);
    await expect(page.getByTestId('phase')).toHaveAttribute('data-phase', phase.is);
    await expect(page.getByTestId('gateway')).toHaveCount(3);
    await expect(band(page)).toContainText('Production');
  }
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('1');
  await expect(band(page)).toContainText('This computer');
  await expect(page.getByTestId('nav-inbox')).toBeVisible();
});

test('an invited person makes a key, reads its digits aloud, and signs in', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=enrol');
  await expect(page.getByTestId('log-fingerprint')).toContainText('4417 0265 9930 1882 7346');
  await expect(page.getByTestId('enrol-send')).toBeDisabled();
  await page.getByTestId('enrol-label').fill('Work laptop');
  await fake.refuse('enrol', 'invitation_over');
  await page.getByTestId('enrol-send').click();
  await expect(page.locator('[data-problem=invitation_over]')).toBeVisible();
  await page.getByTestId('enrol-send').click();
  expect((await sentTo(page, 'enrol')).at(-1)).toEqual([PRODUCTION, { do: 'enrol', label: 'Work laptop' }]);
  await fake.ceremony({ is: 'done' });
  await expect(page.getByTestId('ceremony')).toContainText('Its digits come next');
  await fake.change({ phase: { is: 'claimed', fingerprint: '1 2 3 4 5', log_fingerprint: '6 7 8 9 0' }, ceremony: null });
  await expect(page.getByTestId('key-fingerprint')).toContainText('1 2 3 4 5');
  await fake.refuse('sign_in', 'not_taken_in');
  await page.getByTestId('sign-in').click();
  await expect(page.locator('[data-problem=not_taken_in]')).toBeVisible();
});

test.describe('was it you', () => {
  test('yes is signed', async ({ page }) => {
    await page.goto('/?fake=doubt-elsewhere');
    const doubt = page.getByTestId('doubt');
    await expect(doubt).toContainText('Somebody decided with your key Phone, not on this computer: approve “rm -rf /var/lib/cache”');
    await expect(doubt).toContainText('entry 17');
    await page.getByTestId('nav-history').click();
    await expect(doubt).toBeVisible();
    await page.getByTestId('recognise').click();
    expect(await sentTo(page, 'recognise')).toEqual([[PRODUCTION, { do: 'recognise', entry: 17 }]]);
    await expect(page.getByTestId('ceremony-words')).toHaveText('The verdict in entry 17 was mine.');
    // Only the console's view ends the doubt.
    await expect(doubt).toHaveCount(1);
    await fakeOf(page).change({ doubts: [], ceremony: null });
    await expect(doubt).toHaveCount(0);
  });

  test('yes to a standing grant needs no key', async ({ page }) => {
    await page.goto('/?fake=doubt-grant');
    const doubt = page.getByTestId('doubt').first();
    await expect(doubt).toContainText('Somebody gave a standing grant with your key Phone, not on this computer, over “npm publish”');
    await expect(doubt).toContainText('It approves others like it in advance.');
    await expect(doubt).not.toContainText('signed');
    await expect(doubt).not.toContainText('approve “');
    await doubt.getByTestId('recognise').click();
    expect(await sent(page, 'recognise')).toEqual([{ do: 'recognise', entry: 21 }]);
    // The other one is of a verdict, and stays.
    await expect(page.getByTestId('doubt')).toHaveCount(1);
    await expect(doubt).toContainText('approve “rm -rf /var/lib/cache”');
    await expect(doubt).toContainText('Yes is signed with your key');
    await expect(page.getByTestId('ceremony')).toHaveCount(0);
  });

  test('no to a standing grant says to end it as well', async ({ page }) => {
    await page.goto('/?fake=doubt-grant-disown');
    const dialog = page.getByTestId('disown-dialog');
    await expect(dialog).toContainText('A standing grant over “npm publish”, with your key Phone, entry 21.');
    await expect(dialog.getByTestId('disown-grant')).toContainText('End the grant as well, and do that first');
    await dialog.getByTestId('disown-to-grants').click();
    await expect(dialog).toHaveCount(0);
    await expect(page.getByTestId('grants')).toBeVisible();
    expect(await sent(page, 'disown')).toEqual([]);
    await page.getByTestId('disown').first().click();
    await page.getByTestId('disown-send').click();
    await expect(dialog).toContainText('have somebody else end it');
    // Of a verdict there is no grant to be ended.
    await page.getByTestId('disown-back').click();
    await page.getByTestId('disown').last().click();
    await expect(dialog).toContainText('approve “rm -rf /var/lib/cache”');
    await expect(dialog.getByTestId('disown-grant')).toHaveCount(0);
  });

  test('no says what follows first, then where the evidence is', async ({ page }) => {
    const fake = fakeOf(page);
    await page.goto('/?fake=doubt-elsewhere');
    await page.getByTestId('disown').click();
    const dialog = page.getByTestId('disown-dialog');
    await expect(dialog.getByTestId('gateway-strip')).toContainText('Production');
    await expect(dialog).toContainText('believes nothing of this gateway any more');
    await expect(page.getByTestId('disown-back')).toBeFocused();
    expect(await sent(page, 'disown')).toEqual([]);
    await page.getByTestId('disown-send').click();
    await expect(page.getByTestId('disown-path')).toContainText('/evidence/');
    expect(await sentTo(page, 'disown')).toEqual([[PRODUCTION, { do: 'disown', entry: 17 }]]);
    // It stays readable when the gateway is frozen meanwhile.
    await fake.change({ doubts: [], phase: { is: 'frozen', problem: { code: 'disowned', message: 'You disowned it.', hint: 'Reset it.' }, evidence_path: '/x' } });
    await expect(page.getByTestId('frozen')).toBeVisible();
    await expect(page.getByTestId('disown-path')).toBeVisible();
  });
});
