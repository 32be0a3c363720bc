import { StringStream } from '@codemirror/language';
import { describe, expect, test } from 'vitest';
import { token } from './cedar';

/** The pieces of a line that have a colour. */
function pieces(line: string): [string, string][] {
  const stream = new StringStream(line, 2, 2);
  const found: [string, string][] = [];
  while (!stream.eol()) {
    stream.start = stream.pos;
    const sort = token(stream);
    if (sort !== null) found.push([stream.current(), sort]);
  }
  return found;
}

describe('cedar', () => {
  test('what stands on a line is told apart', () => {
    expect(pieces('@id("a\\"b") // why')).toEqual([
      ['@id', 'annotation'],
      ['"a\\"b"', 'string'],
      ['// why', 'comment'],
    ]);
    expect(pieces('permit (principal, action == Vidimus::Action::"propose", resource)')).toEqual([
      ['permit', 'keyword'],
      ['principal', 'variableName'],
      ['action', 'variableName'],
      ['==', 'operator'],
      ['Vidimus', 'typeName'],
      ['::', 'operator'],
      ['Action', 'typeName'],
      ['::', 'operator'],
      ['"propose"', 'string'],
      ['resource', 'variableName'],
    ]);
    expect(pieces('when { context.last_hour >= 200 && !(true) };').map(([, sort]) => sort)).toEqual([
      'keyword',
      'variableName',
      'propertyName',
      'operator',
      'number',
      'operator',
      'operator',
      'bool',
    ]);
  });

  test('an end that is missing catches nobody', () => {
    expect(pieces('@why("open')).toEqual([
      ['@why', 'annotation'],
      ['"open', 'string'],
    ]);
    expect(pieces('§ ü')).toEqual([]);
  });
});
