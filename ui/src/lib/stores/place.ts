// Which view the page shows, as a fragment of its address, so that the
// browser's own Back works. A fragment carries an id and nothing else.

export type Place = { is: 'inbox' } | { is: 'history'; action: string | null } | { is: 'action'; action: string };

/** Reads a fragment. Anything unknown is the inbox. */
export function parsePlace(fragment: string): Place {
  const [head, ...rest] = fragment.replace(/^#\/?/, '').split('/');
  const tail = decode(rest.join('/'));
  if (head === 'history') return { is: 'history', action: tail === '' ? null : tail };
  if (head === 'action' && tail !== '') return { is: 'action', action: tail };
  return { is: 'inbox' };
}

/** Writes a fragment that {@link parsePlace} reads back. */
export function formatPlace(place: Place): string {
  switch (place.is) {
    case 'inbox':
      return '#/inbox';
    case 'history':
      return place.action === null ? '#/history' : `#/history/${encodeURIComponent(place.action)}`;
    case 'action':
      return `#/action/${encodeURIComponent(place.action)}`;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
