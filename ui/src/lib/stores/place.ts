// Which view the page shows, and of which gateway, as a fragment of its
// address, so that the browser's own Back works. A fragment carries ids and
// nothing else.

import { LOCAL } from '../ipc/backend';

export type Place =
  | { is: 'inbox' }
  | { is: 'history'; action: string | null }
  | { is: 'people' }
  | { is: 'policy' }
  | { is: 'action'; action: string };

/** A place and the gateway it belongs to. */
export interface Address {
  gateway: string;
  place: Place;
}

/** Reads a fragment. Anything unknown is the inbox. */
export function parseAddress(fragment: string): Address {
  const path = fragment.replace(/^#\/?/, '');
  if (!path.startsWith('@')) return { gateway: LOCAL, place: parsePlace(path) };
  const [id = '', ...rest] = path.slice(1).split('/');
  const gateway = decode(id);
  return gateway === '' ? { gateway: LOCAL, place: { is: 'inbox' } } : { gateway, place: parsePlace(rest.join('/')) };
}

/** Writes a fragment that {@link parseAddress} reads back. */
export function formatAddress({ gateway, place }: Address): string {
  // A port stays readable.
  const of = gateway === LOCAL ? '' : `@${encodeURIComponent(gateway).replaceAll('%3A', ':')}/`;
  return `#/${of}${formatPlace(place)}`;
}

function parsePlace(path: string): Place {
  const [head, ...rest] = path.split('/');
  const tail = decode(rest.join('/'));
  if (head === 'history') return { is: 'history', action: tail === '' ? null : tail };
  if (head === 'people' || head === 'policy') return { is: head };
  if (head === 'action' && tail !== '') return { is: 'action', action: tail };
  return { is: 'inbox' };
}

function formatPlace(place: Place): string {
  switch (place.is) {
    case 'inbox':
    case 'people':
    case 'policy':
      return place.is;
    case 'history':
      return place.action === null ? 'history' : `history/${encodeURIComponent(place.action)}`;
    case 'action':
      return `action/${encodeURIComponent(place.action)}`;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
