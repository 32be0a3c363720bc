// Standing grants of made-up logs.

import type { GrantView, PlaceView } from '../types';
import { action, mark, MINUTE, problem, text } from './parts';
import { policyScenarios } from './policies';
import { reviewed, type Scenario } from './scenario';

const HOUR = 60 * MINUTE;

/** What of the usual command may be left open. */
export const places = (): PlaceView[] => [
  { at: '/payload/argv/1', label: text('Argument 1'), text: text('apply') },
  { at: '/payload/argv/2', label: text('Argument 2'), text: text('-auto-approve') },
  { at: '/payload/argv/3', label: text('Argument 3'), text: text('plan.tfplan') },
];

export function grant(change: Partial<GrantView> = {}): GrantView {
  const now = Date.now();
  return {
    id: 'gra_01',
    entry: 52,
    by: 'Ada Reviewer',
    me: true,
    atUnixMs: now - 3 * HOUR,
    agent: 'release-bot',
    action: 'act_01',
    title: text('deploy web v1.4.2'),
    target: text('buildbox:/srv/web'),
    places: [text('Argument 2: any word of at most 32 letters, digits, . _ -')],
    reason: text('The nightly deployment, reviewed with the team.'),
    uses: 10,
    left: 7,
    untilUnixMs: now + 5 * HOUR,
    over: null,
    used: ['act_02', 'act_03', 'act_04'],
    ...change,
  };
}

const several = (): GrantView[] => [
  grant(),
  grant({
    id: 'gra_02',
    entry: 49,
    by: 'Mei Watanabe',
    me: false,
    agent: 'claude-code',
    title: { spans: [{ is: 'plain', text: 'kubectl rollout restart deployment/' }, mark('U+202E', 'right-to-left override'), { is: 'plain', text: 'ipa' }] },
    target: text('buildbox:/home/ada/infrastructure/clusters/production/eu-west-1'),
    places: [],
    uses: 1,
    left: 1,
    used: [],
  }),
  grant({ id: 'gra_03', entry: 44, over: 'used up', left: 0, uses: 3 }),
  grant({ id: 'gra_04', entry: 40, over: 'stopped by a pause of the agent', places: null, reason: null, used: [] }),
];

const listed = (): Scenario => {
  const scenario = policyScenarios['policy-member']?.() ?? reviewed({});
  const [theirs, ...rest] = scenario.others ?? [];
  if (theirs === undefined) return scenario;
  return { ...scenario, others: [{ ...theirs, grants: several() }, ...rest] };
};

export const grantScenarios: Record<string, () => Scenario> = {
  'review-grant': () => ({ ...reviewed({}), steps: ['grant-open'] }),
  'review-grant-two': () => ({ ...reviewed({ quorum: 2, approvedBy: ['Mei Watanabe'], stillNeeded: '1 more' }), steps: ['grant-open'] }),
  'review-grant-denied': () =>
    reviewed({
      summary: action('act_01', { status: { is: 'denied' }, somebodyWaits: null }),
      grantBlocked: problem('was_denied', 'Somebody denied it: nothing like it is approved in advance.', 'Wait for one that nobody has denied.'),
    }),
  'review-grant-open': () => ({ ...reviewed({}), steps: ['grant-open', '', 'grant-place'] }),
  'policy-grants': () => listed(),
};
