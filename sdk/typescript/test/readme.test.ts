/** Every example of the README, as it stands there, run where the packed package is installed. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Lab } from './lab.js';

const EXAMPLES = [...readFileSync('README.md', 'utf8').matchAll(/```ts\n(.*?)```/gs)].map((found) => found[1] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'vidimus-readme-'));

let lab: Lab;
before(async () => {
  lab = await Lab.start();
  const [packed] = JSON.parse(npm('pack', '--json', '--pack-destination', folder));
  assert.deepEqual(
    packed.files.map(({ path }: { path: string }) => path).filter((path: string) => !path.startsWith('dist/')),
    ['README.md', 'package.json'],
  );
  writeFileSync(join(folder, 'package.json'), '{}');
  npm('install', '--prefix', folder, '--offline', '--no-audit', '--no-fund', join(folder, packed.filename));
  // What an example of the AI SDK brings itself.
  for (const name of ['ai', 'zod']) symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
});
after(() => {
  lab.stop();
  rmSync(folder, { recursive: true });
});

function npm(...words: string[]): string {
  return execFileSync('npm', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** What it prints, in the end. */
function play(name: string, program: string): Promise<string> {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, program);
  const env = { ...process.env, VIDIMUS_HOME: lab.home };
  return text(spawn(process.execPath, [path], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }).stdout);
}

describe('the README', () => {
  const [first = '', steps = '', sdk = '', ...rest] = EXAMPLES;

  it('has examples that are known here', () => assert.equal(rest.length, 0));

  it('has a first example that runs', async () => {
    let printed = play('first', first);
    let proposed = await lab.next();
    assert.deepEqual(proposed.payload.payload.after, { customer: 'c_42', limit: 20 });
    await lab.approve(proposed);
    assert.equal(await printed, 'done: 20\n');
    assert.deepEqual(await lab.outcome(proposed.action), { succeeded: {} });
    printed = play('first', first);
    proposed = await lab.next();
    await lab.deny(proposed, '\x1b[31mno');
    assert.equal(await printed, "denied; nothing has run. The reviewer's reason: \\u{1b}[31mno\n");
  });

  it('goes step by step', async () => {
    const names =
      'const save = async () => console.log("saved");\n' +
      'const ask = async (text) => (console.log(text), "because");\n' +
      'const rotate = () => console.log("rotated");\n';
    const printed = play('steps', names + steps);
    const proposed = await lab.next();
    await lab.tell('ask', { action: proposed.action, text: '\x1b[31mwhy?' });
    while (!(await lab.kinds(proposed.action)).includes('action.answered')) await pause(20);
    await lab.approve(proposed);
    assert.equal(await printed, 'saved\n\\u{1b}[31mwhy?\nrotated\n');
  });

  it('holds a tool of the AI SDK', async () => {
    const names = `
      import { generateText, tool } from 'ai';
      import { MockLanguageModelV3 } from 'ai/test';
      import { z } from 'zod';
      const usage = {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      };
      const ended = (unified) => ({ finishReason: { unified, raw: undefined }, usage, warnings: [] });
      const said = (part, unified) => ({ content: [part], ...ended(unified) });
      const call = { type: 'tool-call', toolCallId: 'call_1', toolName: 'remove', input: '{"customer":"c_42"}' };
      const doGenerate = [said(call, 'tool-calls'), said({ type: 'text', text: 'done' }, 'stop')];
      const model = new MockLanguageModelV3({ doGenerate });
      const inputSchema = z.object({ customer: z.string() });
      const remove = tool({ inputSchema, execute: ({ customer }) => console.log('removed', customer) });
      const messages = [{ role: 'user', content: 'remove c_42' }];
    `;
    const printed = play('sdk', `${names}${sdk}console.log(result.text);`);
    await lab.approve(await lab.next());
    assert.equal(await printed, 'removed c_42\ndone\n');
  });
});
