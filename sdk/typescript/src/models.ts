/** Bodies of the gateway's interface that this client reads and writes, as docs/openapi.json describes them. */

import type { Json } from './strict.js';

/** Where an action stands, as far as this version knows. */
export const STATUSES = [
  'pending',
  'approved',
  'denied',
  'expired',
  'withdrawn',
  'refused',
  'superseded',
  'redeemed',
  'completed',
] as const;

/** Content with its salt. */
export interface Content {
  bytes: string;
  salt: string;
  type: string;
}

/** A reviewer's question about an action. */
export interface Question {
  answered: boolean;
  asked_at: string;
  entry: number;
  text: Content;
}

/** Where an action stands. `status` may be one that this version does not know. */
export interface ActionView {
  action: string;
  edits?: string;
  expires_at: string;
  outcome?: Json;
  paused?: boolean;
  policy: string[];
  questions?: Question[];
  reason?: Content;
  starts_at?: string;
  status: string;
  superseded_by?: string;
  use_before?: string;
}
