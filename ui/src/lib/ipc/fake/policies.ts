// Policies of made-up logs, and what a console says while one is written.

import type {
  CeremonyPurpose,
  ConsoleView,
  DiffLineView,
  PolicyCheckView,
  PolicyDifferenceView,
  PolicyFileText,
  PolicyPreviewView,
  PolicyQuestion,
  PolicyRuleView,
  PolicyStartView,
  PolicyView,
  PolicyWaitingView,
} from '../types';
import { CALENDARS, withCalendars } from './calendars';
import { elsewhere, PRODUCTION } from './gateways';
import { ADA, digest, fact, mark, MINUTE, problem, text, view } from './parts';
import { replayedNothing, tested, TESTS } from './policy-trials';
import { base, reviewed, signedInInbox, type Scenario } from './scenario';

const DAY = 24 * 60 * MINUTE;

const POLICY = `// A beginning for a team.

@id("everyone-proposes")
@why("Everything waits for a person, unless a policy below says more.")
permit (principal, action == Vidimus::Action::"propose", resource);

@id("reads-pass")
@why("What only reads runs without a person.")
permit (principal, action == Vidimus::Action::"release", resource)
when { context.effects == ["read"] };

@id("production-destructive")
@why("What takes something away in production wants two pairs of eyes.")
@people("1 from operations and 1 from security")
@reason("required")
@separate("1d")
permit (
  principal,
  action == Vidimus::Action::"propose",
  resource in Vidimus::Environment::"production"
)
when { context.effects.containsAny(["destructive", "permission"]) };

@id("not-a-flood")
@why("An agent that proposes more than 200 actions in an hour is out of control: pause it.")
forbid (principal, action == Vidimus::Action::"propose", resource)
when { context.last_hour >= 200 };

@id("reviewers-decide")
@why("Every reviewer may approve.")
permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
`;

export const FILES: PolicyFileText[] = [
  { name: 'policy.cedar', text: POLICY },
  { name: 'policy.json', text: TESTS },
];

const rule = (id: string, question: PolicyQuestion, why: string | null, says: string, change: Partial<PolicyRuleView> = {}): PolicyRuleView => ({
  id,
  file: 'policy.cedar',
  line: POLICY.slice(0, Math.max(0, POLICY.indexOf(`@id("${id}")`))).split('\n').length,
  permits: true,
  questions: [question],
  says,
  why: why === null ? null : text(why),
  text: (POLICY.split('\n\n').find((block) => block.includes(`@id("${id}")`)) ?? `@id("${id}")\npermit (principal, action, resource);`)
    .trimEnd()
    .split('\n')
    .map((line) => text(line)),
  ...change,
});

const RULES: PolicyRuleView[] = [
  rule('everyone-proposes', 'propose', 'Everything waits for a person, unless a policy below says more.', 'It may be proposed, and waits for 1 person.'),
  rule('reads-pass', 'release', 'What only reads runs without a person.', 'It runs without a person.'),
  rule(
    'production-destructive',
    'propose',
    'What takes something away in production wants two pairs of eyes.',
    'It may be proposed, and waits for 1 from operations and 1 from security, with a reason, none of whom changed the policy less than 1d ago.',
  ),
  rule('not-a-flood', 'propose', 'An agent that proposes more than 200 actions in an hour is out of control: pause it.', 'It is refused.', { permits: false }),
  rule('reviewers-decide', 'decide', 'Every reviewer may approve.', 'The person may approve it.'),
];

const line = (sort: DiffLineView['sort'], before: number | null, after: number | null, words: string): DiffLineView => ({ sort, before, after, text: text(words) });

const difference = (change: Partial<PolicyDifferenceView> = {}): PolicyDifferenceView => ({
  words: 'exports-want-the-data-owner comes; production-destructive changes.',
  rules: [
    {
      id: 'exports-want-the-data-owner',
      before: null,
      after: rule('exports-want-the-data-owner', 'propose', 'Data leaves only if one of its owners approves.', 'It may be proposed, and waits for 1 from data-owners, with a reason.'),
    },
    {
      id: 'production-destructive',
      before: RULES[2] ?? null,
      after: { ...RULES[2]!, says: 'It may be proposed, and waits for 2 from operations and 1 from security, with a reason, none of whom changed the policy less than 1d ago.' },
    },
  ],
  files: [
    {
      name: 'policy.cedar',
      lines: [
        line('skipped', null, null, '11 lines alike'),
        line('same', 12, 12, '@id("production-destructive")'),
        line('same', 13, 13, '@why("What takes something away in production wants two pairs of eyes.")'),
        line('gone', 14, null, '@people("1 from operations and 1 from security")'),
        line('new', null, 14, '@people("2 from operations and 1 from security")'),
        line('same', 15, 15, '@reason("required")'),
        line('skipped', null, null, '8 lines alike'),
        line('new', null, 24, '@id("exports-want-the-data-owner")'),
        line('new', null, 25, '@why("Data leaves only if one of its owners approves.")'),
        line('new', null, 26, '@people("1 from data-owners")'),
        line('new', null, 27, '@reason("required")'),
        line('new', null, 28, 'permit (principal, action == Vidimus::Action::"propose", resource)'),
        line('new', null, 29, 'when { context has json && context.json.operation like "*export*" };'),
        line('skipped', null, null, '9 lines alike'),
      ],
    },
  ],
  marks: 0,
  ...change,
});

export const waiting = (change: Partial<PolicyWaitingView> = {}): PolicyWaitingView => ({
  digest: digest(402),
  words: [{ by: 'Linus Andersen', me: false, entry: 57, atUnixMs: Date.now() - 26 * MINUTE }],
  text: { files: FILES, rules: RULES, calendars: [], problem: null, marks: 0 },
  difference: difference(),
  tests: tested(FILES, true),
  replay: null,
  shadow: null,
  blocked: null,
  ...change,
});

const notAdministrator = problem('not_allowed', 'Only an administrator of this log does this.', 'Ask one of them.');

export function policy(change: Partial<PolicyView> = {}): PolicyView {
  return {
    administrator: true,
    blocked: null,
    needed: 2,
    inForce: {
      entry: 31,
      digest: digest(401),
      sinceUnixMs: Date.now() - 12 * DAY,
      signers: ['Ada Reviewer', 'Linus Andersen'],
      text: { files: FILES, rules: RULES, calendars: [], problem: null, marks: 0 },
    },
    builtIn: [
      'Every action waits for as many reviewers as the log’s rules say. Nobody approves what their own agent asks for.',
      'It waits as long as its agent wishes, 15 minutes where it wishes nothing, 24 hours at most.',
      'Once approved, it may start within 15 minutes.',
      'Nothing runs without a person, and one denial ends it.',
    ],
    waiting: [],
    ...change,
  };
}

export const start = (): PolicyStartView => ({
  starter: [
    { name: 'policy.cedar', text: POLICY },
    { name: 'tests.json', text: TESTS },
  ],
  rules: RULES,
  templates: [
    {
      kind: 'command',
      title: 'Commands as root',
      means: 'Where a program would run as root, two people must approve. Other commands stay as they are.',
      text: '@id("root-commands")\n@why("What runs as root can change everything on the machine.")\n@people("2")\npermit (principal, action == Vidimus::Action::"propose", resource)\nwhen { context.kind == "command" && context has command && context.command.root };\n',
    },
    {
      kind: 'git.push',
      title: 'Pushes that lose history',
      means: 'Where a push would rewrite commits or delete a branch or tag, two people must approve.',
      text: '@id("history-stays")\n@people("2")\npermit (principal, action == Vidimus::Action::"propose", resource)\nwhen { context has git && (context.git.rewrites || context.git.deletes) };\n',
    },
    {
      kind: 'sql',
      title: 'SQL that deletes or changes the schema',
      means: 'Where SQL deletes, changes the schema, changes who may do what, or takes all rows of a table, two people must approve.',
      text: '@id("sql-with-care")\n@people("2")\npermit (principal, action == Vidimus::Action::"propose", resource)\nwhen { context has sql && context.sql.whole_table };\n',
    },
  ],
});

/** A made-up check: every `permti`, and every file without a policy to decide. */
export function checked(files: PolicyFileText[]): PolicyCheckView {
  const problems = files.flatMap(({ name, text: whole }) =>
    whole.split('\n').flatMap((one, at) => {
      const column = one.indexOf('permti');
      return column === -1
        ? []
        : [{ file: name, line: at + 1, column: column + 1, policy: null, message: text('Invalid policy effect: `permti`. Effect must be either `permit` or `forbid`.') }];
    }),
  );
  const ids = files.flatMap(({ text: whole }) => [...whole.matchAll(/@id\("([^"]*)"\)/g)].map((found) => found[1] ?? ''));
  const rules = ids.map((id) => RULES.find((known) => known.id === id) ?? rule(id, 'propose', null, 'It may be proposed, and waits for 2 people.'));
  const calendars = problems.length === 0 && files.some(({ name }) => name.endsWith('.ics')) ? CALENDARS : [];
  return { rules: problems.length === 0 ? rules : [], calendars, problems, tests: tested(files, problems.length === 0) };
}

export const previewed = (files: PolicyFileText[], replay: string | null, shadow: string | null): PolicyPreviewView => ({
  difference: difference(),
  tests: tested(files, true),
  replay,
  shadow,
  waits: true,
  agreed: [],
});

export const signedPolicy = (agrees: boolean): CeremonyPurpose => ({
  is: 'policy',
  words: `Policy: ${difference().words} ${agrees ? 'It holds at once, for what is proposed from then on.' : 'It holds once another administrator agrees.'}`,
  digest: digest(402),
  standing: null,
});

/** A team's console where its policy is shown. */
export const at = (change: Partial<PolicyView>, shown: Partial<ConsoleView> = {}, more: Partial<Scenario> = {}): Scenario => {
  const { inbox, recent } = signedInInbox();
  const gateway = elsewhere(PRODUCTION, { name: 'Production', colour: 'red' });
  const { replay, shadow, ...here } = more;
  const theirs = base({ view: view({ inbox, recent, gateway, reviewer: ADA, ...shown }), policy: policy(change), ...(replay === undefined ? {} : { replay }), ...(shadow === undefined ? {} : { shadow }) });
  return base({ view: view(), others: [theirs], current: PRODUCTION, at: 'policy', ...here });
};

const LONG = 'production-changes-to-the-payment-tables-of-every-region-in-eu';
const WORDY = rule(
  LONG,
  'propose',
  'Whatever touches the tables in which payments stand, in any region, wants somebody of the team that owns them, somebody of the security team, and a third pair of eyes, since a mistake there is a mistake with other people’s money that nobody takes back quietly.',
  'It may be proposed, and waits for 1 from payments-owners and 1 from security and 1 more, with a key that cannot leave its device, with a key whose model is proven, with a reason, within 2h, none of whom changed the policy less than 30d ago, ended only by 2 denials.',
);
const HIDDEN = { ...RULES[1]!, id: 'hidden', why: { spans: [{ is: 'plain' as const, text: 'What only reads ' }, mark('U+202E', 'right-to-left override'), { is: 'plain' as const, text: 'runs without a person.' }] } };

const asked = [
  fact('Decision', '2 people must approve it: 1 from operations and 1 from security.'),
  fact('Approved by', 'Mei Watanabe (security)'),
  fact('Still needed', '1 from operations.'),
  fact('Reason', 'Whoever approves it must say why.'),
  fact('Key', 'Only keys that cannot leave their device count for it.'),
  fact('Policy everyone-proposes asks for', '1 person: Everything waits for a person, unless a policy below says more.'),
  fact('Policy production-destructive asks for', '1 from operations and 1 from security, with a reason: What takes something away in production wants two pairs of eyes.'),
  fact('Waits at most', '1 h'),
  fact('Once approved, starts within', '15 min'),
  fact('Policy', 'policy/31', true),
];

const FAILING = TESTS.replace('"decision": "ask", "people": "1"}', '"decision": "refuse"}');

/** The policy in force with these tests, or none. */
const inForce = (...tests: PolicyFileText[]): Partial<PolicyView> => ({
  inForce: { ...policy().inForce!, text: { files: [{ name: 'policy.cedar', text: POLICY }, ...tests], rules: RULES, calendars: [], problem: null, marks: 0 } },
});

export const policyScenarios: Record<string, () => Scenario> = {
  policy: () => at({}),
  'policy-none': () => at({ inForce: null }),
  'policy-waiting': () => at({ waiting: [waiting()] }, { policies: 1 }),
  'policy-waiting-mine': () =>
    at({
      waiting: [
        waiting({
          words: [{ by: 'Ada Reviewer', me: true, entry: 58, atUnixMs: Date.now() - 2 * MINUTE }],
          blocked: problem('decided_already', 'You have signed it already.', 'Another administrator has to agree as well.'),
        }),
      ],
    }),
  'policy-member': () => at({ administrator: false, blocked: notAdministrator, waiting: [waiting({ blocked: notAdministrator })] }),
  'policy-offline': () =>
    at(
      {},
      {
        gateway: elsewhere(PRODUCTION, {
          name: 'Production',
          colour: 'red',
          connection: { is: 'offline', since_unix_ms: Date.now() - 5 * MINUTE, retry_at_unix_ms: Date.now() + 22_000, why: 'The connection was refused.' },
        }),
      },
    ),
  'policy-unreadable': () =>
    at({
      inForce: {
        ...policy().inForce!,
        text: { files: [], rules: [], calendars: [], problem: problem('not_here_yet', 'Its content has not arrived on this computer.', 'Try again once the console is connected.'), marks: 0 },
      },
    }),
  'policy-long': () => at({ inForce: { ...policy().inForce!, text: { files: FILES, rules: [...RULES, WORDY, HIDDEN], calendars: [], problem: null, marks: 1 } } }),
  'policy-calendars': () => at({ inForce: withCalendars(policy().inForce!) }),
  'policy-calendar-edit': () => at({ inForce: withCalendars(policy().inForce!) }, {}, { steps: ['policy-change'] }),
  'policy-edit': () => at({}, {}, { steps: ['policy-change'] }),
  'policy-edit-wrong': () => {
    const wrong = [{ name: 'policy.cedar', text: POLICY.replace('permit (', 'permti (').replace('forbid (', 'permti (') }];
    return at({ inForce: { ...policy().inForce!, text: { files: wrong, rules: RULES, calendars: [], problem: null, marks: 0 } } }, {}, { steps: ['policy-change'] });
  },
  'policy-starter': () => at({ inForce: null }, {}, { steps: ['policy-starter'] }),
  'policy-sign': () => at({}, {}, { steps: ['policy-change', '', '', '', 'policy-look'] }),
  'policy-tests-fail': () => at(inForce({ name: 'policy.json', text: FAILING }), {}, { steps: ['policy-change'] }),
  'policy-tests-wrong': () => at(inForce({ name: 'policy.json', text: TESTS.replace('"propose"', 'oops') }), {}, { steps: ['policy-change'] }),
  'policy-tests-none': () => at(inForce(), {}, { steps: ['policy-change'] }),
  'policy-replayed': () => at({}, {}, { steps: ['policy-change', '', '', 'policy-replay-run'] }),
  'policy-replayed-all': () => at({}, {}, { steps: ['policy-change', '', '', 'policy-replay-run', '', 'policy-replay-only'] }),
  'policy-replayed-empty': () => at({}, {}, { replay: replayedNothing(), steps: ['policy-change', '', '', 'policy-replay-run'] }),
  'policy-replaying': () => at({}, {}, { replay: 'waits', steps: ['policy-change', '', '', 'policy-replay-run'] }),
  'policy-replay-cancelled': () => at({}, {}, { replay: 'waits', steps: ['policy-change', '', '', 'policy-replay-run', 'policy-replay-cancel'] }),
  'policy-sign-alarm': () =>
    at(inForce({ name: 'policy.json', text: FAILING }), {}, { steps: ['policy-change', '', '', 'policy-replay-run', '', 'policy-look'] }),
  'policy-agree': () => at({ waiting: [waiting()] }, {}, { steps: ['policy-agree'] }),
  'policy-signed': () => at({}, { ceremony: { purpose: { ...signedPolicy(false), standing: 'waits' } as CeremonyPurpose, route: 'browser', url: null, code: null, state: { is: 'done' } } }),
  'policy-asks': () => reviewed({ grantBlocked: problem('not_grantable', 'The policy wants somebody to see each of these.', 'Approve or deny this one.'), policy: asked, quorum: 2, approvedBy: ['Mei Watanabe'], stillNeeded: '1 from operations', reasonRequired: true }),
  'policy-not-me': () =>
    reviewed({
      policy: asked,
      quorum: 2,
      approvedBy: ['Mei Watanabe'],
      stillNeeded: '1 from operations',
      approveBlocked: problem('not_permitted', 'No policy lets Ada Reviewer approve it.', 'You can deny it, or leave it to others.'),
    }),
  'policy-reason': () => ({
    ...reviewed({ policy: asked, quorum: 2, approvedBy: ['Mei Watanabe'], stillNeeded: '1 from operations', reasonRequired: true }),
    steps: ['review-approve'],
  }),
  'policy-released': () => {
    const { view: shown, ...rest } = reviewed({
      released: true,
      policy: [
        fact('Decision', 'Released by the policy, by reads-pass: nobody was asked.'),
        fact('Because', 'Released without a person: What only reads runs without a person. (reads-pass)'),
        fact('Policy', 'policy/31', true),
      ],
    });
    return asIf(shown, rest, { is: 'released' });
  },
  'policy-refused': () => {
    const { view: shown, ...rest } = reviewed({
      policy: [
        fact('Decision', 'It may not run.'),
        fact('Would have been needed', 'That not-a-flood had not said no. An administrator can change the policy; then its agent proposes it anew.'),
        fact('Because', 'Forbidden: An agent that proposes more than 200 actions in an hour is out of control: pause it. (not-a-flood)'),
        fact('Policy', 'policy/31', true),
      ],
    });
    return asIf(shown, rest, { is: 'refused' });
  },
};

/** The same action, no longer waiting. */
function asIf(shown: ConsoleView, rest: Omit<Scenario, 'view'>, status: { is: 'released' } | { is: 'refused' }): Scenario {
  const over = shown.inbox.map((one) => ({ ...one, status, somebodyWaits: null }));
  const reviews = rest.reviews.map((one) => ({ ...one, summary: { ...one.summary, status, somebodyWaits: null } }));
  return { ...rest, view: { ...shown, inbox: [], recent: over }, reviews };
}
