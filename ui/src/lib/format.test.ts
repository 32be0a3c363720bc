import { describe, expect, it } from 'vitest';
import { ago, bytes, countdown, grouped, groupNames, hasExpired, lately, oneOf, plural, took } from './format';

const NOW = 1_700_000_000_000;

describe('hasExpired', () => {
  it('is so from its very moment on, but not while it waits out its grace time', () => {
    const waits = { expiresAtUnixMs: NOW, startsAtUnixMs: null };
    expect([hasExpired(waits, NOW - 1), hasExpired(waits, NOW)]).toEqual([false, true]);
    expect(hasExpired({ ...waits, startsAtUnixMs: NOW + 1 }, NOW)).toBe(false);
    expect(hasExpired({ ...waits, startsAtUnixMs: NOW - 1 }, NOW)).toBe(false);
  });
});

describe('countdown', () => {
  it.each([
    [1, '0:01', 'now'],
    [999, '0:01', 'now'],
    [1000, '0:01', 'now'],
    [1001, '0:02', 'now'],
    [59_001, '1:00', 'now'],
    [61_000, '1:01', 'soon'],
    [5 * 60_000, '5:00', 'soon'],
    [5 * 60_000 + 1, '5:01', 'calm'],
    [3_600_000, '1 h 00 min', 'calm'],
    [7_500_000, '2 h 05 min', 'calm'],
  ])('%d ms are %s', (left, text, urgency) => {
    expect(countdown(NOW + left, NOW)).toMatchObject({ text, urgency, over: false });
  });

  it('is over at its very moment and after it', () => {
    expect(countdown(NOW, NOW)).toMatchObject({ text: '0:00', over: true, urgency: 'over' });
    expect(countdown(NOW - 5000, NOW).over).toBe(true);
  });

  it('has words for a screen reader', () => {
    expect(countdown(NOW + 61_000, NOW).spoken).toBe('1 minute 1 second left');
    expect(countdown(NOW + 7_500_000, NOW).spoken).toBe('2 hours 5 minutes left');
  });
});

describe('numbers', () => {
  it('counts one and many', () => {
    expect(plural(1, 'line')).toBe('1 line');
    expect(plural(0, 'entry', 'entries')).toBe('0 entries');
    expect(plural(1200, 'line')).toBe('1,200 lines');
  });

  it('keeps the exact size beside the rounded one', () => {
    expect(bytes(0)).toBe('0 bytes');
    expect(bytes(1)).toBe('1 byte');
    expect(bytes(1023)).toBe('1,023 bytes');
    expect(bytes(1024)).toBe('1.0 KiB (1,024 bytes)');
    expect(bytes(94_371_840)).toBe('90 MiB (94,371,840 bytes)');
  });

  it('groups a digest without losing a digit', () => {
    const digest = '0123456789abcdef'.repeat(4);
    expect(grouped(digest).replaceAll(' ', '')).toBe(digest);
    expect(grouped(digest).split(' ')).toHaveLength(8);
  });

  it('says how long ago and how long it took', () => {
    expect(ago(NOW - 1000, NOW)).toBe('just now');
    expect(ago(NOW - 65_000, NOW)).toBe('1 min ago');
    expect(ago(NOW + 9000, NOW)).toBe('just now');
    expect(took(38)).toBe('38 ms');
    expect(took(2440)).toBe('2.4 s');
  });
});

describe('lately', () => {
  it('is near within a day, then the date alone', () => {
    const now = Date.UTC(2026, 10, 21, 12);
    expect(lately(now - 3 * 3_600_000, now)).toBe('3 h ago');
    expect(lately(now - 30 * 86_400_000, now)).toBe('22 Oct 2026');
  });
});

describe('groupNames', () => {
  it('takes commas and spaces, and no name twice', () => {
    expect(groupNames(' platform, on-call  platform\tpayments,')).toEqual(['platform', 'on-call', 'payments']);
    expect(groupNames(' , ')).toEqual([]);
  });
});

describe('oneOf', () => {
  it('joins names, and counts those that are too many', () => {
    expect(oneOf([])).toBe('');
    expect(oneOf(['Ada'])).toBe('Ada');
    expect(oneOf(['Ada', 'Bo', 'Chi'])).toBe('Ada, Bo or Chi');
    expect(oneOf(['Ada', 'Bo', 'Chi'], 2)).toBe('Ada, Bo or Chi');
    expect(oneOf(['Ada', 'Bo', 'Chi', 'Dee'], 2)).toBe('Ada, Bo or one of 2 others');
  });
});
