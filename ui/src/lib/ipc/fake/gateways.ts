// Several gateways on one console: following, founding, enrolling, doubting.

import type { Command, ConsoleView, DoubtView, Phase } from '../types';
import { action, ADA, digest, lockedView, MINUTE, problem, review, text, view } from './parts';
import { base, signedInInbox, type Scenario } from './scenario';

export const LOG_FINGERPRINT = '4417 0265 9930 1882 7346';
export const KEY_FINGERPRINT = '9051 7723 0468 3315 2290';
export const JOINING = `vidimus-joining:${'eyJpbnZpdGF0aW9uIjoiaW52X0s3UTJNNFhSIiwibG9nIjoi'.repeat(6)}`;

export const STAGING = 'staging.vidimus.example:8443';
export const PRODUCTION = 'vidimus.example';

/** A gateway elsewhere. */
export const elsewhere = (id: string, change: Partial<ConsoleView['gateway']> = {}): ConsoleView['gateway'] => ({
  ...view().gateway,
  id,
  team: true,
  url: `https://${id}`,
  log: digest(id.length),
  ...change,
});

const production = (change: Partial<ConsoleView> = {}): Scenario => {
  const { inbox, recent } = signedInInbox();
  const shown = view({ inbox, recent, gateway: elsewhere(PRODUCTION, { name: 'Production', colour: 'red' }), ...change });
  return base({ view: shown });
};

const staging = (change: Partial<ConsoleView> = {}): Scenario => {
  const waits = action('act_s1', { title: text('make deploy'), target: text('staging-1:/srv/shop'), intent: null });
  const shown = view({ inbox: [waits], gateway: elsewhere(STAGING, { name: 'Staging', colour: 'blue' }), ...change });
  return base({ view: shown, reviews: [review(waits)] });
};

const local = (change: Partial<Scenario> = {}): Scenario => base({ view: view(), ...change });

/** A gateway elsewhere without a session, in this phase. */
const outside = (phase: Phase): Scenario => {
  const gateway = elsewhere(PRODUCTION, { name: 'Production', colour: 'red', log: null, checkpoint: null });
  return base({ view: view({ phase, gateway, reviewer: null, agents: [], tryCommand: null }), history: [] });
};

const withOutside = (phase: Phase): Scenario => local({ others: [outside(phase)], current: PRODUCTION });

const three = (change: Partial<Scenario> = {}): Scenario => local({ others: [staging(), production()], ...change });

const doubt = (change: Partial<DoubtView> = {}): DoubtView => ({
  entry: 17,
  grant: false,
  action: 'act_r1',
  title: text('rm -rf /var/lib/cache'),
  verdict: 'approve',
  timeUnixMs: Date.now() - 5 * MINUTE,
  key: 'Phone',
  ...change,
});

const doubted = (...doubts: DoubtView[]): ConsoleView => ({ ...signedInInbox(), doubts: doubts.length > 0 ? doubts : [doubt()] });

/** A standing grant that was not given here, beside a verdict that was not. */
const doubtedGrant = (): ConsoleView => doubted(doubt({ entry: 21, grant: true, action: 'act_r2', title: text('npm publish') }), doubt());

/** What is there once a gateway is followed. */
export function followedView(command: Extract<Command, { do: 'follow' | 'follow_new' }>): Scenario {
  const { name, colour } = command;
  const id = command.do === 'follow' ? PRODUCTION : new URL(command.url).host;
  const phase: Phase = command.do === 'follow' ? { is: 'enrol', log_fingerprint: LOG_FINGERPRINT } : { is: 'found' };
  const scenario = outside(phase);
  return { ...scenario, view: { ...scenario.view, gateway: elsewhere(id, { name, colour, log: null, checkpoint: null }) } };
}

export const gatewayScenarios: Record<string, () => Scenario> = {
  'three-gateways': () => three(),
  'three-gateways-production': () => three({ current: PRODUCTION }),
  'three-gateways-confirm': () => three({ current: PRODUCTION, at: 'action', show: { action: 'act_02', confirm: 'approve' } }),
  'three-gateways-ceremony': () =>
    local({
      others: [
        staging(),
        production({
          ceremony: {
            purpose: { is: 'statement', words: 'Grace Hopper is taken in as a reviewer, with the key “Work laptop”.' },
            route: 'browser',
            url: `https://${PRODUCTION}/key/4F7Q2M`,
            code: 'KX4-92M',
            state: { is: 'waiting' },
          },
        }),
      ],
      current: PRODUCTION,
    }),
  'three-gateways-offline': () =>
    local({
      others: [
        staging({
          gateway: elsewhere(STAGING, {
            name: 'Staging, which has a long name that somebody liked',
            colour: 'violet',
            connection: { is: 'offline', since_unix_ms: Date.now() - MINUTE, retry_at_unix_ms: Date.now() + 20_000, why: 'The name cannot be resolved.' },
          }),
        }),
        base({ view: lockedView(production().view) }),
      ],
      current: PRODUCTION,
    }),
  'gateway-settings': () => three({ current: STAGING, steps: ['gateway-settings'] }),
  'gateway-unfollow': () => three({ current: STAGING, steps: ['gateway-settings', 'unfollow'] }),
  follow: () => local({ steps: ['follow-open'] }),
  'follow-read': () => local({ steps: ['follow-open', ['joining-text', JOINING]] }),
  'follow-new': () => local({ steps: ['follow-open', 'follow-new'] }),
  found: () => withOutside({ is: 'found' }),
  enrol: () => withOutside({ is: 'enrol', log_fingerprint: LOG_FINGERPRINT }),
  claimed: () => withOutside({ is: 'claimed', fingerprint: KEY_FINGERPRINT, log_fingerprint: LOG_FINGERPRINT }),
  'enrol-offline': () => {
    const scenario = withOutside({ is: 'enrol', log_fingerprint: LOG_FINGERPRINT });
    const other = scenario.others?.[0];
    if (other !== undefined) {
      const connection = { is: 'offline', since_unix_ms: Date.now() - MINUTE, retry_at_unix_ms: Date.now() + 20_000, why: 'The name cannot be resolved.' } as const;
      other.view = { ...other.view, gateway: { ...other.view.gateway, connection } };
    }
    return scenario;
  },
  'failed-elsewhere': () =>
    withOutside({ is: 'failed', problem: problem('mirror_broken', 'The copy of its log on this computer cannot be read.', 'Follow it no longer, then follow it again.') }),
  'ceremony-new-key': () => {
    const scenario = withOutside({ is: 'enrol', log_fingerprint: LOG_FINGERPRINT });
    const other = scenario.others?.[0];
    if (other !== undefined) {
      other.view = {
        ...other.view,
        ceremony: { purpose: { is: 'new_key', label: 'Work laptop' }, route: 'browser', url: `https://${PRODUCTION}/key/4F7Q2M`, code: null, state: { is: 'proving' } },
      };
    }
    return scenario;
  },
  doubt: () => base({ view: doubted() }),
  'doubt-disown': () => base({ view: doubted(), steps: ['disown'] }),
  'doubt-grant': () => base({ view: doubtedGrant() }),
  'doubt-grant-disown': () => base({ view: doubtedGrant(), steps: ['disown'] }),
  'doubt-elsewhere': () => local({ others: [production({ doubts: doubted().doubts, reviewer: ADA })], current: PRODUCTION }),
};
