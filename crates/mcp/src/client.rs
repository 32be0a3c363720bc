//! The client, over this process's standard input and output: one message a
//! line.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::MAX_MESSAGE;

/// Messages that may wait in each direction.
pub(crate) const QUEUE: usize = 32;
/// How long the last messages may take to be written.
const AT_THE_END: Duration = Duration::from_secs(2);

/// The client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) incoming: mpsc::Receiver<String>,
    pub(crate) outgoing: mpsc::Sender<String>,
    written: oneshot::Receiver<()>,
}

impl Client {
    /// Threads of their own do the reading and writing: a read that waits for
    /// ever keeps nobody from leaving.
    pub(crate) fn on_standard_streams() -> Self {
        let (read, incoming) = mpsc::channel(QUEUE);
        let (outgoing, mut to_write) = mpsc::channel::<String>(QUEUE);
        let (done, written) = oneshot::channel();
        std::thread::spawn(move || {
            let mut input = BufReader::new(std::io::stdin());
            while let Some(line) = next_line(&mut input) {
                if !line.trim().is_empty() && read.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || {
            let mut output = std::io::stdout().lock();
            while let Some(mut text) = to_write.blocking_recv() {
                text.push('\n');
                if output.write_all(text.as_bytes()).is_err() || output.flush().is_err() {
                    return;
                }
            }
            done.send(()).ok();
        });
        Self {
            incoming,
            outgoing,
            written,
        }
    }

    /// Waits until what was sent is written; whoever else holds `outgoing`
    /// must have dropped it.
    pub(crate) async fn flush(self) {
        drop(self.outgoing);
        timeout(AT_THE_END, self.written).await.ok();
    }
}

/// The next line; `None` at the end, and for what is no text or has no end.
fn next_line(input: &mut impl std::io::BufRead) -> Option<String> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX);
    let read = input.take(limit).read_until(b'\n', &mut line).ok()?;
    if read == 0 || line.len() >= MAX_MESSAGE {
        return None;
    }
    // Another text than the client's is not to be approved: what is no UTF-8 becomes what is no
    // JSON, and is refused as such.
    let line = String::from_utf8(line).unwrap_or_else(|_| "\u{fffd}".into());
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_end_with_the_input() {
        let mut input = &b"a\r\nb\n{\"\xff\":1}\nlast"[..];
        let mut next = || next_line(&mut input);
        assert_eq!(next().unwrap(), "a");
        assert_eq!(next().unwrap(), "b");
        assert_eq!(next().unwrap(), "\u{fffd}");
        assert_eq!(next().unwrap(), "last");
        assert_eq!(next(), None);
    }
}
