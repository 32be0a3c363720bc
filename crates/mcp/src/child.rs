//! A server that the proxy starts, over its standard input and output.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use vidimus_executor::Stop;

use crate::MAX_MESSAGE;
use crate::client::QUEUE;
use crate::server::{Incoming, Server};

/// How long it may take to end by itself, and after SIGTERM.
const TO_END: Duration = Duration::from_secs(2);

/// The started program and whatever it started: a process group.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    group: Option<Pid>,
}

/// Starts a server. Its standard error is ours.
pub(crate) fn start(argv: &[OsString]) -> Result<(Server, Program), Stop> {
    let [program, arguments @ ..] = argv else {
        return Err(Stop::internal("no command line of a server was given"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|why| {
        Stop::new(
            vidimus_executor::Why::Usage,
            format!(
                "the server `{}` cannot be started: {why}",
                program.display()
            ),
        )
    })?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let group = id.and_then(Pid::from_raw);
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Stop::internal("the server has no standard streams"));
    };
    let (outgoing, to_write) = mpsc::channel(QUEUE);
    let (read, incoming) = mpsc::channel(QUEUE);
    tokio::spawn(write(input, to_write));
    tokio::spawn(read_lines(output, read));
    let server = Server { incoming, outgoing };
    Ok((server, Program { child, group }))
}

async fn write(mut input: ChildStdin, mut messages: mpsc::Receiver<String>) {
    while let Some(mut text) = messages.recv().await {
        text.push('\n');
        if input.write_all(text.as_bytes()).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read_lines(output: ChildStdout, messages: mpsc::Sender<Incoming>) {
    let mut output = BufReader::new(output);
    let limit = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX);
    loop {
        let mut line = Vec::new();
        let read = (&mut output).take(limit).read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|read| read > 0) || line.len() >= MAX_MESSAGE {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        let message = Incoming::Text(line.to_owned());
        if !line.is_empty() && messages.send(message).await.is_err() {
            return;
        }
    }
}

impl Program {
    /// Ends it, its input being closed: by itself, by SIGTERM, by SIGKILL.
    /// Returns how it ended.
    pub(crate) async fn end(mut self) -> String {
        for signal in [None, Some(Signal::TERM), Some(Signal::KILL)] {
            self.signal(signal);
            if let Ok(Ok(status)) = timeout(TO_END, self.child.wait()).await {
                // What it started and left behind.
                self.signal(Some(Signal::KILL));
                return status.to_string();
            }
        }
        "it does not end".into()
    }

    fn signal(&self, signal: Option<Signal>) {
        if let (Some(group), Some(signal)) = (self.group, signal) {
            kill_process_group(group, signal).ok();
        }
    }
}
