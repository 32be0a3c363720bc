import { expect, it } from 'vitest';
import { formatAddress, parseAddress, type Place } from './place';

const INBOX: Place = { is: 'inbox' };

it('reads back what it writes, for any gateway', () => {
  const places: Place[] = [
    INBOX,
    { is: 'people' },
    { is: 'policy' },
    { is: 'history', action: null },
    { is: 'history', action: 'act_01' },
    { is: 'action', action: 'act/with # and ?' },
  ];
  for (const gateway of ['local', 'vidimus.example', 'vidimus.example:8443', '[::1]:8443', 'a/b @#']) {
    for (const place of places) expect(parseAddress(formatAddress({ gateway, place }))).toEqual({ gateway, place });
  }
});

it('names a gateway only when it is not this computer’s', () => {
  expect(formatAddress({ gateway: 'local', place: INBOX })).toBe('#/inbox');
  expect(formatAddress({ gateway: 'vidimus.example:8443', place: INBOX })).toBe('#/@vidimus.example:8443/inbox');
});

it('takes anything else for the inbox', () => {
  for (const fragment of ['', '#', '#/nowhere', '#/action', '#/action/', '#/action/%E0%A4%A', '#/@', '#/@/people', '#/@%E0%A4%A/people']) {
    expect(parseAddress(fragment)).toEqual({ gateway: 'local', place: INBOX });
  }
  expect(parseAddress('#/@host:1')).toEqual({ gateway: 'host:1', place: INBOX });
});
