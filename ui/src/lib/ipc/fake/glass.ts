// Broken glass of made-up logs: offered, done, listed and reviewed.

import type { ActionStatus, BrokenGlassView, Command, Fact, GlassOffer } from '../types';
import { elsewhere, PRODUCTION } from './gateways';
import { action, ADA, fact, mark, MINUTE, problem, review, text, view } from './parts';
import { policyScenarios } from './policies';
import { base, reviewed, signedInInbox, type Scenario } from './scenario';
import { people } from './teams';

const HOUR = 60 * MINUTE;

type Of<Do extends Command['do']> = Extract<Command, { do: Do }>;

const OWN = problem('not_allowed', 'You broke it, or it was for an agent of yours.', 'Another administrator reviews it.');
const NO_ADMINISTRATOR = problem('not_allowed', 'You are no administrator of this log.', 'An administrator reviews it.');

export function broken(change: Partial<BrokenGlassView> = {}): BrokenGlassView {
  return {
    entry: 61,
    by: 'Mei Watanabe',
    me: false,
    atUnixMs: Date.now() - 12 * MINUTE,
    reason: text('The shop takes no orders since 02:10, and nobody of operations picks up the phone.'),
    action: 'act_r3',
    title: text('make deploy'),
    target: text('shop-1:/srv/shop'),
    agent: 'release-bot',
    asked: '1 from operations and 1 from security',
    approvedBy: ['Tomás Ferreira'],
    review: null,
    blocked: null,
    ...change,
  };
}

const looked = (change: Partial<NonNullable<BrokenGlassView['review']>> = {}): NonNullable<BrokenGlassView['review']> => ({
  entry: 47,
  by: 'Linus Andersen',
  atUnixMs: Date.now() - 30 * HOUR,
  justified: true,
  reason: text('I read the alerts of that night: payments failed until it ran. Operations had nobody on call, which is mended now.'),
  ...change,
});

/** One that waits for a review, and one that has it. */
const two = (): BrokenGlassView[] => [
  broken(),
  broken({
    entry: 44,
    by: 'Ada Reviewer',
    me: true,
    atUnixMs: Date.now() - 52 * HOUR,
    action: 'act_r0',
    title: text('pg_dump --format=custom shop'),
    target: text('db-1:/var/backups'),
    agent: 'claude-code',
    asked: '2 people',
    approvedBy: [],
    reason: text('The disk of db-1 fills up within the hour.'),
    review: looked(),
  }),
];

/** The same among more of them, with what is long, hidden or not here yet. */
const many = (): BrokenGlassView[] => [
  broken(),
  broken({
    entry: 58,
    by: 'Ada Reviewer',
    me: true,
    atUnixMs: Date.now() - 3 * HOUR,
    action: 'act_r5',
    title: { spans: [{ is: 'plain', text: 'kubectl delete pod ' }, mark('U+202E', 'right-to-left override'), { is: 'plain', text: 'f7-ipa' }] },
    target: text('buildbox:/home/ada/infrastructure/clusters/production/eu-west-1/namespaces/payments-and-invoices'),
    agent: 'claude-code',
    asked: '1 from database-owners and 1 from operations and 1 more',
    approvedBy: ['Linus Andersen', 'Mei Watanabe'],
    reason: null,
    blocked: OWN,
  }),
  broken({
    entry: 53,
    atUnixMs: Date.now() - 60 * HOUR,
    title: text('systemctl restart nginx'),
    target: text('web-1:/root'),
    asked: '2 people',
    approvedBy: [],
    reason: text('The certificate was renewed and customers see a warning.'),
    review: looked({
      entry: 55,
      by: 'Ada Reviewer',
      justified: false,
      reason: text('The old certificate held for six more days, and two of us were at their desks.'),
    }),
  }),
  ...two().slice(1),
];

const offer = (change: Partial<GlassOffer> = {}): GlassOffer => ({
  blocked: null,
  shortestReason: 20,
  reviewers: ['Grace Okafor', 'Linus Andersen'],
  ...change,
});

/** What the policy says where one person may break glass. */
const emergency = (decision: string): Fact[] => [fact('Decision', decision), fact('In an emergency', 'One person may break glass.')];

/** A team's action that one of two has approved, where one may break glass. */
const offered = (change: Partial<GlassOffer> = {}, more: Partial<Scenario> = {}): Scenario => {
  const summary = action('act_01', { agent: 'release-bot', onBehalfOf: 'Mei Watanabe', target: text('buildbox:/srv/infra/production') });
  const { inbox, recent } = signedInInbox();
  const theirs = base({
    view: view({
      gateway: elsewhere(PRODUCTION, { name: 'Production', colour: 'red' }),
      reviewer: ADA,
      inbox: inbox.filter(({ id }) => id !== summary.id),
      waitsForOthers: [summary],
      recent,
      unreviewed: 1,
    }),
    reviews: [
      review(summary, {
        glass: offer(change),
        approveBlocked: problem('decided_already', 'You have approved it already.', 'You can take that back as long as it waits.'),
        takesBack: true,
        grantBlocked: problem('not_grantable', 'The policy wants somebody to see each of these.', 'Approve or deny this one.'),
        editBlocked: problem('decided_already', 'You have decided it already.', 'Others have to approve it as well.'),
        approvedBy: ['Ada Reviewer'],
        quorum: 2,
        stillNeeded: '1 from operations',
        policy: [...emergency('2 people must approve it: 1 from operations and 1 more.'), fact('Still needed', '1 from operations.')],
      }),
      ...[...inbox, ...recent].filter(({ id }) => id !== summary.id).map((one) => review(one)),
    ],
    people: people(),
    glass: two(),
  });
  return base({ view: view(), others: [theirs], current: PRODUCTION, at: 'action', ...more });
};

/** An action of a team that somebody broke glass for, on its own page, where the notification leads. */
const onItsPage = (change: Partial<BrokenGlassView> = {}, status: ActionStatus = { is: 'running' }): Scenario => {
  const glass = broken({ action: 'act_01', title: text('terraform apply -auto-approve plan.tfplan'), target: text('buildbox:/srv/infra/production'), ...change });
  const summary = action('act_01', { agent: glass.agent, onBehalfOf: 'Linus Andersen', target: glass.target, status, somebodyWaits: null });
  const { inbox, recent } = signedInInbox();
  const others = [...inbox.filter(({ id }) => id !== summary.id), ...recent];
  const said = { entry: glass.entry, timeUnixMs: glass.atUnixMs, text: `${glass.by} broke glass for it.`, words: glass.reason };
  const opened = review(summary, {
    brokenGlass: glass,
    approvedBy: [...glass.approvedBy, glass.by],
    quorum: 2,
    policy: emergency('2 people must approve it: 1 from operations and 1 from security.'),
  });
  const theirs = base({
    view: view({
      gateway: elsewhere(PRODUCTION, { name: 'Production', colour: 'red' }),
      reviewer: ADA,
      inbox: inbox.filter(({ id }) => id !== summary.id),
      recent: [summary, ...recent],
      unreviewed: waiting([glass]),
    }),
    reviews: [{ ...opened, timeline: [...opened.timeline, said] }, ...others.map((one) => review(one))],
    people: people(),
    glass: [glass, ...two().slice(1)],
  });
  return base({ view: view(), others: [theirs], current: PRODUCTION, at: 'action' });
};

/** The policy's place with these. */
const listed = (glass: BrokenGlassView[], more: Partial<Scenario> = {}, name = 'policy'): Scenario => {
  const scenario = policyScenarios[name]?.() ?? reviewed({});
  const [theirs, ...rest] = scenario.others ?? [];
  if (theirs === undefined) return scenario;
  const shown = { ...theirs.view, policies: name === 'policy' ? 1 : 0, unreviewed: waiting(glass) };
  return { ...scenario, ...more, others: [{ ...theirs, view: shown, glass }, ...rest] };
};

const waiting = (glass: BrokenGlassView[]): number => glass.filter((one) => one.review === null && one.blocked === null).length;

/** It was signed: the action is approved, and waits for a review by somebody else. */
export function brokeGlass(world: Scenario, { action: id, reason }: Of<'decide'>): void {
  const found = world.reviews.find(({ summary }) => summary.id === id);
  if (found === undefined) return;
  const entry = world.view.gateway.checkpoint?.size ?? 0;
  const atUnixMs = Date.now();
  const summary = { ...found.summary, status: { is: 'approved' as const }, somebodyWaits: null };
  const said = { entry, timeUnixMs: atUnixMs, text: 'Ada Reviewer broke glass for it.', words: text(reason) };
  const brokenGlass = broken({
    entry,
    by: 'Ada Reviewer',
    me: true,
    atUnixMs,
    reason: text(reason),
    action: id,
    title: summary.title,
    target: summary.target,
    agent: summary.agent,
    asked: '1 from operations and 1 more',
    approvedBy: found.approvedBy.filter((name) => name !== 'Ada Reviewer'),
    blocked: OWN,
  });
  const after = { ...found, summary, glass: null, brokenGlass, stillNeeded: null, timeline: [...found.timeline, said] };
  world.reviews = world.reviews.map((one) => (one === found ? after : one));
  world.glass = [brokenGlass, ...(world.glass ?? [])];
  const others = (list: typeof world.view.inbox) => list.filter((one) => one.id !== id);
  const { inbox, waitsForOthers, recent } = world.view;
  world.view = {
    ...world.view,
    inbox: others(inbox),
    waitsForOthers: others(waitsForOthers),
    recent: [summary, ...recent],
    unreviewed: waiting(world.glass),
  };
}

/** It was signed: one waits for its review no longer. */
export function reviewedGlass(world: Scenario, { entry, justified, reason }: Of<'review_glass'>): void {
  const at = world.view.gateway.checkpoint?.size ?? 0;
  const found = looked({ entry: at, by: 'Ada Reviewer', atUnixMs: Date.now(), justified, reason: text(reason) });
  const glass = (world.glass ?? []).map((one) => (one.entry === entry ? { ...one, review: found } : one));
  world.reviews = world.reviews.map((one) =>
    one.brokenGlass?.entry === entry ? { ...one, brokenGlass: { ...one.brokenGlass, review: found } } : one,
  );
  world.glass = glass.sort((a, b) => Number(a.review !== null) - Number(b.review !== null) || b.entry - a.entry);
  world.view = { ...world.view, unreviewed: waiting(world.glass) };
}

const REASON = 'The shop takes no orders, and nobody of operations answers the phone.';

export const glassScenarios: Record<string, () => Scenario> = {
  glass: () => offered(),
  'glass-blocked': () =>
    offered({
      blocked: problem(
        'assurance_missing',
        'Glass is broken with a key that cannot leave its device, and you have none.',
        'Ask somebody who has one, or approve it and wait for the others.',
      ),
    }),
  'review-glass': () => offered({}, { steps: ['glass-open'] }),
  'review-glass-filled': () => offered({}, { steps: ['glass-open', ['glass-reason', REASON], ['glass-words', 'break glass']] }),
  'review-glass-alone': () => offered({ reviewers: [] }, { steps: ['glass-open'] }),
  'review-glass-broken': () => onItsPage(),
  'review-glass-own': () => onItsPage({ by: 'Ada Reviewer', me: true, approvedBy: [], reason: null, blocked: OWN }),
  'review-glass-reviewed': () =>
    onItsPage(
      {
        review: looked({
          justified: false,
          reason: text('The shop took orders by 02:25 again, and two of us were at their desks. ', mark('U+202E', 'right-to-left override'), 'Ask us first.'),
          atUnixMs: Date.now() - 2 * MINUTE,
          entry: 66,
        }),
      },
      { is: 'completed', exit_code: 0, signal: null },
    ),
  'policy-glass': () => listed(many()),
  'policy-glass-member': () => listed(two().map((one) => ({ ...one, blocked: NO_ADMINISTRATOR })), {}, 'policy-member'),
  'policy-glass-review': () => listed(many(), { steps: ['', 'glass-review'] }),
};
