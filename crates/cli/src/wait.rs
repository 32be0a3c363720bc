//! `vidimus wait`: waits until an action is decided. It runs nothing and takes
//! nothing back.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::ClientError;
use vidimus_client::home::Home;
use vidimus_executor::clock::now;
use vidimus_executor::{Executor, decided, ended};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::{ActionStatus, ActionView, MAX_WAIT_S};

use crate::args::WaitArgs;
use crate::exec::ask::{count_down, hear, until};
use crate::exec::{PATIENCE, words};
use crate::out::{self, visible};
use crate::standing::{self, Words};
use crate::stop::{Stop, code};

/// How long is waited before a gateway that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs `vidimus wait`. Returns the exit code.
pub(crate) async fn run(args: WaitArgs, home: &Home) -> Result<u8, Stop> {
    let tls_ca = args.tls_ca.as_deref().map(std::path::absolute);
    let tls_ca = tls_ca.transpose().map_err(Stop::internal)?;
    let executor = Executor::load(home, args.agent.as_deref(), tls_ca.as_deref())?;
    let mut args = args;
    loop {
        match decision(&args, home, tls_ca.as_deref(), &executor).await? {
            Ended::With(code) => return Ok(code),
            Ended::Superseded(to) => args.action = to,
        }
    }
}

/// How the waiting for one action ended.
enum Ended {
    With(u8),
    /// A reviewer edited it: this one waits in its place.
    Superseded(ActionId),
}

async fn decision(
    args: &WaitArgs,
    home: &Home,
    tls_ca: Option<&Path>,
    executor: &Executor,
) -> Result<Ended, Stop> {
    let id = args.action.to_string();
    let line = |command: &[&str]| words::line(home, tls_ca, command);
    let resume = line(&["exec", "--resume", &id]);
    let answer = line(&["answer", "--agent", &executor.profile.name, &id, "TEXT"]);
    let here = home.exec_state(args.action).exists();
    let words = Words {
        agent: &executor.profile.name,
        answer: &answer,
        resume: here.then_some(&*resume),
    };
    let view = wait(args, executor, &answer).await?;
    let (code, said) = meaning(&view, &words);
    if args.json {
        standing::print(&view, &words, code);
        return Ok(Ended::With(code));
    }
    out::note(&said);
    Ok(match view.superseded_by {
        Some(to) => Ended::Superseded(to),
        None => Ended::With(code),
    })
}

/// The action, once it is decided or the time is over; with JSON also once the
/// reviewer asks something, which nobody would see otherwise.
async fn wait(args: &WaitArgs, executor: &Executor, answer: &str) -> Result<ActionView, Stop> {
    let patience = args.timeout.map(Duration::from_secs);
    let patience = patience.or((!out::on_terminal()).then_some(PATIENCE));
    let end = patience.map(|patience| Instant::now() + patience);
    let mut heard = 0;
    let mut lost = false;
    let mut view = executor.look(args.action).await?;
    loop {
        let asked = view.questions.iter().any(|question| !question.answered);
        if view.status != ActionStatus::Pending || (args.json && asked) {
            return Ok(view);
        }
        hear(&view, heard, answer);
        heard = view.questions.len();
        let next = tokio::select! {
            next = executor.gateway.action(args.action, MAX_WAIT_S, Some(heard)) => next,
            () = until(end) => return Ok(view),
            never = count_down(executor, args.action, view.expires_at, "") => match never {},
        };
        match next {
            Ok(next) => {
                lost = false;
                view = next;
            }
            Err(ClientError::Unreachable { url, why, .. }) => {
                if words::seconds_until(view.expires_at, now()) == 0 {
                    return Ok(executor.look(args.action).await?);
                }
                if !lost {
                    out::note(&format!(
                        "the gateway at {url} does not answer ({}); trying again",
                        visible(&why)
                    ));
                    lost = true;
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = until(end) => return Ok(executor.look(args.action).await?),
                }
            }
            Err(error) => return Err(executor.stop(&error).into()),
        }
    }
}

/// The exit code, and what is said.
fn meaning(view: &ActionView, words: &Words<'_>) -> (u8, String) {
    let id = view.action;
    match view.status {
        ActionStatus::Pending => (
            code::PENDING,
            match view.starts_at {
                Some(at) => format!("{id} is {}. Nothing has run", words::starts(at, now())),
                None => format!("{id} still waits for a decision. Nothing has run"),
            },
        ),
        ActionStatus::Approved if !view.paused => {
            let next = words.resume.map_or_else(
                || "Whoever proposed it can run it".to_owned(),
                |resume| format!("Run it with:\n  {resume}"),
            );
            (0, format!("{id} is approved. {next}"))
        }
        ActionStatus::Superseded => (
            code::PENDING,
            view.superseded_by.map_or_else(
                || format!("{id} was edited by a reviewer"),
                |to| format!("{id} was edited by a reviewer: {to} takes its place"),
            ),
        ),
        ActionStatus::Redeemed => (0, format!("{id} was approved and runs")),
        ActionStatus::Completed => (
            0,
            format!(
                "{id} was approved and has run: {}",
                ended(view.outcome.as_ref())
            ),
        ),
        _ => match decided(view) {
            Some(Err(stop)) => (stop.why.code(), stop.words),
            _ => (code::INTERNAL, format!("{id}: nobody knows how it stands")),
        },
    }
}
