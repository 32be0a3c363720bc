// From the contract's codes to words and tone. Sentences that stand in one
// place only are written in that place.

import { clock, listed, number, plural } from './format';
import type { ActionStatus, CeremonyPurpose, Colour, ConsoleView, DelegationView, DeliveryState, EscalatedView, PolicyDecision, PolicyQuestion, ReplaySpan, ReplayStep, RevocationWhy, RoleView, ShadowSummaryView, Tone, VerdictChoice } from './ipc/types';

/** How a badge looks. A word always stands beside the colour. */
export type BadgeTone = 'neutral' | 'ok' | 'warn' | 'danger' | 'info';

/** A badge for where an action stands. */
export function statusWords(status: ActionStatus): { label: string; tone: BadgeTone; explain: string } {
  switch (status.is) {
    case 'pending':
      return { label: 'Waiting', tone: 'warn', explain: 'Nobody has decided yet. It does not run.' };
    case 'released':
      return { label: 'Released', tone: 'ok', explain: 'Released by the policy: nobody was asked. It has not started yet.' };
    case 'approved':
      return { label: 'Approved', tone: 'ok', explain: 'The verdict is proven to be in the ledger. It has not started yet.' };
    case 'permit_lapsed':
      return { label: 'Permit lapsed', tone: 'warn', explain: 'Approved, but the permit ran out unused. The agent may fetch a new one.' };
    case 'running':
      return { label: 'Running', tone: 'info', explain: 'The permit was redeemed. It may be running now.' };
    case 'completed':
      if (status.signal !== null) {
        return { label: `Killed by ${status.signal}`, tone: 'danger', explain: 'It ran and was ended by a signal.' };
      }
      if (status.exit_code === 0) return { label: 'Completed', tone: 'ok', explain: 'It ran and ended with exit code 0.' };
      return {
        label: status.exit_code === null ? 'Ended' : `Exit code ${status.exit_code}`,
        tone: 'danger',
        explain: 'It ran and ended with an error.',
      };
    case 'failed_to_start':
      return { label: 'Failed to start', tone: 'danger', explain: 'The permit was redeemed, but the program could not be started.' };
    case 'succeeded':
      return { label: 'Done', tone: 'ok', explain: 'The permit was redeemed, and its agent reports that it was done.' };
    case 'failed':
      return { label: 'Failed', tone: 'danger', explain: 'The permit was redeemed, and its agent reports that it was not done, or not whole.' };
    case 'unknown':
      return { label: 'Outcome unknown', tone: 'danger', explain: 'The permit was redeemed and no outcome was reported. It is never retried.' };
    case 'denied':
      return { label: 'Denied', tone: 'neutral', explain: 'A reviewer denied it. It did not run.' };
    case 'expired':
      return { label: 'Expired', tone: 'neutral', explain: 'Nobody decided in time. It did not run.' };
    case 'withdrawn':
      return { label: 'Withdrawn', tone: 'neutral', explain: 'The agent took it back. It did not run.' };
    case 'stopped':
      return { label: 'Stopped by a pause', tone: 'neutral', explain: 'A pause of its agent stopped it. It did not run, and never does.' };
    case 'superseded':
      return { label: 'Edited', tone: 'neutral', explain: 'A reviewer edited it, and another action took its place. This one did not run.' };
    case 'refused':
      return { label: 'Refused by policy', tone: 'neutral', explain: 'The policy refused it. It did not run.' };
    case 'not_run':
      return { label: 'Approved, never run', tone: 'neutral', explain: 'It was approved, but it was not run before its last moment.' };
  }
}

/** The title over what the command is, was or would have been. */
export function statementTitle(status: ActionStatus): string {
  switch (status.is) {
    case 'pending':
    case 'released':
    case 'approved':
    case 'permit_lapsed':
      return 'What will run';
    case 'running':
      return 'What is running';
    case 'completed':
    case 'succeeded':
      return 'What ran';
    case 'failed_to_start':
    case 'failed':
    case 'unknown':
      return 'What was to run';
    default:
      return 'What did not run';
  }
}

/** The title of a key prompt. */
export function ceremonyTitle(purpose: CeremonyPurpose): string {
  switch (purpose.is) {
    case 'setup':
      return 'Set up your key';
    case 'found':
      return 'Open the team’s log';
    case 'new_key':
      return `Make the key “${purpose.label}”`;
    case 'statement':
      return 'Sign this statement';
    case 'policy':
      return 'Sign the policy';
    case 'sign_in':
      return 'Sign in with your key';
    case 'connect_agent':
      return `Connect the agent “${purpose.name}”`;
    case 'verdict':
      return verdictWords[purpose.verdict].sign;
  }
}

/** What has happened when a key prompt is done. */
export function ceremonyDone(purpose: CeremonyPurpose): string {
  switch (purpose.is) {
    case 'setup':
      return 'Your key is enrolled and you are signed in.';
    case 'found':
      return 'The team’s log is open. Your key is its first, and you are its administrator.';
    case 'new_key':
      return `The key “${purpose.label}” is made, and does not count yet.`;
    case 'statement':
      return 'It is in the ledger, and its inclusion is proven.';
    case 'policy':
      switch (purpose.standing) {
        case 'in_force':
          return 'It is in the ledger, and in force from now on.';
        case 'waits':
          return 'Your signature is in the ledger. It waits for a second administrator, and changes nothing yet.';
        default:
          return 'It is in the ledger, and its inclusion is proven.';
      }
    case 'sign_in':
      return 'You are signed in.';
    case 'connect_agent':
      return `“${purpose.name}” is registered, and its profile is written.`;
    case 'verdict':
      return verdictWords[purpose.verdict].done;
  }
}

interface VerdictWords {
  /** What a person does. */
  verb: string;
  heading: string;
  means: string;
  /** The button that asks for the key. */
  ask: string;
  /** The title of the key prompt, and what has happened once it is done. */
  sign: string;
  done: string;
}

/** A verdict as a heading, as a button and as a key prompt. */
export const verdictWords: Record<VerdictChoice, VerdictWords> = {
  approve: {
    verb: 'approve',
    heading: 'Approve this action',
    means: 'It runs once, exactly as stated here.',
    ask: 'Ask for my key to approve',
    sign: 'Sign the approval',
    done: 'The approval is in the ledger, and its inclusion is proven.',
  },
  deny: {
    verb: 'deny',
    heading: 'Deny this action',
    means: 'It does not run. The agent is told so, with your reason.',
    ask: 'Ask for my key to deny',
    sign: 'Sign the denial',
    done: 'The denial is in the ledger, and its inclusion is proven.',
  },
  break_glass: {
    verb: 'break glass',
    heading: 'Break glass',
    means: 'For an emergency: it runs without the others whom the policy asks for, and you answer for it afterwards.',
    ask: 'Break glass and sign',
    sign: 'Sign to break glass',
    done: 'That you broke glass is in the ledger, and its inclusion is proven. Every administrator is told.',
  },
};

/** A denial by whoever approved it. */
export const takingBack: VerdictWords = {
  ...verdictWords.deny,
  verb: 'take back',
  heading: 'Take your approval back',
  means: 'Your approval counts no more, and you deny it: that stands for good. The agent is told, with your reason.',
  ask: 'Ask for my key to take it back',
};

/** A review of the whole of it, where the policy asks for one. */
export const fullReview = {
  asks: 'The policy asks for a full review.',
  unseen: (words: string[]): string => {
    const more = words.length - MOST_UNSEEN;
    return `Not yet seen: ${words.slice(0, MOST_UNSEEN).join(', ')}${more > 0 ? `, and ${more} more` : ''}.`;
  },
  seen: 'You have seen the whole of it.',
  next: 'Show next',
  goBack: 'Go back, and look at it to its end.',
};

/** How much of what is not seen yet one line names. */
const MOST_UNSEEN = 3;

/** What has its quorum and waits out its grace time. */
export const graceWords = {
  title: 'Approved, and not running yet',
  row: 'runs in',
  left: 'until it runs',
  over: 'now',
  unless: 'unless somebody denies it.',
  approvedBy: (people: string[]): string => `Approved by ${people.length === 0 ? 'enough people' : people.join(', ')} — runs in`,
  deny: 'Deny…',
  takeBack: 'Take back…',
};

/** What is said about an action without deciding it. */
export const sayWords: Record<'ask' | 'flag', { heading: string; means: string; label: string; send: string }> = {
  ask: {
    heading: 'Ask the agent',
    means: 'The agent sees the question while it waits and can answer. This decides nothing, and the time goes on.',
    label: 'Question',
    send: 'Ask',
  },
  flag: {
    heading: 'Flag this action',
    means: 'Your remark is logged and shown to everybody who reviews it. This decides nothing: to stop it, deny it.',
    label: 'What seems wrong',
    send: 'Flag',
  },
};

/** What a gateway's colour is called. */
export const colourWords: Record<Colour, string> = {
  slate: 'Slate',
  blue: 'Blue',
  green: 'Green',
  violet: 'Violet',
  amber: 'Amber',
  red: 'Red',
};

/** What a person may do. */
export const roleWords: Record<RoleView, { label: string; means: string }> = {
  reviewer: { label: 'Reviewer', means: 'decides on what agents ask for' },
  administrator: { label: 'Administrator', means: 'says who may do what, and connects agents' },
};

/** Why a key is to count no more. */
export const revocationWords: Record<RevocationWhy, { label: string; means: string }> = {
  retired: { label: 'It is not used any more.', means: 'Nobody else has it.' },
  lost: { label: 'It cannot be found.', means: 'Somebody may find it.' },
  stolen: { label: 'Somebody else may have it.', means: 'What it signed lately should be looked at.' },
};

/** What a policy answers, as headings. */
export const questionWords: Record<PolicyQuestion | 'forbid', { heading: string; means: string }> = {
  propose: { heading: 'What may be proposed', means: '— and for whom it waits. Where several hold, the strictest counts.' },
  release: { heading: 'What runs without a person', means: '— only if it may be proposed as well.' },
  decide: { heading: 'Who may approve', means: '— beside what the log’s rules say.' },
  forbid: { heading: 'What is forbidden', means: '— whatever the others say.' },
};

/** What becomes of a policy in a change. */
export const ruleChangeWords: Record<'comes' | 'goes' | 'changes', { label: string; tone: BadgeTone }> = {
  comes: { label: 'Comes', tone: 'ok' },
  goes: { label: 'Goes', tone: 'danger' },
  changes: { label: 'Changes', tone: 'warn' },
};

/** How far back a replay looks. */
export const spanWords: Record<ReplaySpan, { label: string; run: string }> = {
  day: { label: 'Last day', run: 'Replay last day' },
  week: { label: 'Last week', run: 'Replay last week' },
  month: { label: 'Last 30 days', run: 'Replay last 30 days' },
};

/** What a replay does right now. */
export const stepWords: Record<ReplayStep, { doing: string; one: string; many: string }> = {
  reading: { doing: 'Reading the log…', one: 'entry', many: 'entries' },
  evaluating: { doing: 'Deciding anew…', one: 'proposal', many: 'proposals' },
};

/** What comes of proposals, as headings over how often. */
export const decisionWords: Record<PolicyDecision, string> = {
  ask: 'Wait for people',
  release: 'Run without a person',
  refuse: 'Refused',
};

/** What is said about trying a policy out. */
export const trialWords = {
  noTests:
    'Tests say what must come of an action: this one waits for two people, that one is refused. They stand in “.json” files beside the policies, are signed with them, and run while you type.',
  replay: 'What agents proposed lately, decided anew under this text, from the verified copy on this computer. It changes nothing.',
  replayLater: 'It can be replayed once nothing is wrong with it.',
  stale: 'The text has changed since. This is about what stood there before.',
  cancelled: 'Cancelled. Nothing was changed.',
  nothingDiffers: 'Nothing would be decided otherwise.',
} as const;

/** What is said about a policy in shadow. */
export const shadowWords = {
  about: 'Beside what is in force, with no effect on anything.',
  begin: 'What agents propose from now on, decided under this text too. Nothing hangs on the answer, and nothing of it leaves this computer.',
  later: 'It can be put in shadow once nothing is wrong with it.',
  running: 'This text is in shadow.',
  instead: 'Another text is in shadow. This one would take its place and begin anew.',
  changed: 'Another policy came in force since. Each proposal is compared with what was decided then.',
  itself: 'It came in force: by now nothing differs any more.',
  editing: 'Something is being written above: discard it first.',
  stop: 'Its text and what was found are forgotten on this computer. Nothing else changes.',
} as const;

/** What came of a shadow, in sentences. */
export function shadowFound(found: ShadowSummaryView): string[] {
  const { proposals, differing, notPermitted, unjudged, awaited, behind } = found;
  const seen = proposals + unjudged + awaited + behind;
  if (seen === 0) return ['Nothing was proposed since.'];
  const otherwise = `${differing === 0 ? 'none' : number(differing)} would be decided otherwise`;
  // Nothing is said of those that were not decided anew.
  const some = `${number(proposals)} of ${plural(seen, 'proposal')} since ${proposals === 1 ? 'was' : 'were'} decided anew`;
  const sentences = [proposals === seen ? `${plural(seen, 'proposal')} since, ${otherwise}.` : proposals === 0 ? `${some}.` : `${some}, ${otherwise}.`];
  if (notPermitted > 0) sentences.push(`${plural(notPermitted, 'approval')} would not have been permitted.`);
  if (unjudged > 0) sentences.push(`${number(unjudged)} cannot be judged.`);
  if (awaited > 0) sentences.push(`${number(awaited)} cannot be judged yet: the content is not on this computer.`);
  if (behind > 0) sentences.push(`${number(behind)} ${behind === 1 ? 'is' : 'are'} still being decided anew.`);
  return sentences;
}

/** Why a shadow sees nothing new now; null where it does. */
export function shadowRests(view: ConsoleView, lost: boolean): string | null {
  if (view.phase.is === 'signed_out') return 'You are signed out: what is proposed meanwhile is decided anew once you sign in.';
  if (view.phase.is !== 'ready') return 'Nothing is decided anew while decisions are blocked.';
  if (lost || view.gateway.connection.is === 'offline') return 'Offline: what is proposed meanwhile is decided anew once the gateway can be reached.';
  return null;
}

/** What is said about broken glass. */
export const glassWords = {
  about: 'What ran in an emergency without the others whom the policy asks for. An administrator reviews each.',
  none: 'There is none. Where a policy allows it, one person can let an action run alone in an emergency and answers for it afterwards.',
  /** What a person types, so that it is never done by a slip. */
  typed: 'break glass',
} as const;

/** What an administrator finds of broken glass. */
export const findingWords: Record<'justified' | 'unjustified', { label: string; means: string; tone: BadgeTone }> = {
  justified: { label: 'It could not wait', means: 'Breaking glass was right.', tone: 'ok' },
  unjustified: { label: 'It should have waited', means: 'The others should have been asked.', tone: 'danger' },
};

/** What the number beside the policy counts. */
export function policyCount({ policies, unreviewed }: Pick<ConsoleView, 'policies' | 'unreviewed'>): string {
  const parts = [];
  if (policies > 0) parts.push(`${plural(policies, 'policy', 'policies')} to be agreed to`);
  if (unreviewed > 0) parts.push(`${plural(unreviewed, 'broken glass', 'broken glasses')} to be reviewed`);
  return parts.join(', ');
}

/** Who decides for which groups in whose place. */
export function lentWords({ byMe, byName, toMe, toName, groups }: DelegationView): string {
  const who = toMe ? 'You decide' : `${toName} decides`;
  return `${who} for ${listed(groups)} in ${byMe ? 'your place' : `the place of ${byName}`}`;
}

/** What is said about policies as a whole. */
export const policyWords = {
  about: 'What agents may do, what runs without a person, and who must approve the rest.',
  notAdministrator: 'Only administrators change the policy. You can read it.',
  unreadable: 'What is in force cannot be read here, so nothing can be compared with it.',
  change: 'A change is signed with your key and stands in the ledger. You see what it changes before you sign.',
  first:
    'A policy says which actions agents may propose, which run without a person, and who must approve the others: how many people, of which groups, with a reason. It is written in Cedar, a language made for this. The starter asks a person about everything that does more than read; change it to what you need.',
  nothingYet: 'Nothing changes before you sign.',
} as const;

/** How a gateway is followed: in words, and as a mark. */
export type Line = { words: string; tone: 'good' | 'bad' | 'busy' | 'none' };

export function lineOf(view: ConsoleView, lost: boolean): Line {
  if (lost) return { words: 'Line lost', tone: 'bad' };
  switch (view.phase.is) {
    case 'setup':
    case 'found':
    case 'enrol':
      return { words: 'Not set up yet', tone: 'none' };
    case 'claimed':
      return { words: 'Not taken in yet', tone: 'none' };
    // Nothing is followed without a session, whatever was so before.
    case 'signed_out':
      return { words: 'Signed out', tone: 'none' };
    default:
      break;
  }
  switch (view.gateway.connection.is) {
    case 'live':
      return { words: 'Live', tone: 'good' };
    case 'connecting':
      return { words: 'Connecting…', tone: 'busy' };
    case 'offline':
      return { words: 'Offline', tone: 'bad' };
  }
}

/** Why nothing can be signed at a gateway now; null when it can. */
export function cannotSign(view: ConsoleView, lost: boolean): string | null {
  if (view.phase.is === 'signed_out') return 'You are signed out: sign in to change anything.';
  if (view.phase.is !== 'ready') return 'Nothing can be changed while decisions are blocked.';
  if (lost || view.gateway.connection.is === 'offline') return 'Nothing can be changed while offline. What is shown is the verified copy on this computer.';
  return null;
}

/** The word that stands beside a notice's colour. */
export const toneWords: Record<Tone, string> = { info: 'Note', warning: 'Warning', danger: 'Danger' };

/** Marks that stay on screen as long as they are true. */
export const marks = {
  softwareKey: {
    label: 'Software key',
    explain: 'The lowest assurance: this key is a file on this computer. It does not stop an agent that runs as the same user.',
  },
  displayTrust: {
    label: 'Display trusts the gateway',
    explain: 'The gateway serves this page, so what you see is what the gateway shows you. The desktop console checks it by itself.',
  },
} as const;

/** The reason given when the time to decide is over. */
export const timeIsUp = 'The time to decide is over. It does not run, and the ledger will record it as expired.';

/** A group that was told since nobody had decided. The sentence goes on with whom the message reached. */
/** What an action does. Of the other effects nothing is said: most have them. */
export const effectWords = {
  destructive: 'takes something away',
  permission: 'changes who may do what',
  read: 'only reads',
  computed: 'Computed by Vidimus from what will run.',
};

export const escalationWords = {
  row: (told: EscalatedView): string => `escalated to ${told.group} at ${clock(told.atUnixMs)}`,
  line: (told: EscalatedView): string => `Nobody had decided: escalated to ${told.group} at ${clock(told.atUnixMs)}`,
  delivery: {
    waiting: 'on its way to',
    arrived: 'delivered to',
    failed: 'not delivered yet to',
    given_up: 'not delivered to',
  } satisfies Record<DeliveryState, string>,
};

/** What stands over the list of standing grants. */
export const unusualWords = {
  heading: 'Unusual',
  means: 'Computed from the log. It says nothing of whether it is right.',
};

export const calendarWords = {
  heading: 'Calendars',
  means: '— that policies ask: what holds at a time, and who is on duty',
  on: 'now',
  now: 'Now',
  nothing: 'Nothing now.',
  next: 'Next',
  from: 'from',
  until: 'until',
};

export const grantWords = {
  about: 'What runs without waiting, since somebody approved it in advance.',
  none: 'There is none: whatever the policy asks people about waits for them. “More like it…” in a review gives one.',
};
