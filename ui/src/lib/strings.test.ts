import { describe, expect, it } from 'vitest';
import { statementTitle } from './strings';

describe('the title over the command', () => {
  it('says whether it ran', () => {
    expect(statementTitle({ is: 'pending' })).toBe('What will run');
    expect(statementTitle({ is: 'running' })).toBe('What is running');
    expect(statementTitle({ is: 'unknown' })).toBe('What was to run');
    for (const is of ['denied', 'expired', 'withdrawn', 'refused', 'not_run'] as const) {
      expect(statementTitle({ is })).toBe('What did not run');
    }
  });
});
