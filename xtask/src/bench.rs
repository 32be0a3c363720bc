//! `cargo xtask bench`: measures, shows the table, and keeps it in docs/BENCHMARKS.md.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages::{self, BENCH, COMPILE};
use crate::shell::{Workspace, call};

const PAGE: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    packages::ensure(&[COMPILE, BENCH])?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join("report.json");
    if file.exists() {
        // A bench that writes nothing must not pass on yesterday's figures.
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    // One row holds a real command until it is released.
    call(
        workspace
            .cargo()
            .args(["build", "--release", "--locked", "--package", "vidimus-cli"]),
    )?;
    let vidimus = workspace.target.join("release/vidimus");
    // The bench itself may fail when it misses a goal; its report says so better than its exit code.
    let ran = call(
        workspace
            .cargo()
            .args([
                "run",
                "--release",
                "--locked",
                "--package",
                "vidimus-gateway",
            ])
            .args(["--example", "bench", "--", "--out"])
            .arg(&file)
            .arg("--vidimus")
            .arg(&vidimus),
    );
    let text = match (fs::read_to_string(&file), &ran) {
        (Ok(text), _) => text,
        (Err(_), Err(_)) => return ran,
        (Err(error), Ok(())) => {
            return Err(error).with_context(|| format!("reading {}", file.display()));
        }
    };
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
    ran
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
    /// Reads the report: a list of rows, or an object of `rows` and `machine`.
    fn parse(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("the report is not JSON")?;
        let rows = report
            .as_array()
            .or_else(|| report["rows"].as_array())
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
    fn rows_are_read_from_a_list_or_an_object() {
        let list = Report::parse(&format!("[{ROW}]")).expect("a list of rows");
        assert!(list.machine.is_none());
        let object = Report::parse(&format!(r#"{{"machine":{{"cores":2}},"rows":[{ROW}]}}"#))
            .expect("an object of rows");
        assert_eq!(
            object.table(),
            "Machine: cores: 2\n\n\
             | What | Value | Floor | Ratio | Goal | Met |\n\
             |---|---:|---:|---:|---:|---|\n\
             | proposals | 1234 1/s | 2000 | 0.617 | ≥ 0.5 | yes |\n"
        );
    }

    #[test]
    fn a_missed_goal_is_named() {
        let report = Report::parse(&format!(
            r#"[{ROW},{{"name":"slow","value":1,"unit":"s","floor":null,"ratio":null,"goal":null,"met":false}}]"#
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
            "[]",
            r#"{"rows":[]}"#,
            r#"[{"name":"a","value":1}]"#,
            r#"[{"met":true}]"#,
        ] {
            assert!(Report::parse(wrong).is_err(), "{wrong}");
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
