//! A file that Vidimus itself writes.

use serde::{Deserialize, Serialize};

use super::{broken, is_text_of};
use crate::bytes::Digest;
use crate::strict;

/// One file, before and after. The executor writes it, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// What will be there.
    pub after: FileState,
    /// What is there now. Absent when the file is made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<FileState>,
    /// Its absolute path, behind all links.
    pub path: String,
    /// User id under which it is written.
    pub uid: u32,
    /// Name of that user.
    pub user: String,
}

/// A file's content and permission bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Permission bits, four octal digits, e.g. `0644`.
    pub mode: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// The content, when it is UTF-8 and at most 256 KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

impl FileChange {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let states = || std::iter::once(&self.after).chain(&self.before);
        broken(&[
            (
                self.path.starts_with('/') && !self.path.contains('\0'),
                "`path` is not absolute",
            ),
            (
                states().all(|state| is_mode(&state.mode)),
                "a `mode` is not four octal digits",
            ),
            (
                states().all(|state| state.size <= strict::MAX_SAFE),
                "a size is above 2^53 - 1",
            ),
            (
                states().all(|state| {
                    let text = state.text.as_ref();
                    text.is_none_or(|text| is_text_of(text, state.sha256, state.size))
                }),
                "a `text` is not the file's content",
            ),
        ])
    }
}

fn is_mode(mode: &str) -> bool {
    mode.len() == 4 && mode.bytes().all(|digit| matches!(digit, b'0'..=b'7'))
}
