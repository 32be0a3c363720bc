// What is approved only by who went through the whole of it, of made-up logs.

import type { CommandView, ReviewView, ToSeeView } from '../types';
import { action, command, digest, fact, note, problem, review, text } from './parts';
import { base, signedInInbox, type Scenario } from './scenario';

const INPUT = Array.from({ length: 87 }, (_, at) => text(`DELETE FROM invoices WHERE id = ${1000 + at};`));

const purge = (): CommandView =>
  command({
    program: { path: text('/usr/bin/sqlite3'), size: 1_640_112, sha256: digest(21) },
    argv: [text('sqlite3'), text('/srv/shop/invoices.db')],
    cwd: text('/srv/shop'),
    files: [],
    input: { size: 3_393, sha256: digest(22), lines: INPUT, omitted: null },
  });

/** The sections of that command, as the console names them. */
const toSee = (seen: boolean, more: [section: string, words: string][] = []): ToSeeView[] => {
  const sections: [string, string][] = [
    ['arguments', 'the arguments'],
    ['program', 'the program'],
    ['folder', 'the folder'],
    ['environment', 'the environment'],
    ['input', 'the input (87 lines)'],
    ['not-bound', 'what is not bound'],
    ['claims', 'what the agent claims'],
    ...more,
  ];
  return sections.map(([section, words]) => ({ section, words, seen }));
};

const asks = (change: Partial<ReviewView> = {}): Scenario => {
  const summary = action('act_01', {
    title: text('sqlite3 /srv/shop/invoices.db'),
    target: text('shop-1:/srv/shop'),
    intent: text('Remove the test invoices of last week.'),
  });
  const { inbox, ...rest } = signedInInbox();
  const found = review(summary, {
    what: { is: 'command', value: purge() },
    policy: [
      fact('Decision', 'One person must approve it.'),
      fact('Review', 'Whoever approves it must have gone through the whole of it. Nobody approves it in advance.'),
    ],
    grantBlocked: problem('not_grantable', 'The policy wants somebody to see each of these.', 'Approve or deny this one.'),
    toSee: toSee(false),
    ...change,
  });
  return base({
    view: { ...rest, inbox: [summary, ...inbox.filter(({ id }) => id !== summary.id)] },
    reviews: [found, ...inbox.map((one) => review(one))],
    at: 'action',
  });
};

export const fullReviewScenarios: Record<string, () => Scenario> = {
  'review-full': () => asks(),
  'review-full-seen': () => asks({ toSee: toSee(true) }),
  'review-full-asked': () =>
    asks({
      toSee: [...toSee(true), { section: 'talk@1', words: 'what was asked and flagged', seen: false }],
      questions: [{ question: note(43, 'Mei Watanabe', 'Which invoices are tests?'), answer: null }],
    }),
  'review-full-glass': () => asks({ glass: { blocked: null, shortestReason: 20, reviewers: ['Grace Okafor'] } }),
  'confirm-full-early': () => ({ ...asks(), show: { action: 'act_01', confirm: 'approve' } }),
};
