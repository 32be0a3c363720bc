import { describe, expect, it } from 'vitest';
import { asksForKey, CHORD_MS, gatewayAt, isTextField, read, type Place, type Press } from './keyboard';

const press = (key: string, change: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...change,
});
const free: Place = { typing: false, dialog: false, enabled: true };

describe('read', () => {
  it.each([
    ['j', 'next'],
    ['k', 'previous'],
    ['/', 'search'],
    ['?', 'help'],
    ['a', 'approve'],
    ['d', 'deny'],
    ['p', 'pause'],
    ['n', 'unseen'],
    ['e', 'edit'],
    ['Escape', 'back'],
  ] as const)('%s is %s', (key, intent) => {
    expect(read(press(key), free, null, 0).intent).toBe(intent);
  });

  it('goes places by two keys', () => {
    const first = read(press('g'), free, null, 1000);
    expect(first).toEqual({ intent: null, pending: 1000 });
    expect(read(press('i'), free, first.pending, 1200).intent).toBe('go-inbox');
    expect(read(press('h'), free, first.pending, 1200).intent).toBe('go-history');
    expect(read(press('p'), free, first.pending, 1200).intent).toBe('go-people');
    expect(read(press('y'), free, first.pending, 1200).intent).toBe('go-policy');
  });

  it('goes to a gateway by its number, and only after g', () => {
    const intent = read(press('3'), free, 1000, 1200).intent;
    expect(intent).toBe('go-gateway-3');
    expect(intent === null ? null : gatewayAt(intent)).toBe(2);
    expect(gatewayAt('go-inbox')).toBeNull();
    expect(read(press('3'), free, null, 1200).intent).toBeNull();
    expect(read(press('0'), free, 1000, 1200).intent).toBeNull();
  });

  it('forgets a g that is too old, or that another key followed', () => {
    expect(read(press('h'), free, 0, CHORD_MS + 1).intent).toBeNull();
    expect(read(press('x'), free, 0, 10).pending).toBeNull();
    expect(read(press('i'), free, null, 10).intent).toBeNull();
  });

  it('does nothing while typing, except that Escape is left to the field', () => {
    for (const key of ['a', 'd', 'g', 'j', 'k', '/', '?', 'Escape']) {
      expect(read(press(key), { ...free, typing: true }, null, 0).intent).toBeNull();
    }
  });

  it('does nothing under a dialog, or with a modifier', () => {
    for (const key of ['a', 'd', 'j', '?', 'Escape']) {
      expect(read(press(key), { ...free, dialog: true }, null, 0).intent).toBeNull();
      expect(read(press(key, { ctrlKey: true }), free, null, 0).intent).toBeNull();
      expect(read(press(key, { altKey: true }), free, null, 0).intent).toBeNull();
      expect(read(press(key, { metaKey: true }), free, null, 0).intent).toBeNull();
    }
  });

  it('leaves only Escape when single keys are switched off', () => {
    const off = { ...free, enabled: false };
    expect(read(press('a'), off, null, 0).intent).toBeNull();
    expect(read(press('Escape'), off, null, 0).intent).toBe('back');
  });

  it('never lets one key decide: there is no such intent', () => {
    const intents = 'abcdefghijklmnopqrstuvwxyz'.split('').map((key) => read(press(key), free, null, 0).intent);
    expect(intents).not.toContain('decide');
    expect(read(press('Enter'), free, null, 0).intent).toBeNull();
  });
});

describe('asksForKey', () => {
  it('wants the chord', () => {
    expect(asksForKey(press('Enter'))).toBe(false);
    expect(asksForKey(press('Enter', { ctrlKey: true }))).toBe(true);
    expect(asksForKey(press('Enter', { metaKey: true }))).toBe(true);
    expect(asksForKey(press('Enter', { ctrlKey: true, altKey: true }))).toBe(false);
    expect(asksForKey(press('a', { ctrlKey: true }))).toBe(false);
  });
});

describe('isTextField', () => {
  it('tells fields that take letters from the rest', () => {
    const of = (html: string): Element | null => {
      document.body.innerHTML = html;
      return document.body.firstElementChild;
    };
    expect(isTextField(of('<input type="search">'))).toBe(true);
    expect(isTextField(of('<textarea></textarea>'))).toBe(true);
    expect(isTextField(of('<input type="checkbox">'))).toBe(false);
    expect(isTextField(of('<button></button>'))).toBe(false);
    expect(isTextField(null)).toBe(false);
  });
});
