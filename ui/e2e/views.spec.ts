// Every situation: accessible in both themes, nothing wider than the window,
// nothing that the content security policy or the page objects to.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { scenarios } from '../src/lib/ipc/fake/scenarios';

for (const [name, make] of Object.entries(scenarios)) {
  test(name, async ({ page }) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));

    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.goto(`/?fake=${name}`);
    await expect(page.getByTestId('phase')).toBeVisible();
    // Scenarios that open a dialog or an entry do so within this time.
    const { show, entry, steps } = make();
    await page.waitForTimeout(show !== undefined || entry !== undefined || steps !== undefined ? 900 : 150);

    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      // There are no frames, so the quicker mode sees the same.
      const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
      // Only colours change with the theme.
      if (colorScheme === 'light') axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
      else axe.withRules(['color-contrast']);
      const { violations } = await axe.analyze();
      expect(
        violations.map(({ id, nodes }) => ({ id, at: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`) })),
        colorScheme,
      ).toEqual([]);
    }

    // The second size is the first one at 200 % zoom.
    for (const size of [
      { width: 1100, height: 700 },
      { width: 550, height: 350 },
    ]) {
      await page.setViewportSize(size);
      const wider = await page.evaluate(() =>
        Array.from(document.querySelectorAll('html, body, main, dialog, .whole'))
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .map((element) => `${element.tagName} ${element.scrollWidth} > ${element.clientWidth}`),
      );
      expect(wider, `${size.width} wide`).toEqual([]);
    }
    expect(complaints).toEqual([]);
  });
}
