//! The lines of an export, with the digest over those that were read.

use std::io::{self, BufRead, Read as _};

use aws_lc_rs::digest;
use vidimus_protocol::Digest;

/// Bytes of lines that one thread works on at a time.
const WINDOW_BYTES: usize = 64 << 10;

/// Why the next line cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(io::Error),
    #[error("the file ends here")]
    Truncated,
    #[error("line {line} of the file is longer than {most} bytes")]
    TooLong { line: u64, most: usize },
    #[error("a line is malformed")]
    NoLine,
    #[error("the file ends within this line")]
    NoLineEnd,
    #[error("there is something after the last line")]
    Trailing,
}

pub(super) struct Lines<R> {
    reader: R,
    hash: digest::Context,
    count: u64,
}

/// Lines that are worked on together.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// Where each line ends, behind its line end.
    ends: Vec<usize>,
}

impl Window {
    /// The lines, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let line = |(start, end): (usize, &usize)| &self.bytes[start..end - 1];
        starts.zip(&self.ends).map(line)
    }
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
        self.append(most, &mut line)?;
        line.pop();
        Ok(line)
    }

    /// Appends the next `count` lines, each of exactly `width` bytes with its
    /// end. After an error, `block` holds the lines before the one that is none.
    pub(super) fn block(
        &mut self,
        width: usize,
        count: u64,
        is_line: impl Fn(&[u8]) -> bool,
        block: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let most = WINDOW_BYTES / width;
        let mut left = count;
        while left > 0 {
            let lines = usize::try_from(left).unwrap_or(most).min(most);
            let start = block.len();
            let limit = u64::try_from(lines * width).unwrap_or(u64::MAX);
            let reader = self.reader.by_ref();
            reader
                .take(limit)
                .read_to_end(block)
                .map_err(ReadError::Io)?;
            let read = &block[start..];
            self.hash.update(read);
            let good = read.chunks_exact(width).take_while(|line| is_line(line));
            let good = good.count();
            if good < lines {
                let ended = read.len() < lines * width && good == read.len() / width;
                block.truncate(start + good * width);
                return Err(if ended {
                    ReadError::Truncated
                } else {
                    ReadError::NoLine
                });
            }
            let good = u64::try_from(good).unwrap_or(u64::MAX);
            self.count += good;
            left -= good;
        }
        Ok(())
    }

    /// Fills a window with the next lines of at most `most` bytes, counting
    /// `left` down. Whether there were any; an error comes behind those that
    /// are in the window.
    pub(super) fn fill(
        &mut self,
        window: &mut Window,
        left: &mut u64,
        most: usize,
    ) -> Result<bool, ReadError> {
        window.bytes.clear();
        window.ends.clear();
        while *left > 0 && window.bytes.len() < WINDOW_BYTES {
            self.append(most, &mut window.bytes)?;
            window.ends.push(window.bytes.len());
            *left -= 1;
        }
        Ok(!window.ends.is_empty())
    }

    /// Reads the next line with its end behind what `bytes` holds.
    fn append(&mut self, most: usize, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let start = bytes.len();
        let limit = u64::try_from(most).map_or(u64::MAX, |most| most.saturating_add(1));
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', bytes)
            .map_err(ReadError::Io)?;
        let line = &bytes[start..];
        self.hash.update(line);
        match line.last() {
            None => Err(ReadError::Truncated),
            Some(b'\n') => {
                self.count += 1;
                Ok(())
            }
            Some(_) if line.len() > most => Err(ReadError::TooLong {
                line: self.count + 1,
                most,
            }),
            Some(_) => Err(ReadError::NoLineEnd),
        }
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
