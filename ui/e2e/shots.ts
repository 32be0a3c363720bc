// Screenshots of every scenario, light and dark, at two window sizes, into
// target/shots: to be looked at by people.
import { test } from '@playwright/test';
import { scenarios } from '../src/lib/ipc/fake/scenarios';

const sizes = [
  { width: 1100, height: 700 },
  { width: 1600, height: 1000 },
];
const only = process.env['SHOT'];

for (const name of Object.keys(scenarios)) {
  if (only !== undefined && !name.includes(only)) continue;
  test(name, async ({ page }) => {
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      for (const size of sizes) {
        await page.setViewportSize(size);
        await page.goto('about:blank');
        await page.goto(`/?fake=${name}`);
        await page.waitForTimeout(900);
        await page.screenshot({ path: `../target/shots/${name}-${scheme}-${size.width}.png` });
      }
    }
  });
}
