// Which dialog of the place *People* is open, and about what. It keeps what it
// was opened with, whatever is read anew beneath.

import type { ClaimView, KeyView, OwnedAgentView, PersonView } from '../../ipc/types';

export type Open =
  | { is: 'take_in'; claim: ClaimView }
  | { is: 'change'; person: PersonView }
  | { is: 'remove'; person: PersonView }
  | { is: 'revoke'; person: PersonView; key: KeyView }
  | { is: 'end_agent'; agent: OwnedAgentView }
  /** Null for a new person. */
  | { is: 'invite'; person: PersonView | null }
  | { is: 'joining' }
  | { is: 'key' }
  | { is: 'delegate' }
  | { is: 'rules' };
