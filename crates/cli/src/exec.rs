//! `vidimus exec`: asks for approval of a command, waits, and runs exactly
//! what was approved.
//!
//! Out of scope: the decision, which is a person's; the ledger, which is the
//! gateway's. Spec: `docs/spec/action.md`.

mod adapter;
pub(crate) mod ask;
mod asker;
mod diff;
mod env;
mod follow;
mod input;
mod interpreter;
mod not_bound;
mod open;
mod plan;
mod release;
mod run;
mod saved;
mod shebang;
pub(crate) mod signals;
mod tail;
mod who;
pub(crate) mod words;
mod work;
mod writing;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::home::Home;
use vidimus_executor::{Decided, Executor, Request, decided, random};
use vidimus_protocol::action::Context;
use vidimus_protocol::{ActionId, Time};

use crate::args::{ExecArgs, StdinMode};
use crate::out::{self, detail, say};
use crate::standing::{self, Words};
use crate::stop::{Stop, code};
use ask::Asking;
use env::Environment;
use input::Input;
pub(crate) use open::of_system;
use plan::Wanted;
use release::Release;
use saved::{Saved, SavedError, SavedFile};
use signals::Stops;
pub(crate) use who::host_name;
use work::Work;

/// How long is waited without a terminal. Shell tools of coding agents end
/// commands that take longer than a minute or two.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Runs `vidimus exec`. Returns the exit code.
pub(crate) async fn run(args: ExecArgs, home: &Home) -> Result<u8, Stop> {
    let patience = (!out::on_terminal()).then(|| Instant::now() + PATIENCE);
    let stops = Stops::listen().map_err(Stop::internal)?;
    let tls_ca = args.tls_ca.as_deref().map(std::path::absolute);
    let context = Surroundings {
        home,
        no_wait: args.no_wait,
        json: args.json,
        no_edits: args.no_edits,
        tls_ca: tls_ca.transpose().map_err(Stop::internal)?,
        patience,
        stops,
    };
    match args.resume {
        Some(id) => context.resume(id).await,
        None => context.propose(args).await,
    }
}

/// Command lines that go on with an action.
struct Lines {
    resume: String,
    answer: String,
    wait: String,
}

struct Surroundings<'a> {
    home: &'a Home,
    /// Whether to return once it is proposed, and to say so in JSON.
    no_wait: bool,
    json: bool,
    /// Whether an edit of a reviewer ends it.
    no_edits: bool,
    /// As on the command line.
    tls_ca: Option<PathBuf>,
    patience: Option<Instant>,
    stops: Stops,
}

/// One action with everything that belongs to it.
struct Case {
    executor: Arc<Executor>,
    request: Request,
    saved: Saved,
    file: SavedFile,
    /// What is held since it was proposed; made anew after a resume.
    work: Option<Work>,
    /// Whether it took another's place, so that it was proposed already.
    followed: bool,
}

impl Surroundings<'_> {
    async fn propose(self, args: ExecArgs) -> Result<u8, Stop> {
        let usage = |words: String| Stop::new(code::USAGE, words);
        let executor = Executor::load(self.home, args.agent.as_deref(), self.tls_ca.as_deref())?;
        let folder = self.home.exec_dir();
        let work = Work::make(wanted(&args)?, args.plain, &folder)
            .await
            .map_err(usage)?;
        let request = Request::new(
            work.action(),
            claims(&args).as_ref(),
            args.run.clone(),
            args.ttl,
        )?;
        let mut saved = Saved::new(request.propose.clone(), &executor.profile.name);
        saved.no_edits = args.no_edits;
        saved.script_by_name = args.script_by_name;
        say("asking for approval of");
        for line in work.asked(request.id(), request.digest) {
            detail(&line);
        }
        if let Work::Program { plan, beside } = &work {
            saved.secrets = plan.environment().salts();
            saved.made = beside.made().cloned();
            if plan.script_asks_for_its_place() {
                say(
                    "the script seems to look for its own folder; it runs from a sealed copy, so `$0` does not lead there. `--script-by-name` hands it over by its name",
                );
            }
        }
        let input = work.to_keep().map_err(Stop::internal)?;
        let file = saved
            .write(&self.home.exec_state(saved.action), input.as_deref())
            .map_err(Stop::internal)?;
        if let Err(why) = work.keep_made() {
            file.remove(&[]).map_err(Stop::internal)?;
            return Err(Stop::internal(why));
        }
        let case = Case {
            executor: Arc::new(executor),
            request,
            saved,
            file,
            work: Some(work),
            followed: false,
        };
        self.see_through(case).await
    }

    async fn resume(self, id: ActionId) -> Result<u8, Stop> {
        let (saved, file) = Saved::read(id, &self.home.exec_state(id)).map_err(|why| {
            let code = match why {
                SavedError::Unknown(_) => code::USAGE,
                _ => code::INTERNAL,
            };
            Stop::new(code, why.to_string())
        })?;
        let executor = Executor::load(self.home, Some(&saved.agent), self.tls_ca.as_deref())?;
        let request = Request::again(saved.propose())?;
        let case = Case {
            executor: Arc::new(executor),
            request,
            saved,
            file,
            work: None,
            followed: false,
        };
        self.see_through(case).await
    }

    /// From the proposal to the end, and away with the file at the end.
    async fn see_through(mut self, mut case: Case) -> Result<u8, Stop> {
        let result = loop {
            if self.no_wait {
                break self.hand_over(&case).await;
            }
            match self.approval(&case).await {
                Ok(Decided::Approved) => break self.release(&case).await,
                Ok(Decided::Superseded(to)) => match self.follow(&case, to).await {
                    Ok(next) => case = next,
                    Err(stop) => break Err(stop),
                },
                Err(stop) => break Err(stop),
            }
        };
        // A run is over, whatever its code; a request that nobody waits for is not.
        let over = match &result {
            Ok(_) => !self.no_wait,
            Err(stop) => stop.over,
        };
        if over {
            let plan = case.saved.made.as_ref().map(saved::Made::remove);
            if let Some(Err(why)) = plan {
                say(&format!("the plan could not be removed: {why}"));
            }
        }
        let earlier = case.saved.earlier.iter();
        let earlier: Vec<_> = earlier.map(|id| self.home.exec_state(*id)).collect();
        if over && let Err(why) = case.file.remove(&earlier) {
            say(&format!(
                "what was kept for a resume could not be removed: {why}"
            ));
        }
        result
    }

    /// Proposes and says how to go on. It never ends with 0: nothing has run.
    async fn hand_over(&mut self, case: &Case) -> Result<u8, Stop> {
        let lines = self.lines(case);
        self.asking(case, &lines).propose().await?;
        let view = case.executor.look(case.request.id()).await;
        // It was acknowledged, so there is something to go on with.
        let view = view.map_err(|stop| Stop {
            words: format!("{stop}. It is proposed; go on with:\n  {}", lines.resume),
            ..stop.into()
        })?;
        let code = match decided(&view) {
            Some(Err(stop)) => return Err(stop.into()),
            Some(Ok(_)) | None => code::PENDING,
        };
        if self.json {
            let words = Words {
                agent: &case.executor.profile.name,
                answer: &lines.answer,
                resume: Some(&lines.resume),
            };
            standing::print(&view, &words, code);
        } else {
            say(&format!(
                "{} is proposed. Nothing has run. Wait for the decision, then run it, with:\n  {}\n  {}",
                case.request.id(),
                lines.wait,
                lines.resume
            ));
        }
        Ok(code)
    }

    async fn release(&mut self, case: &Case) -> Result<u8, Stop> {
        let anew;
        let work = match &case.work {
            Some(work) => work,
            None => {
                let kept = saved::input_path(&self.home.exec_state(case.request.id()));
                anew = Work::again(&case.request.action, &case.saved, &kept).map_err(changed)?;
                &anew
            }
        };
        let release = Release {
            executor: &case.executor,
            request: &case.request,
            work,
        };
        release.run(&mut self.stops).await
    }

    async fn approval(&mut self, case: &Case) -> Result<Decided, Stop> {
        let lines = self.lines(case);
        let mut asking = self.asking(case, &lines);
        let proposed = case.work.is_none() || case.followed;
        let found = match proposed {
            true => case.executor.find(case.request.id()).await?,
            false => None,
        };
        let expires_at: Time = if let Some(view) = found {
            if let Some(end) = decided(&view) {
                return Ok(end?);
            }
            view.expires_at
        } else {
            asking.propose().await?
        };
        asking.approval(expires_at).await
    }

    fn asking<'b>(&'b mut self, case: &'b Case, lines: &'b Lines) -> Asking<'b> {
        Asking {
            executor: &case.executor,
            request: &case.request,
            resume: &lines.resume,
            answer: &lines.answer,
            heard: 0,
            stops: &mut self.stops,
            patience: self.patience,
        }
    }

    fn lines(&self, case: &Case) -> Lines {
        let id = case.request.id().to_string();
        let agent = case.saved.agent.as_str();
        let line = |words: &[&str]| words::line(self.home, self.tls_ca.as_deref(), words);
        Lines {
            resume: line(&["exec", "--resume", &id]),
            answer: line(&["answer", "--agent", agent, &id, "TEXT"]),
            wait: line(&["wait", "--agent", agent, &id]),
        }
    }
}

fn wanted(args: &ExecArgs) -> Result<Wanted, Stop> {
    let usage = |words: String| Stop::new(code::USAGE, words);
    let text = |argument: &OsString| {
        argument.clone().into_string().map_err(|argument| {
            usage(format!(
                "the argument `{}` is not UTF-8, so it cannot be shown",
                argument.to_string_lossy()
            ))
        })
    };
    let argv = args.command.iter().map(text).collect::<Result<_, _>>()?;
    let salt = || random::digest().ok();
    let environment =
        Environment::pick(&args.env, &args.secret, |name| std::env::var_os(name), salt)
            .map_err(|why| usage(why.to_string()))?;
    Ok(Wanted {
        argv,
        cwd: std::env::current_dir()
            .map_err(|why| usage(format!("the working directory cannot be read: {why}")))?,
        environment,
        stdin: match args.stdin {
            None => Input::Null,
            Some(StdinMode::Inherited) => Input::Inherited,
            Some(StdinMode::Bound) => Input::spool().map_err(|why| usage(why.to_string()))?,
        },
        script_by_name: args.script_by_name,
        sealed: None,
        not_bound: Vec::new(),
    })
}

/// What the agent says about it; nothing when it says nothing.
fn claims(args: &ExecArgs) -> Option<Context> {
    args.why.as_ref().map(|why| Context {
        intent: Some(why.clone()),
        on_behalf_of: None,
    })
}

fn changed(why: String) -> Stop {
    Stop::new(
        code::CHANGED,
        format!("what was approved cannot run any more; nothing has run. {why}"),
    )
}
