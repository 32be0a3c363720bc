// Colours for Cedar: a tokenizer, not a parser. What is right and wrong in a
// policy, the console says.

import { StreamLanguage, type StringStream } from '@codemirror/language';

const WORDS: Record<string, string> = {
  permit: 'keyword',
  forbid: 'keyword',
  when: 'keyword',
  unless: 'keyword',
  if: 'keyword',
  then: 'keyword',
  else: 'keyword',
  in: 'operatorKeyword',
  is: 'operatorKeyword',
  has: 'operatorKeyword',
  like: 'operatorKeyword',
  true: 'bool',
  false: 'bool',
  principal: 'variableName',
  action: 'variableName',
  resource: 'variableName',
  context: 'variableName',
};

/** The next piece, by its sort; null for what has no colour. */
export function token(stream: StringStream): string | null {
  if (stream.eatSpace()) return null;
  if (stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string';
  if (stream.match(/^@\s*[A-Za-z_]\w*/)) return 'annotation';
  if (stream.match(/^[A-Za-z_]\w*(?=\s*::)/)) return 'typeName';
  const word = stream.match(/^[A-Za-z_]\w*/);
  if (Array.isArray(word)) return WORDS[word[0] ?? ''] ?? 'propertyName';
  if (stream.match(/^\d+/)) return 'number';
  if (stream.match(/^(?:==|!=|<=|>=|&&|\|\||::|[<>!+*-])/)) return 'operator';
  stream.next();
  return null;
}

export const cedar = StreamLanguage.define<null>({
  name: 'cedar',
  startState: () => null,
  token,
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
});
