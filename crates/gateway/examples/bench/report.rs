//! A row of the report, and what several subjects measure with.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A row: a value and a floor in one unit, their ratio, and a goal.
pub(crate) fn row(
    name: &str,
    unit: &str,
    value: f64,
    floor: f64,
    ratio: f64,
    goal: &str,
    met: bool,
) -> Value {
    let round = |number: f64| (number * 1000.0).round() / 1000.0;
    eprintln!("{name}: {value:.3} {unit}, floor {floor:.3}, ratio {ratio:.3} (goal {goal})");
    json!({
        "name": name, "unit": unit, "value": round(value), "floor": round(floor),
        "ratio": round(ratio), "goal": goal, "met": met,
    })
}

/// One `write` and `fdatasync` of 4 KiB at the end of a file, on the disk that
/// the ledger is on.
pub(crate) struct Disk(std::fs::File);

impl Disk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(tempfile::tempfile_in(folder).unwrap())
    }

    pub(crate) fn sync_once(&mut self) -> Duration {
        self.0.seek(std::io::SeekFrom::End(0)).unwrap();
        let start = Instant::now();
        self.0.write_all(&[7; 4096]).unwrap();
        self.0.sync_data().unwrap();
        start.elapsed()
    }
}

/// This thread and those that it starts.
pub(crate) fn keep_to_one_processor() {
    keep_to_processor(0);
}

/// This thread and those that it starts.
pub(crate) fn keep_to_processor(number: usize) {
    let mut one = rustix::thread::CpuSet::new();
    one.set(number);
    rustix::thread::sched_setaffinity(None, &one).unwrap();
}

/// The size of a file.
pub(crate) fn mib(file: &Path) -> f64 {
    std::fs::metadata(file).unwrap().len() as f64 / f64::from(1 << 20)
}

/// A process's proportional set size: its memory, and its share of what it has
/// in common with others.
pub(crate) fn pss_mib(process: u32) -> f64 {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
    let kib: f64 = line
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024.0
}

pub(crate) fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
