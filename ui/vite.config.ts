// How the console's front is built: one page, relative links, so that the same
// files are served by the desktop window and by the gateway.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  base: './',
  plugins: [svelte()],
  define: {
    // The fake backend exists in dev and test builds only; in production the
    // branch that imports it is dead and falls out of the bundle.
    __FAKE__: JSON.stringify(mode !== 'production'),
  },
  build: {
    target: ['es2022', 'safari17'],
    // A test build never lands where the desktop package picks its files up.
    outDir: mode === 'production' ? 'dist' : '../target/ui-test',
    emptyOutDir: true,
    // Inlined assets would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  // Test builds are served under a policy as strict as any that the page meets.
  preview: {
    headers: {
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
  },
}));
