//! Letters that pretend to be others.
//!
//! In code every such letter misleads, unless the text is openly in another
//! script; in prose only one inside a word of another script does.
//!
//! Source: Unicode Technical Standard 39 (`unicode-security`).

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{MixedScript as _, skeleton};

use super::Place;

/// The words of a text whose letters pretend to be others.
pub(super) struct LookAlikes {
    place: Place,
    /// Nothing in the text belongs to another script openly.
    pretends_to_be_ascii: bool,
    mixed: Vec<Range<usize>>,
}

impl LookAlikes {
    pub(super) fn of(text: &str, place: Place) -> Self {
        if text.is_ascii() {
            return Self {
                place,
                pretends_to_be_ascii: false,
                mixed: Vec::new(),
            };
        }
        let mixed = words(text)
            .filter(|word| !text[word.clone()].is_single_script())
            .collect();
        let pretends_to_be_ascii = text
            .chars()
            .filter(|character| character.is_alphabetic())
            .all(|character| character.is_ascii() || twin(character).is_some());
        Self {
            place,
            pretends_to_be_ascii,
            mixed,
        }
    }

    /// The character that this one is taken for, where that misleads.
    pub(super) fn twin(&self, at: usize, character: char) -> Option<String> {
        if character.is_ascii() {
            return None;
        }
        let twin = twin(character)?;
        // Fullwidth and mathematical letters are of no script of their own.
        let styled = matches!(character, '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}');
        let in_mixed_word =
            self.mixed.iter().any(|word| word.contains(&at)) && !is_latin(character);
        let in_code = self.place == Place::Code
            && (self.pretends_to_be_ascii || is_latin(character) || !character.is_alphanumeric());
        (styled || in_mixed_word || in_code).then_some(twin)
    }
}

/// The ASCII text that a character is easily taken for.
fn twin(character: char) -> Option<String> {
    let mut bytes = [0; 4];
    let twin: String = skeleton(character.encode_utf8(&mut bytes)).collect();
    (!twin.is_empty() && twin.is_ascii()).then_some(twin)
}

fn is_latin(character: char) -> bool {
    !AugmentedScriptSet::for_char(character).is_all()
        && ['a', character]
            .iter()
            .collect::<String>()
            .is_single_script()
}

/// Runs of letters, digits, accents and `_`.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let inside = |character: char| {
        character.is_alphanumeric() || character == '_' || is_combining_mark(character)
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        let from = start + text[start..].find(inside)?;
        let length = text[from..].find(|other| !inside(other));
        let end = length.map_or(text.len(), |length| from + length);
        start = end;
        Some(from..end)
    })
}
