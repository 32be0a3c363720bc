// The text editor, behind a small face so that nothing else knows of it.
//
// It stands in a shadow root: there its styles are a constructed style sheet,
// which the content security policy has nothing to say about, and in the page
// they would be a <style> element, which it forbids.

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { HighlightStyle, bracketMatching, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, type Extension, type Text } from '@codemirror/state';
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { cedar } from './cedar';

/** Something wrong at a place. */
export interface Wrong {
  /** From 1. */
  line: number;
  /** In characters, from 1. */
  column: number;
  message: string;
}

/** What a text is written in. */
export type Language = 'cedar' | 'json' | 'plain';

export interface Editor {
  /** Shows another text; what was typed before cannot be undone then. */
  show(text: string, language: Language): void;
  /** The same text, if only programs changed it. */
  setReadOnly(readOnly: boolean): void;
  mark(problems: Wrong[]): void;
  goTo(line: number, column: number): void;
  focus(): void;
  destroy(): void;
}

interface Setting {
  host: HTMLElement;
  label: string;
  onchange: (text: string) => void;
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--code-keyword)', fontWeight: '600' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: tags.annotation, color: 'var(--code-annotation)', fontWeight: '600' },
  { tag: tags.propertyName, color: 'var(--code-variable)' },
  { tag: tags.typeName, color: 'var(--code-type)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: tags.variableName, color: 'var(--code-variable)' },
]);

const look = EditorView.theme({
  '&': { height: '100%', color: 'var(--text-1)', backgroundColor: 'var(--bg-1)', fontSize: 'var(--size-s)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', fontVariantLigatures: 'none' },
  '.cm-content': { caretColor: 'var(--text-1)', padding: '8px 0' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--text-1)' },
  '.cm-gutters': { backgroundColor: 'var(--bg-2)', color: 'var(--text-3)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine': { backgroundColor: 'var(--code-line)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--bg-3)', color: 'var(--text-2)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--code-selection)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--code-selection)', outline: '1px solid var(--line-strong)' },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--danger-bg)' },
  '.cm-specialChar': { color: 'var(--mark-text)', backgroundColor: 'var(--mark-bg)', borderRadius: '3px', padding: '0 3px' },
  '.cm-tooltip': { border: '1px solid var(--line-strong)', backgroundColor: 'var(--bg-1)', color: 'var(--text-1)', maxWidth: '520px' },
  '.cm-diagnostic': { fontFamily: 'var(--font)', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
  '.cm-diagnostic-error': { borderLeft: '4px solid var(--danger-line)' },
  '.cm-panels': { backgroundColor: 'var(--bg-2)', color: 'var(--text-1)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
});

const languages: Record<Language, Extension> = { cedar, json: json(), plain: [] };

/** The position of a line and column; those that are not there are the last one. */
function position(doc: Text, line: number, column: number): { from: number; to: number } {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  // A column counts characters, a position UTF-16 units.
  const before = Array.from(at.text).slice(0, Math.max(column, 1) - 1).join('').length;
  const from = Math.min(at.from + before, at.to);
  const word = /^[\w@:"-]+/.exec(at.text.slice(from - at.from))?.[0].length ?? 0;
  return { from, to: Math.min(at.to, from + Math.max(word, 1)) };
}

export function mountEditor({ host, label, onchange }: Setting): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const readOnly = new Compartment();
  const language = new Compartment();
  const only = (is: boolean): Extension => [EditorState.readOnly.of(is)];
  let isReadOnly = false;
  /** A text that is shown is not one that was typed. */
  let showing = false;

  const start = (text: string, written: Language): EditorState =>
    EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        EditorState.lineSeparator.of('\n'),
        indentUnit.of('  '),
        bracketMatching(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        lintGutter(),
        // Tab leaves the editor: nobody is caught in it.
        keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0', spellcheck: 'false', autocorrect: 'off', autocapitalize: 'off' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !showing) onchange(update.state.doc.toString());
        }),
        syntaxHighlighting(colours),
        language.of(languages[written]),
        readOnly.of(only(isReadOnly)),
        look,
      ],
    });

  const view = new EditorView({ state: start('', 'cedar'), parent: root, root });
  return {
    show(text, written) {
      if (view.state.doc.toString() === text) {
        view.dispatch({ effects: language.reconfigure(languages[written]) });
        return;
      }
      showing = true;
      view.setState(start(text, written));
      showing = false;
    },
    setReadOnly(next) {
      isReadOnly = next;
      view.dispatch({ effects: readOnly.reconfigure(only(next)) });
    },
    mark(problems) {
      const found = problems.map(({ line, column, message }): Diagnostic => ({ ...position(view.state.doc, line, column), severity: 'error', message }));
      view.dispatch(setDiagnostics(view.state, found));
    },
    goTo(line, column) {
      const { from } = position(view.state.doc, line, column);
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
