//! `vidimus policy shadow`: what is proposed from now on, evaluated under other
//! policies beside those in force, with no effect on anything.
//!
//! It follows the console's copy of the log on this computer, which that
//! console proves as it grows, and judges each entry by itself again. It asks
//! no gateway, and says nothing to one.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep_until};
use vidimus_client::home::Home;
use vidimus_console::render;
use vidimus_executor::clock::now;
use vidimus_mirror::{LookError, Mirror, StoreError};
use vidimus_policy::{Counts, Proposals, Replayed, Row, Shadow};
use vidimus_protocol::{ActionId, Leaf, State, Time};
use vidimus_verify::replay::Replay;

use super::decisions::{Differing, Unjudged, colour, print_tally};
use super::files;
use super::{WRONG, line, log, refuse};
use crate::args::ShadowArgs;
use crate::exec::signals::Stops;
use crate::export::open_copy;
use crate::out::{self, answer, paint, say, visible};
use crate::stop::{Stop, code};

/// Leaves that are judged at a time.
const STRIDE: u64 = 1024;
/// How often is looked whether the copy has grown.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Proposals that wait for content and are looked at again each time.
const MOST_AWAITED: usize = 256;

/// Runs `vidimus policy shadow`. Returns the exit code.
pub(super) fn run(args: &ShadowArgs, home: &Home) -> Result<u8, Stop> {
    let mut copy = Copy::open(args, home)?;
    copy.judge_up_to(1, |_, _, _| {})?;
    let profile = log::profile_of(copy.replay.state())?;
    let read = match files::read(&args.paths, profile)? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let from = copy.mirror.size();
    let proposals = match (args.since, args.last) {
        (Some(since), _) => Proposals::since(since),
        (None, Some(seconds)) => {
            let back = seconds.saturating_mul(1000);
            Proposals::since(Time::from_unix_ms(now().unix_ms().saturating_sub(back)))
        }
        (None, None) => Proposals::from_entry(from),
    };
    let mut watch = Watch {
        json: args.json,
        shadow: Shadow::new(read.set, proposals, render::short_title),
        told: HashSet::new(),
        unjudged: Vec::new(),
    };
    watch.go_on(&mut copy)?;
    let ends = args.r#for.map(Duration::from_secs);
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(Stop::internal)?.block_on(async {
        let mut stops = Stops::listen().map_err(Stop::internal)?;
        let began = Instant::now();
        if !args.json {
            say(&format!(
                "watching from entry {from} of the console's copy on; it grows while a console is signed in. Ctrl-C ends it"
            ));
        }
        loop {
            let look = Instant::now() + LOOK_EVERY;
            let end = ends.map(|lasts| began + lasts);
            let stopped = tokio::select! {
                () = stops.next() => true,
                () = sleep_until(end.map_or(look, |end| look.min(end))) => false,
            };
            copy.mirror.look_again().map_err(changed)?;
            watch.go_on(&mut copy)?;
            if stopped || end.is_some_and(|end| Instant::now() >= end) {
                return Ok::<_, Stop>(());
            }
        }
    })?;
    watch.sum_up();
    Ok(0)
}

/// The console's copy, judged as it grows.
struct Copy {
    mirror: Mirror,
    replay: Replay,
    /// Whether somebody sees how far it is.
    watched: bool,
}

impl Copy {
    fn open(args: &ShadowArgs, home: &Home) -> Result<Self, Stop> {
        let mirror = open_copy(args.gateway.as_deref(), home)?;
        if mirror.size() == 0 {
            return Err(Stop::new(
                code::NOT_SET_UP,
                "the copy of the ledger is still empty. Open `vidimus-console` once",
            ));
        }
        Ok(Self {
            mirror,
            replay: Replay::new(),
            watched: out::on_terminal() && !args.json,
        })
    }

    /// Judges the next leaves, up to that many in all. `before` sees each with
    /// what stands in the log before it.
    fn judge_up_to(
        &mut self,
        end: u64,
        mut before: impl FnMut(&State, u64, &Leaf) + Send,
    ) -> Result<(), Stop> {
        let watched = self.watched && end > self.replay.tree().size() + STRIDE;
        loop {
            let from = self.replay.tree().size();
            let until = end.min(from + STRIDE);
            if watched {
                out::status(&match from < end {
                    true => format!("entry {from} of {end}"),
                    false => String::new(),
                });
            }
            if from >= until {
                return Ok(());
            }
            let leaves = self.mirror.leaves(from..until).map_err(unreadable)?;
            let judged = self.replay.push_all_seen(&leaves, &mut before, |_| {});
            judged.map_err(|(entry, why)| {
                wrong(&format!(
                    "entry {entry} of the ledger breaks a rule, so nothing is told from it: {why}"
                ))
            })?;
            if let Some(entry) = self.replay.upgrade() {
                return Err(wrong(&format!(
                    "entry {entry} of the ledger is of a newer Vidimus: upgrade"
                )));
            }
        }
    }
}

/// What is told, as it comes.
struct Watch {
    json: bool,
    shadow: Shadow<String>,
    /// What was told to differ.
    told: HashSet<ActionId>,
    unjudged: Vec<Unjudged>,
}

impl Watch {
    /// Takes in what has come.
    fn go_on(&mut self, copy: &mut Copy) -> Result<(), Stop> {
        let shadow = &mut self.shadow;
        let end = copy.mirror.size();
        copy.judge_up_to(end, |state, index, leaf| shadow.take(state, index, leaf))?;
        let awaited: Vec<u64> = self.shadow.awaited().take(MOST_AWAITED).collect();
        for entry in awaited {
            self.shadow.arrived(entry);
        }
        while let Some(entry) = self.shadow.due() {
            let part = |name| {
                let part = copy.mirror.part(entry, name).map_err(unreadable)?;
                Ok::<_, Stop>(part.map(|content| content.bytes.0))
            };
            let (inputs, payload) = (part("inputs")?, part("payload")?);
            let row = self
                .shadow
                .judge(entry, inputs.as_deref(), payload.as_deref());
            if let Some(row) = row {
                self.tell(row);
            }
        }
        Ok(())
    }

    fn tell(&mut self, row: Row<String>) {
        let action = row.proposal.action;
        match row.result.as_ref().map(Replayed::differs) {
            Ok(true) => {
                self.told.insert(action);
            }
            // Whoever was told that it differs is told that it no longer does.
            Ok(false) if self.told.remove(&action) => {}
            Ok(false) => return,
            Err(why) => {
                let one = Unjudged::of(&row.proposal, *why);
                if !self.json {
                    answer(&format!("{}  not evaluated: {}", one.action, one.why));
                }
                return self.unjudged.push(one);
            }
        }
        let Some(row) = Differing::of(row) else {
            return;
        };
        if self.json {
            out::document(&Decided {
                row: &row,
                r#type: "vidimus-policy-shadow-decision",
                v: 1,
            });
        } else {
            answer(&words(&row));
        }
    }

    fn sum_up(&self) {
        let tally = self.shadow.tally();
        let awaited = self.shadow.awaited().len();
        if self.json {
            return out::document(&Document {
                after: tally.after,
                awaited,
                before: tally.before,
                differing: tally.differing,
                exit_code: 0,
                not_permitted: tally.not_permitted,
                proposals: tally.proposals,
                r#type: "vidimus-policy-shadow",
                unjudged: &self.unjudged,
                v: 1,
            });
        }
        print_tally(&tally, "nothing was proposed meanwhile");
        if awaited > 0 {
            answer(&format!(
                "of {awaited} more the content is not on this computer yet"
            ));
        }
    }
}

/// A decision in one line.
fn words(row: &Differing) -> String {
    let Differing {
        replayed,
        time,
        action,
        ..
    } = row;
    let after = &replayed.after;
    let differences = replayed
        .differences
        .iter()
        .map(|row| format!("{}: {} -> {}", row.what, row.before, row.after));
    let approvals = replayed
        .not_permitted
        .iter()
        .map(|refused| format!("{} approved it: {}", refused.name, refused.why));
    let mut parts: Vec<String> = differences.chain(approvals).collect();
    if parts.is_empty() {
        parts.push("decided alike after all".to_owned());
    } else if !after.policies.is_empty() {
        parts.push(format!("by {}", after.policies.join(", ")));
    } else {
        parts.extend(after.reasons.iter().cloned());
    }
    format!(
        "{time}  {action}  {}  {}  {}",
        line(&row.agent),
        line(&row.title),
        paint(&line(&parts.join("; ")), colour(after.decision))
    )
}

#[derive(Serialize)]
struct Decided<'a> {
    #[serde(flatten)]
    row: &'a Differing,
    r#type: &'static str,
    v: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    after: Counts,
    awaited: usize,
    before: Counts,
    differing: u64,
    exit_code: u8,
    not_permitted: u64,
    proposals: u64,
    r#type: &'static str,
    unjudged: &'a [Unjudged],
    v: u64,
}

fn wrong(why: &str) -> Stop {
    Stop::new(WRONG, visible(why))
}

fn unreadable(why: StoreError) -> Stop {
    match why {
        StoreError::Changed(_) => wrong(&why.to_string()),
        StoreError::Database(_) => Stop::internal(why),
    }
}

fn changed(why: LookError) -> Stop {
    match why {
        LookError::Changed(_) => wrong(&why.to_string()),
        LookError::Database(_) => Stop::internal(why),
    }
}
