// What is shipped holds no fake console, and asks for nothing from elsewhere.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { build } from 'vite';
import { FAKE_CONSOLE_MARKER } from '../src/lib/ipc/fake/marker';

function texts(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'))
    .join('\n');
}

test('the production build leaves the fake console out', async () => {
  const outDir = mkdtempSync(join(tmpdir(), 'vidimus-ui-'));
  try {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    await build({ mode: 'production', logLevel: 'silent', build: { outDir, emptyOutDir: true } });
    process.env['NODE_ENV'] = before;
    const shipped = texts(outDir);
    expect(shipped).toContain('console_command');
    expect(shipped).not.toContain(FAKE_CONSOLE_MARKER);
    expect(shipped).not.toContain('claude-code proposed');
    expect(shipped).not.toContain('{@html');
    expect(readFileSync(join(outDir, 'index.html'), 'utf8')).not.toMatch(/(src|href)="(\/|https?:)/);
    // The same look finds it where it belongs.
    expect(texts(join(import.meta.dirname, '../../target/ui-test'))).toContain(FAKE_CONSOLE_MARKER);
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
});
