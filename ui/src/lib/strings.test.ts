import { describe, expect, it } from 'vitest';
import { signedInInbox } from './ipc/fake/scenario';
import { ceremonyDone, ceremonyTitle, escalationWords, graceWords, policyCount, shadowFound, shadowRests, statementTitle, takingBack } from './strings';

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

describe('a key prompt for a verdict', () => {
  it('names each of them', () => {
    const words = (['approve', 'deny', 'break_glass'] as const).map((verdict) => {
      const purpose = { is: 'verdict', action: 'act_01', verdict } as const;
      return [ceremonyTitle(purpose), ceremonyDone(purpose)];
    });
    expect(words.map(([title]) => title)).toEqual(['Sign the approval', 'Sign the denial', 'Sign to break glass']);
    expect(new Set(words.map(([, done]) => done)).size).toBe(3);
  });
});

describe('what can still be stopped', () => {
  it('names who approved it, also where nobody is known', () => {
    expect(graceWords.approvedBy(['Ada', 'Mei'])).toBe('Approved by Ada, Mei — runs in');
    expect(graceWords.approvedBy([])).toBe('Approved by enough people — runs in');
  });

  it('is taken back by a denial that says so', () => {
    expect(takingBack.heading).toBe('Take your approval back');
    expect(takingBack.sign).toBe('Sign the denial');
  });
});

describe('the number beside the policy', () => {
  it('says what it counts', () => {
    expect(policyCount({ policies: 2, unreviewed: 0 })).toBe('2 policies to be agreed to');
    expect(policyCount({ policies: 0, unreviewed: 1 })).toBe('1 broken glass to be reviewed');
    expect(policyCount({ policies: 1, unreviewed: 3 })).toBe('1 policy to be agreed to, 3 broken glasses to be reviewed');
  });
});

describe('a policy in shadow', () => {
  const none = { sinceUnixMs: 0, proposals: 0, differing: 0, notPermitted: 0, unjudged: 0, awaited: 0, behind: 0 };

  it('counts everything that was proposed, also what cannot be judged', () => {
    expect(shadowFound(none)).toEqual(['Nothing was proposed since.']);
    expect(shadowFound({ ...none, proposals: 1 })).toEqual(['1 proposal since, none would be decided otherwise.']);
    expect(shadowFound({ ...none, behind: 1 })).toEqual(['0 of 1 proposal since were decided anew.', '1 is still being decided anew.']);
    expect(shadowFound({ ...none, proposals: 61, differing: 4, notPermitted: 1, unjudged: 1, awaited: 2, behind: 1 })).toEqual([
      '61 of 65 proposals since were decided anew, 4 would be decided otherwise.',
      '1 approval would not have been permitted.',
      '1 cannot be judged.',
      '2 cannot be judged yet: the content is not on this computer.',
      '1 is still being decided anew.',
    ]);
  });

  it('rests while the console sees nothing new, and says why', () => {
    const view = signedInInbox();
    expect(shadowRests(view, false)).toBeNull();
    expect(shadowRests(view, true)).toMatch(/^Offline:/);
    expect(shadowRests({ ...view, phase: { is: 'signed_out' } }, false)).toMatch(/^You are signed out:/);
    const frozen = { is: 'frozen', problem: { code: 'frozen', message: '', hint: '' }, evidence_path: '' } as const;
    expect(shadowRests({ ...view, phase: frozen }, false)).toMatch(/while decisions are blocked/);
  });
});

describe('an escalation', () => {
  it('names the group and the time', () => {
    const told = { atUnixMs: new Date(2026, 10, 21, 10, 15).getTime(), entry: 43, group: 'managers' };
    expect(escalationWords.row(told)).toBe('escalated to managers at 10:15:00');
    expect(escalationWords.line(told)).toBe('Nobody had decided: escalated to managers at 10:15:00');
  });
});
