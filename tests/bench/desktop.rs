//! Measures what the desktop console takes to open, in memory and in bytes,
//! beside a bare window of the same web view.
//!
//! `cargo xtask bench` runs it with the other benches, whose report it shares.
//! Each start has a desktop session and a profile of its own: nothing of the
//! machine's is seen. The package is where VIDIMUS_PACKAGES says,
//! as in the tests.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::cast_precision_loss)]

#[path = "../../crates/gateway/examples/bench/report.rs"]
#[allow(dead_code)]
mod report;
mod screen;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Parser;
use report::{median, mib, pss_mib, row};
use screen::Screen;
use serde_json::{Value, json};
use support::PATIENCE;
use support::package::{deb, run};
use support::session::{Daemon, Display, Session};

const TURNS: usize = 7;
/// The picture stays as it is for so long before it counts as the whole first
/// screen; what a start leaves behind has settled by then.
const REST: Duration = Duration::from_secs(5);
/// Between two looks at the screen, each of which takes a twentieth of that.
const LOOK: Duration = Duration::from_millis(4);
/// The console asks for this renderer by itself.
const RENDERER: (&str, &str) = ("WEBKIT_DISABLE_DMABUF_RENDERER", "1");

#[derive(Parser)]
struct Args {
    /// Where the report goes, and a picture of each first screen
    #[arg(long)]
    out: PathBuf,
    /// The released `vidimus-console`
    #[arg(long)]
    console: PathBuf,
    /// The example `bench_window`
    #[arg(long)]
    window: PathBuf,
    /// The example `bench_idle` of the gateway
    #[arg(long)]
    idle: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = Args::parse();
    let folder = args.out.parent().unwrap();
    let [time, memory] = starts(&args, folder).await;
    let [package, program] = sizes(&args, folder);
    let report = json!({ "rows": [time, memory, package, program] });
    fs::write(&args.out, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
}

fn at_most(most: f64, beside: &str, name: &str, unit: &str, value: f64, floor: f64) -> Value {
    let (ratio, goal) = (value / floor, format!("≤ {most} × {beside}"));
    row(name, unit, value, floor, ratio, &goal, ratio <= most)
}

/// Console and bare window take turns.
async fn starts(args: &Args, folder: &Path) -> [Value; 2] {
    let (mut times, mut memory) = ([Vec::new(), Vec::new()], [f64::MAX; 2]);
    for turn in 0..=TURNS {
        let console = start("console", &args.console, &[], folder).await;
        let window = start("window", &args.window, &[RENDERER], folder).await;
        // The first turn brings programs and libraries into the disk cache.
        if turn > 0 {
            for (at, (painted, pss)) in [console, window].into_iter().enumerate() {
                times[at].push(painted);
                memory[at] = memory[at].min(pss);
            }
        }
    }
    let [value, floor] = times.map(|mut times| median(&mut times) * 1000.0);
    [
        at_most(
            2.0,
            "a bare window of the same web view",
            "cold start of the desktop console → first screen painted, median",
            "ms",
            value,
            floor,
        ),
        at_most(
            2.0,
            "a bare window of the same web view",
            "memory of an idle desktop console with its web view (PSS)",
            "MiB",
            memory[0],
            memory[1],
        ),
    ]
}

/// Starts it for the first time in its life. When was its first screen there,
/// and what does it take once it rests?
async fn start(
    name: &str,
    program: &Path,
    environment: &[(&str, &str)],
    folder: &Path,
) -> (Duration, f64) {
    let display = tempfile::tempdir_in(folder).unwrap();
    let place = Display::File(display.path().to_owned());
    let session = Session::desktop_on(&place, "bench", Daemon::Xfce).await;
    let screen = Screen::open(display.path());
    let mut command = session.command(program);
    command.envs(environment.iter().copied());
    let spawned = Instant::now();
    let process = session.start(name, command);
    // The console may say first that it opens its ledger. What counts is the
    // screen that a person can use: the last time that the picture gained
    // more than a tenth. A caret that blinks is less.
    let (mut painted, mut most) = (Duration::ZERO, 0);
    loop {
        let now = spawned.elapsed();
        let edges = screen.edges();
        if edges > most + most / 10 {
            (painted, most) = (now, edges);
        } else if most > 0 && now > painted + REST {
            break;
        }
        assert!(now < PATIENCE, "no first screen: {}", process.printed());
        std::thread::sleep(LOOK);
    }
    screen.keep(&folder.join(format!("{name}.xwd")));
    let pss = family(process.id()).into_iter().map(pss_mib).sum();
    eprintln!("{name}: painted after {painted:?} ({most} edges), {pss:.1} MiB");
    (painted, pss)
}

/// A process and all that it started, the web view's among them.
fn family(first: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let process = entry.file_name().to_str()?.parse().ok()?;
            // It may be gone already. The name in parentheses may hold anything.
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (_, rest) = stat.rsplit_once(") ")?;
            let parent = rest.split(' ').nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let mut family = vec![first];
    let mut at = 0;
    while at < family.len() {
        let children = parents.iter().filter(|(_, parent)| *parent == family[at]);
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        family.extend(children);
        at += 1;
    }
    family
}

fn sizes(args: &Args, folder: &Path) -> [Value; 2] {
    [
        at_most(
            8.0,
            "both bare programs, packed the same way",
            "size of the Debian package",
            "MiB",
            mib(&deb()),
            mib(&packed(&[&args.window, &args.idle], folder)),
        ),
        at_most(
            8.0,
            "a bare window",
            "size of the program `vidimus-console`",
            "MiB",
            mib(&args.console),
            mib(&args.window),
        ),
    ]
}

/// Packs programs and nothing else, as `cargo xtask package` does.
fn packed(programs: &[&Path], folder: &Path) -> PathBuf {
    let stage = tempfile::tempdir_in(folder).unwrap();
    let control = "Package: bare\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n\
                   Description: programs and nothing else\n";
    for place in ["DEBIAN", "usr/bin"] {
        fs::create_dir_all(stage.path().join(place)).unwrap();
    }
    fs::write(stage.path().join("DEBIAN/control"), control).unwrap();
    for program in programs {
        let name = program.file_name().unwrap();
        fs::copy(program, stage.path().join("usr/bin").join(name)).unwrap();
    }
    let package = folder.join("bare.deb");
    run(Command::new("dpkg-deb")
        .env("DPKG_DEB_THREADS_MAX", "1")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .arg(stage.path())
        .arg(&package));
    package
}
