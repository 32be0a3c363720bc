//! The content of a `policy` part: Cedar files, and the calendars and tests
//! that belong to them.

use serde::{Deserialize, Serialize};
use vidimus_protocol::action::MAX_POLICY;
use vidimus_protocol::strict::{self, StrictError};

/// Most files.
pub const MAX_FILES: usize = 200;

/// A policy as it stands in the log: RFC 8785 JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// Its files, sorted by name, each once.
    pub files: Vec<PolicyFile>,
    /// `vidimus-policy`.
    pub r#type: String,
    /// 1.
    pub v: u64,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Its name: `NAME.cedar` holds policies, `NAME.ics` a calendar that they can
    /// ask, `NAME.json` tests of them.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why it is no policy text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not canonical JSON of this form.
    #[error(transparent)]
    Strict(#[from] StrictError),
    /// Of another type or version.
    #[error("it is no policy of version 1")]
    Version,
    /// No file, or too many.
    #[error("it has {0} files, not 1 to {MAX_FILES}")]
    Files(usize),
    /// A name that no file here has.
    #[error(
        "`{0}` is no name of a policy file: use 1 to 80 of a-z, 0-9, `-`, `_` and `.`, ending in `.cedar`, `.ics` or `.json`"
    )]
    Name(String),
    /// Names out of order, or the same twice.
    #[error("its files are not sorted by name, each once")]
    Order,
}

impl PolicyText {
    /// These files, in the order of their names.
    ///
    /// # Errors
    /// [`TextError`] when they cannot stand in a log.
    pub fn new(mut files: Vec<PolicyFile>) -> Result<Self, TextError> {
        files.sort_by(|one, next| one.name.cmp(&next.name));
        let text = Self {
            files,
            r#type: TYPE.to_owned(),
            v: 1,
        };
        text.check()?;
        let size = text.to_bytes().len();
        if size > MAX_POLICY {
            return Err(StrictError::TooLong {
                size,
                limit: MAX_POLICY,
            }
            .into());
        }
        Ok(text)
    }

    /// Reads the content of a `policy` part.
    ///
    /// # Errors
    /// [`TextError`] unless it is canonical and names its files well.
    pub fn parse(bytes: &[u8]) -> Result<Self, TextError> {
        let text: Self = strict::parse_canonical(bytes, MAX_POLICY)?;
        text.check()?;
        Ok(text)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }

    /// The files that hold policies.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyFile> {
        self.files.iter().filter(|file| file.name.ends_with(CEDAR))
    }

    /// The files that hold calendars, each with the calendar's name.
    pub fn calendars(&self) -> impl Iterator<Item = (&str, &PolicyFile)> {
        let named = |file| Some((PolicyFile::name_of_calendar(file)?, file));
        self.files.iter().filter_map(named)
    }

    /// The files that hold tests.
    pub fn tests(&self) -> impl Iterator<Item = &PolicyFile> {
        self.files.iter().filter(|file| file.name.ends_with(JSON))
    }

    fn check(&self) -> Result<(), TextError> {
        if self.r#type != TYPE || self.v != 1 {
            return Err(TextError::Version);
        }
        if !(1..=MAX_FILES).contains(&self.files.len()) {
            return Err(TextError::Files(self.files.len()));
        }
        if let Some(file) = self.files.iter().find(|file| !name_is_fit(&file.name)) {
            return Err(TextError::Name(file.name.clone()));
        }
        if !self.files.is_sorted_by(|one, next| one.name < next.name) {
            return Err(TextError::Order);
        }
        Ok(())
    }
}

impl PolicyFile {
    fn name_of_calendar(&self) -> Option<&str> {
        self.name.strip_suffix(ICS)
    }
}

const TYPE: &str = "vidimus-policy";
const CEDAR: &str = ".cedar";
const ICS: &str = ".ics";
const JSON: &str = ".json";

fn name_is_fit(name: &str) -> bool {
    let mut endings = [CEDAR, ICS, JSON].into_iter();
    let stem = endings.find_map(|ending| name.strip_suffix(ending));
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
        && name.len() <= 80
        && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(name: &str) -> PolicyFile {
        PolicyFile {
            name: name.to_owned(),
            text: String::new(),
        }
    }

    #[test]
    fn a_text_has_one_form() {
        let text = PolicyText::new(vec![file("b.json"), file("a.cedar")]).unwrap();
        assert_eq!(text.files[0].name, "a.cedar");
        let bytes = text.to_bytes();
        assert_eq!(PolicyText::parse(&bytes).unwrap(), text);
        let swapped = String::from_utf8(bytes).unwrap();
        let swapped = swapped.replace("a.cedar", "c.cedar");
        assert_eq!(
            PolicyText::parse(swapped.as_bytes()),
            Err(TextError::Order),
            "{swapped}"
        );
    }

    #[test]
    fn names_lead_nowhere_else() {
        for bad in [
            "",
            ".cedar",
            "..cedar",
            "../a.cedar",
            "a/b.cedar",
            "A.cedar",
            "a.txt",
            "a",
        ] {
            let found = PolicyText::new(vec![file(bad)]);
            assert_eq!(found, Err(TextError::Name(bad.to_owned())), "{bad}");
        }
        assert_eq!(PolicyText::new(Vec::new()), Err(TextError::Files(0)));
        let twice = PolicyText::new(vec![file("a.cedar"), file("a.cedar")]);
        assert_eq!(twice, Err(TextError::Order));
    }
}
