//! What the gateway takes up: memory while nobody asks, and bytes of its
//! program, beside an empty process of the same runtime and database.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::report::{mib, pss_mib, row};

const RUNS: usize = 3;
/// What a start leaves behind has settled.
const SETTLED: Duration = Duration::from_secs(5);

/// `vidimus gateway --personal` as it waits for its first key, and `bench_idle`.
pub(crate) fn footprint(folder: &Path, vidimus: &Path, idle: &Path) -> [Value; 2] {
    let (mut value, mut floor) = (f64::MAX, f64::MAX);
    for run in 0..RUNS {
        let home = folder.join(format!("idle-{run}"));
        value = value.min(idle_pss(
            Command::new(vidimus)
                .arg("--home")
                .arg(&home)
                .args(["gateway", "--personal"]),
        ));
        let file = folder.join(format!("idle-{run}.db"));
        floor = floor.min(idle_pss(Command::new(idle).arg(file)));
    }
    let memory = value / floor;
    let size = mib(vidimus) / mib(idle);
    [
        row(
            "memory of an idle gateway (PSS)",
            "MiB",
            value,
            floor,
            memory,
            "≤ 8 × an empty Tokio and SQLite process",
            memory <= 8.0,
        ),
        row(
            "size of the program `vidimus`",
            "MiB",
            mib(vidimus),
            mib(idle),
            size,
            "≤ 10 × an empty Tokio and SQLite program",
            size <= 10.0,
        ),
    ]
}

/// Starts it, waits for its first line and a little more, and ends it.
fn idle_pss(command: &mut Command) -> f64 {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{command:?} started");
    std::thread::sleep(SETTLED);
    let pss = pss_mib(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    pss
}
