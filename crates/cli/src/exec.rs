//! `vidimus exec`: asks for approval of a command, waits, and runs exactly
//! what was approved.
//!
//! Out of scope: the decision, which is a person's; the ledger, which is the
//! gateway's. Spec: `docs/spec/action.md`.

pub(crate) mod ask;
pub(crate) mod clock;
mod diff;
mod env;
mod follow;
mod input;
mod interpreter;
mod newest;
mod not_bound;
mod open;
mod plan;
mod release;
mod run;
mod saved;
pub(crate) mod setup;
mod shebang;
mod signals;
mod tail;
mod who;
pub(crate) mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::home::Home;
use vidimus_protocol::action::{Action, CONTEXT_TYPE, Command, Context, PAYLOAD_TYPE};
use vidimus_protocol::api::{Content, Propose};
use vidimus_protocol::{ActionId, Blob, Digest, Time};

use crate::args::{ExecArgs, StdinMode};
use crate::out::{self, detail, say};
use crate::random;
use crate::standing::{self, Words};
use crate::stop::{Stop, code};
use ask::{Asking, Decided};
use env::Environment;
use input::Input;
use newest::Newest;
use plan::{Plan, Wanted};
use release::Release;
use saved::{Saved, SavedError, SavedFile};
use setup::Setup;
use signals::Stops;

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
    setup: Arc<Setup>,
    saved: Saved,
    file: SavedFile,
    approved: Action,
    digest: Digest,
    /// What is held since it was proposed; made anew after a resume.
    plan: Option<Plan>,
    /// Whether it took another's place, so that it was proposed already.
    followed: bool,
}

impl Surroundings<'_> {
    async fn propose(self, args: ExecArgs) -> Result<u8, Stop> {
        let wanted = wanted(&args)?;
        let plan = Plan::make(wanted).map_err(|why| Stop::new(code::USAGE, why.to_string()))?;
        let setup = Setup::load(self.home, args.agent.as_deref(), self.tls_ca.as_deref())?;
        let approved = plan.action();
        let payload = Content {
            bytes: Blob(approved.to_bytes()),
            salt: random::digest()?,
            r#type: PAYLOAD_TYPE.into(),
        };
        let digest = release::digest(&payload.salt, &payload.bytes.0)?;
        let propose = Propose {
            action: random::action()?,
            context: claims(&args)?,
            payload,
            run: args.run.clone(),
            ttl_s: args.ttl,
        };
        let salts = plan.environment().salts();
        let saved = Saved::new(propose, &setup.profile.name, args.script_by_name, salts);
        say("asking for approval of");
        for line in plan.asked(saved.action, digest) {
            detail(&line);
        }
        if plan.script_asks_for_its_place() {
            say(
                "the script seems to look for its own folder; it runs from a sealed copy, so `$0` does not lead there. `--script-by-name` hands it over by its name",
            );
        }
        let input = plan.input().to_keep().map_err(Stop::internal)?;
        let file = saved
            .write(&self.home.exec_state(saved.action), input.as_deref())
            .map_err(Stop::internal)?;
        let case = Case {
            setup: Arc::new(setup),
            saved,
            file,
            approved,
            digest,
            plan: Some(plan),
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
        let setup = Setup::load(self.home, Some(&saved.agent), self.tls_ca.as_deref())?;
        let approved = Action::parse(&saved.payload.bytes.0).map_err(Stop::internal)?;
        let digest = release::digest(&saved.payload.salt, &saved.payload.bytes.0)?;
        let case = Case {
            setup: Arc::new(setup),
            saved,
            file,
            approved,
            digest,
            plan: None,
            followed: false,
        };
        self.see_through(case).await
    }

    /// From the proposal to the end, and away with the file at the end.
    async fn see_through(mut self, mut case: Case) -> Result<u8, Stop> {
        let result = loop {
            let gone = if self.no_wait {
                self.hand_over(&case).await
            } else {
                match self.approval(&case).await {
                    Ok(Decided::Approved) => self.release(&case).await,
                    Ok(Decided::Superseded(to)) => match self.follow(&case, to).await {
                        Ok(next) => {
                            case = next;
                            continue;
                        }
                        Err(stop) => Err(stop),
                    },
                    Err(stop) => Err(stop),
                }
            };
            break gone;
        };
        // A run is over, whatever its code; a request that nobody waits for is not.
        let over = match &result {
            Ok(_) => !self.no_wait,
            Err(stop) => stop.over,
        };
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
        let view = case.setup.look(case.saved.action).await;
        // It was acknowledged, so there is something to go on with.
        let view = view.map_err(|stop| Stop {
            words: format!("{stop}. It is proposed; go on with:\n  {}", lines.resume),
            ..stop
        })?;
        let code = match ask::decided(&view) {
            Some(Err(stop)) => return Err(stop),
            Some(Ok(_)) | None => code::PENDING,
        };
        if self.json {
            let words = Words {
                agent: &case.setup.profile.name,
                answer: &lines.answer,
                resume: Some(&lines.resume),
            };
            standing::print(&view, &words, code);
        } else {
            say(&format!(
                "{} is proposed. Nothing has run. Wait for the decision, then run it, with:\n  {}\n  {}",
                case.saved.action, lines.wait, lines.resume
            ));
        }
        Ok(code)
    }

    async fn release(&mut self, case: &Case) -> Result<u8, Stop> {
        let anew;
        let plan = match &case.plan {
            Some(plan) => plan,
            None => {
                let input = saved::input_path(&self.home.exec_state(case.saved.action));
                anew = plan_again(&case.approved, &case.saved, &input)?;
                &anew
            }
        };
        let release = Release {
            setup: &case.setup,
            saved: &case.saved,
            approved: &case.approved,
            plan,
            newest: Newest::of(self.home.state().join("logs"), case.setup.trust.log),
        };
        release.run(&mut self.stops).await
    }

    async fn approval(&mut self, case: &Case) -> Result<Decided, Stop> {
        let lines = self.lines(case);
        let mut asking = self.asking(case, &lines);
        let proposed = case.plan.is_none() || case.followed;
        let expires_at: Time = if proposed && let Some(view) = asking.look().await? {
            if let Some(end) = ask::decided(&view) {
                return end;
            }
            asking.hear(&view);
            view.expires_at
        } else {
            asking.propose().await?
        };
        asking.approval(expires_at).await
    }

    fn asking<'b>(&'b mut self, case: &'b Case, lines: &'b Lines) -> Asking<'b> {
        Asking {
            setup: &case.setup,
            saved: &case.saved,
            digest: case.digest,
            resume: &lines.resume,
            answer: &lines.answer,
            heard: 0,
            stops: &mut self.stops,
            patience: self.patience,
        }
    }

    fn lines(&self, case: &Case) -> Lines {
        let id = case.saved.action.to_string();
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
    })
}

/// What the agent says about it; nothing when it says nothing.
fn claims(args: &ExecArgs) -> Result<Option<Content>, Stop> {
    if args.why.is_none() {
        return Ok(None);
    }
    let context = Context {
        intent: args.why.clone(),
        on_behalf_of: None,
    };
    Ok(Some(Content {
        bytes: Blob(context.to_bytes()),
        salt: random::digest()?,
        r#type: CONTEXT_TYPE.into(),
    }))
}

/// Builds the plan of an approved action from what is there now.
fn plan_again(approved: &Action, saved: &Saved, input: &Path) -> Result<Plan, Stop> {
    let command = approved
        .command()
        .ok_or_else(|| cannot_run("It is no command."))?;
    let input = Input::again(&command.stdin, input).map_err(cannot_run)?;
    plan_from(command, saved, input)
}

fn cannot_run(why: impl std::fmt::Display) -> Stop {
    let words = format!("what was approved cannot run any more; nothing has run. {why}");
    Stop::new(code::CHANGED, words)
}

/// Builds the plan of a command with that input.
fn plan_from(command: &Command, saved: &Saved, stdin: Input) -> Result<Plan, Stop> {
    let environment = Environment::restore(command, &saved.secrets, |name| std::env::var_os(name))
        .map_err(cannot_run)?;
    let wanted = Wanted {
        argv: command.argv.clone(),
        cwd: command.cwd.clone().into(),
        environment,
        stdin,
        script_by_name: saved.script_by_name,
    };
    Plan::make(wanted).map_err(cannot_run)
}
