//! The lines of an export, with the digest over those that were read.

use std::io::{self, BufRead, Read as _};
use std::sync::mpsc;
use std::thread;

use aws_lc_rs::digest;
use vidimus_protocol::Digest;

/// Bytes of lines that are read before they are worked on together.
const WINDOW_BYTES: usize = 8 << 20;

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

/// Lines that are worked on together.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    /// Where each line ends, behind its line end.
    ends: Vec<usize>,
}

impl Window {
    /// The lines, without their ends.
    fn lines(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..end - 1])
            .collect()
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

    /// Hands the next `count` lines of at most `most` bytes to `work`, many at
    /// a time, and reads ahead meanwhile. They may end in an error; what was
    /// read before it is handed over all the same.
    pub(super) fn each_window<E: From<ReadError>>(
        &mut self,
        count: u64,
        most: usize,
        mut work: impl FnMut(&[&[u8]]) -> Result<(), E>,
    ) -> Result<(), E>
    where
        R: Send,
    {
        thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel(1);
            // Memory that was read into is used again.
            let (give_back, used) = mpsc::channel::<Window>();
            scope.spawn(move || {
                let mut left = count;
                while left > 0 {
                    let mut window = used.try_recv().unwrap_or_default();
                    let broken = self.fill(&mut window, left, most).err();
                    left -= u64::try_from(window.ends.len()).unwrap_or(left);
                    let ends = broken.is_some();
                    // Nobody listens any more once an error was found.
                    if send.send((window, broken)).is_err() || ends {
                        break;
                    }
                }
            });
            for (window, broken) in receive {
                work(&window.lines())?;
                broken.map_or(Ok(()), |error| Err(E::from(error)))?;
                // Nobody wants it any more once everything was read.
                let _ = give_back.send(window);
            }
            Ok(())
        })
    }

    /// Reads the next lines, at most `left` and about [`WINDOW_BYTES`].
    fn fill(&mut self, window: &mut Window, left: u64, most: usize) -> Result<(), ReadError> {
        window.bytes.clear();
        window.ends.clear();
        for _ in 0..left {
            self.append(most, &mut window.bytes)?;
            window.ends.push(window.bytes.len());
            if window.bytes.len() >= WINDOW_BYTES {
                break;
            }
        }
        Ok(())
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
