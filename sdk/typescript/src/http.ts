/** The one place that speaks HTTP: no proxy, no redirect, no second try, no kept connection. */

import { readFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';

import { NotSetUp, Unreachable, visible } from './errors.js';
import type { Profile } from './profile.js';

const MAX_REPLY = 4 << 20;
const CONNECT_MS = 5_000;
const ANSWER_MS = 20_000;

/** One request. `waitS` is what a long poll asks for. */
export interface Request {
  method: 'GET' | 'POST';
  path: string;
  body?: string;
  waitS?: number;
  signal?: AbortSignal | undefined;
}

/** Its answer. */
export interface Reply {
  status: number;
  body: Buffer;
}

/** The way to one gateway, asked by one agent's token. */
export class Transport {
  readonly #profile: Profile;
  readonly #ca: string[] | undefined;

  constructor(profile: Profile, tlsCa: string | undefined) {
    this.#profile = profile;
    this.#ca = profile.url.tls ? authorities(tlsCa || process.env['VIDIMUS_TLS_CA'] || profile.tlsCa) : undefined;
  }

  /** Sends it, once. */
  async send(request: Request): Promise<Reply> {
    request.signal?.throwIfAborted();
    // A connection that was kept could close under a redemption.
    const state = { connected: false };
    try {
      return await new Promise((done, failed) => this.#exchange(request, state, done, failed));
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.#unreachable(error, state.connected);
    }
  }

  #exchange(
    request: Request,
    state: { connected: boolean },
    done: (reply: Reply) => void,
    failed: (error: Error) => void,
  ): void {
    const asked = this.#open(request);
    const late = (): unknown => asked.destroy(new Error('it does not answer in time'));
    const stopped = (): unknown => asked.destroy(new Error('stopped'));
    let timer = setTimeout(late, CONNECT_MS);
    request.signal?.addEventListener('abort', stopped, { once: true });
    asked.on('socket', (socket) => {
      socket.once(this.#profile.url.tls ? 'secureConnect' : 'connect', () => {
        state.connected = true;
        clearTimeout(timer);
        timer = setTimeout(late, ANSWER_MS + (request.waitS ?? 0) * 1000);
      });
    });
    const over = (error: Error): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', stopped);
      failed(error);
    };
    asked.on('error', over);
    asked.on('response', (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on('error', over);
      response.on('data', (piece: Buffer) => {
        size += piece.length;
        if (size > MAX_REPLY) asked.destroy(new Error(`the answer has more than ${MAX_REPLY} bytes`));
        pieces.push(piece);
      });
      response.on('end', () => {
        clearTimeout(timer);
        request.signal?.removeEventListener('abort', stopped);
        done({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) });
      });
    });
    asked.end(request.body);
  }

  #open(request: Request): ClientRequest {
    const { url, token } = this.#profile;
    const headers: Record<string, string> = {
      // What a proxy has compressed is not read, and a proof comes only once.
      'accept-encoding': 'identity',
      authorization: `Bearer ${token()}`,
      host: url.authority,
    };
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    const options = {
      agent: false as const,
      // Never looked up: a resolver could name another computer.
      host: url.host === 'localhost' ? '127.0.0.1' : url.host,
      port: url.port,
      method: request.method,
      path: request.path,
      headers,
    };
    return url.tls
      ? httpsRequest({ ...options, servername: url.host, ...(this.#ca && { ca: this.#ca }) })
      : httpRequest(options);
  }

  #unreachable(error: unknown, sent: boolean): Unreachable {
    const { url } = this.#profile;
    const cure = url.tls
      ? 'Try again, or ask whoever runs it'
      : 'Start it: open `vidimus-console`, or run `vidimus gateway --personal`';
    const why = visible(error instanceof Error ? error.message : String(error));
    const scheme = url.tls ? 'https' : 'http';
    const words = `the gateway at ${scheme}://${url.authority} does not answer (${why}). ${cure}`;
    return new Unreachable(words, sent, { cause: error });
  }
}

/** The authorities that Node brings, and those of the one file that is named. */
function authorities(path: string | undefined): string[] | undefined {
  if (!path) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new NotSetUp(`the file with certificate authorities \`${path}\` cannot be read`, { cause: error });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new NotSetUp(`\`${path}\` holds no certificate authority in PEM form`);
  }
  return [...rootCertificates, text];
}
