// Numbers, times and digests as people read them. Pure: the time comes in.

/** What is left until a moment. */
export interface Countdown {
  /** e.g. `4:05` or `2 h 05 min`; `0:00` when over. */
  text: string;
  /** The same for a screen reader, e.g. `4 minutes 5 seconds left`. */
  spoken: string;
  /** Nothing is left. */
  over: boolean;
  /** How near the end is. */
  urgency: 'calm' | 'soon' | 'now' | 'over';
}

const SOON_MS = 5 * 60_000;
const NOW_MS = 60_000;

/** Counts down to `atUnixMs`. A second that has begun still counts. */
export function countdown(atUnixMs: number, nowUnixMs: number): Countdown {
  const leftMs = atUnixMs - nowUnixMs;
  if (leftMs <= 0) return { text: '0:00', spoken: 'time is up', over: true, urgency: 'over' };
  const seconds = Math.ceil(leftMs / 1000);
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  const urgency = leftMs <= NOW_MS ? 'now' : leftMs <= SOON_MS ? 'soon' : 'calm';
  const two = (n: number): string => String(n).padStart(2, '0');
  if (h >= 1) {
    return { text: `${h} h ${two(m)} min`, spoken: `${plural(h, 'hour')} ${plural(m, 'minute')} left`, over: false, urgency };
  }
  const spoken = m >= 1 ? `${plural(m, 'minute')} ${plural(s, 'second')} left` : `${plural(s, 'second')} left`;
  return { text: `${m}:${two(s)}`, spoken, over: false, urgency };
}

/** Whether nobody can decide any more. What waits out its grace time was decided, and can be denied until it starts. */
export function hasExpired(action: { expiresAtUnixMs: number; startsAtUnixMs: number | null }, nowUnixMs: number): boolean {
  return action.startsAtUnixMs === null && nowUnixMs >= action.expiresAtUnixMs;
}

/** `1 line`, `2 lines`, `1,200 lines`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `12,345`. */
export function number(value: number): string {
  return value.toLocaleString('en-GB');
}

/** Exact bytes, with a rounded size beside it when that helps. */
export function bytes(size: number): string {
  if (size < 1024) return plural(size, 'byte');
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = size;
  let unit = 'KiB';
  for (const next of units) {
    value /= 1024;
    unit = next;
    if (value < 1024) break;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit} (${number(size)} bytes)`;
}

/** `12 s ago`, `4 min ago`, then a date. */
export function ago(atUnixMs: number, nowUnixMs: number): string {
  const seconds = Math.max(0, Math.floor((nowUnixMs - atUnixMs) / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return moment(atUnixMs);
}

/** Local date and time to the second: `21 Nov 2026, 09:46:06`. */
export function moment(atUnixMs: number): string {
  return new Date(atUnixMs).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

/** Local date: `21 Nov 2026`. */
export function day(atUnixMs: number): string {
  return new Date(atUnixMs).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** `3 h ago` within a day, then the date alone. */
export function lately(atUnixMs: number, nowUnixMs: number): string {
  return nowUnixMs - atUnixMs < 86_400_000 ? ago(atUnixMs, nowUnixMs) : day(atUnixMs);
}

/** `Ada`, `Ada or Bo`, `Ada, Bo or Chi`; of more than `most`, how many others there are. */
export function oneOf(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  const shown = rest > 1 ? [...names.slice(0, most), `one of ${number(rest)} others`] : names;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1) ?? ''}`;
}

/** `Ada`, `Ada and Bo`, `Ada, Bo and Chi`. */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

/** Names of groups as they are typed: commas or spaces between them, none twice. */
export function groupNames(typed: string): string[] {
  return [...new Set(typed.split(/[\s,]+/).filter((name) => name !== ''))];
}

/** Local time of day to the second. */
export function clock(atUnixMs: number): string {
  return new Date(atUnixMs).toLocaleTimeString('en-GB');
}

/** ISO 8601 for `<time datetime>`. */
export function iso(atUnixMs: number): string {
  return new Date(atUnixMs).toISOString();
}

/** A digest in groups of eight, for reading aloud. Nothing is left out. */
export function grouped(hex: string): string {
  return hex.replace(/(.{8})(?=.)/g, '$1 ');
}

/** `340 ms` or `2.4 s`. */
export function took(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}
