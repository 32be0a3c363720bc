import { expect, test } from 'vitest';
import type { ActionStatus } from './ipc/types';
import { steps } from './run';

const last = (status: ActionStatus) => steps(status).at(-1);

test('what was never approved has no steps', () => {
  for (const is of ['pending', 'denied', 'expired', 'withdrawn', 'refused'] as const) expect(steps({ is })).toEqual([]);
});

test('one step at most is under way', () => {
  expect(steps({ is: 'approved' }).map((step) => step.state)).toEqual(['done', 'now', 'next', 'next']);
  expect(steps({ is: 'running' }).map((step) => step.state)).toEqual(['done', 'done', 'now', 'next']);
});

test('only a clean end is good', () => {
  expect(last({ is: 'completed', exit_code: 0, signal: null })).toEqual({ label: 'Exit code 0', state: 'done' });
  expect(last({ is: 'completed', exit_code: 3, signal: null })).toEqual({ label: 'Exit code 3', state: 'bad' });
  expect(last({ is: 'completed', exit_code: null, signal: 'SIGKILL' })).toEqual({ label: 'Ended by SIGKILL', state: 'bad' });
  expect(last({ is: 'succeeded' })?.state).toBe('done');
  for (const is of ['unknown', 'not_run'] as const) expect(last({ is })?.state).toBe('bad');
  for (const is of ['failed', 'failed_to_start'] as const) expect(last({ is, why: { spans: [] } })?.state).toBe('bad');
});
