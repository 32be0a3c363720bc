//! `vidimus policy replay`: what was proposed, evaluated under other policies.

use serde::Serialize;
use vidimus_console::render;
use vidimus_policy::{Counts, LogReplay, Proposals, Replayed, Row, WhyNot, decision_words};
use vidimus_protocol::entry::{Decision, Evaluation};
use vidimus_protocol::{ActionId, Time};

use super::files;
use super::{count, line, log, refuse};
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
    let walked = export.walk(|before, entry| proposals.take(before, entry))?;
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
        print(&told);
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
struct Differing {
    action: ActionId,
    agent: String,
    before: Evaluation,
    #[serde(skip)]
    entry: u64,
    #[serde(flatten)]
    replayed: Replayed,
    time: Time,
    title: String,
}

#[derive(Serialize)]
struct Unjudged {
    action: ActionId,
    why: &'static str,
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
        let proposal = row.proposal;
        match row.result {
            Ok(replayed) if replayed.differs() => self.differing.push(Differing {
                action: proposal.action,
                agent: proposal.agent,
                before: proposal.before,
                entry: proposal.entry,
                replayed,
                time: proposal.time,
                title: row.about.unwrap_or_default(),
            }),
            Ok(_) => {}
            Err(why) => self.unjudged.push(Unjudged {
                action: proposal.action,
                why: match why {
                    WhyNot::PayloadMissing => "its payload is not in the export",
                    WhyNot::PayloadUnreadable => "its payload cannot be read",
                    WhyNot::InputsUnreadable => "its inputs cannot be read",
                },
            }),
        }
    }
}

fn print(told: &Told) {
    for row in &told.differing {
        print_row(row);
    }
    for one in &told.unjudged {
        answer(&format!("{}  not evaluated: {}", one.action, one.why));
    }
    answer(&summary(told));
    let counts = [
        ("asked people", told.before.asked, told.after.asked),
        ("released", told.before.released, told.after.released),
        ("refused", told.before.refused, told.after.refused),
    ];
    answer(&format!("{:14}{:>9}{:>9}", "", "was", "would be"));
    for (what, before, after) in counts {
        answer(&format!("  {what:12}{before:>9}{after:>9}"));
    }
}

fn summary(told: &Told) -> String {
    if told.proposals == 0 && told.unjudged.is_empty() {
        return "nothing was proposed in that time".to_owned();
    }
    let approvals: usize = told
        .differing
        .iter()
        .map(|row| row.replayed.not_permitted.len())
        .sum();
    let lost = match approvals {
        0 => String::new(),
        some => format!(
            "; {} would not have been permitted",
            count(some, "approval", "approvals")
        ),
    };
    let unjudged = match told.unjudged.len() {
        0 => String::new(),
        some => format!("; {some} could not be evaluated"),
    };
    let proposals = usize::try_from(told.proposals).unwrap_or(usize::MAX);
    format!(
        "{} of {} would be decided otherwise{lost}{unjudged}",
        told.differing.len(),
        count(proposals, "proposal", "proposals"),
    )
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
    let colour = match after.decision {
        Decision::Ask => Colour::Yellow,
        Decision::Refuse => Colour::Red,
        Decision::Release => Colour::Green,
    };
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
