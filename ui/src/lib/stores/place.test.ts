import { expect, it } from 'vitest';
import { formatPlace, parsePlace, type Place } from './place';

it('reads back what it writes', () => {
  const places: Place[] = [
    { is: 'inbox' },
    { is: 'history', action: null },
    { is: 'history', action: 'act_01' },
    { is: 'action', action: 'act/with # and ?' },
  ];
  for (const place of places) expect(parsePlace(formatPlace(place))).toEqual(place);
});

it('takes anything else for the inbox', () => {
  for (const fragment of ['', '#', '#/nowhere', '#/action', '#/action/', '#/action/%E0%A4%A']) {
    expect(parsePlace(fragment)).toEqual({ is: 'inbox' });
  }
});
