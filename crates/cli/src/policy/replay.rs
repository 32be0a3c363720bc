//! `vidimus policy replay`: what was proposed, evaluated under other policies.

use serde::Serialize;
use vidimus_console::render;
use vidimus_policy::{Counts, LogReplay, Proposals, Replayed, Row, Tally, decision_words};
use vidimus_protocol::Time;

use super::decisions::{Differing, Unjudged, colour, print_tally};
use super::files;
use super::{line, log, refuse};
use crate::args::ReplayArgs;
use crate::out::{self, Colour, answer, paint};
use crate::stop::Stop;

/// Runs `vidimus policy replay`. Returns the exit code.
pub(super) fn run(args: &ReplayArgs) -> Result<u8, Stop> {
    let export = log::open(&args.log, args.trust.as_deref(), args.json)?;
    let since = match (args.since, args.last) {
        (Some(since), _) => since,
        (None, Some(seconds)) => {
            let back = seconds.saturating_mul(1000);
            Time::from_unix_ms(export.last.unix_ms().saturating_sub(back))
        }
        (None, None) => Time::default(),
    };
    let mut proposals = Proposals::since(since);
    let walked = export.walk(|before, entry| proposals.take(before, entry.index, &entry.leaf))?;
    let profile = log::profile_of(walked.state())?;
    let read = match files::read(&args.paths, profile)? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let mut told = Told::default();
    let mut replay = LogReplay::new(&read.set, proposals, render::short_title, |row| {
        told.take(row)
    });
    let took = walked.parts(|entry, name, bytes| replay.part(entry, name, &bytes));
    took.map_err(|why| export.unreadable(&why))?;
    let tally = replay.finish();
    told.differing.sort_by_key(|row| row.entry);
    (told.before, told.after, told.proposals) = (tally.before, tally.after, tally.proposals);
    if args.json {
        out::document(&Document {
            exit_code: 0,
            since,
            told: &told,
            r#type: "vidimus-policy-replay",
            v: 1,
        });
    } else {
        print(&told, &tally);
    }
    Ok(0)
}

/// What is told in the end.
#[derive(Default, Serialize)]
struct Told {
    after: Counts,
    before: Counts,
    /// Decisions that would differ, in order.
    differing: Vec<Differing>,
    /// How many proposals were looked at.
    proposals: u64,
    /// What could not be evaluated, with why.
    unjudged: Vec<Unjudged>,
}

#[derive(Serialize)]
struct Document<'a> {
    exit_code: u8,
    since: Time,
    #[serde(flatten)]
    told: &'a Told,
    r#type: &'static str,
    v: u64,
}

impl Told {
    fn take(&mut self, row: Row<String>) {
        let judged = row.result.as_ref().map(Replayed::differs);
        match judged {
            Ok(true) => self.differing.extend(Differing::of(row)),
            Ok(false) => {}
            Err(why) => self.unjudged.push(Unjudged::of(&row.proposal, *why)),
        }
    }
}

fn print(told: &Told, tally: &Tally) {
    for row in &told.differing {
        print_row(row);
    }
    for one in &told.unjudged {
        answer(&format!("{}  not evaluated: {}", one.action, one.why));
    }
    print_tally(tally, "nothing was proposed in that time");
}

fn print_row(row: &Differing) {
    let after = &row.replayed.after;
    answer(&format!(
        "{}  {}  {}  {}",
        row.time,
        row.action,
        line(&row.agent),
        line(&row.title)
    ));
    let colour = colour(after.decision);
    for difference in &row.replayed.differences {
        let words = format!(
            "{}: {} -> {}",
            difference.what, difference.before, difference.after
        );
        answer(&format!("    {}", paint(&line(&words), colour)));
    }
    if row.replayed.differences.is_empty() {
        answer(&format!("    {}, as before", decision_words(after)));
    }
    for refused in &row.replayed.not_permitted {
        let words = format!("{} approved it: {}", refused.name, refused.why);
        answer(&format!("    {}", paint(&line(&words), Colour::Red)));
    }
    if after.policies.is_empty() {
        for reason in &after.reasons {
            answer(&format!("    {}", line(reason)));
        }
    } else {
        answer(&format!("    by {}", after.policies.join(", ")));
    }
}
