//! The MCP proxy: a person in front of a server's tools.
//!
//! It stands between one MCP client and one server. A `tools/call` is held
//! until a person approved exactly that tool with exactly that text of
//! arguments, is sent to the server once, and its outcome is reported.
//! Everything else passes as it stands, in both directions, in order.
//!
//! ```text
//! client ──▶ message ──▶ proxy ──────────────────────────────▶ link ──▶ server
//!                          └─ tools/call ─▶ held ─▶ approved ─▶┘
//! ```
//!
//! It works on the JSON-RPC level and depends on no session, so that every
//! version of the protocol passes: `docs/adr/0009-mcp-as-text.md`. What
//! clients get and what is not governed: `docs/MCP.md`.
//!
//! Out of scope: the decision; what a tool does.

mod attend;
mod call;
mod catalogue;
mod child;
mod client;
mod held;
mod http;
mod json;
mod kept;
mod link;
mod listing;
mod message;
mod old_tasks;
mod options;
mod outcome;
mod pins;
mod pointing;
mod proxy;
mod secrets;
mod server;
mod tasks;
mod told;
mod wait;

pub use options::{LinkTo, Options};
pub use pins::{Change, PinError, Pins};
pub use secrets::SecretPlace;
pub use server::Upstream;

use vidimus_executor::{Executor, Stop, Why};

use client::Client;
use link::Link;
use proxy::Proxy;

/// Most bytes of a message.
const MAX_MESSAGE: usize = 64 << 20;

/// Serves the client on standard input and output until it ends, the server
/// ends, or `stop` does. `connect` loads what asking the gateway takes, when it
/// is asked for the first time; `say` speaks to whoever started the proxy.
///
/// # Errors
/// A [`Stop`] when there is nothing to serve, or the server ended first.
pub async fn serve(
    options: Options,
    upstream: &Upstream,
    connect: impl Fn() -> Result<Executor, Stop> + Send + Sync + 'static,
    say: impl Fn(&str) + Send + Sync + 'static,
    stop: impl Future<Output = ()>,
) -> Result<(), Stop> {
    let pins = Pins::load(&options.pins, &options.server)
        .map_err(|why| Stop::new(Why::NotSetUp, why.to_string()))?;
    let (mut server, running) = upstream.start()?;
    let mut client = Client::on_standard_streams();
    let link = Link::new(server.outgoing)?;
    let to_client = client.outgoing.clone();
    let proxy = Proxy::new(
        options,
        pins,
        link,
        to_client,
        Box::new(connect),
        Box::new(say),
    );
    let from_client = async {
        while let Some(text) = client.incoming.recv().await {
            if !proxy.take_from_client(text).await {
                // The server is gone: its own end says so.
                std::future::pending::<()>().await;
            }
        }
    };
    let from_server = async {
        while let Some(came) = server.incoming.recv().await {
            if !proxy.take_from_server(came).await {
                return false;
            }
        }
        true
    };
    let server_ended = tokio::select! {
        () = from_client => false,
        ended = from_server => ended,
        () = stop => false,
    };
    if server_ended {
        proxy.link.close();
    }
    // Answers to what is cancelled now still come in.
    let draining = async {
        while let Some(came) = server.incoming.recv().await {
            proxy.take_from_server(came).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = proxy.end(server_ended) => {}
        () = draining => {}
    }
    // Closes the server's input.
    drop(proxy);
    let how = running.end().await;
    client.flush().await;
    if server_ended {
        return Err(Stop::internal(format!("the MCP server has ended ({how})")));
    }
    Ok(())
}
