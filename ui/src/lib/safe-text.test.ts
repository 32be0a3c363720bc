import { mount, unmount, flushSync } from 'svelte';
import { afterEach, describe, expect, it } from 'vitest';
import SafeText from './components/SafeText.svelte';
import type { SafeText as Text } from './ipc/types';
import { clip, isEmpty, marksIn, spelled } from './safe-text';

const hostile: Text = {
  spans: [
    { is: 'plain', text: '<img src=x onerror=alert(1)> a' },
    { is: 'mark', label: 'U+202E', what: 'right-to-left override', shown: null },
    { is: 'plain', text: 'gpj.exe &amp; p' },
    { is: 'mark', label: 'U+0430', what: 'Cyrillic letter that looks like a', shown: 'а' },
    { is: 'plain', text: 'ypal' },
  ],
};

describe('safe text', () => {
  it('counts and spells its marks', () => {
    expect(marksIn(hostile)).toBe(2);
    expect(spelled(hostile)).toBe('<img src=x onerror=alert(1)> a[U+202E]gpj.exe &amp; p[U+0430]ypal');
    expect(isEmpty({ spans: [] })).toBe(true);
    expect(isEmpty({ spans: [{ is: 'plain', text: '' }] })).toBe(true);
    expect(isEmpty(hostile)).toBe(false);
  });

  it('clips at a limit and says how much is left, a mark being one', () => {
    const text: Text = { spans: [{ is: 'plain', text: 'ab😀' }, { is: 'mark', label: 'ESC', what: 'escape', shown: null }, { is: 'plain', text: 'cd' }] };
    expect(clip(text, 6)).toEqual({ spans: text.spans, rest: 0 });
    expect(clip(text, 3)).toEqual({ spans: [{ is: 'plain', text: 'ab😀' }], rest: 3 });
    expect(clip(text, 2)).toEqual({ spans: [{ is: 'plain', text: 'ab' }], rest: 4 });
    expect(clip(text, 0)).toEqual({ spans: [], rest: 6 });
  });
});

describe('<SafeText>', () => {
  let shown: ReturnType<typeof mount> | null = null;

  function show(props: { text: Text; limit?: number; inert?: boolean }): HTMLElement {
    document.body.innerHTML = '';
    shown = mount(SafeText, { target: document.body, props });
    flushSync();
    return document.body;
  }

  afterEach(() => {
    if (shown !== null) void unmount(shown);
    shown = null;
  });

  it('makes text nodes and chips, never markup', () => {
    const body = show({ text: hostile });
    expect(body.querySelector('img')).toBeNull();
    expect(body.querySelectorAll('.mark')).toHaveLength(2);
    expect(body.textContent).toContain('<img src=x onerror=alert(1)>');
    expect(body.textContent).toContain('&amp;');
    expect(body.querySelectorAll('a, script, style, iframe')).toHaveLength(0);
  });

  it('puts no space of its own between the pieces', () => {
    const body = show({ text: { spans: [{ is: 'plain', text: 'ab' }, { is: 'plain', text: 'cd' }] } });
    expect(body.textContent).toBe('abcd');
  });

  it('opens what a limit held back', () => {
    const body = show({ text: { spans: [{ is: 'plain', text: 'x'.repeat(50) }] }, limit: 20 });
    const opener = body.querySelector('button');
    expect(opener?.textContent).toBe('Show 30 more characters');
    opener?.click();
    flushSync();
    expect(body.textContent).toBe('x'.repeat(50));
  });

  it('says what is left, and how many marks are in it, where it cannot open', () => {
    const body = show({ text: hostile, limit: 5, inert: true });
    expect(body.querySelector('button')).toBeNull();
    expect(body.textContent).toContain('with 2 marks');
  });
});
