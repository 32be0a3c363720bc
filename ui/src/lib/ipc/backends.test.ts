import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProblemError, problemOf } from './backend';
import { WebBackend } from './web';
import { insideDesktopWindow, TauriBackend } from './tauri';

const answer = (status: number, body: unknown): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(window, '__TAURI_INTERNALS__');
});

async function refusal(promise: Promise<unknown>): Promise<ProblemError> {
  const thrown: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ProblemError);
  return thrown as ProblemError;
}

describe('web', () => {
  it('posts the command with the header that no form can set', async () => {
    const fetch = vi.fn(async (_url: URL, _init: RequestInit) => answer(200, { is: 'accepted' }));
    vi.stubGlobal('fetch', fetch);
    expect(await new WebBackend().send('local', { do: 'verify' })).toEqual({ is: 'accepted' });
    const [url, init] = fetch.mock.calls[0] ?? [];
    expect(url?.pathname).toBe('/console/command');
    expect(init).toMatchObject({ method: 'POST', body: '{"do":"verify"}', credentials: 'same-origin', redirect: 'error' });
    expect(init?.headers).toMatchObject({ 'x-vidimus-console': '1' });
  });

  it('turns 401, problems, rubbish and silence into problems', async () => {
    const web = new WebBackend();
    vi.stubGlobal('fetch', async () => answer(401, ''));
    expect((await refusal(web.send('local', { do: 'verify' }))).problem.code).toBe('sign_in_first');
    const cookie = { code: 'no_cookie', message: 'This browser sent no cookie.', hint: 'Allow cookies.' };
    vi.stubGlobal('fetch', async () => answer(401, cookie));
    expect((await refusal(web.send('local', { do: 'verify' }))).problem).toEqual(cookie);
    const stale = { code: 'stale_pin', message: 'The pin is old.', hint: 'Try again.' };
    vi.stubGlobal('fetch', async () => answer(409, stale));
    expect((await refusal(web.send('local', { do: 'verify' }))).problem).toEqual(stale);
    vi.stubGlobal('fetch', async () => answer(502, '<html>'));
    expect((await refusal(web.send('local', { do: 'verify' }))).problem.message).toContain('HTTP 502');
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed to fetch')));
    expect((await refusal(web.send('local', { do: 'verify' }))).problem.code).toBe('console_unreachable');
  });
});

describe('desktop', () => {
  it('is chosen by the bridge, and passes problems on as they are', async () => {
    expect(insideDesktopWindow()).toBe(false);
    const stale = { code: 'stale_pin', message: 'The pin is old.', hint: 'Try again.' };
    const invoke = vi.fn(async (name: string, given: { gateway: string; command: unknown }) => {
      if (name !== 'console_command') throw new Error(name);
      if ((given.command as { do: string }).do === 'verify') throw stale;
      return { is: 'accepted' };
    });
    vi.stubGlobal('__TAURI_INTERNALS__', { invoke });
    expect(insideDesktopWindow()).toBe(true);
    const desktop = new TauriBackend();
    expect(await desktop.send('vidimus.example:8443', { do: 'retry' })).toEqual({ is: 'accepted' });
    expect(invoke.mock.lastCall?.[1]).toEqual({ gateway: 'vidimus.example:8443', command: { do: 'retry' } });
    expect((await refusal(desktop.send('local', { do: 'verify' }))).problem).toEqual(stale);
  });
});

describe('problemOf', () => {
  it('has words for whatever was thrown', () => {
    expect(problemOf('boom').message).toContain('boom');
    expect(problemOf(null).message).toContain('did not answer');
    expect(problemOf({ code: 'x' }).code).toBe('front_internal');
  });
});
