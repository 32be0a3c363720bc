// What a console says of a policy that is tried out: its tests, and a replay.

import type { PolicyFileText, PolicyProblemView, PolicyReplayView, PolicyTestView, PolicyTestsView, ReplayRowView } from '../types';
import { mark, MINUTE, text } from './parts';

export const TESTS = `{
  "cases": [
    {
      "name": "a read passes",
      "propose": {"kind": "sql", "facts": {"sql": {"classes": ["read"]}}},
      "expect": {"decision": "release"}
    },
    {
      "name": "a command waits for a person",
      "propose": {"kind": "command"},
      "expect": {"decision": "ask", "people": "1"}
    },
    {
      "name": "deleting in production wants two pairs of eyes, whoever the agent acts for",
      "propose": {"kind": "sql", "target": "production/db1/shop", "facts": {"sql": {"classes": ["delete"]}}},
      "expect": {"decision": "ask", "people": "1 from operations and 1 from security"}
    }
  ]
}
`;

interface Case {
  name: string;
  propose: { kind: string; target?: string; facts?: { sql?: { classes?: string[] } } };
  expect: { decision: string };
}

/** A made-up run: what only reads is released, everything else asks. */
function run(file: PolicyFileText): PolicyTestView[] {
  const { cases } = JSON.parse(file.text) as { cases: Case[] };
  return cases.map(({ name, propose, expect }) => {
    const came = propose.facts?.sql?.classes?.join() === 'read' ? 'release' : 'ask';
    const passed = came === expect.decision;
    const people = propose.target?.startsWith('production') ? '1 from operations and 1 from security' : '1 person';
    return {
      name: text(name),
      file: file.name,
      line: file.text.slice(0, file.text.indexOf(`"${name}"`)).split('\n').length - 1,
      differences: passed ? [] : [{ what: 'Decision', before: expect.decision, after: came === 'ask' ? `ask ${people}` : came }],
      reasons: passed ? [] : [text('1 person: Everything waits for a person, unless a policy below says more. (everyone-proposes)')],
    };
  });
}

/** The tests of these files, as `valid` policies give them. */
export function tested(files: PolicyFileText[], valid: boolean): PolicyTestsView {
  const none = { words: 'There are no tests.', alarm: false, cases: [], failed: 0, problems: [] };
  const cases: PolicyTestView[] = [];
  const problems: PolicyProblemView[] = [];
  for (const file of files.filter(({ name }) => name.endsWith('.json'))) {
    try {
      cases.push(...run(file));
    } catch {
      const line = file.text.split('\n').findIndex((one) => one.includes('oops')) + 1;
      problems.push({ file: file.name, line: Math.max(line, 1), column: 5, policy: null, message: text('Key must be a string.') });
    }
  }
  const files_ = problems.map(({ file }) => file).join(', ');
  if (problems.length > 0) return { ...none, words: `The tests cannot be read, so none was run: ${files_}.`, alarm: true, problems };
  if (cases.length === 0) return none;
  if (!valid) return { ...none, words: 'The tests run once nothing is wrong with the policies.' };
  const failed = cases.filter(({ differences }) => differences.length > 0);
  const names = failed.map(({ name }) => `“${name.spans.map((span) => (span.is === 'plain' ? span.text : '')).join('')}”`).join(', ');
  return {
    words: failed.length === 0 ? `All ${cases.length} tests pass.` : `${failed.length} of ${cases.length} tests ${failed.length === 1 ? 'fails' : 'fail'}: ${names}.`,
    alarm: failed.length > 0,
    cases,
    failed: failed.length,
    problems: [],
  };
}

const waits = (people: string): ReplayRowView['before'] => ({ decision: 'ask', words: `Waits for ${people}` });
const runs: ReplayRowView['before'] = { decision: 'release', words: 'Runs without a person' };
const refused: ReplayRowView['before'] = { decision: 'refuse', words: 'Refused' };

function row(at: number, change: Partial<ReplayRowView> = {}): ReplayRowView {
  return {
    action: `act_${String(at).padStart(2, '0')}`,
    agent: ['claude-code', 'release-bot', 'codex'][at % 3] ?? '',
    kind: 'command',
    title: text(['systemctl restart nginx', 'npm publish', 'make deploy', 'pg_dump --format=custom shop'][at % 4] ?? ''),
    target: text('web-1:/root'),
    timeUnixMs: Date.now() - at * 47 * MINUTE,
    before: waits('1 person'),
    after: waits('1 person'),
    differs: false,
    differences: [],
    policies: ['everyone-proposes'],
    why: [],
    ...change,
  };
}

/** A week of 214 proposals, of which some differ. */
export function replayed(change: Partial<PolicyReplayView> = {}): PolicyReplayView {
  const differing = [
    row(1, {
      kind: 'sql',
      title: text('DELETE FROM orders WHERE state = \'abandoned\' AND created_at < now() - interval \'90 days\''),
      target: text('shop@db-1.internal'),
      after: waits('2 from operations and 1 from security'),
      differs: true,
      differences: [
        { what: 'Reason', before: 'not required', after: 'required' },
        { what: 'Distance to a change of the policy', before: 'none', after: '1d' },
      ],
      policies: ['everyone-proposes', 'production-destructive'],
    }),
    row(3, { title: text('git status --short'), after: runs, differs: true, policies: ['reads-pass'] }),
    row(7, {
      title: { spans: [{ is: 'plain', text: 'curl https://exports.example.com/' }, mark('U+202E', 'right-to-left override'), { is: 'plain', text: 'vsc.ataD' }] },
      after: refused,
      differs: true,
      policies: ['not-a-flood'],
      why: [text('An agent that proposes more than 200 actions in an hour is out of control: pause it.')],
    }),
    row(12, { differs: true, why: [text('Linus Andersen approved it: no policy lets Linus Andersen approve it.')] }),
  ];
  const unknown = row(9, { title: null, target: null, after: null, policies: [], why: [text('Its content is not on this computer.')] });
  const standing = [...differing, unknown];
  const others = Array.from({ length: 210 }, (_, at) => row(at + 13));
  return {
    words: 'In the last week: 214 decisions, 4 would differ; 1 approval would not have been permitted; 1 cannot be judged.',
    span: 'week',
    entries: 1893,
    proposals: 214,
    differing: 4,
    unjudged: 1,
    counts: [
      { decision: 'ask', before: 190, after: 188 },
      { decision: 'release', before: 24, after: 25 },
      { decision: 'refuse', before: 0, after: 1 },
    ],
    rows: [...standing, ...others].sort((one, next) => next.timeUnixMs - one.timeUnixMs),
    ...change,
  };
}

/** Nothing was proposed. */
export const replayedNothing = (): PolicyReplayView => ({
  ...replayed(),
  words: 'Nothing was proposed in the last week.',
  proposals: 0,
  differing: 0,
  unjudged: 0,
  counts: [],
  rows: [],
});
