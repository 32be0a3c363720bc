// What has its quorum and waits out its grace time, of made-up logs.

import type { ReviewView } from '../types';
import { action, fact, problem, review } from './parts';
import { base, signedInInbox, type Scenario } from './scenario';

const LEFT_MS = 25_000;
const BY_US = problem('decided_already', 'You have approved it already.', 'You can take that back as long as it waits.');
const BY_OTHERS = problem('approved_enough', 'Enough people have approved it.', 'You can deny it until it starts.');

const waits = (change: Partial<ReviewView>): Scenario => {
  const summary = action('act_01', { startsAtUnixMs: Date.now() + LEFT_MS });
  const { inbox, ...rest } = signedInInbox();
  const others = inbox.filter(({ id }) => id !== summary.id);
  const found = review(summary, {
    approveBlocked: BY_OTHERS,
    onExpiry: 'It may run from 2026-11-21 09:45:25 UTC on, unless somebody denies it before. Whoever approved it can take that back.',
    quorum: 2,
    policy: [fact('Decision', '2 people must approve it.'), fact('Grace time', 'Once enough people have approved it, it can still be denied for 30 seconds.')],
    ...change,
  });
  return base({
    view: { ...rest, inbox: others, waitsForOthers: [summary] },
    reviews: [found, ...others.map((one) => review(one))],
  });
};

export const graceScenarios: Record<string, () => Scenario> = {
  'review-grace': () => ({ ...waits({ approvedBy: ['Mei Watanabe', 'Tomás Ferreira'] }), at: 'action' }),
  'review-grace-own': () => ({ ...waits({ approvedBy: ['Ada Reviewer', 'Mei Watanabe'], approveBlocked: BY_US, takesBack: true }), at: 'action' }),
  'inbox-grace': () => waits({ approvedBy: ['Mei Watanabe', 'Tomás Ferreira'] }),
};
