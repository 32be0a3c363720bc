//! The lines of an export, with the digest over those that were read.

use std::io::{self, BufRead, Read as _};

use aws_lc_rs::digest;
use vidimus_protocol::Digest;

/// Bytes of lines that are read before they are worked on together.
const WINDOW_BYTES: usize = 16 << 20;

/// Why the next line cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(io::Error),
    #[error("the file ends before its last line")]
    Truncated,
    #[error("line {line} is longer than {most} bytes")]
    TooLong { line: u64, most: usize },
    #[error("the last line has no line end")]
    NoLineEnd,
    #[error("there is something after the last line")]
    Trailing,
}

pub(super) struct Lines<R> {
    reader: R,
    hash: digest::Context,
    count: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            hash: digest::Context::new(&digest::SHA256),
            count: 0,
        }
    }

    /// The next line of at most `most` bytes, without its line end.
    pub(super) fn next(&mut self, most: usize) -> Result<Vec<u8>, ReadError> {
        let mut line = Vec::new();
        let limit = u64::try_from(most).map_or(u64::MAX, |most| most.saturating_add(1));
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)
            .map_err(ReadError::Io)?;
        self.hash.update(&line);
        match line.pop() {
            None => Err(ReadError::Truncated),
            Some(b'\n') => {
                self.count += 1;
                Ok(line)
            }
            Some(_) if line.len() == most => Err(ReadError::TooLong {
                line: self.count + 1,
                most,
            }),
            Some(_) => Err(ReadError::NoLineEnd),
        }
    }

    /// The next lines, at most `left` and about [`WINDOW_BYTES`]. They may end
    /// in an error; what was read before it is there all the same.
    pub(super) fn next_some(
        &mut self,
        left: u64,
        most: usize,
    ) -> (Vec<Vec<u8>>, Option<ReadError>) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for _ in 0..left {
            match self.next(most) {
                Ok(line) => {
                    bytes += line.len();
                    lines.push(line);
                }
                Err(error) => return (lines, Some(error)),
            }
            if bytes >= WINDOW_BYTES {
                break;
            }
        }
        (lines, None)
    }

    pub(super) fn expect_end(&mut self) -> Result<(), ReadError> {
        if self.reader.fill_buf().map_err(ReadError::Io)?.is_empty() {
            Ok(())
        } else {
            Err(ReadError::Trailing)
        }
    }

    /// SHA-256 of every byte of the lines so far.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = Digest([0; 32]);
        digest
            .0
            .copy_from_slice(self.hash.clone().finish().as_ref());
        digest
    }

    /// How many whole lines were read.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
