// What can be said about a safe text without showing it.

import type { SafeText, Span } from './ipc/types';

/** Number of marks in a text. */
export function marksIn(text: SafeText): number {
  return text.spans.filter((span) => span.is === 'mark').length;
}

/** Whether nothing at all is in it. */
export function isEmpty(text: SafeText): boolean {
  return text.spans.every((span) => span.is === 'plain' && span.text === '');
}

/** The text with its marks spelled out: `name[U+202E]txt`. For titles and labels. */
export function spelled(text: SafeText): string {
  return text.spans.map((span) => (span.is === 'plain' ? span.text : `[${span.label}]`)).join('');
}

/** The first `limit` characters, and how many are left. A mark counts as one. */
export function clip(text: SafeText, limit: number): { spans: Span[]; rest: number } {
  const spans: Span[] = [];
  let room = limit;
  let rest = 0;
  for (const span of text.spans) {
    if (span.is === 'mark') {
      if (room > 0) {
        spans.push(span);
        room -= 1;
      } else {
        rest += 1;
      }
      continue;
    }
    const characters = Array.from(span.text);
    if (characters.length <= room) {
      spans.push(span);
    } else {
      if (room > 0) spans.push({ is: 'plain', text: characters.slice(0, room).join('') });
      rest += characters.length - room;
    }
    room = Math.max(0, room - characters.length);
  }
  return { spans, rest };
}
