// A policy in shadow of a made-up log.

import type { PolicyFileText, PolicyShadowView, ReplayRowView, ShadowSummaryView } from '../types';
import { elsewhere, PRODUCTION } from './gateways';
import { MINUTE, problem, text } from './parts';
import { at, FILES } from './policies';
import { replayed } from './policy-trials';
import type { Scenario } from './scenario';

const DAY = 24 * 60 * MINUTE;

const summary = (change: Partial<ShadowSummaryView> = {}): ShadowSummaryView => ({
  sinceUnixMs: Date.now() - 2 * DAY - 40 * MINUTE,
  proposals: 0,
  differing: 0,
  notPermitted: 0,
  unjudged: 0,
  awaited: 0,
  behind: 0,
  ...change,
});

/** Stricter than what is in force. */
const DRAFT: PolicyFileText[] = FILES.map((file) =>
  file.name === 'policy.cedar' ? { ...file, text: file.text.replace('1 from operations and', '2 from operations and') } : file,
);

/** A shadow that has seen nothing yet. */
export function shadowed(files: PolicyFileText[] = DRAFT, change: Partial<PolicyShadowView> = {}): PolicyShadowView {
  const found = change.summary ?? summary();
  const decided = found.proposals === 0 ? 'nothing was proposed' : `${found.proposals} decisions, ${found.differing === 0 ? 'none' : found.differing} would differ`;
  return {
    words: `In shadow for 2 days: ${decided}.`,
    summary: found,
    from: 1_802,
    beside: 'same',
    problem: null,
    files,
    counts: [],
    rows: [],
    ...change,
  };
}

/** The rows of a replay that stand out; what has not come yet is no row of a shadow. */
const standing = (): ReplayRowView[] =>
  replayed()
    .rows.filter((row) => row.differs || row.after === null)
    .map((row) => (row.after === null ? { ...row, why: [text('Its content cannot be read.')] } : row));

/** Two days with some that differ. */
export const shadowFoundSome = (change: Partial<PolicyShadowView> = {}): PolicyShadowView =>
  shadowed(DRAFT, {
    summary: summary({ proposals: 61, differing: 4, notPermitted: 1, unjudged: 1, awaited: 2 }),
    counts: [
      { decision: 'ask', before: 54, after: 52 },
      { decision: 'release', before: 7, after: 8 },
      { decision: 'refuse', before: 0, after: 1 },
    ],
    rows: standing(),
    ...change,
  });

const beside = (shadow: PolicyShadowView, shown: Parameters<typeof at>[1] = {}, more: Partial<Scenario> = {}): Scenario =>
  at({}, { policyShadow: shadow.summary, ...shown }, { shadow, ...more });

export const shadowScenarios: Record<string, () => Scenario> = {
  'policy-shadow': () => beside(shadowFoundSome()),
  'policy-shadow-none': () => at({}, {}, { steps: ['policy-change'] }),
  'policy-shadow-empty': () => beside(shadowed()),
  'policy-shadow-same': () =>
    beside(
      shadowed(DRAFT, {
        summary: summary({ proposals: 12 }),
        counts: [
          { decision: 'ask', before: 11, after: 11 },
          { decision: 'release', before: 1, after: 1 },
          { decision: 'refuse', before: 0, after: 0 },
        ],
      }),
    ),
  'policy-shadow-behind': () => beside(shadowed(DRAFT, { summary: summary({ proposals: 512, behind: 3_488 }) })),
  'policy-shadow-changed': () => beside(shadowFoundSome({ beside: 'changed' })),
  'policy-shadow-itself': () => beside(shadowFoundSome({ beside: 'itself' })),
  'policy-shadow-wrong': () =>
    beside(
      shadowed(DRAFT, {
        problem: problem(
          'shadow_wrong',
          'What is in shadow is no policy by today’s rules: policy.cedar:12:1: everyone-proposes: `@reason` is `required`.',
          'Take it into the editor and correct it there, or stop it.',
        ),
      }),
    ),
  'policy-shadow-offline': () =>
    beside(shadowFoundSome(), {
      gateway: elsewhere(PRODUCTION, {
        name: 'Production',
        colour: 'red',
        connection: { is: 'offline', since_unix_ms: Date.now() - 5 * MINUTE, retry_at_unix_ms: Date.now() + 22_000, why: 'The connection was refused.' },
      }),
    }),
  'policy-shadow-edit': () => beside(shadowFoundSome(), {}, { steps: ['policy-change'] }),
  'policy-shadow-running': () => beside(shadowFoundSome(), {}, { steps: ['shadow-edit'] }),
  'policy-shadow-stop': () => beside(shadowFoundSome(), {}, { steps: ['shadow-stop'] }),
  'policy-shadow-sign': () => beside(shadowFoundSome(), {}, { steps: ['shadow-edit', '', '', '', 'policy-look'] }),
};
