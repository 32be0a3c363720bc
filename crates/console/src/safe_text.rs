//! Text from outside, made into [`SafeText`] in which nothing can hide.
//!
//! Everything that changes how text looks without being seen itself is cut out
//! into a mark: controls, bidi controls, zero-width and other invisible
//! characters, unusual spaces, private-use characters, stacked accents,
//! trailing blanks, and letters that look like others where that misleads.
//! Plain text in any script stays plain.
//!
//! A mark stands for one character, or for `N` of the same one after the other
//! (its label ends in `×N`), so that a million zero-width spaces are one mark.
//!
//! Out of scope: what the text means.

mod look_alikes;

use std::fmt::Write as _;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use crate::view::{SafeText, Span};

use look_alikes::LookAlikes;

/// Most characters of a text that stands in one line of a list.
const LINE: usize = 400;
/// More blanks than this after each other, inside a line, are marked: they push
/// what follows out of sight.
const LONG_GAP: usize = 16;
/// More accents than this on one letter are marked.
const ACCENTS: usize = 3;

/// What sort of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Something a machine acts on: arguments, paths, hosts, scripts.
    Code,
    /// Something written for people.
    Prose,
}

/// Text that a machine acts on: arguments, paths, names, values.
#[must_use]
pub fn code(text: &str) -> SafeText {
    mark(text, Place::Code)
}

/// Text that somebody wrote for people.
#[must_use]
pub fn prose(text: &str) -> SafeText {
    mark(text, Place::Prose)
}

/// One line of a list. A longer text is cut with a mark that says so.
#[must_use]
pub fn line(text: &str) -> SafeText {
    let Some((at, _)) = text.char_indices().nth(LINE) else {
        return code(text);
    };
    let mut safe = code(&text[..at]);
    let rest = text[at..].chars().count();
    safe.spans.push(Span::Mark {
        label: format!("+{rest}"),
        what: format!("{rest} more characters: open it to see all of it"),
        shown: None,
    });
    safe
}

/// The lines of a script, complete. Indentation stays plain.
#[must_use]
pub fn lines(text: &str) -> Vec<SafeText> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n')
        .map(|line| {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            let (indent, rest) = line.split_at(if indent == line.len() { 0 } else { indent });
            let mut safe = code(rest);
            if !indent.is_empty() {
                push_plain(&mut safe.spans, indent, true);
            }
            safe
        })
        .collect()
}

/// What a program printed, in lines. Bytes that are no text become marks.
#[must_use]
pub fn output(bytes: &[u8]) -> Vec<SafeText> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let mut safe = SafeText::default();
            for chunk in line.utf8_chunks() {
                safe.spans.extend(prose(chunk.valid()).spans);
                for byte in chunk.invalid() {
                    push_mark(
                        &mut safe.spans,
                        format!("0x{byte:02X}"),
                        "byte that is not text".into(),
                        None,
                    );
                }
            }
            safe
        })
        .collect()
}

/// A name in a plain string: marks stand in square brackets.
#[must_use]
pub fn flat(text: &str) -> String {
    prose(text)
        .spans
        .iter()
        .fold(String::new(), |mut out, span| {
            match span {
                Span::Plain { text } => out.push_str(text),
                Span::Mark { label, .. } => {
                    let _infallible = write!(out, "[{label}]");
                }
            }
            out
        })
}

impl SafeText {
    /// Number of characters that were made visible.
    #[must_use]
    pub fn marks(&self) -> u32 {
        self.spans
            .iter()
            .map(|span| match span {
                Span::Plain { .. } => 0,
                Span::Mark { label, .. } => repeats(label).1,
            })
            .fold(0, u32::saturating_add)
    }
}

fn mark(text: &str, place: Place) -> SafeText {
    let trailing = text.trim_end_matches([' ', '\t']).len();
    let gaps = long_gaps(text);
    let misleading = LookAlikes::of(text, place);
    let mut spans = Vec::new();
    let mut accents = 0;
    for (at, character) in text.char_indices() {
        accents = if is_combining_mark(character) {
            accents + 1
        } else {
            0
        };
        let hidden = if at >= trailing {
            Some("trailing blank")
        } else if gaps.iter().any(|gap| gap.contains(&at)) {
            Some("blank that pushes the rest aside")
        } else if accents > ACCENTS || (accents == 1 && at == 0) {
            Some("accent on another character")
        } else {
            hidden(character)
        };
        if let Some(what) = hidden {
            push_mark(&mut spans, label(character), what.into(), None);
        } else if let Some(twin) = misleading.twin(at, character) {
            push_mark(
                &mut spans,
                label(character),
                format!("looks like `{twin}` but is another character"),
                Some(character.to_string()),
            );
        } else {
            push_plain(&mut spans, character.encode_utf8(&mut [0; 4]), false);
        }
    }
    SafeText { spans }
}

/// Adds plain text to the end, or to the front, joining pieces.
fn push_plain(spans: &mut Vec<Span>, text: &str, front: bool) {
    if front {
        match spans.first_mut() {
            Some(Span::Plain { text: first }) => first.insert_str(0, text),
            _ => spans.insert(0, Span::Plain { text: text.into() }),
        }
    } else if let Some(Span::Plain { text: last }) = spans.last_mut() {
        last.push_str(text);
    } else {
        spans.push(Span::Plain { text: text.into() });
    }
}

/// Adds a mark, counting up the last one when it is the same.
fn push_mark(spans: &mut Vec<Span>, label: String, what: String, shown: Option<String>) {
    if let Some(Span::Mark {
        label: last,
        what: same,
        shown: None,
    }) = spans.last_mut()
        && shown.is_none()
        && repeats(last).0 == label
        && *same == what
    {
        *last = format!("{label} ×{}", repeats(last).1.saturating_add(1));
        return;
    }
    spans.push(Span::Mark { label, what, shown });
}

/// A label without its count, and the count.
fn repeats(label: &str) -> (&str, u32) {
    label
        .rsplit_once(" ×")
        .and_then(|(label, count)| Some((label, count.parse().ok()?)))
        .unwrap_or((label, 1))
}

/// The places where blanks push what follows out of sight.
fn long_gaps(text: &str) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut start = 0;
    while let Some(found) = text[start..].find(' ') {
        let from = start + found;
        let gap = text[from..].len() - text[from..].trim_start_matches(' ').len();
        if gap > LONG_GAP {
            gaps.push(from..from + gap);
        }
        start = from + gap;
    }
    gaps
}

/// What a character is, when it is not seen itself or changes what is seen.
fn hidden(character: char) -> Option<&'static str> {
    Some(match character {
        '\t' => "tab",
        '\n' => "line break",
        '\r' => "carriage return: what follows may overwrite the line",
        '\x08' => "backspace: deletes the character before it on a terminal",
        '\x1b' => "escape: starts a terminal command",
        '\u{9b}' => "control sequence introducer: starts a terminal command",
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => "control character",
        '\u{61c}' | '\u{200e}' | '\u{200f}' => "direction mark",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "end of a direction change",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first-strong isolate",
        '\u{2069}' => "end of an isolate",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{feff}' => "byte order mark",
        '\u{ad}' => "soft hyphen",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{e0000}'..='\u{e007f}' => "tag character: invisible text",
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "variation selector",
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e0fff}' => "invisible character",
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            "unusual space"
        }
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "private-use character",
        '\u{fffd}' => "replacement character: something else stood here",
        _ => return None,
    })
}

const C0: [&str; 32] = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR",
    "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC",
    "FS", "GS", "RS", "US",
];

fn label(character: char) -> String {
    let point = u32::from(character);
    match usize::try_from(point).ok().and_then(|at| C0.get(at)) {
        Some(name) => (*name).into(),
        None if character == '\x7f' => "DEL".into(),
        None => format!("U+{point:04X}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// What the spans stand for, put together again.
    fn original(text: &SafeText) -> String {
        let mut out = String::new();
        for span in &text.spans {
            match span {
                Span::Plain { text } => out.push_str(text),
                Span::Mark { label, .. } => {
                    let (label, count) = repeats(label);
                    let character = C0
                        .iter()
                        .position(|name| *name == label)
                        .and_then(|at| char::from_u32(u32::try_from(at).unwrap()))
                        .or_else(|| (label == "DEL").then_some('\x7f'))
                        .unwrap_or_else(|| {
                            let digits = label.strip_prefix("U+").unwrap();
                            char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap()
                        });
                    out.extend((0..count).map(|_| character));
                }
            }
        }
        out
    }

    fn labels(text: &SafeText) -> Vec<&str> {
        text.spans
            .iter()
            .filter_map(|span| match span {
                Span::Mark { label, .. } => Some(label.as_str()),
                Span::Plain { .. } => None,
            })
            .collect()
    }

    #[test]
    fn plain_text_in_any_script_stays_plain() {
        for text in [
            "",
            "terraform apply -auto-approve",
            "déjà vu, naïve, Straße, ığdır",
            "Привет, мир: сохранить копию",
            "データベースを削除",
            "데이터베이스 삭제",
            "Ελληνικά κείμενα",
            "שלום עולם",
            "สวัสดีชาวโลก",
            "l'œuvre \u{201c}citée\u{201d} \u{2013} fin",
        ] {
            assert_eq!(prose(text).marks(), 0, "{text}: {:?}", prose(text));
            assert_eq!(original(&prose(text)), text);
        }
        for text in [
            "/srv/données/été.txt",
            "/home/пользователь/файл",
            "東京.txt",
        ] {
            assert_eq!(code(text).marks(), 0, "{text}: {:?}", code(text));
        }
    }

    #[test]
    fn hidden_characters_become_marks() {
        let cases = [
            ("rm\u{202e}fdp.sh", vec!["U+202E"]),
            ("a\u{200b}\u{200b}\u{200d}b", vec!["U+200B ×2", "U+200D"]),
            ("\x1b[2K\rok", vec!["ESC", "CR"]),
            ("\u{9b}31m", vec!["U+009B"]),
            ("a\tb\nc\0\x7f", vec!["TAB", "LF", "NUL", "DEL"]),
            ("hi\u{e0041}\u{e0042}", vec!["U+E0041", "U+E0042"]),
            ("\u{feff}x\u{ad}y", vec!["U+FEFF", "U+00AD"]),
            (
                "a\u{a0}b\u{3000}c\u{2028}d",
                vec!["U+00A0", "U+3000", "U+2028"],
            ),
            ("\u{3164}\u{2800}x", vec!["U+3164", "U+2800"]),
            ("end  ", vec!["U+0020 ×2"]),
            ("\u{338}=", vec!["U+0338"]),
            ("z\u{300}\u{301}\u{302}\u{303}", vec!["U+0303"]),
            ("x\u{e000}\u{fe0f}", vec!["U+E000", "U+FE0F"]),
        ];
        for (text, expected) in cases {
            for safe in [code(text), prose(text)] {
                assert_eq!(labels(&safe), expected, "{text:?}");
                assert_eq!(original(&safe), text);
            }
        }
    }

    #[test]
    fn blanks_cannot_push_the_rest_aside() {
        let text = format!("ls{};rm -rf /", " ".repeat(500));
        assert_eq!(labels(&code(&text)), ["U+0020 ×500"]);
        assert_eq!(code(&text).marks(), 500);
        assert_eq!(original(&code(&text)), text);
        assert_eq!(code("a  b    c").marks(), 0);
    }

    #[test]
    fn letters_that_pretend_are_marked_with_what_they_pretend_to_be() {
        let marked = |safe: &SafeText| {
            safe.spans
                .iter()
                .filter_map(|span| match span {
                    Span::Mark {
                        shown: Some(shown), ..
                    } => Some(shown.clone()),
                    _ => None,
                })
                .collect::<String>()
        };
        // Cyrillic letters inside a Latin word, in code and in prose.
        for safe in [
            code("https://p\u{430}ypal.com"),
            prose("see p\u{430}ypal.com"),
        ] {
            assert_eq!(marked(&safe), "\u{430}");
        }
        // A whole host in Cyrillic that reads as Latin, in code.
        assert_eq!(
            marked(&code("\u{441}\u{441}\u{435}.com")),
            "\u{441}\u{441}\u{435}"
        );
        // Styled letters, and signs that look like a slash or a hyphen.
        assert_eq!(marked(&prose("\u{ff52}\u{ff4d}")), "\u{ff52}\u{ff4d}");
        assert_eq!(marked(&code("a\u{2215}b \u{2010}f")), "\u{2215}\u{2010}");
        assert_eq!(marked(&code("\u{261}it push")), "\u{261}");
        let what = &code("\u{261}it").spans[0];
        assert!(
            matches!(what, Span::Mark { what, .. } if what.contains("`g`")),
            "{what:?}"
        );
    }

    #[test]
    fn a_line_says_when_it_is_cut() {
        let safe = line(&"x".repeat(LINE + 7));
        assert_eq!(labels(&safe), ["+7"]);
        assert!(labels(&line(&"x".repeat(LINE))).is_empty());
    }

    #[test]
    fn script_lines_keep_their_indentation_and_show_the_rest() {
        let safe = lines("if x\n\tthen\ty \r\n\n  \u{202e}z\n");
        assert_eq!(safe.len(), 4);
        assert_eq!(labels(&safe[1]), ["TAB", "CR"]);
        assert_eq!(original(&safe[1]), "\tthen\ty \r");
        assert_eq!(labels(&safe[3]), ["U+202E"]);
        assert!(matches!(&safe[3].spans[0], Span::Plain { text } if text == "  "));
        assert_eq!(labels(&lines("   ")[0]), ["U+0020 ×3"]);
    }

    #[test]
    fn output_shows_bytes_that_are_no_text() {
        let safe = output(b"ok\r\n\xff\xfe\x1b[0mx\n");
        assert_eq!(safe.len(), 2);
        assert!(labels(&safe[0]).is_empty());
        assert_eq!(labels(&safe[1]), ["0xFF", "0xFE", "ESC"]);
    }

    #[test]
    fn a_flat_name_hides_nothing() {
        assert_eq!(flat("Ada\u{202e}x"), "Ada[U+202E]x");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "\\PC{0,40}|[\\x00-\\x7f ]{0,60}|\\p{Any}{0,40}") {
            prop_assert_eq!(original(&code(&text)), text.clone());
            prop_assert_eq!(original(&prose(&text)), text.clone());
            let again = lines(&text).iter().map(original).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(again.as_str(), text.strip_suffix('\n').unwrap_or(&text));
        }
    }
}
