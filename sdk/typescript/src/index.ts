/** Client for Vidimus: holds an action of an AI agent until a person has seen and signed exactly that. */

export { type Change, Proposal, type Target } from './action.js';
export { type ApprovalOptions, requiresApproval } from './approval.js';
export { Client, type ClientOptions, type Describes, type OnQuestion, type RunOptions, type WaitOptions } from './client.js';
export {
  AlreadyRan,
  Changed,
  Denied,
  Edited,
  Expired,
  GatewayRefused,
  InvalidAction,
  NotSetUp,
  Pending,
  RefusedByPolicy,
  Unknown,
  Unproven,
  Unreachable,
  UpgradeNeeded,
  VidimusError,
  visible,
  Withdrawn,
} from './errors.js';
export type { ActionView, Content, Question } from './models.js';
export { type Permit, type PermitKey, readJwks, verifyPermit, type WantedPermit } from './permit.js';
export type { Json } from './strict.js';
