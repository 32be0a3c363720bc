// The one way out of this page: commands go in, replies or problems come out,
// events are pushed. Everything else in the UI talks to this interface only.

import type { Command, Problem, Reply, Told } from './types';

/** The value of a reply by its name, e.g. `ReplyOf<'review'>`. */
export type ReplyOf<K extends Reply['is']> = Extract<Reply, { is: K }>;

/** State of the line between this page and the console behind it. */
export type Line = { is: 'open' } | { is: 'lost'; retryAtUnixMs: number };

/** The gateway that is always there: the embedded one, or the one that serves this page. */
export const LOCAL = 'local';

/** The console behind this page. */
export interface Backend {
  /** Sends one command about one gateway. Rejects with {@link ProblemError} and nothing else. */
  send(gateway: string, command: Command): Promise<Reply>;
  /** Receives events of all gateways until the page is left. */
  listen(onTold: (told: Told) => void, onLine: (line: Line) => void): void;
}

/** A problem that the console, or the line to it, answered with. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** Reads a problem from whatever was thrown or received. */
export function problemOf(value: unknown): Problem {
  if (value instanceof ProblemError) return value.problem;
  if (isProblem(value)) return value;
  const detail = value instanceof Error ? value.message : typeof value === 'string' ? value : '';
  return {
    code: 'front_internal',
    message: detail === '' ? 'The console did not answer as expected.' : `The console did not answer as expected: ${detail}`,
    hint: 'Try once more. If it stays, close this window and start the console again.',
  };
}

/** Whether something that was received is a problem in the contract’s shape. */
export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Record<string, unknown>;
  return (
    typeof candidate['code'] === 'string' &&
    typeof candidate['message'] === 'string' &&
    typeof candidate['hint'] === 'string'
  );
}
