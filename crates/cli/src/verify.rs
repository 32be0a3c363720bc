//! `vidimus verify`: checks an export with nothing else at hand but a trust
//! file, and prints one row for each check.

mod document;

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use vidimus_protocol::trust::TrustFile;
use vidimus_verify::export::{self, Actions, AtLeast, Conclusion, Finding, Given, Report, Row};

use crate::args::VerifyArgs;
use crate::out::{self, Colour, answer, paint, visible};
use crate::stop::{Stop, code};
use document::Document;

/// Runs `vidimus verify`. Returns the exit code.
pub(crate) fn run(args: &VerifyArgs) -> Result<u8, Stop> {
    let trust = args.trust.as_deref().map(read_trust).transpose()?;
    let at_least = args.at_least.as_deref().map(read_at_least).transpose()?;
    let given = Given {
        trust: trust.as_ref(),
        at_least: at_least.as_ref(),
    };
    let path = &args.export;
    let file = File::open(path).map_err(|why| unreadable(path, &why))?;
    let watched = out::on_terminal() && !args.json;
    let progress = |progress: export::Progress| {
        if watched {
            out::status(&format!("entry {} of {}", progress.entries, progress.of));
        }
    };
    let report = export::verify(BufReader::with_capacity(1 << 20, file), given, progress)
        .map_err(|why| unreadable(path, &why))?;
    if watched {
        out::status("");
    }
    if args.json {
        out::document(&Document::new(&report));
    } else {
        print(&report);
    }
    Ok(report.conclusion.exit_code())
}

fn read_trust(path: &Path) -> Result<TrustFile, Stop> {
    let bytes = fs::read(path).map_err(|why| unreadable(path, &why))?;
    TrustFile::parse(&bytes).map_err(|why| unreadable(path, &why))
}

/// The checkpoint, from a file of its own or from the first line of an export.
fn read_at_least(path: &Path) -> Result<AtLeast, Stop> {
    let most = u64::try_from(AtLeast::MAX_BYTES).map_err(Stop::internal)?;
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut start))
        .map_err(|why: io::Error| unreadable(path, &why))?;
    AtLeast::parse(&start).map_err(|why| {
        Stop::new(
            code::USAGE,
            format!(
                "`{}` is no earlier checkpoint: {why}. Give what `vidimus export --checkpoint-out` wrote, or an earlier export",
                path.display()
            ),
        )
    })
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Stop {
    Stop::new(
        code::USAGE,
        format!("cannot read `{}`: {why}", path.display()),
    )
}

fn print(report: &Report) {
    for line in lines(report) {
        answer(&line);
    }
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![format!("{:<11} {:<12} {:>9}", "check", "result", "checked")];
    lines.extend(report.rows.iter().map(row));
    lines.push(String::new());
    if let Some(log) = report.log {
        lines.push(format!("log         {log}"));
    }
    lines.push(format!("entries     {}", report.entries));
    if let Some(root) = report.root {
        lines.push(format!("root        {root}"));
    }
    if let Some(times) = report.times {
        lines.push(format!("from        {}", times.first));
        lines.push(format!("to          {}", times.last));
    }
    if let Some(seconds) = report.checkpoint_time_unix_s {
        let time = vidimus_protocol::Time::from_unix_ms(seconds.saturating_mul(1000));
        lines.push(format!("checkpoint  signed {time}, by the log's own clock"));
    }
    if report.actions.proposed > 0 {
        lines.push(format!("actions     {}", actions(&report.actions)));
    }
    for decider in &report.deciders {
        lines.push(format!("decided     {}", visible(&decider.to_string())));
    }
    for remark in &report.remarks {
        lines.push(format!("remark      {}", visible(remark)));
    }
    if let Some(wrong) = &report.wrong {
        let first = format!("first wrong: {}", visible(&wrong.to_string()));
        lines.push(paint(&first, Colour::Red));
    }
    if let Some(upgrade) = &report.upgrade {
        lines.push(paint(&visible(upgrade), Colour::Yellow));
    }
    let colour = match report.conclusion {
        Conclusion::Verified => Colour::Green,
        Conclusion::Violated => Colour::Red,
        Conclusion::Unanchored | Conclusion::UpgradeNeeded => Colour::Yellow,
    };
    lines.push(paint(&report.conclusion.to_string(), colour));
    lines
}

fn actions(actions: &Actions) -> String {
    let counts = [
        (actions.completed, "completed"),
        (actions.unknown, "without an outcome"),
        (actions.approved, "approved, not started"),
        (actions.denied, "denied"),
        (actions.expired, "expired"),
        (actions.withdrawn, "withdrawn"),
        (actions.refused, "refused"),
        (actions.superseded, "edited"),
        (actions.pending, "pending"),
    ];
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = some
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!("{}: {}", actions.proposed, words.join("; "))
}

fn row(row: &Row) -> String {
    let colour = match row.finding {
        Finding::Passed => Colour::Green,
        Finding::Failed => Colour::Red,
        Finding::NotChecked => Colour::Yellow,
    };
    paint(&visible(&row.to_string()), colour)
}
