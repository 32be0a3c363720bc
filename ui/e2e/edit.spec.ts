// Edit then approve: fields, what they change, the key; and where it came from.
import { expect, test } from '@playwright/test';
import { fakeOf, sent } from './fake';

test('an action is edited by the keyboard: fields, then the difference, then the key', async ({ page }) => {
  const fake = fakeOf(page);
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review')).toBeVisible();
  await page.keyboard.press('e');
  const dialog = page.getByTestId('edit');
  await expect(dialog.getByTestId('edit-look')).toBeDisabled();
  // The program and what is bound stay.
  await expect(dialog.locator('[data-field=arguments] input')).toHaveCount(2);
  await dialog.getByTestId('edit-word-2').fill('-input=false');
  await dialog.getByRole('button', { name: 'Leave out word 1' }).click();
  await dialog.getByRole('button', { name: 'Add a word after word 2' }).click();
  await dialog.getByTestId('edit-word-3').fill('-lock=true');
  await fake.refuse('preview_edit', 'bad_edit');
  await dialog.getByTestId('edit-look').click();
  await expect(dialog.locator('[data-problem=bad_edit]')).toBeVisible();
  await dialog.getByTestId('edit-look').click();
  const filled = [
    {
      id: 'arguments',
      words: [
        { from: 0, text: null },
        { from: 2, text: '-input=false' },
        { from: 3, text: null },
        { from: null, text: '-lock=true' },
      ],
    },
  ];
  expect(await sent(page, 'preview_edit')).toEqual([
    { do: 'preview_edit', action: 'act_01', filled },
    { do: 'preview_edit', action: 'act_01', filled },
  ]);
  const signing = page.getByTestId('edit-sign');
  await expect(signing).toContainText('-auto-approve');
  await expect(signing).toContainText('nobody can approve it any more');
  await signing.getByTestId('edit-sign-back').click();
  await expect(dialog.getByTestId('edit-word-3')).toHaveValue('-lock=true');
  await dialog.getByTestId('edit-look').click();
  await signing.getByTestId('edit-sign-send').click();
  expect(await sent(page, 'edit')).toEqual([{ do: 'edit', action: 'act_01', filled }]);
  await expect(page.getByTestId('ceremony-words')).toContainText('takes its place');
  await fake.ceremony({ is: 'done' });
  await expect(signing).toHaveCount(0);
  await expect(dialog).toHaveCount(0);
});

test('both actions say what became of what', async ({ page }) => {
  await page.goto('/?fake=review-edited');
  await expect(page.getByTestId('edited-from')).toContainText('Edited by Mei Watanabe from what claude-code proposed');
  await expect(page.getByTestId('edited-from')).toContainText('-input=false');
  await page.goto('about:blank');
  await page.goto('/?fake=review-edited-twice');
  await expect(page.getByTestId('edited-from')).toContainText('Edited by Mei Watanabe from what Bo Lindqvist had made of it');
  await expect(page.getByTestId('edited-wrong')).toContainText('more differs than is listed here');
  await page.goto('about:blank');
  await page.goto('/?fake=review-superseded');
  await expect(page.getByTestId('status').first()).toHaveText('Edited');
  await expect(page.getByTestId('edited-into')).toContainText('Edited by you.');
  await expect(page.getByTestId('edit-open')).toHaveCount(0);
  await page.getByTestId('edited-into-open').click();
  await expect(page.locator('[data-action=act_02]')).toBeVisible();
});

test('a line break stays one', async ({ page }) => {
  await page.goto('/?fake=review');
  await expect(page.getByTestId('review')).toBeVisible();
  await page.keyboard.press('e');
  const dialog = page.getByTestId('edit');
  const box = dialog.locator('[data-field="env.GREETING"] .input');
  await expect(box).toHaveValue('Good\nmorning');
  await box.press('End');
  await box.pressSequentially('!');
  await dialog.getByTestId('edit-look').click();
  await expect(page.getByTestId('edit-sign')).toBeVisible();
  const [asked] = await sent(page, 'preview_edit');
  expect(JSON.stringify(asked)).toContain('"Good\\nmorning!"');
});
