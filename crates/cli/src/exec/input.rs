//! Standard input of the command: none, passed on as it comes, or read to its
//! end before anything is proposed.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::process::Stdio;

use vidimus_protocol::action::{self, Stdin};

use super::open::Sealed;
use crate::out::say;

/// Most bytes of bound input.
pub(crate) const MAX_INPUT: u64 = 64 << 20;

/// Where standard input comes from.
#[derive(Debug)]
pub(crate) enum Input {
    /// Empty.
    Null,
    /// Whatever `vidimus exec` has when the command runs.
    Inherited,
    /// These bytes, sealed.
    Bound(Sealed),
}

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("standard input cannot be read: {0}")]
    Read(io::Error),
    #[error(
        "standard input is longer than 64 MiB: write it to a file and name that file in the command"
    )]
    TooLong,
    #[error("the standard input that was kept for it cannot be read: {0}")]
    Kept(io::Error),
}

impl Input {
    /// Reads standard input to its end and seals it.
    pub(crate) fn spool() -> Result<Self, InputError> {
        let input = io::stdin();
        if input.is_terminal() {
            say("reading standard input until its end (Ctrl-D), so that it can be bound");
        }
        Self::read(input.lock())
    }

    /// These very bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Result<Self, InputError> {
        Self::read(bytes.as_slice())
    }

    fn read(from: impl io::Read) -> Result<Self, InputError> {
        let mut bytes = Vec::new();
        from.take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .map_err(InputError::Read)?;
        if bytes.len() as u64 > MAX_INPUT {
            return Err(InputError::TooLong);
        }
        Sealed::new(String::new(), bytes)
            .map(Self::Bound)
            .map_err(InputError::Read)
    }

    /// What was proposed, as it can run now. Bound input was kept in `kept`.
    pub(crate) fn again(proposed: &Stdin, kept: &Path) -> Result<Self, InputError> {
        match proposed {
            Stdin::Null => Ok(Self::Null),
            Stdin::Inherited => Ok(Self::Inherited),
            Stdin::Bound(_) => Self::read(std::fs::File::open(kept).map_err(InputError::Kept)?),
        }
    }

    /// As it stands in the action.
    pub(crate) fn stated(&self) -> Stdin {
        match self {
            Self::Null => Stdin::Null,
            Self::Inherited => Stdin::Inherited,
            Self::Bound(sealed) => Stdin::Bound(Box::new(action::Input {
                sha256: sealed.bound.sha256,
                size: sealed.bound.size,
                text: sealed.text.clone(),
            })),
        }
    }

    /// As the command gets it, from its beginning.
    pub(crate) fn stdio(&self) -> io::Result<Stdio> {
        Ok(match self {
            Self::Null => Stdio::null(),
            Self::Inherited => Stdio::inherit(),
            Self::Bound(sealed) => sealed.reader()?.into(),
        })
    }

    /// The bytes to keep for a resume.
    pub(crate) fn to_keep(&self) -> io::Result<Option<Vec<u8>>> {
        let Self::Bound(sealed) = self else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        sealed.reader()?.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_read_is_bound_and_handed_over_from_its_beginning_each_time() {
        let input = Input::read(&b"yes\nno\n"[..]).unwrap();
        let Stdin::Bound(stated) = input.stated() else {
            panic!("it is bound");
        };
        assert_eq!(stated.sha256, vidimus_protocol::sha256(&[b"yes\nno\n"]));
        assert_eq!(
            (stated.size, stated.text.as_deref()),
            (7, Some("yes\nno\n"))
        );
        for _ in 0..2 {
            let mut cat = std::process::Command::new("cat");
            let cat = cat.stdin(input.stdio().unwrap());
            assert_eq!(cat.output().unwrap().stdout, b"yes\nno\n");
        }
        assert_eq!(input.to_keep().unwrap().unwrap(), b"yes\nno\n");
    }

    #[test]
    fn too_much_is_refused() {
        let endless = io::repeat(b'y');
        assert!(matches!(Input::read(endless), Err(InputError::TooLong)));
    }

    #[test]
    fn bytes_are_no_text() {
        let input = Input::read(&[0xff][..]).unwrap();
        assert!(matches!(input.stated(), Stdin::Bound(stated) if stated.text.is_none()));
    }

    #[test]
    fn kept_input_that_is_gone_is_named() {
        let gone = Path::new("/nonexistent/x.stdin");
        let stated = Input::read(&b"y"[..]).unwrap().stated();
        assert!(matches!(
            Input::again(&stated, gone),
            Err(InputError::Kept(_))
        ));
        assert!(matches!(Input::again(&Stdin::Null, gone), Ok(Input::Null)));
    }
}
