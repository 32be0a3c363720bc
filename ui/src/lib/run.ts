// The steps after an approval, as a reviewer follows them. Pure.

import type { ActionStatus } from './ipc/types';

export interface Step {
  label: string;
  state: 'done' | 'now' | 'next' | 'bad';
}

/** Permit, run, end; nothing for what was never approved. */
export function steps(status: ActionStatus): Step[] {
  const step = (label: string, state: Step['state']): Step => ({ label, state });
  const approved = step('Approved', 'done');
  const used = step('Permit used', 'done');
  switch (status.is) {
    case 'approved':
      return [approved, step('Waits for its agent to start it', 'now'), step('Runs', 'next'), step('Ends', 'next')];
    case 'permit_lapsed':
      return [approved, step('Permit ran out unused', 'bad'), step('Runs', 'next'), step('Ends', 'next')];
    case 'not_run':
      return [approved, step('Never started in time', 'bad')];
    case 'running':
      return [approved, used, step('Running', 'now'), step('Ends', 'next')];
    case 'unknown':
      return [approved, used, step('No outcome was reported', 'bad')];
    case 'failed_to_start':
      return [approved, used, step('Could not be started', 'bad')];
    case 'succeeded':
      return [approved, used, step('Done', 'done')];
    case 'failed':
      return [approved, used, step('Failed', 'bad')];
    case 'completed':
      if (status.signal !== null) return [approved, used, step('Ran', 'done'), step(`Ended by ${status.signal}`, 'bad')];
      return [approved, used, step('Ran', 'done'), step(`Exit code ${status.exit_code ?? 'unknown'}`, status.exit_code === 0 ? 'done' : 'bad')];
    default:
      return [];
  }
}
