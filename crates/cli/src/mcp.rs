//! `vidimus mcp`: a person in front of the tools of an MCP server. The proxy
//! is the crate `vidimus-mcp`.

use std::time::Duration;

use vidimus_client::home::Home;
use vidimus_executor::Executor;
use vidimus_mcp::{LinkTo, Options, Pins, Upstream};

use crate::args::{McpArgs, McpLink};
use crate::exec::signals::Stops;
use crate::exec::words;
use crate::out::{self, detail, quote_all, say, visible};
use crate::stop::{Stop, code};

/// Runs `vidimus mcp`. Returns the exit code.
pub(crate) async fn run(args: McpArgs, home: &Home) -> Result<u8, Stop> {
    let server = shown(&args)?;
    let folder = home.state().join("mcp");
    if args.accept_changes {
        let pins = Pins::load(&folder, &server).map_err(not_set_up)?;
        return accept(pins, &server);
    }
    let tls_ca = args.tls_ca.as_deref().map(std::path::absolute);
    let tls_ca = tls_ca.transpose().map_err(Stop::internal)?;
    let options = Options {
        accept: accepting(&args, &server, home)?,
        server,
        free: args.allow.clone(),
        secrets: args.secret.clone(),
        hold: args.hold.map(Duration::from_secs),
        link: args.link.map(|to| match to {
            McpLink::App => LinkTo::App,
            McpLink::Page => LinkTo::Page,
        }),
        ttl_s: args.ttl,
        pins: folder,
    };
    let upstream = upstream(&args)?;
    let mut stops = Stops::listen().map_err(Stop::internal)?;
    let (home, agent) = (home.clone(), args.agent);
    let connect = move || Executor::load(&home, agent.as_deref(), tls_ca.as_deref());
    // Said at once, so that whoever set it up hears of it. Calls that need
    // nobody's approval pass all the same.
    if let Err(stop) = connect() {
        say(&format!(
            "{stop}. Until then no call that needs approval passes"
        ));
    }
    vidimus_mcp::serve(options, &upstream, connect, say, stops.next()).await?;
    Ok(0)
}

/// The server, as the reviewer sees it.
fn shown(args: &McpArgs) -> Result<String, Stop> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    if let Some(url) = &args.url {
        // What identifies whoever asks is no part of it.
        return reqwest::Url::parse(url)
            .map(|mut url| {
                url.set_query(None);
                url.set_fragment(None);
                url.set_username("").ok();
                url.set_password(None).ok();
                url.to_string()
            })
            // It may hold a password: it is not said again.
            .map_err(|why| usage(format!("`--url` takes an http or https address: {why}")));
    }
    if args.command.is_empty() {
        let words =
            "name the server whose changes are meant: `--name NAME`, `--url URL` or `-- COMMAND`";
        return Err(usage(words.into()));
    }
    Ok(quote_all(own_words(args)?))
}

fn own_words(args: &McpArgs) -> Result<Vec<&str>, Stop> {
    let words = args.command.iter().map(|word| {
        word.to_str().ok_or_else(|| {
            let word = word.to_string_lossy().into_owned();
            usage(format!(
                "the argument `{}` is not UTF-8, so it cannot be shown",
                visible(&word)
            ))
        })
    });
    words.collect()
}

/// The command line that accepts changed definitions of this server.
fn accepting(args: &McpArgs, server: &str, home: &Home) -> Result<String, Stop> {
    let mut line = vec!["mcp", "--accept-changes"];
    match (&args.name, &args.url) {
        (Some(name), _) => line.extend(["--name", name]),
        // Without what identifies whoever asks: the agent reads this.
        (None, Some(_)) => line.extend(["--url", server]),
        (None, None) => {
            line.push("--");
            line.extend(own_words(args)?);
        }
    }
    Ok(words::line(home, None, &line))
}

fn upstream(args: &McpArgs) -> Result<Upstream, Stop> {
    let Some(url) = &args.url else {
        return Ok(Upstream::Program(args.command.clone()));
    };
    let headers = args.header.iter().map(|header| {
        let (name, variable) = header.split_once('=').ok_or_else(|| {
            usage("`--header` takes HEADER=VARIABLE, the name of a variable".into())
        })?;
        let value = std::env::var(variable).map_err(|_| {
            usage(format!(
                "`{}` is not set: `--header` takes the name of an environment variable",
                visible(variable)
            ))
        })?;
        Ok((name.to_owned(), value))
    });
    Ok(Upstream::Url {
        url: url.clone(),
        headers: headers.collect::<Result<_, Stop>>()?,
    })
}

/// Shows what changed and pins it.
fn accept(mut pins: Pins, server: &str) -> Result<u8, Stop> {
    let changes = pins.changes();
    if changes.is_empty() {
        say(&format!(
            "no tool of {} has changed since it was pinned, as far as a proxy has seen",
            visible(server)
        ));
        return Ok(0);
    }
    for change in &changes {
        out::say(&format!("`{}` was pinned as", visible(&change.tool)));
        detail(&format!("  {}", visible(&change.pinned)));
        detail("and is now");
        detail(&format!("  {}", visible(&change.offered)));
    }
    pins.accept(&changes).map_err(not_set_up)?;
    say(&format!(
        "{} accepted; calls of them are asked for again",
        changes.len()
    ));
    Ok(0)
}

fn usage(words: String) -> Stop {
    Stop::new(code::USAGE, words)
}

fn not_set_up(why: impl ToString) -> Stop {
    Stop::new(code::NOT_SET_UP, why.to_string())
}
