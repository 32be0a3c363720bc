/**
 * Why an action did not run, one class for each reason. `ran` says what is known: `false`, nothing has run; `true`, it
 * has run; `undefined`, nobody can tell. Texts of people and of the gateway stand in messages with their control
 * characters escaped.
 */

import type { Proposal } from './action.js';
import { canonical, type Json } from './strict.js';

const MAX_SHOWN = 4000;

/** The text without characters that a terminal or a log would act on. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}

/** Anything that keeps an action from running, or its result from being known. */
export class VidimusError extends Error {
  readonly ran: boolean | undefined = false;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** There is no agent's profile here, or it cannot be used. */
export class NotSetUp extends VidimusError {}

/** What was to be proposed cannot be written as an action. */
export class InvalidAction extends VidimusError {}

/** A reviewer said no. `reason` is their text, as they wrote it; it may be empty. */
export class Denied extends VidimusError {
  constructor(readonly reason: string) {
    const why = reason ? `The reviewer's reason: ${visible(reason)}` : 'No reason was given';
    super(`denied; nothing has run. ${why}`);
  }
}

/** Nobody decided in time, or the approval was not used in time. */
export class Expired extends VidimusError {}

/** It was taken back, or the agent or its run is paused. */
export class Withdrawn extends VidimusError {}

/**
 * A reviewer put a changed action in its place, which is not run either. `action` is the id of that one; `after` is what
 * the reviewer made of the change's `after`, `undefined` when they left it out or it could not be read. `failures` says
 * what could not be done about it.
 */
export class Edited extends VidimusError {
  constructor(
    readonly action: string,
    readonly after: Json | undefined,
    readonly failures: string[],
  ) {
    super(
      [
        `a reviewer edited it into ${visible(action)}; nothing has run, and neither will that one`,
        ...failures.map(visible),
        after === undefined ? "The reviewer's version has no `after`" : version(after),
      ].join('. '),
    );
  }
}

/** For a model too, which gets an error's words alone. */
function version(after: Json): string {
  const shown = visible(canonical(after));
  const cut = shown.length > MAX_SHOWN ? '... (cut here; `after` of this error is whole)' : '';
  return `Propose the reviewer's version if it is right: ${shown.slice(0, MAX_SHOWN).toWellFormed()}${cut}`;
}

/** The policy refused it before anybody was asked. `policy` are its words. */
export class RefusedByPolicy extends VidimusError {
  constructor(readonly policy: string[]) {
    super(`refused by policy; nothing has run: ${policy.map(visible).join('; ')}`);
  }
}

/** The time to wait is over and nobody has decided. `proposal` goes on with it. */
export class Pending extends VidimusError {
  constructor(readonly proposal: Proposal) {
    super(
      `${proposal.action} still waits for a decision; nothing has run. ` +
        'Keep `error.proposal` and call `wait` with it again, or `withdraw` it',
    );
  }
}

/** The gateway does not answer. `sent`: it may have got the request all the same. */
export class Unreachable extends VidimusError {
  constructor(
    message: string,
    readonly sent: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The gateway refused a request. `code` is the problem's code in docs/spec/api.md. */
export class GatewayRefused extends VidimusError {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(`the gateway refuses (${visible(code)}): ${visible(detail)}`);
  }
}

/** What would run is not what was approved. `differences` name what changed. */
export class Changed extends VidimusError {
  constructor(readonly differences: string[]) {
    super(
      'what would run is not what was approved; nothing has run. Propose it anew. ' +
        `Changed: ${differences.map(visible).join('; ')}`,
    );
  }
}

/** An answer of the gateway does not hold against the permit's rules or the trusted log. */
export class Unproven extends VidimusError {
  constructor(why: string, options?: ErrorOptions) {
    super(`the gateway's proof does not hold; nothing has run: ${visible(why)}`, options);
  }
}

/** The gateway says something that this version of the client does not know. */
export class UpgradeNeeded extends VidimusError {
  constructor(what: string) {
    super(
      `${visible(what)} is not known to this version of @vidimus/client; nothing has run here. ` +
        'Upgrade @vidimus/client',
    );
  }
}

/** The action has an outcome already. It is not run again. */
export class AlreadyRan extends VidimusError {
  override readonly ran = true;
}

/** The permit is used, or may be, and there is no outcome. It is never run again. */
export class Unknown extends VidimusError {
  override readonly ran = undefined;

  constructor(action: string, why: string, options?: ErrorOptions) {
    super(
      `the result of ${action} is unknown: ${visible(why)}. It will not be run again. ` +
        'Look at what it was to do, then propose it anew',
      options,
    );
  }
}
