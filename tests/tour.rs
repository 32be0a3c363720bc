//! The tour that `cargo xtask run --tour` plays: whole, stamped, verifiable,
//! and gone without a trace when it ends or is ended.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::process::Process;
use support::{program, vidimus, within};

/// What has to be there, in this order.
const PICTURES: &[&str] = &[
    "set-up",
    "code",
    "page",
    "key-made",
    "signed-in",
    "connected",
    "held",
    "notification",
    "review",
    "confirm",
    "key",
    "running",
    "completed",
    "released",
    "deny",
    "denied",
    "history",
    "verified",
    "exported",
    "tampered",
];

/// Colour of the stamp's paper.
const PAPER: [u8; 3] = [0xf2, 0xb6, 0x32];

/// A tour takes a minute on an idle machine, and seven on one that is busy with a dozen builds.
const LONGEST: Duration = Duration::from_secs(1200);

#[tokio::test]
async fn the_tour_is_whole_stamped_verifiable_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let profile = temporary.path();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tour");

    // A step that fails is named.
    let mut broken = tour(profile);
    broken.env("VIDIMUS_CONSOLE_BIN", "/bin/false");
    let (code, printed) = play("broken", broken).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("step 1 of 20, set-up, failed: "),
        "{printed}"
    );
    nothing_left(profile).await;

    // One that is stopped takes everything along.
    let mut stopped = start("stopped", tour(profile));
    within(LONGEST, "the first picture", async || {
        folder.join("01-set-up.png").is_file().then_some(())
    })
    .await;
    let ended = stopped.stop().await;
    assert_eq!(ended.code(), Some(1), "{}", stopped.printed());
    assert!(
        stopped.printed().contains("stopped by SIGTERM"),
        "{}",
        stopped.printed()
    );
    nothing_left(profile).await;

    let (code, printed) = play("whole", tour(profile)).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("20 of 20 pictures"), "{printed}");
    nothing_left(profile).await;

    judge_all(&folder);
    let verify = |arguments: &[&str]| {
        let mut command = Command::new(vidimus());
        command.arg("verify").args(arguments).current_dir(&folder);
        command.output().unwrap().status.code()
    };
    let anchored = verify(&["--trust", "trust.json", "ledger.vidimus"]);
    assert_eq!(anchored, Some(0));
    assert!(printed.contains("\nverified\n"), "{printed}");
}

/// Every picture is there, listed, and stamped.
fn judge_all(folder: &Path) {
    let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut stamps = Vec::new();
    for (at, name) in PICTURES.iter().enumerate() {
        let file = format!("{:02}-{name}.png", at + 1);
        assert!(list.contains(&format!("]({file})")), "{file}: {list}");
        let picture = Picture::read(&folder.join(&file));
        stamps.push(picture.judge(&file));
    }
    // Only the number and the name of the step differ.
    let first = &stamps[0];
    let wide = PICTURES.iter().position(|name| *name == "notification");
    for (at, stamp) in stamps.iter().enumerate() {
        // Each picture has a palette of its own, so colours are near, not the same.
        let differ = stamp.iter().zip(first).filter(|(a, b)| !near(**a, **b));
        assert!(
            Some(at) == wide || differ.count() * 100 < first.len(),
            "stamp {} differs",
            at + 1
        );
    }
}

fn tour(temporary: &Path) -> Command {
    let mut command = Command::new(program("VIDIMUS_TOUR_BIN"));
    command.env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

fn start(label: &str, command: Command) -> Process {
    let logs = support::kept().join("tour");
    std::fs::create_dir_all(&logs).unwrap();
    Process::start(command, logs.join(format!("player-{label}.log")))
}

async fn play(label: &str, command: Command) -> (Option<i32>, String) {
    let mut process = start(label, command);
    let ended = within(LONGEST, "the tour to end", async || process.ended()).await;
    (ended.code(), process.printed())
}

/// No file of the profile, and no program that was started with it.
async fn nothing_left(temporary: &Path) {
    let files = std::fs::read_dir(temporary).unwrap().count();
    assert_eq!(files, 0, "the profile is still there");
    let home = format!("HOME={}", temporary.display());
    within(Duration::from_secs(10), "its programs to go", async || {
        let mut running = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let environment = std::fs::read(entry.ok()?.path().join("environ")).ok()?;
            String::from_utf8_lossy(&environment)
                .contains(&home)
                .then_some(())
        });
        running.next().is_none().then_some(())
    })
    .await;
}

/// Pixels, row by row.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn read(file: &Path) -> Self {
        let mut convert = Command::new("convert");
        convert.arg(file).args(["-depth", "8", "ppm:-"]);
        let output = convert.output().unwrap();
        assert!(output.status.success(), "no picture {}", file.display());
        // `P6 WIDTH HEIGHT 255`, a space, the bytes.
        let mut words = output.stdout.splitn(5, |byte| byte.is_ascii_whitespace());
        assert_eq!(words.next().unwrap(), b"P6");
        let mut number = || -> usize {
            let word = String::from_utf8(words.next().unwrap().to_vec()).unwrap();
            word.parse().unwrap()
        };
        let (width, height, depth) = (number(), number(), number());
        assert_eq!(depth, 255);
        let (pixels, rest) = words.next().unwrap().as_chunks();
        assert!(rest.is_empty() && pixels.len() == width * height);
        Self {
            width,
            height,
            pixels: pixels.to_vec(),
        }
    }

    /// Size, content, stamp; gives the part of the stamp that says *test key*.
    fn judge(&self, name: &str) -> Vec<[u8; 3]> {
        let (width, height) = (self.width, self.height);
        assert!(
            [(1100, 734), (1650, 1101)].contains(&(width, height)),
            "{name}: {width}×{height}"
        );
        let (content, stamp) = self.pixels.split_at(width * (height * 700 / 734));
        let most = content
            .iter()
            .filter(|pixel| **pixel == content[content.len() / 2])
            .count();
        assert!(most * 100 < content.len() * 99, "{name} is blank");
        let colours: std::collections::HashSet<_> = content.iter().step_by(31).collect();
        assert!(colours.len() > 8, "{name}: {} colours", colours.len());

        let words: Vec<_> = stamp
            .chunks(width)
            .flat_map(|row| &row[..width / 2])
            .copied()
            .collect();
        let paper = words.iter().filter(|pixel| near(**pixel, PAPER)).count();
        let ink = words
            .iter()
            .filter(|pixel| near(**pixel, [0x1c; 3]))
            .count();
        assert!(paper * 100 > words.len() * 60, "{name} has no stamp");
        assert!(ink * 100 > words.len(), "{name} has nothing on its stamp");
        words
    }
}

/// A picture of the usual size: noise, and a stamp of one colour with words in
/// another.
fn drawn(content: impl Fn(usize) -> [u8; 3], paper: [u8; 3], ink: [u8; 3]) -> Picture {
    let (width, height) = (1100, 734);
    let content = (0..width * 700).map(content);
    let stamp = (0..width * 34).map(|at| if at % 9 == 0 { ink } else { paper });
    Picture {
        width,
        height,
        pixels: content.chain(stamp).collect(),
    }
}

fn noise(at: usize) -> [u8; 3] {
    [(at % 251) as u8, (at % 241) as u8, 7]
}

#[test]
fn a_stamped_picture_passes() {
    drawn(noise, PAPER, [0x1c; 3]).judge("good");
}

#[test]
#[should_panic(expected = "has no stamp")]
fn a_picture_without_a_stamp_does_not() {
    drawn(noise, [0; 3], [0x1c; 3]).judge("unstamped");
}

#[test]
#[should_panic(expected = "nothing on its stamp")]
fn an_empty_stamp_does_not() {
    drawn(noise, PAPER, PAPER).judge("empty");
}

#[test]
#[should_panic(expected = "is blank")]
fn a_blank_picture_does_not() {
    drawn(|_| [9; 3], PAPER, [0x1c; 3]).judge("blank");
}

fn near(pixel: [u8; 3], other: [u8; 3]) -> bool {
    pixel.iter().zip(other).all(|(a, b)| a.abs_diff(b) < 24)
}
