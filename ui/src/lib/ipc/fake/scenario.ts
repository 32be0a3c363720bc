// What a situation is made of, and the usual one.

import type { BrokenGlassView, ConsoleView, DeliveriesView, GrantView, HistoryRow, PeopleView, PolicyFileText, PolicyReplayView, PolicyShadowView, PolicyView, ReviewView, SessionRow, VerdictChoice } from '../types';
import { action, MINUTE, review, rows, STATUSES, text, view } from './parts';

export interface Scenario {
  view: ConsoleView;
  reviews: ReviewView[];
  history: HistoryRow[];
  /** Where the page starts. */
  at?: 'history' | 'action' | 'people' | 'policy';
  /** A notification was clicked. */
  show?: { action: string; confirm: VerdictChoice | null };
  /** The settings are open. */
  settings?: true;
  /** What a person does first: a test id is clicked, a pair is typed into one. */
  steps?: (string | [testid: string, text: string])[];
  /** The entry that is open. */
  entry?: number;
  /** Who was told about the opened action. */
  deliveries?: DeliveriesView;
  people?: PeopleView;
  policy?: PolicyView;
  grants?: GrantView[];
  glass?: BrokenGlassView[];
  /** What a replay finds; one that waits goes on until it is told. */
  replay?: PolicyReplayView | 'waits';
  /** The last replay, and of which text. */
  replayed?: { files: PolicyFileText[]; words: string };
  /** The policy in shadow. */
  shadow?: PolicyShadowView;
  sessions?: SessionRow[];
  /** The other gateways that are followed. */
  others?: Scenario[];
  /** The gateway on screen at first, when it is not this computer's. */
  current?: string;
}

export const signedInInbox = (): ConsoleView => {
  const now = Date.now();
  return view({
    inbox: [
      action('act_02', {
        title: text('systemctl restart nginx'),
        target: text('web-1:/root'),
        intent: text('The certificate was renewed; nginx must load it.'),
        expiresAtUnixMs: now + 48_000,
        proposedAtUnixMs: now - 14 * MINUTE,
      }),
      action('act_01'),
      action('act_03', {
        agent: 'release-bot',
        title: text('/home/ada/bin/rotate-keys.sh --environment production --yes'),
        target: text('buildbox:/home/ada'),
        intent: null,
        expiresAtUnixMs: now + 96 * MINUTE,
        proposedAtUnixMs: now - 40_000,
        somebodyWaits: false,
      }),
    ],
    recent: STATUSES.map((status, at) =>
      action(`act_r${at}`, {
        title: text(['pg_dump --format=custom shop', 'rm -rf /var/lib/cache', 'npm publish', 'make deploy', 'ansible-playbook site.yml', 'kubectl delete pod api-7f'][at] ?? ''),
        intent: null,
        status,
        somebodyWaits: null,
        proposedAtUnixMs: now - (at + 1) * 26 * MINUTE,
        expiresAtUnixMs: now - (at + 1) * 11 * MINUTE,
      }),
    ),
  });
};

export const base = (change: Partial<Scenario> = {}): Scenario => {
  const shown = change.view ?? signedInInbox();
  const all = [...shown.inbox, ...shown.recent];
  return { view: shown, reviews: all.map((summary) => review(summary)), history: rows(42), ...change };
};

export const reviewed = (change: Partial<ReviewView>, shown: Partial<ConsoleView> = {}): Scenario => {
  const summary = change.summary ?? action('act_01');
  const inbox = summary.status.is === 'pending' ? [summary] : [];
  const recent = summary.status.is === 'pending' ? [] : [summary];
  return base({ view: view({ inbox, recent, ...shown }), at: 'action', reviews: [review(summary, change)] });
};
