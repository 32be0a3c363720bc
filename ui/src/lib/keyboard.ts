// From key presses to intents. Pure: no DOM, no clock.

/** The gateway at this place of the list. */
export type GatewayIntent = `go-gateway-${number}`;

/** What a key press asks for. */
export type Intent =
  | 'go-inbox'
  | 'go-history'
  | 'go-people'
  | 'go-policy'
  | GatewayIntent
  | 'next'
  | 'previous'
  | 'search'
  | 'help'
  | 'approve'
  | 'deny'
  | 'unseen'
  | 'take'
  | 'ask'
  | 'flag'
  | 'pause'
  | 'edit'
  | 'back';

/** The parts of a `KeyboardEvent` that matter here. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Where the press happened. */
export interface Place {
  /** The focus is in a text field. */
  typing: boolean;
  /** A dialog is open; it handles its own keys. */
  dialog: boolean;
  /** Single-key shortcuts are switched on. */
  enabled: boolean;
}

/** `g` was pressed at this time and the second key is awaited. */
export type Pending = number | null;

/** How long the second key of `g i` may take. */
export const CHORD_MS = 1200;

/** Reads one key press. */
export function read(press: Press, place: Place, pending: Pending, nowMs: number): { intent: Intent | null; pending: Pending } {
  const none = { intent: null, pending: null };
  if (place.dialog || press.ctrlKey || press.altKey || press.metaKey) return none;
  if (press.key === 'Escape') return { intent: place.typing ? null : 'back', pending: null };
  if (place.typing || !place.enabled) return none;
  if (pending !== null && nowMs - pending <= CHORD_MS) {
    if (press.key === 'i') return { intent: 'go-inbox', pending: null };
    if (press.key === 'h') return { intent: 'go-history', pending: null };
    if (press.key === 'p') return { intent: 'go-people', pending: null };
    if (press.key === 'y') return { intent: 'go-policy', pending: null };
    if (/^[1-9]$/.test(press.key)) return { intent: `go-gateway-${Number(press.key)}`, pending: null };
  }
  switch (press.key) {
    case 'g':
      return { intent: null, pending: nowMs };
    case 'j':
      return { intent: 'next', pending: null };
    case 'k':
      return { intent: 'previous', pending: null };
    case '/':
      return { intent: 'search', pending: null };
    case '?':
      return { intent: 'help', pending: null };
    case 'a':
      return { intent: 'approve', pending: null };
    case 'd':
      return { intent: 'deny', pending: null };
    case 'n':
      return { intent: 'unseen', pending: null };
    case 't':
      return { intent: 'take', pending: null };
    case 'q':
      return { intent: 'ask', pending: null };
    case 'f':
      return { intent: 'flag', pending: null };
    case 'p':
      return { intent: 'pause', pending: null };
    case 'e':
      return { intent: 'edit', pending: null };
    default:
      return none;
  }
}

/** Which gateway of the list is meant, counted from 0; null for any other intent. */
export function gatewayAt(intent: Intent): number | null {
  return intent.startsWith('go-gateway-') ? Number(intent.slice('go-gateway-'.length)) - 1 : null;
}

/** Whether a press asks for the key in the confirmation: Ctrl+Enter, or ⌘ Enter. */
export function asksForKey(press: Press): boolean {
  return press.key === 'Enter' && (press.ctrlKey || press.metaKey) && !press.altKey;
}

/** The element that has the focus, also inside an editor that stands in a tree of its own. */
export function focused(): Element | null {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

/** Whether typed letters go into this element. */
export function isTextField(element: Element | null): boolean {
  if (element === null) return false;
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return true;
  if (element instanceof HTMLInputElement) return !['button', 'checkbox', 'radio', 'submit', 'reset'].includes(element.type);
  return element instanceof HTMLElement && element.isContentEditable;
}
