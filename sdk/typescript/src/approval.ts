/** `requiresApproval`: holds a function until somebody has approved the call, and runs exactly that call. */

import { type Change, type Target } from './action.js';
import { Client, type OnQuestion } from './client.js';
import { InvalidAction } from './errors.js';
import * as strict from './strict.js';
import { type Json, Malformed } from './strict.js';

export interface ApprovalOptions<A> {
  /** What is done, in a word or a line; the function's name when left out. */
  operation?: string;
  target?: Target;
  /** Returns what is there now. Called again just before the run: unless it says the same, nothing runs. */
  before?: (argument: A) => Json | Promise<Json>;
  /** A claim for the reviewer. */
  intent?: string | ((argument: A) => string);
  run?: string;
  ttlS?: number;
  onQuestion?: OnQuestion;
  /** Without it the only agent that is connected on this computer. */
  client?: Client;
}

/**
 * Holds a function of one JSON argument, an object that names what it does. The argument is the action's `after`; all
 * of it is shown and kept, so never hand over a secret. What runs gets a copy of what was approved.
 */
export function requiresApproval<A, T>(
  options: ApprovalOptions<A>,
  held: (argument: A) => T | Promise<T>,
): (argument: A, call?: { signal?: AbortSignal }) => Promise<T> {
  let client = options.client;
  const operation = options.operation ?? held.name;
  return async (argument, call = {}) => {
    const kept = keep(argument, operation);
    const copy = (): A => strict.parse(kept) as A;
    const describe = async (): Promise<Change> => {
      const { before, intent, run } = options;
      return {
        operation,
        after: strict.parse(kept),
        target: { resource: operation, ...options.target },
        ...(before && { before: await before(copy()) }),
        ...(intent !== undefined && { intent: typeof intent === 'function' ? intent(copy()) : intent }),
        ...(run !== undefined && { run }),
      };
    };
    client ??= new Client();
    const { onQuestion, ttlS } = options;
    return await client.run(describe, () => held(copy()), { onQuestion, ttlS, signal: call.signal });
  };
}

/** As text, so that nobody can change it while it waits. */
function keep(argument: unknown, operation: string): string {
  try {
    strict.checkJson(argument);
    return strict.canonical(argument);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new InvalidAction(`the argument of \`${operation}\` cannot be shown: ${error.message}`, { cause: error });
  }
}
