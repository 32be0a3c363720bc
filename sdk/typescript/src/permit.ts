/**
 * Permits: compact JWS tokens signed with Ed25519. Spec: docs/spec/permit.md. A permit that checks out here does not
 * authorise a run: redemption is mandatory.
 */

import { createHash, createPublicKey, verify } from 'node:crypto';

import { Unproven } from './errors.js';
import * as strict from './strict.js';
import { type Json, type JsonObject, Malformed } from './strict.js';

const MAX_PERMIT = 8192;
const MAX_LIFE_S = 300;

/** A key that signs permits: its RFC 7638 thumbprint, and its 32 bytes in base64url. */
export interface PermitKey {
  kid: string;
  x: string;
}

/** What a permit says, once it was verified. Times are seconds since 1970. */
export interface Permit {
  issuer: string;
  audience: string;
  agent: string;
  owner: string;
  permit: string;
  action: string;
  digest: string;
  logIndex: number;
  policy: string;
  reviewers: string[];
  issuedAt: number;
  expiresAt: number;
}

/** What the permit must be about. Without `now` it is the clock's, in seconds. */
export interface WantedPermit {
  audience: string;
  action: string;
  digest: string;
  agent?: string;
  issuer?: string;
  now?: number;
}

/** Refuses a key whose id is not its thumbprint. */
export function readPermitKey(key: JsonObject): PermitKey {
  const kid = strict.string(key['kid'], 'kid');
  const x = strict.string(key['x'], 'x');
  const jwk = strict.canonical({ crv: 'Ed25519', kty: 'OKP', x });
  if (createHash('sha256').update(jwk).digest('base64url') !== kid) {
    throw new Malformed("a permit key's id is not its thumbprint");
  }
  if (strict.decode(x).length !== 32) throw new Malformed('a permit key has not 32 bytes');
  return { kid, x };
}

/** The keys of `/.well-known/jwks.json`: the gateway's word. */
export function readJwks(body: Uint8Array): PermitKey[] {
  try {
    const keys = strict.array(strict.parseObject(strict.utf8(body))['keys'], 'keys');
    const ours = keys.map((key) => strict.object(key, 'a key'));
    return ours.filter((key) => key['kty'] === 'OKP' && key['crv'] === 'Ed25519').map(readPermitKey);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Unproven(`the permit keys cannot be read: ${error.message}`, { cause: error });
  }
}

/** Verifies a permit for exactly this action. Throws `Unproven` with the first rule that it breaks. */
export function verifyPermit(token: string, keys: readonly PermitKey[], wanted: WantedPermit): Permit {
  try {
    return judge(open(token, keys), wanted);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Unproven(error.message, { cause: error });
  }
}

function judge(claims: JsonObject, wanted: WantedPermit): Permit {
  const text = (from: JsonObject, name: string): string => strict.string(from[name], name);
  const time = (name: string): number => strict.integer(claims[name], name);
  strict.members(claims, ['act', 'approval', 'aud', 'authorization_details', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub']);
  const act = strict.object(claims['act'], 'act');
  strict.members(act, ['sub']);
  const approval = strict.object(claims['approval'], 'approval');
  strict.members(approval, ['id', 'log_index', 'policy', 'reviewers']);
  const details = strict.array(claims['authorization_details'], 'authorization_details');
  if (details.length !== 1) throw new Malformed('the permit is not about one action');
  const detail = strict.object(details[0], 'authorization_details');
  strict.members(detail, ['action_kind', 'digest', 'type']);
  const permit: Permit = {
    issuer: text(claims, 'iss'),
    audience: text(claims, 'aud'),
    agent: text(claims, 'sub'),
    owner: text(act, 'sub'),
    permit: text(claims, 'jti'),
    action: text(approval, 'id'),
    digest: text(detail, 'digest'),
    logIndex: strict.integer(approval['log_index'], 'log_index'),
    policy: text(approval, 'policy'),
    reviewers: strict.array(approval['reviewers'], 'reviewers').map((one: Json) => strict.string(one, 'reviewers')),
    issuedAt: time('iat'),
    expiresAt: time('exp'),
  };
  const now = wanted.now ?? Date.now() / 1000;
  const begins = time('nbf');
  const sane = permit.issuedAt <= begins && begins <= permit.expiresAt;
  const rules: [boolean, string][] = [
    [sane && permit.expiresAt - permit.issuedAt <= MAX_LIFE_S, "the permit's claims contradict each other"],
    [detail['type'] === 'vidimus_action', "the permit's claims contradict each other"],
    [permit.audience === wanted.audience, 'the permit is for another executor'],
    [now >= begins, "the permit is not valid yet: set this computer's clock right"],
    [now < permit.expiresAt, 'the permit has expired'],
    [wanted.issuer === undefined || permit.issuer === wanted.issuer, 'the permit is of another log'],
    [wanted.agent === undefined || permit.agent === wanted.agent, 'the permit is for another agent'],
    [permit.action === wanted.action, 'the permit is for another action'],
    [permit.digest === wanted.digest, 'the permit is for another digest'],
    [detail['action_kind'] === 'json', 'the permit is for another kind of action'],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken) throw new Malformed(broken[1]);
  return permit;
}

/** The claims, read only once the signature is verified. */
function open(token: string, keys: readonly PermitKey[]): JsonObject {
  const segments = typeof token === 'string' && token.length <= MAX_PERMIT ? token.split('.') : [];
  const [head, body, tail] = segments;
  if (head === undefined || body === undefined || tail === undefined || segments.length !== 3) {
    throw new Malformed(`the permit is not a compact JWS of at most ${MAX_PERMIT} bytes`);
  }
  const header = strict.parseCanonical(strict.utf8(strict.decode(head)));
  strict.members(header, ['alg', 'kid', 'typ']);
  if (header['alg'] !== 'EdDSA' || header['typ'] !== 'vidimus-permit+jwt') {
    throw new Malformed("the permit's algorithm or type is another");
  }
  const found = keys.find((key) => key.kid === header['kid']);
  if (!found) throw new Malformed('the permit is signed with a key that the log does not name');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: found.x }, format: 'jwk' });
  if (!verify(null, Buffer.from(`${head}.${body}`), key, strict.decode(tail))) {
    throw new Malformed("the permit's signature does not verify");
  }
  return strict.parseCanonical(strict.utf8(strict.decode(body)));
}
