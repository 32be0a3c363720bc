/** Whom an agent asks, as whom, and which log it trusts: the profile that `vidimus exec` uses, and its trust file. */

import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

import { NotSetUp, visible } from './errors.js';
import * as strict from './strict.js';
import { type JsonObject, Malformed } from './strict.js';

const MAX_PROFILE = 65_536;
const CONNECT =
  'Connect an agent in the console: open `vidimus-console` (without a display: run `vidimus gateway --personal`)';

/** Where the gateway is. */
export interface BaseUrl {
  /** Without brackets. */
  host: string;
  port: number;
  tls: boolean;
  /** As in a `Host` header. */
  authority: string;
}

/** One agent's profile. The trust file's log id is checked to be the profile's. */
export interface Profile {
  agent: string;
  executor: string;
  log: string;
  name: string;
  url: BaseUrl;
  tlsCa: string | undefined;
  /** A function, so that it does not show where a profile is printed. */
  token: () => string;
}

/** The profile of that name, or the only one there is. */
export function loadProfile(agent?: string, home?: string): Profile {
  const path = choose(agentsDir(home), agent);
  try {
    const text = strict.parseCanonical(strict.utf8(readPrivate(path)).replace(/\n$/, ''));
    if (text['v'] !== 1) throw new NotSetUp(`\`${path}\` is a profile of another version: upgrade @vidimus/client`);
    const names = ['agent', 'executor', 'log', 'name', 'token', 'trust', 'type', 'url'];
    strict.members(text, [...names, 'v'], ['tls_ca']);
    const member = (name: string): string => strict.string(text[name], `\`${name}\``);
    names.forEach(member);
    const token = member('token');
    if (member('type') !== 'vidimus-agent' || strict.decode(token).length !== 32) {
      throw new Malformed('its type or token is another');
    }
    strict.digest(text['log']);
    checkTrust(absolute(member('trust')), text);
    return {
      agent: member('agent'),
      executor: member('executor'),
      log: member('log'),
      name: member('name'),
      url: parseUrl(member('url')),
      tlsCa: text['tls_ca'] === undefined ? undefined : absolute(member('tls_ca')),
      token: () => token,
    };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new NotSetUp(`\`${path}\` is not an agent's profile: ${error.message}`, { cause: error });
  }
}

/** `https://NAME`, or `http://` with a name of this computer. */
export function parseUrl(text: string): BaseUrl {
  const shown = visible(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
  if (!url || !plain || !['http:', 'https:'].includes(url.protocol) || /[?#@]/.test(text) || url.port === '0') {
    throw new NotSetUp(`\`${shown}\` is not the address of a gateway`);
  }
  const tls = url.protocol === 'https:';
  const address = /^[0-9.]+$|^\[/.test(url.hostname);
  if (!tls && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) {
    throw new NotSetUp(`\`${shown}\` would send the token in clear to another computer: use \`https://\``);
  }
  if (tls && (address || url.hostname.endsWith('.'))) {
    throw new NotSetUp(`\`${shown}\` does not name the gateway by a host name`);
  }
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    tls,
    authority: tls && port === 443 ? url.hostname : `${url.hostname}:${port}`,
  };
}

/** A name for people as a file name, as `vidimus` spells it. */
export function fileName(name: string): string {
  const encode = (found: string): string =>
    [...Buffer.from(found)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  return name.replace(/^[.-]|[/\\%]|\p{Cc}/gu, encode);
}

function agentsDir(home: string | undefined): string {
  const root = home ?? process.env['VIDIMUS_HOME'];
  if (root) return join(resolve(root), 'config', 'agents');
  const config = process.env['XDG_CONFIG_HOME'] ?? '';
  if (isAbsolute(config)) return join(config, 'vidimus', 'agents');
  const usual = process.env['HOME'] ?? '';
  if (!isAbsolute(usual)) {
    throw new NotSetUp("no folder to look for an agent's profile: set `HOME` or `VIDIMUS_HOME`");
  }
  return join(usual, '.config', 'vidimus', 'agents');
}

function choose(folder: string, agent: string | undefined): string {
  const files = profiles(folder);
  const known = files.map((file) => visible(nameOf(file))).join(', ');
  const [only, ...others] = files;
  if (only === undefined) {
    throw new NotSetUp(`no agent is connected here. ${CONNECT} and choose *Connect an agent*`);
  }
  if (agent !== undefined) {
    const file = `${fileName(agent)}.json`;
    if (files.includes(file)) return join(folder, file);
    throw new NotSetUp(`no agent \`${visible(agent)}\` is connected here; connected: ${known}`);
  }
  if (others.length > 0) {
    throw new NotSetUp(`several agents are connected here: name one of them as \`agent\`: ${known}`);
  }
  return join(folder, only);
}

function profiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort();
  } catch {
    return [];
  }
}

function nameOf(file: string): string {
  const stem = file.slice(0, -'.json'.length);
  try {
    return decodeURIComponent(stem);
  } catch {
    return stem;
  }
}

function readPrivate(path: string): Buffer {
  const why = (error: unknown): NotSetUp =>
    error instanceof NotSetUp ? error : new NotSetUp(`\`${path}\` cannot be read: ${String(error)}`, { cause: error });
  try {
    // A pipe in its place must not block the program.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = fstatSync(file);
      if (!found.isFile() || found.size > MAX_PROFILE) {
        throw new NotSetUp(`\`${path}\` is not a plain file of at most ${MAX_PROFILE} bytes`);
      }
      if ((found.mode & 0o077) !== 0) {
        throw new NotSetUp(`other users can get at \`${path}\`: run \`chmod 600 ${path}\``);
      }
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw why(error);
  }
}

function checkTrust(path: string, profile: JsonObject): void {
  let data: Buffer;
  try {
    data = readFileSync(path);
  } catch (error) {
    throw new NotSetUp(`the trust file \`${path}\` cannot be read. ${CONNECT} anew`, { cause: error });
  }
  let log: string;
  try {
    const trust = strict.parseCanonical(strict.utf8(data).replace(/\n$/, ''));
    strict.members(trust, ['log', 'type', 'v', 'witness_quorum', 'witnesses']);
    if (trust['type'] !== 'vidimus-trust' || trust['v'] !== 1) throw new Malformed('it is of another type or version');
    if (trust['witness_quorum'] !== 0 || strict.array(trust['witnesses'], 'witnesses').length > 0) {
      throw new Malformed('it asks for witnesses, which this version cannot check: upgrade @vidimus/client');
    }
    log = strict.string(trust['log'], 'log');
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new NotSetUp(`\`${path}\` is not a trust file: ${error.message}`, { cause: error });
  }
  if (log !== profile['log']) {
    throw new NotSetUp(
      `the trust file \`${path}\` is for the log ${log}, and the agent was connected to the log ` +
        `${String(profile['log'])}. Nothing is asked. ${CONNECT} anew`,
    );
  }
}

function absolute(path: string): string {
  if (!isAbsolute(path)) throw new NotSetUp(`the path \`${visible(path)}\` in the agent's profile is not absolute`);
  return path;
}
