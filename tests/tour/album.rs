//! The pictures of a tour: taken, stamped, listed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::story::STEPS;
use super::support::session::Session;
use super::support::terminal::BACKGROUND;

/// Every picture is this large, without its stamp.
pub(crate) const SIZE: (u32, u32) = (1100, 700);

/// The colours of the stamp.
const PAPER: &str = "#f2b632";
const INK: &str = "#1c1c1c";

/// Longest wait for a picture that does not move.
const STILL: Duration = Duration::from_secs(5);

/// Pictures and the steps that they show.
pub(crate) struct Album {
    folder: PathBuf,
    kept: usize,
    begun: Instant,
}

impl Album {
    /// An empty one in place of the last.
    pub(crate) fn begin(dark: bool) -> Self {
        let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tour");
        if dark {
            folder.push("dark");
        }
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                panic!("{}: {error}", folder.display())
            }
            _ => std::fs::create_dir_all(&folder).unwrap(),
        }
        Self {
            folder,
            kept: 0,
            begun: Instant::now(),
        }
    }

    /// Where a file of the tour lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Keeps what a window shows (`root`: what the whole display does) as the
    /// next step, which must have this name.
    pub(crate) async fn keep(&mut self, session: &Session, window: &str, name: &str) {
        let step = STEPS.get(self.kept).expect("the list has this step");
        assert_eq!(step.name, name, "the list of steps has them in this order");
        let picture = still(session, window).await;
        self.stamp(session, &picture, window == "root");
        self.kept += 1;
        println!(
            "{:>2}/{}  {:<14} {:>3} s  {}",
            self.kept,
            STEPS.len(),
            step.name,
            self.begun.elapsed().as_secs(),
            step.caption
        );
    }

    /// Writes a picture with the stamp below it, so that it hides nothing.
    fn stamp(&self, session: &Session, picture: &[u8], wide: bool) {
        let step = &STEPS[self.kept];
        // The wide one is shown at the size of the others.
        let scale = |length: u32| if wide { length * 3 / 2 } else { length };
        let mut font = session.command("fc-match");
        font.args(["--format", "%{file}", "sans:bold"]);
        let font = session.run(font);
        let number = format!("{} of {}  {}", self.kept + 1, STEPS.len(), step.name);
        let beside = format!("+{}+{}", scale(16), scale(9));
        let mut convert = session.command("convert");
        convert
            .args(["ppm:-", "-gravity", "NorthWest", "-background", BACKGROUND])
            .arg("-extent")
            .arg(format!("{}x{}", scale(SIZE.0), scale(SIZE.1)))
            .args(["-background", PAPER, "-gravity", "South"])
            .args(["-splice", &format!("0x{}", scale(34))])
            .args(["-font", font.trim(), "-fill", INK])
            .args(["-pointsize", &scale(15).to_string()])
            .args(["-gravity", "SouthWest", "-annotate", &beside])
            .arg("TEST KEY: a virtual authenticator signs here, and no person decides")
            .args(["-gravity", "SouthEast", "-annotate", &beside, &number])
            .args(["-dither", "None", "-colors", "255", "-strip"])
            .arg(format!("png8:{}", self.path(&file(self.kept)).display()))
            .stdin(Stdio::piped());
        let mut convert = convert.spawn().expect("ImageMagick is there");
        let mut input = convert.stdin.take().expect("it was started with a pipe");
        input.write_all(picture).unwrap();
        drop(input);
        assert!(
            convert.wait().unwrap().success(),
            "no stamp on {}",
            step.name
        );
    }

    /// Writes the list of what there is so far.
    pub(crate) fn write_list(&self) {
        let mut text =
            "# Tour\n\nPlayed by `cargo xtask run --tour`: a real console, browser and terminal \
                        in a profile that is gone. The key is a virtual authenticator's.\n"
                .to_owned();
        for (at, step) in STEPS.iter().enumerate().take(self.kept) {
            let (number, caption) = (at + 1, step.caption);
            text += &format!("\n{number}. {caption}\n\n   ![{caption}]({})\n", file(at));
        }
        std::fs::write(self.path("README.md"), text).unwrap();
    }

    /// How many pictures there are.
    pub(crate) fn so_far(&self) -> String {
        let folder = self.folder.display();
        format!("{} of {} pictures in {folder}", self.kept, STEPS.len())
    }

    /// The step whose picture comes next.
    pub(crate) fn next_step(&self) -> String {
        let Some(step) = STEPS.get(self.kept) else {
            return "what follows the last step".into();
        };
        format!("step {} of {}, {},", self.kept + 1, STEPS.len(), step.name)
    }

    /// Takes a file along.
    pub(crate) fn take(&self, file: &Path) {
        let name = file.file_name().expect("a file has a name");
        std::fs::copy(file, self.folder.join(name)).unwrap();
    }
}

/// The name of a picture.
fn file(at: usize) -> String {
    format!("{:02}-{}.png", at + 1, STEPS[at].name)
}

/// What a window shows once two looks in a row see the same. A countdown may
/// keep it from that; then the last look counts.
async fn still(session: &Session, window: &str) -> Vec<u8> {
    let deadline = Instant::now() + STILL;
    let mut last = look(session, window);
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = look(session, window);
        if now == last || Instant::now() >= deadline {
            return now;
        }
        last = now;
    }
}

fn look(session: &Session, window: &str) -> Vec<u8> {
    let mut import = session.command("import");
    import.args(["-window", window]);
    if window == "root" {
        import.args(["-crop", "1650x1050+30+0", "+repage"]);
    }
    let output = import.arg("ppm:-").output().unwrap();
    assert!(output.status.success(), "no picture of window {window}");
    output.stdout
}
