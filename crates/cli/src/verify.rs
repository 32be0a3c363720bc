//! `vidimus verify`: checks an export with nothing else at hand but a trust
//! file, and prints one row for each check.

use std::fs::{self, File};
use std::io::BufReader;

use vidimus_protocol::trust::TrustFile;
use vidimus_verify::export::{self, Conclusion, Finding, Report, Row};

use crate::args::VerifyArgs;
use crate::out::{self, Colour, answer, paint, visible};
use crate::stop::{Stop, code};

/// Runs `vidimus verify`. Returns the exit code.
pub(crate) fn run(args: &VerifyArgs) -> Result<u8, Stop> {
    let unreadable = |path: &std::path::Path, why: &dyn std::fmt::Display| {
        Stop::new(
            code::USAGE,
            format!("cannot read `{}`: {why}", path.display()),
        )
    };
    let trust = match &args.trust {
        Some(path) => {
            let bytes = fs::read(path).map_err(|why| unreadable(path, &why))?;
            Some(TrustFile::parse(&bytes).map_err(|why| unreadable(path, &why))?)
        }
        None => None,
    };
    let path = &args.export;
    let file = File::open(path).map_err(|why| unreadable(path, &why))?;
    let watched = out::on_terminal();
    let progress = |progress: export::Progress| {
        if watched {
            out::status(&format!("entry {} of {}", progress.entries, progress.of));
        }
    };
    let report = export::verify(
        BufReader::with_capacity(1 << 20, file),
        trust.as_ref(),
        progress,
    )
    .map_err(|why| unreadable(path, &why))?;
    if watched {
        out::status("");
    }
    print(&report);
    Ok(report.conclusion.exit_code())
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
    if let Some(seconds) = report.checkpoint_time_unix_s {
        let time = vidimus_protocol::Time::from_unix_ms(seconds.saturating_mul(1000));
        lines.push(format!("checkpoint  signed {time}, by the log's own clock"));
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

fn row(row: &Row) -> String {
    let colour = match row.finding {
        Finding::Passed => Colour::Green,
        Finding::Failed => Colour::Red,
        Finding::NotChecked => Colour::Yellow,
    };
    paint(&visible(&row.to_string()), colour)
}
