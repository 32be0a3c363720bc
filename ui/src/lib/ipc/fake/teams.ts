// People, keys, rules and sessions of made-up logs.

import { ProblemError } from '../backend';
import type {
  ClaimView,
  Command,
  ConsoleView,
  DelegationView,
  FailsRuleView,
  JoiningRead,
  JoiningView,
  KeyView,
  ModelView,
  PeopleView,
  PersonView,
  RulesView,
  SessionRow,
} from '../types';
import { elsewhere, JOINING, KEY_FINGERPRINT, LOG_FINGERPRINT, PRODUCTION } from './gateways';
import { action, ADA, agent, digest, MINUTE, pause, problem, review, text, view } from './parts';
import { base, signedInInbox, type Scenario } from './scenario';

const DAY = 24 * 60 * MINUTE;

const key = (seed: number, label: string, change: Partial<KeyView> = {}): KeyView => ({
  enrolment: digest(seed),
  label,
  route: 'browser',
  model: null,
  deviceBound: true,
  enrolledAtUnixMs: Date.now() - 90 * DAY,
  lastUsedAtUnixMs: Date.now() - 3 * 60 * MINUTE,
  standing: { is: 'in_force' },
  mayRevoke: true,
  ...change,
});

const person = (id: string, name: string, change: Partial<PersonView> = {}): PersonView => ({
  id,
  name,
  identity: '',
  roles: ['reviewer'],
  groups: [],
  me: false,
  removed: false,
  keys: [],
  ...change,
});

const everybody = (administrator: boolean): PersonView[] => [
  person('rev_ada', 'Ada Reviewer', {
    me: true,
    identity: 'ada@vidimus.example',
    roles: administrator ? ['administrator', 'reviewer'] : ['reviewer'],
    groups: ['platform', 'on-call'],
    keys: [
      key(201, 'Phone', { deviceBound: false }),
      key(202, 'Security key at home', { model: '2fc0579f-8113-47ea-b116-bb5a8db9202a' }),
      key(203, 'Old laptop', {
        route: 'software',
        deviceBound: false,
        mayRevoke: false,
        enrolledAtUnixMs: Date.now() - 400 * DAY,
        lastUsedAtUnixMs: Date.now() - 40 * DAY,
        standing: { is: 'revoked', why: 'retired' },
      }),
    ],
  }),
  person('rev_linus', 'Linus Andersen', {
    identity: 'linus.andersen@vidimus.example',
    roles: ['administrator', 'reviewer'],
    groups: ['platform'],
    keys: [key(204, 'Work laptop', { mayRevoke: administrator })],
  }),
  person('rev_mei', 'Mei Watanabe', {
    identity: 'mei@vidimus.example',
    groups: ['payments', 'on-call', 'database-owners', 'release'],
    keys: [
      key(205, 'Security key', {
        mayRevoke: administrator,
        enrolledAtUnixMs: Date.now() - 380 * DAY,
        standing: { is: 'outdated', why: 'The rules want keys that are at most 365 days old; it is 380 days old.' },
      }),
    ],
  }),
  person('rev_tomas', 'Tomás Ferreira', {
    removed: true,
    keys: [key(206, 'Laptop', { mayRevoke: false, standing: { is: 'revoked', why: 'its person was removed' } })],
  }),
];

const claim = (seed: number, change: Partial<ClaimView>): ClaimView => ({
  enrolment: digest(seed),
  fingerprint: KEY_FINGERPRINT,
  name: 'Grace Okafor',
  label: 'Work laptop',
  model: null,
  deviceBound: true,
  enrolledAtUnixMs: Date.now() - 12 * MINUTE,
  forWhom: 'newcomer',
  agreed: [],
  needed: 1,
  blocked: null,
  ...change,
});

const notHis = problem('not_an_administrator', 'Only administrators take people in.', 'Ask Linus Andersen.');

const claims = (administrator: boolean): ClaimView[] => [
  claim(301, { blocked: administrator ? null : notHis }),
  claim(302, {
    fingerprint: '1180 6642 7097 5531 8804',
    name: 'Ada Reviewer',
    label: 'New laptop',
    forWhom: 'myself',
    enrolledAtUnixMs: Date.now() - 4 * MINUTE,
  }),
  claim(303, {
    fingerprint: '7002 4495 1163 9328 0517',
    name: 'Mei Watanabe',
    label: 'Phone',
    deviceBound: false,
    forWhom: 'known',
    agreed: ['Linus Andersen'],
    needed: 2,
    enrolledAtUnixMs: Date.now() - 26 * 60 * MINUTE,
    blocked: administrator ? null : notHis,
  }),
  ...(administrator
    ? [
        claim(304, {
          fingerprint: '3349 0081 2256 7174 6690',
          name: 'Linus Andersen',
          label: 'Second phone',
          forWhom: 'known',
          blocked: problem('has_a_key', 'Linus Andersen has a key in force.', 'Only its owner lets this one count, with that key.'),
        }),
      ]
    : []),
];

export function people(change: Partial<PeopleView> & { administrator?: boolean } = {}): PeopleView {
  const administrator = change.administrator ?? true;
  const personal = change.team === false;
  return {
    team: true,
    logFingerprint: LOG_FINGERPRINT,
    administrator,
    people: everybody(administrator).filter((one) => !personal || one.me),
    delegations: [],
    claims: claims(administrator).filter((one) => !personal || one.forWhom === 'myself'),
    rules: { quorum: personal ? 1 : 2, deviceBound: false, maxAgeDays: personal ? 0 : 365, models: [] },
    agents: personal
      ? []
      : [
          { id: 'agt_7Q2M', name: 'claude-code', owner: 'Mei Watanabe', registrar: 'Ada Reviewer', revoked: false, mayRevoke: administrator, pauses: [] },
          { id: 'agt_1B8T', name: 'release-bot', owner: 'Ada Reviewer', registrar: 'Ada Reviewer', revoked: false, mayRevoke: true, pauses: [] },
          { id: 'agt_0C3D', name: 'intern-bot', owner: 'Tomás Ferreira', registrar: 'Linus Andersen', revoked: true, mayRevoke: false, pauses: [] },
        ],
    ...change,
  };
}

/** Ada's, to Linus. */
export const delegation = (change: Partial<DelegationView> = {}): DelegationView => ({
  id: 'del_01',
  by: 'rev_ada',
  byName: 'Ada Reviewer',
  byMe: true,
  to: 'rev_linus',
  toName: 'Linus Andersen',
  toMe: false,
  groups: ['on-call'],
  untilUnixMs: Date.now() + 6 * DAY,
  mayEnd: true,
  ...change,
});

/** Mei's, to Ada. */
const forAda = (): DelegationView =>
  delegation({
    id: 'del_02',
    by: 'rev_mei',
    byName: 'Mei Watanabe',
    byMe: false,
    to: 'rev_ada',
    toName: 'Ada Reviewer',
    toMe: true,
    groups: ['database-owners', 'payments', 'release'],
    untilUnixMs: Date.now() + 9 * 60 * MINUTE,
  });

export function sessions(): SessionRow[] {
  const now = Date.now();
  return [
    { id: 'ses_1', key: 'Phone', openedAtUnixMs: now - 50 * MINUTE, expiresAtUnixMs: now + 11 * 60 * MINUTE, current: true },
    { id: 'ses_2', key: 'Security key at home', openedAtUnixMs: now - DAY, expiresAtUnixMs: now + 3 * 60 * MINUTE, current: false },
  ];
}

export const joining = (invites: boolean): JoiningView => ({
  text: JOINING,
  expiresAtUnixMs: invites ? Date.now() + 7 * DAY : null,
  logFingerprint: LOG_FINGERPRINT,
});

export function joiningRead(text: string, worlds: Scenario[]): JoiningRead {
  if (!text.startsWith('vidimus-joining:')) {
    throw new ProblemError(
      problem('not_a_joining_text', 'This is not a text that makes a console follow a gateway.', 'Copy all of it; it begins with `vidimus-joining:`.'),
    );
  }
  return {
    url: `https://${PRODUCTION}`,
    logFingerprint: LOG_FINGERPRINT,
    invites: true,
    known: worlds.some(({ view }) => view.gateway.id === PRODUCTION),
  };
}

/** What the gateway of the made-up team knows of authenticators. */
export const MODELS: ModelView[] = [
  { aaguid: '2fc0579f-8113-47ea-b116-bb5a8db9202a', description: 'YubiKey 5 Series with NFC', anchors: [digest(301)] },
  { aaguid: '9ddd1817-af5a-4672-a2b9-3e3dd95000a9', description: 'Windows Hello VBS', anchors: [digest(302), digest(303)] },
];

/** Keys that these rules would set aside, in the made-up team. */
export function failing(rules: RulesView): FailsRuleView[] {
  const out: FailsRuleView[] = [];
  if (rules.models.length > 0) out.push({ name: 'Linus Andersen', label: 'Work laptop', why: 'It is of no model that the rules allow.', last: true });
  if (rules.deviceBound) out.push({ name: 'Ada Reviewer', label: 'Phone', why: 'It may be copied by its maker.', last: false });
  if (rules.maxAgeDays > 0 && rules.maxAgeDays < 380) {
    out.push({ name: 'Mei Watanabe', label: 'Security key', why: `It is 380 days old; at most ${rules.maxAgeDays} are asked for.`, last: true });
  }
  return out;
}

/** What a command has signed, in words; null when it needs no key or has a prompt of its own. */
export function signedBy(command: Command, { people: list = people(), view: { doubts } }: Scenario): string | null {
  const claimed = (enrolment: string): string => list.claims.find((one) => one.enrolment === enrolment)?.name ?? 'Somebody';
  const named = (id: string): string => list.people.find((one) => one.id === id)?.name ?? 'Somebody';
  switch (command.do) {
    case 'register':
      return `${claimed(command.enrolment)} is taken in as ${command.roles.join(' and ')}.`;
    case 'admit':
      return `A further key of ${claimed(command.enrolment)} counts.`;
    case 'revoke_key':
      return 'The key counts no more.';
    case 'change_person':
      return `${named(command.id)} is changed.`;
    case 'remove_person':
      return `${named(command.id)} is removed.`;
    case 'change_rules':
      return `New rules: ${command.rules.quorum} must approve.`;
    case 'revoke_agent':
      return 'The agent is ended.';
    case 'edit':
      return 'Edit what claude-code asks for (1 change): the edited action takes its place and is decided anew.';
    case 'pause_agent':
      return command.run === null ? 'The agent is paused.' : `The run ${command.run} is paused.`;
    case 'resume_agent':
      return 'The agent is resumed.';
    case 'grant':
      return `Approve ${command.uses} more in advance.`;
    case 'revoke_grant':
      return 'The standing grant covers nothing more.';
    case 'delegate':
      return `${named(command.to)} decides for ${command.groups.join(', ')} in my place.`;
    case 'end_delegation':
      return 'The delegation is ended.';
    case 'review_glass':
      return `The broken glass of entry ${command.entry}: ${command.justified ? 'it could not wait' : 'it should have waited'}.`;
    case 'recognise':
      // No act says so of a grant: it is remembered, and that is all.
      return doubts.some(({ entry, grant }) => grant && entry === command.entry) ? null : `The verdict in entry ${command.entry} was mine.`;
    default:
      return null;
  }
}

/** Somebody else's pause of one's own agent. */
const BLOCKED = pause({
  entry: 53,
  blocked: problem(
    'not_your_pause',
    'Somebody else paused it, and it is your own agent, or one that you registered.',
    'They resume it, or an administrator, or another reviewer.',
  ),
});

const team = (administrator: boolean, change: Partial<Scenario> = {}, shown: Partial<ConsoleView> = {}): Scenario => {
  const { inbox, recent } = signedInInbox();
  const roles = administrator ? ADA.roles : (['reviewer'] as const).slice();
  const gateway = elsewhere(PRODUCTION, { name: 'Production', colour: 'red' });
  const theirs = base({ view: view({ inbox, recent, gateway, reviewer: { ...ADA, roles }, ...shown }), people: people({ administrator }) });
  return base({ view: view(), others: [theirs], current: PRODUCTION, at: 'people', ...change });
};

const personal = (): PeopleView => people({ team: false });

export const teamScenarios: Record<string, () => Scenario> = {
  team: () => team(true),
  'team-inbox': () => {
    const waitsForOthers = [action('act_own', { title: text('kubectl rollout restart deploy/api'), agent: 'release-bot' })];
    const { at: _at, ...rest } = team(true, {}, { waitsForOthers, claims: 2 });
    const reviewed = (one: Scenario): Scenario => ({
      ...one,
      reviews: one.view.inbox.map((waiting) => review(waiting, { quorum: 2, approvedBy: ['Mei Watanabe'] })),
    });
    return { ...rest, others: (rest.others ?? []).map(reviewed) };
  },
  'team-member': () => team(false),
  'team-member-first': () => {
    const { at: _at, ...rest } = team(false, {}, { inbox: [], recent: [], agents: [], tryCommand: null });
    return rest;
  },
  'team-first': () => {
    const { at: _at, ...rest } = team(true, {}, { inbox: [], recent: [], agents: [], tryCommand: null });
    return rest;
  },
  'team-signed-out': () => team(true, {}, { phase: { is: 'signed_out' } }),
  'team-offline': () =>
    team(true, {}, {
      gateway: elsewhere(PRODUCTION, {
        name: 'Production',
        colour: 'red',
        connection: { is: 'offline', since_unix_ms: Date.now() - 5 * MINUTE, retry_at_unix_ms: Date.now() + 22_000, why: 'The connection was refused.' },
      }),
    }),
  'team-take-in': () => team(true, { steps: ['claim-open'] }),
  'team-change-person': () => team(true, { steps: ['person-change'] }),
  'team-remove-person': () => team(true, { steps: ['person-remove'] }),
  'team-revoke-key': () => team(true, { steps: ['key-revoke'] }),
  'team-invite': () => team(true, { steps: ['invite', ['invite-name', 'Grace Okafor'], 'invite-send'] }),
  'team-joining': () => team(true, { steps: ['joining'] }),
  'team-rules': () => team(true, { steps: ['rules-change', 'rules-device-bound'] }),
  'team-agent-end': () => team(true, { steps: ['agent-end'] }),
  'team-agents-paused': () => {
    const agents = people({ administrator: true }).agents.map((one) => ({
      ...one,
      pauses: one.id === 'agt_7Q2M' ? [pause(), pause({ entry: 52, run: 'nightly-2026-11-21', by: 'Ada Reviewer', me: true })] : one.id === 'agt_1B8T' ? [BLOCKED] : [],
    }));
    const paused = [agent({ pauses: [pause()] }), agent({ id: 'agt_1B8T', name: 'release-bot', pauses: [BLOCKED] })];
    const scenario = team(true, {}, { agents: paused });
    return { ...scenario, others: (scenario.others ?? []).map((one) => ({ ...one, people: people({ administrator: true, agents }) })) };
  },
  'team-delegate': () => team(true, { steps: ['delegate-open'] }),
  'team-away': () => {
    const scenario = team(true, {}, { delegations: [delegation(), forAda()] });
    const delegations = [delegation(), forAda()];
    return { ...scenario, others: (scenario.others ?? []).map((one) => ({ ...one, people: people({ administrator: true, delegations }) })) };
  },
  'team-away-inbox': () => {
    const { at: _at, ...rest } = team(true, {}, { delegations: [delegation(), forAda()] });
    return rest;
  },
  'team-agent-pause': () => team(true, { steps: ['pause'] }),
  'people-personal': () => base({ view: view(), at: 'people', people: personal() }),
  'people-empty': () =>
    base({ view: view(), at: 'people', people: { ...personal(), claims: [] } }),
};
