/** Strict JSON and bytes, as docs/spec/entry.md spells them. What comes from outside passes here. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const MAX_DEPTH = 32;

/** Not what it should be; says why. */
export class Malformed extends Error {}

/** Refuses whatever would not come back from JSON as it went in. */
export function checkJson(value: unknown, depth = 0): asserts value is Json {
  switch (typeof value) {
    case 'boolean':
      return;
    case 'number':
      if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
        throw new Malformed(`the number ${value} is not an integer from 0 to 2^53 - 1: write it as a string`);
      }
      return;
    case 'string':
      if (!value.isWellFormed()) throw new Malformed('a string holds half of a surrogate pair');
      return;
    case 'object':
      if (value === null) return;
      checkContainer(value, depth);
      return;
    default:
      throw new Malformed(`a value of type ${typeof value} is not JSON`);
  }
}

function checkContainer(value: object, depth: number): void {
  if (depth === MAX_DEPTH) throw new Malformed(`it nests deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) throw new Malformed('an array has holes or members of its own');
    for (const inner of value) checkJson(inner, depth + 1);
    return;
  }
  const kind = Object.getPrototypeOf(value) as unknown;
  if (kind !== null && kind !== Object.prototype) {
    throw new Malformed('an object of a class is not JSON: hand over a plain object');
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw new Malformed('a key is a symbol, not a string');
  for (const [key, inner] of Object.entries(value)) {
    checkJson(key);
    checkJson(inner, depth + 1);
  }
}

/** The RFC 8785 text of a value that `checkJson` takes: keys in the order of UTF-16 units, as JavaScript sorts. */
export function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key] as Json)}`).join(',')}}`;
}

/** Reads JSON without numbers but integers from 0 to 2^53 - 1. */
export function parse(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Malformed('it is not JSON', { cause: error });
  }
  checkJson(value);
  return value;
}

/** The same, for an object. */
export function parseObject(text: string): JsonObject {
  return object(parse(text), 'it');
}

/** An object that must stand in its one canonical form; so no key stands twice. */
export function parseCanonical(text: string): JsonObject {
  const value = parseObject(text);
  if (canonical(value) !== text) throw new Malformed('it is not in canonical form (RFC 8785)');
  return value;
}

export function object(value: Json | undefined, name: string): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Malformed(`${name} is not a JSON object`);
  }
  return value;
}

export function array(value: Json | undefined, name: string): Json[] {
  if (!Array.isArray(value)) throw new Malformed(`${name} is not an array`);
  return value;
}

export function string(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw new Malformed(`${name} is not a string`);
  return value;
}

export function integer(value: Json | undefined, name: string): number {
  if (typeof value !== 'number') throw new Malformed(`${name} is not an integer`);
  return value;
}

/** Refuses an object unless it has exactly these members, and perhaps those. */
export function members(value: JsonObject, required: string[], optional: string[] = []): void {
  for (const name of Object.keys(value)) {
    if (!required.includes(name) && !optional.includes(name)) throw new Malformed(`the member \`${name}\` is unknown`);
  }
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw new Malformed(`the member \`${name}\` is missing`);
  }
}

/** base64url without padding, unused bits zero, and no other character. */
export function decode(text: Json | undefined): Buffer {
  const data = Buffer.from(string(text, 'it'), 'base64url');
  if (data.toString('base64url') !== text) throw new Malformed('it is not base64url');
  return data;
}

/** base64 with padding, unused bits zero, and no other character. */
export function decodePadded(text: string): Buffer {
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) throw new Malformed('it is not base64');
  return data;
}

/** 64 lower-case hex digits. */
export function digest(text: Json | undefined): Buffer {
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) throw new Malformed('it is not a digest');
  return Buffer.from(text, 'hex');
}

/** Bytes that must be UTF-8. */
export function utf8(data: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch (error) {
    throw new Malformed('it is not UTF-8', { cause: error });
  }
}
