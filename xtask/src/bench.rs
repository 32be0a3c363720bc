//! `cargo xtask bench`: measures, shows the table, and keeps it in docs/BENCHMARKS.md.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::node;
use crate::package::{self, Order, RELEASE};
use crate::packages::{self, BENCH, COMPILE, DESKTOP, PACKAGE, PLAY};
use crate::shell::{Workspace, call};

const PAGE: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Before the builds, which are a load of their own.
    let load = load()?;
    println!("load before: {load}");
    packages::ensure(&[COMPILE, DESKTOP, PACKAGE, PLAY, BENCH])?;
    node::ensure_packages(workspace)?;
    node::build_if_stale(workspace)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    // What rows start and weigh is what is released. The benches are built apart: they ask more of what they share.
    let order = Order::of_profile(&workspace.target, RELEASE);
    package::build_programs(workspace, RELEASE)?;
    package::make(workspace, &order)?;
    build_benches(workspace)?;
    let release = workspace.target.join(RELEASE);
    let example = |name: &str| release.join("examples").join(name);
    let mut gateway = Command::new(example("bench"));
    let mut console = Command::new(example("bench_console"));
    let mut desktop = Command::new(example("bench_desktop"));
    let parts =
        ["gateway", "console", "desktop"].map(|name| folder.join(name).with_extension("json"));
    gateway
        .arg("--out")
        .arg(&parts[0])
        .arg("--vidimus")
        .arg(release.join("vidimus"))
        .arg("--idle")
        .arg(example("bench_idle"));
    // What is measured there lies in the temporary folder.
    console.arg("--out").arg(&parts[1]).env("TMPDIR", &folder);
    desktop
        .arg("--out")
        .arg(&parts[2])
        .arg("--console")
        .arg(release.join("vidimus-console"))
        .arg("--window")
        .arg(example("bench_window"))
        .arg("--idle")
        .arg(example("bench_idle"))
        .env("VIDIMUS_PACKAGES", order.out());
    for (bench, part) in [&mut gateway, &mut console, &mut desktop]
        .into_iter()
        .zip(&parts)
    {
        if part.exists() {
            // A bench that writes nothing must not pass on yesterday's figures.
            fs::remove_file(part).with_context(|| format!("removing {}", part.display()))?;
        }
        call(bench)?;
    }
    let parts = parts
        .iter()
        .map(|part| fs::read_to_string(part).with_context(|| format!("reading {}", part.display())))
        .collect::<Result<Vec<_>>>()?;
    let text = joined(&parts, &load)?;
    let file = folder.join("report.json");
    fs::write(&file, &text).with_context(|| format!("writing {}", file.display()))?;
    let report = Report::parse(&text).with_context(|| format!("reading {}", file.display()))?;
    let table = report.table();
    println!("\n{table}");

    let page = workspace.root.join(PAGE);
    let old = fs::read_to_string(&page).with_context(|| format!("reading {PAGE}"))?;
    let new = with_table(&old, &table)?;
    fs::write(&page, new).with_context(|| format!("writing {PAGE}"))?;

    let missed = report.missed();
    if !missed.is_empty() {
        bail!("goals missed: {}", missed.join(", "));
    }
    Ok(())
}

/// Benches, and the floors that are programs, in one build: they agree on the features of what they share.
fn build_benches(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked"]);
    for package in ["vidimus-gateway", "vidimus-console", "vidimus-desktop"] {
        cargo.args(["--package", package]);
    }
    for example in [
        "bench",
        "bench_idle",
        "bench_console",
        "bench_desktop",
        "bench_window",
    ] {
        cargo.args(["--example", example]);
    }
    call(&mut cargo)
}

/// What the machine was doing in the last minute, and whether that spoils the figures.
fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("reading the load")?;
    let load = text.split(' ').next().and_then(|load| load.parse().ok());
    let processors = thread::available_parallelism().context("counting the processors")?;
    Ok(judged(
        load.context("the load is no number")?,
        processors.get(),
    ))
}

/// Compiling this task leaves less than half a processor each.
fn judged(load: f64, processors: usize) -> String {
    let busy = load > processors as f64 / 2.0;
    let words = if busy {
        " (BUSY: the figures are worse for it)"
    } else {
        ""
    };
    format!("{load:.2}{words}")
}

/// One report of several: the first says what it was measured on.
fn joined(parts: &[String], load: &str) -> Result<String> {
    let mut rows = Vec::new();
    let mut machine = Value::Null;
    for part in parts {
        let mut part: Value = serde_json::from_str(part).context("a report is not JSON")?;
        let own = part["rows"]
            .as_array_mut()
            .context("a report has no rows")?;
        if own.is_empty() {
            bail!("a report has no rows");
        }
        rows.append(own);
        if machine.is_null() {
            machine = part["machine"].take();
        }
    }
    machine["load before"] = load.into();
    Ok(serde_json::to_string_pretty(
        &json!({ "machine": machine, "rows": rows }),
    )?)
}

struct Report {
    machine: Option<String>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// Value with unit, floor, ratio, goal: as text, empty where the report has none.
    cells: [String; 4],
    met: bool,
}

impl Report {
    /// Reads the report: an object of `rows` and `machine`.
    fn parse(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("the report is not JSON")?;
        let rows = report["rows"]
            .as_array()
            .context("the report has no rows")?;
        if rows.is_empty() {
            bail!("the report has no rows");
        }
        let machine = match &report["machine"] {
            Value::Null => None,
            Value::Object(facts) => Some(
                facts
                    .iter()
                    .map(|(name, fact)| format!("{name}: {}", cell(fact)))
                    .collect::<Vec<_>>()
                    .join("; "),
            ),
            other => Some(cell(other)),
        };
        Ok(Self {
            machine,
            rows: rows.iter().map(Row::parse).collect::<Result<_>>()?,
        })
    }

    fn missed(&self) -> Vec<&str> {
        self.rows
            .iter()
            .filter(|row| !row.met)
            .map(|row| row.name.as_str())
            .collect()
    }

    fn table(&self) -> String {
        let mut text = String::new();
        if let Some(machine) = &self.machine {
            text.push_str(&format!("Machine: {machine}\n\n"));
        }
        text.push_str(
            "| What | Value | Floor | Ratio | Goal | Met |\n|---|---:|---:|---:|---:|---|\n",
        );
        for row in &self.rows {
            let met = if row.met { "yes" } else { "**no**" };
            text.push_str(&format!(
                "| {} | {} | {met} |\n",
                row.name,
                row.cells.join(" | ")
            ));
        }
        text
    }
}

impl Row {
    fn parse(row: &Value) -> Result<Self> {
        let name = row["name"]
            .as_str()
            .context("a row of the report has no name")?;
        let met = row["met"]
            .as_bool()
            .with_context(|| format!("`{name}` does not say whether its goal is met"))?;
        let unit = cell(&row["unit"]);
        let value = format!("{} {unit}", cell(&row["value"])).trim().to_owned();
        Ok(Self {
            name: name.replace('|', "\\|"),
            cells: [
                value,
                cell(&row["floor"]),
                cell(&row["ratio"]),
                cell(&row["goal"]),
            ],
            met,
        })
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace('|', "\\|"),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(real)) => figure(real),
            (None, None) => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Enough figures to compare, no more than a run can stand for.
fn figure(real: f64) -> String {
    let decimals = match real.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{real:.decimals$}")
}

/// The page with the table between its two markers replaced.
fn with_table(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("{PAGE} has no `{BEGIN}`"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{PAGE} has no `{END}` after `{BEGIN}`"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"name":"proposals","unit":"1/s","value":1234.5,"floor":2000,"ratio":0.617,"goal":"≥ 0.5","met":true}"#;

    #[test]
    fn reports_are_joined_and_read() {
        let second = r#"{"rows":[{"name":"size","unit":"B","value":1,"floor":1,"ratio":1,"goal":"≤ 1","met":true}]}"#;
        let first = format!(r#"{{"machine":{{"cores":2}},"rows":[{ROW}]}}"#);
        let text = joined(&[first, second.to_owned()], "0.10").expect("two reports");
        assert_eq!(
            Report::parse(&text).expect("a joined report").table(),
            "Machine: cores: 2; load before: 0.10\n\n\
             | What | Value | Floor | Ratio | Goal | Met |\n\
             |---|---:|---:|---:|---:|---|\n\
             | proposals | 1234 1/s | 2000 | 0.617 | ≥ 0.5 | yes |\n\
             | size | 1 B | 1 | 1 | ≤ 1 | yes |\n"
        );
    }

    #[test]
    fn a_busy_machine_is_named() {
        assert_eq!(judged(1.0, 2), "1.00");
        assert!(judged(1.01, 2).contains("BUSY"));
        assert_eq!(judged(1.01, 8), "1.01");
    }

    #[test]
    fn a_missed_goal_is_named() {
        let report = Report::parse(&format!(
            r#"{{"rows":[{ROW},{{"name":"slow","value":1,"unit":"s","floor":null,"ratio":null,"goal":null,"met":false}}]}}"#
        ))
        .expect("two rows");
        assert_eq!(report.missed(), ["slow"]);
        assert!(report.table().contains("| slow | 1 s |  |  |  | **no** |"));
    }

    #[test]
    fn silence_is_no_pass() {
        for wrong in [
            "",
            "{}",
            r#"{"rows":[]}"#,
            r#"{"rows":[{"name":"a","value":1}]}"#,
            r#"{"rows":[{"met":true}]}"#,
        ] {
            assert!(Report::parse(wrong).is_err(), "{wrong}");
        }
        let good = format!(r#"{{"rows":[{ROW}]}}"#);
        for wrong in ["", "{}", r#"{"rows":[]}"#] {
            assert!(
                joined(&[good.clone(), wrong.to_owned()], "").is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_the_part_between_the_markers_changes() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nwords\n");
        let new = with_table(&page, "new\n").expect("both markers are there");
        assert_eq!(new, format!("# Title\n{BEGIN}\nnew\n{END}\nwords\n"));
        assert_eq!(with_table(&new, "new\n").expect("still there"), new);
        for wrong in [format!("{END}{BEGIN}"), BEGIN.to_owned(), String::new()] {
            assert!(with_table(&wrong, "new\n").is_err(), "{wrong}");
        }
    }
}
