// The browser page: commands over HTTP, events over a WebSocket, both on the
// origin that served the page, with its session cookie.

import { isProblem, ProblemError, problemOf, type Backend, type Line } from './backend';
import type { Command, Reply, Told } from './types';

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;

export class WebBackend implements Backend {
  /** The page belongs to the gateway that serves it, so which one is not said. */
  async send(_gateway: string, command: Command): Promise<Reply> {
    let response: Response;
    try {
      response = await fetch(new URL('./console/command', document.baseURI), {
        method: 'POST',
        // A form on another site cannot set this header.
        headers: { 'content-type': 'application/json', 'x-vidimus-console': '1' },
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'error',
        body: JSON.stringify(command),
      });
    } catch {
      throw new ProblemError({
        code: 'console_unreachable',
        message: 'The gateway that serves this page does not answer.',
        hint: 'Check that it runs and that the tunnel to it is open, then try again.',
      });
    }
    const body: unknown = await response.json().catch(() => null);
    if (response.ok) return body as Reply;
    if (response.status === 401 && !isProblem(body)) {
      throw new ProblemError({
        code: 'sign_in_first',
        message: 'This browser is not signed in.',
        hint: 'Sign in with your key first.',
      });
    }
    throw new ProblemError(problemOf(body ?? `HTTP ${response.status}`));
  }

  listen(onTold: (told: Told) => void, onLine: (line: Line) => void): void {
    let waitMs = RETRY_FIRST_MS;
    const connect = (): void => {
      const url = new URL('./console/events', document.baseURI);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      const socket = new WebSocket(url);
      socket.onopen = () => {
        waitMs = RETRY_FIRST_MS;
        onLine({ is: 'open' });
      };
      socket.onmessage = (message: MessageEvent<string>) => {
        onTold(JSON.parse(message.data) as Told);
      };
      socket.onclose = () => {
        onLine({ is: 'lost', retryAtUnixMs: Date.now() + waitMs });
        setTimeout(connect, waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_MOST_MS);
      };
    };
    connect();
  }
}
