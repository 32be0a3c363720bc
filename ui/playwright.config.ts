// Flows and screenshots over the fake backend, in the system's Chromium.
import { defineConfig } from '@playwright/test';

const port = Number(process.env['VIDIMUS_UI_TEST_PORT'] ?? 4173);

export default defineConfig({
  testDir: './e2e',
  outputDir: '../target/ui-e2e',
  fullyParallel: true,
  workers: 2,
  // Wide: a slow machine is no defect.
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    viewport: { width: 1100, height: 700 },
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--force-prefers-reduced-motion'],
    },
  },
  projects: [
    { name: 'e2e', testMatch: /.*\.spec\.ts/ },
    { name: 'shots', testMatch: /shots\.ts/ },
  ],
  webServer: {
    command: `npm run build:test && npx vite preview --mode test --strictPort --host 127.0.0.1 --port ${port}`,
    url: `http://127.0.0.1:${port}`,
    reuseExistingServer: false,
    timeout: 60_000,
  },
});
