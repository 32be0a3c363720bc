//! The server behind the proxy: two queues of messages, whatever carries them.

use std::ffi::OsString;

use tokio::sync::mpsc;
use vidimus_executor::Stop;

use crate::child::{self, Program};
use crate::http::{self, Remote};
use crate::link::Gone;
use crate::message::Id;

/// Where the server is.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// A program that is started: its command line.
    Program(Vec<OsString>),
    /// One that is reached over streamable HTTP.
    Url {
        /// Its address.
        url: String,
        /// Headers of each request.
        headers: Vec<(String, String)>,
    },
}

/// What comes from it.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message.
    Text(String),
    /// No answer will come to this request.
    Lost { id: Id, gone: Gone },
}

/// The two queues. `incoming` ends when the server is gone.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) outgoing: mpsc::Sender<String>,
}

/// What has to be ended at the end.
#[derive(Debug)]
pub(crate) enum Running {
    Program(Program),
    Remote(Remote),
}

impl Upstream {
    pub(crate) fn start(&self) -> Result<(Server, Running), Stop> {
        match self {
            Self::Program(argv) => {
                child::start(argv).map(|(server, program)| (server, Running::Program(program)))
            }
            Self::Url { url, headers } => {
                http::start(url, headers).map(|(server, remote)| (server, Running::Remote(remote)))
            }
        }
    }
}

impl Running {
    /// Ends it and says how it ended.
    pub(crate) async fn end(self) -> String {
        match self {
            Self::Program(program) => program.end().await,
            Self::Remote(remote) => {
                remote.end().await;
                "the connection was closed".into()
            }
        }
    }
}
