// Building blocks of the fake console's views.

import type {
  ActionStatus,
  ActionSummary,
  AgentView,
  CommandView,
  ConsoleView,
  Difference,
  DesktopView,
  EntryView,
  Fact,
  FieldView,
  HistoryRow,
  NoteView,
  PauseView,
  Problem,
  ReviewView,
  ReviewerView,
  SafeText,
  ServiceView,
  Span,
  WordView,
} from '../types';

export const MINUTE = 60_000;

/** Safe text from pieces; a piece that is not a string is a mark. */
export function text(...pieces: (string | Span)[]): SafeText {
  return { spans: pieces.map((piece) => (typeof piece === 'string' ? { is: 'plain', text: piece } : piece)) };
}

export function mark(label: string, what: string, shown: string | null = null): Span {
  return { is: 'mark', label, what, shown };
}

/** A digest that looks like one and differs by seed. */
export function digest(seed: number): string {
  let state = seed * 2654435761 + 12345;
  let out = '';
  while (out.length < 64) {
    state = (state * 1664525 + 1013904223) >>> 0;
    out += state.toString(16).padStart(8, '0');
  }
  return out.slice(0, 64);
}

export function problem(code: string, message: string, hint: string): Problem {
  return { code, message, hint };
}

export function fact(label: string, value: string | SafeText, mono = false): Fact {
  return { label, value: typeof value === 'string' ? text(value) : value, mono };
}

export function action(id: string, change: Partial<ActionSummary> = {}): ActionSummary {
  const now = Date.now();
  return {
    id,
    agent: 'claude-code',
    onBehalfOf: 'Ada Reviewer',
    title: text('terraform apply -auto-approve plan.tfplan'),
    target: text('buildbox:/home/ada/infra/prod'),
    intent: text('Apply the reviewed plan that adds the read replica in eu-west-1.'),
    effects: ['unknown'],
    proposedAtUnixMs: now - 3 * MINUTE,
    expiresAtUnixMs: now + 12 * MINUTE,
    startsAtUnixMs: null,
    status: { is: 'pending' },
    escalated: [],
    editedBy: null,
    somebodyWaits: true,
    ...change,
  };
}

export function command(change: Partial<CommandView> = {}): CommandView {
  return {
    program: { path: text('/usr/bin/terraform'), size: 94_371_840, sha256: digest(1) },
    interpreter: null,
    script: null,
    argv: [text('terraform'), text('apply'), text('-auto-approve'), text('plan.tfplan')],
    cwd: text('/home/ada/infra/prod'),
    env: [
      { name: text('AWS_SECRET_ACCESS_KEY'), value: null },
      { name: text('HOME'), value: text('/home/ada') },
      { name: text('LANG'), value: text('en_GB.UTF-8') },
      { name: text('PATH'), value: text('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin') },
      { name: text('TERM'), value: text('xterm-256color') },
      { name: text('TZ'), value: text('Europe/Berlin') },
      { name: text('USER'), value: text('ada') },
    ],
    input: null,
    files: [{ path: text('/home/ada/infra/prod/plan.tfplan'), size: 18_204, sha256: digest(2) }],
    notBound: ['Shared libraries that the program loads', 'Files that it opens by itself while it runs', 'What it fetches from the network'],
    ...change,
  };
}

const EARLIER: [string, ActionStatus][] = [
  ['terraform apply -auto-approve plan.tfplan', { is: 'completed', exit_code: 0, signal: null }],
  ['terraform plan -out plan.tfplan', { is: 'completed', exit_code: 0, signal: null }],
  ['terraform apply -auto-approve plan.tfplan', { is: 'denied' }],
];

export function agent(change: Partial<AgentView> = {}): AgentView {
  return {
    id: 'agt_7Q2M',
    name: 'claude-code',
    profilePath: '/home/ada/.config/vidimus/agents/claude-code.json',
    revoked: false,
    pauses: [],
    ...change,
  };
}

/** What of the usual command may be edited. */
export function fields(): FieldView[] {
  const word = (value: string, fixed: string | null = null): WordView => ({ text: fixed === null ? value : null, shown: text(value), fixed });
  return [
    {
      id: 'arguments',
      label: text('Arguments'),
      sort: 'words',
      words: [
        word('terraform', 'The program’s name stays as it is: another program is another action.'),
        word('apply'),
        word('-auto-approve'),
        word('plan.tfplan', 'An argument that names the script or a bound file stays as it is, and in its order.'),
      ],
    },
    { id: 'env.TZ', label: text('TZ'), sort: 'line', words: [word('Europe/Berlin')] },
    { id: 'env.GREETING', label: text('GREETING'), sort: 'line', words: [word('Good\nmorning')] },
  ];
}

export const edited = (): Difference[] => [{ path: text('argument 2'), before: text('-auto-approve'), after: text('-input=false') }];

export function pause(change: Partial<PauseView> = {}): PauseView {
  return { entry: 51, run: null, by: 'Mei Watanabe', me: false, atUnixMs: Date.now() - 4 * MINUTE, blocked: null, ...change };
}

export function note(entry: number, by: string, words: string): NoteView {
  return { entry, by, atUnixMs: Date.now() - 2 * MINUTE, text: text(words) };
}

export function review(summary: ActionSummary, change: Partial<ReviewView> = {}): ReviewView {
  return {
    summary,
    what: { is: 'command', value: command() },
    claims: [
      fact('Intent', summary.intent ?? text('')),
      fact('Run', 'nightly-2026-11-21', true),
      fact('Ticket', 'OPS-4411, https://tickets.example/OPS-4411'),
    ],
    computed: [fact('Host', 'buildbox', true), fact('Executor user', 'ada (1000)'), fact('Whole proposal', '2,918 bytes in 1 part')],
    policy: [
      fact('Rule', 'personal: the owner’s key decides'),
      fact('Time to decide', '15 minutes'),
      fact('Runs', 'once, within 5 minutes of approval'),
      fact('Assurance', 'user verification required'),
    ],
    marks: 0,
    editBlocked: null,
    grantBlocked: null,
    glass: null,
    brokenGlass: null,
    editedFrom: null,
    editedInto: null,
    agent: 'agt_7Q2M',
    run: 'nightly-2026-11-21',
    pauses: [],
    digest: digest(3),
    entry: 41,
    blocked: null,
    approveBlocked: null,
    reasonRequired: false,
    toSee: [],
    released: false,
    stillNeeded: null,
    onExpiry: 'If nobody decides until 2026-11-21 09:45:00 UTC, it does not run. The agent is told that it expired, not that it was denied, and may ask again.',
    approvedBy: [],
    takesBack: false,
    quorum: 1,
    taken: null,
    questions: [],
    flags: [],
    unusual: [],
    like: { summary: action('act_r0', { status: { is: 'completed', exit_code: 0, signal: null } }), alike: 'in every word; files and environment may differ' },
    earlier: EARLIER.map(([title, status], at) =>
      action(`act_r${at}`, { title: text(title), status, proposedAtUnixMs: Date.now() - (at + 1) * 26 * MINUTE, somebodyWaits: null }),
    ),
    timeline: [
      { entry: 41, timeUnixMs: summary.proposedAtUnixMs, text: `${summary.agent} proposed it.`, words: null },
    ],
    output: null,
    ...change,
  };
}

export const ADA: ReviewerView = { id: 'rev_ada', roles: ['administrator', 'reviewer'], name: 'Ada Reviewer', route: 'browser' };

export function view(change: Partial<ConsoleView> = {}): ConsoleView {
  const now = Date.now();
  return {
    front: 'desktop',
    phase: { is: 'ready' },
    gateway: {
      id: 'local',
      colour: 'slate',
      team: false,
      name: 'This computer',
      url: 'http://localhost:8443',
      log: digest(9),
      connection: { is: 'live' },
      checkpoint: { size: 42, root: digest(10), timeUnixMs: now - 4000 },
    },
    reviewer: ADA,
    ceremony: null,
    inbox: [],
    waitsForOthers: [],
    claims: 0,
    policies: 0,
    unreviewed: 0,
    delegations: [],
    policiesMissing: 0,
    recent: [],
    agents: [agent()],
    tryCommand: '/opt/vidimus/bin/vidimus exec -- /usr/bin/printf "held, seen, released\\n"',
    doubts: [],
    notices: [],
    verification: { is: 'not_run' },
    policyReplay: null,
    policyShadow: null,
    desktop: desktop(),
    ...change,
  };
}

const KINDS: [string, string, boolean][] = [
  ['action.proposed', 'claude-code proposed terraform apply -auto-approve plan.tfplan', true],
  ['action.completed', 'vidimus exec reported exit code 0', true],
  ['permit.redeemed', 'The permit was redeemed by vidimus exec on buildbox', true],
  ['permit.issued', 'A permit was issued, good for 5 minutes', true],
  ['action.resolved', 'Approved with 1 of 1 verdicts', true],
  ['verdict.given', 'Ada Reviewer approved: “reviewed with the team”', true],
  ['action.proposed', 'claude-code proposed systemctl restart nginx', true],
  ['agent.registered', 'Ada Reviewer registered the agent claude-code', false],
];

/** A desktop that offers everything, or lacks some of it. */
export function desktop(...missing: Problem[]): DesktopView {
  const service = (name: string, works: string, code: string): ServiceView => ({
    name,
    works,
    missing: missing.find((problem) => problem.code === code) ?? null,
  });
  return {
    autostart: false,
    lockAfterS: 600,
    services: [
      service('Tray icon', 'Shows how many actions wait. Closing the window hides it there.', 'no_tray'),
      service('Notifications', 'Announce each action that waits.', 'no_notifications'),
      service('Keyring', 'Keeps you signed in when Vidimus ends.', 'no_keyring'),
      service('Screen lock', 'Vidimus locks with the screen, and before the computer sleeps.', 'no_screen_lock'),
    ],
  };
}

/** What a locked console sends of a view. */
export function lockedView(shown: ConsoleView): ConsoleView {
  return {
    ...shown,
    phase: { is: 'locked', waiting: shown.inbox.length, following: shown.phase.is === 'ready' },
    gateway: { ...shown.gateway, checkpoint: null },
    reviewer: null,
    ceremony: null,
    inbox: [],
    recent: [],
    agents: [],
    tryCommand: null,
    doubts: [],
    notices: [],
    verification: { is: 'not_run' },
    policyReplay: null,
    policyShadow: null,
  };
}

/** A made-up log of `total` entries, newest first. */
export function rows(total: number): HistoryRow[] {
  const now = Date.now();
  return Array.from({ length: total }, (_, at) => {
    const index = total - 1 - at;
    if (index === 0) return { index, kind: 'log.opened', time: 0, text: text('The log was opened by Ada Reviewer'), action: null };
    if (index === 1)
      return { index, kind: 'credential.enrolled', time: 0, text: text('Ada Reviewer enrolled the first key'), action: null };
    const [kind, words, thread] = KINDS[at % KINDS.length] ?? ['action.proposed', '', true];
    return { index, kind, time: 0, text: text(words), action: thread ? 'act_01' : null };
  }).map(({ time: _time, ...row }, at) => ({ ...row, timeUnixMs: now - at * 47_000 }));
}

export function entry(row: HistoryRow): EntryView {
  const leaf = {
    v: 1,
    kind: row.kind,
    time: new Date(row.timeUnixMs).toISOString(),
    actor: { reviewer: 'rev_ada' },
    refs: [{ index: String(Math.max(0, row.index - 1)), leaf: digest(row.index) }],
    data: { action: row.action },
    parts: [{ name: 'payload', type: 'application/json', size: '2918', commit: digest(row.index + 77) }],
  };
  return {
    row,
    leafHash: digest(row.index + 500),
    leafText: text(JSON.stringify(leaf, null, 2)),
    parts: [
      {
        name: 'payload',
        contentType: 'application/json',
        size: 2918,
        commit: digest(row.index + 77),
        text: text('{\n  "kind": "command",\n  "payload": { "argv": ["terraform", "apply", "plan.tfplan"] }\n}'),
      },
      { name: 'reason', contentType: 'text/plain', size: 12, commit: digest(row.index + 78), text: null },
    ],
  };
}

export const STATUSES: ActionStatus[] = [
  { is: 'completed', exit_code: 0, signal: null },
  { is: 'denied' },
  { is: 'expired' },
  { is: 'running' },
  { is: 'completed', exit_code: 2, signal: null },
  { is: 'unknown' },
];
