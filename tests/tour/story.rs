//! First light, step by step.

use super::album::{Album, SIZE};
use super::support::session::{Daemon, Display, Session};
use super::support::steps::{Person, Screen, Way};
use super::support::terminal::Terminal;
use super::support::webdriver::{Driver, id};
use super::support::{console, vidimus};

/// Under this name logs are kept.
pub(crate) const NAME: &str = "tour";

/// One picture of the story.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) caption: &'static str,
}

const fn step(name: &'static str, caption: &'static str) -> Step {
    Step { name, caption }
}

/// All of them, in order.
pub(crate) const STEPS: &[Step] = &[
    step(
        "set-up",
        "First start: the console asks for your name and a key.",
    ),
    step("code", "It shows a code and opens a page in your browser."),
    step(
        "page",
        "The code is typed there, so that only who sees the console sets up its key.",
    ),
    step(
        "key-made",
        "The key is made; the browser asks a second time, to sign with it.",
    ),
    step(
        "signed-in",
        "Signed in. Now an agent gets a name, and a touch of the key connects it.",
    ),
    step(
        "connected",
        "The agent is connected; the inbox shows a command to try.",
    ),
    step(
        "held",
        "An agent's command is held in its terminal: it says what it binds, and waits.",
    ),
    step(
        "notification",
        "The desktop says so. Its buttons open something; none of them decides.",
    ),
    step(
        "review",
        "What will run, as computed from the bytes; what the agent claims stands apart.",
    ),
    step(
        "confirm",
        "Approve opens the statement that the key is going to sign.",
    ),
    step(
        "key",
        "The page of the key states the same; below stand the console's code and the key's button.",
    ),
    step(
        "running",
        "Signed, proven to be in the log, released once: it runs.",
    ),
    step(
        "completed",
        "It ended: exit code and last output are in the log, too.",
    ),
    step(
        "released",
        "In the terminal the command's own output and exit code.",
    ),
    step("deny", "Another one is denied, with a reason."),
    step(
        "denied",
        "The agent reads the reason; the command did not run.",
    ),
    step("history", "Every step is an entry of an append-only log."),
    step(
        "verified",
        "Verify checks all of it again: hashes, signatures, every rule.",
    ),
    step(
        "exported",
        "One file proves it to anybody else, with nothing but the trust file.",
    ),
    step(
        "tampered",
        "One byte gives the approval a thousand years more: the verifier names the entry.",
    ),
];

/// What the agent wants to run. It runs for as long as the old key is in use,
/// which is until it has been looked at.
const SCRIPT: &str = r#"#!/bin/sh
set -eu
echo "new key for $1 issued"
while [ -e "$1.in-use" ]
do sleep 1
done
echo "old key for $1 revoked"
"#;

/// Where the notification has the button *Review*.
const REVIEW: (u32, u32) = (130, 88);

/// Plays it.
pub(crate) async fn play(display: &Display, dark: bool, album: &mut Album) {
    let mut session = Session::desktop_on(display, NAME, Daemon::Xfce).await;
    let session = furnish(&mut session, dark);
    let window = Driver::window(session, &session.path("bin/vidimus-console")).await;
    let browser = Driver::shown_browser(session, SIZE).await;
    browser.add_key().await;
    let person = Person {
        session,
        console: Screen::window(&window),
        key: Screen::window(&browser),
        way: Way::Opens,
    };
    let mut stage = Stage {
        session,
        window: &window,
        browser: &browser,
        album,
        console_frame: session.wait_for_window("^(\\(\\d+\\) )?Vidimus$").await,
        browser_frame: session.wait_for_window("Chromium$").await,
    };
    stage.arrange();
    set_up(&mut stage, &person).await;
    let mut terminal = Terminal::open(session, "The agent's terminal").await;
    let terminal_frame = session.wait_for_window("The agent's terminal").await;
    stage.place(&terminal_frame, (55, 40));
    approve(&mut stage, &person, &mut terminal, &terminal_frame).await;
    deny(&mut stage, &person, &mut terminal, &terminal_frame).await;
    verify(&mut stage, &mut terminal, &terminal_frame).await;
}

/// Puts the programs and the agent's script into the session, so that no path
/// of this computer is in the pictures.
fn furnish(session: &mut Session, dark: bool) -> &Session {
    let bin = session.path("bin");
    std::fs::create_dir(&bin).unwrap();
    for (program, name) in [(vidimus(), "vidimus"), (console(), "vidimus-console")] {
        let here = bin.join(name);
        // A link costs nothing; another file system wants a copy.
        std::fs::hard_link(&program, &here)
            .or_else(|_| std::fs::copy(&program, &here).map(|_| ()))
            .unwrap();
    }
    session.set(
        "PATH",
        format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
    );
    if dark {
        session.set("GTK_THEME", "Adwaita:dark".into());
    }
    let script = session.path("work/rotate.sh");
    std::fs::write(&script, SCRIPT).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    std::fs::write(session.path("work/staging.in-use"), "").unwrap();
    let mut wall = session.command("xsetroot");
    wall.args(["-solid", "#49566b"]);
    session.run(wall);
    session
}

/// What the story is played on.
struct Stage<'a> {
    session: &'a Session,
    window: &'a Driver,
    browser: &'a Driver,
    album: &'a mut Album,
    console_frame: String,
    browser_frame: String,
}

impl Stage<'_> {
    fn arrange(&self) {
        self.place(&self.browser_frame, (55, 40));
        self.place(&self.console_frame, (550, 318));
    }

    /// Gives a window its place and size.
    fn place(&self, frame: &str, (x, y): (u32, u32)) {
        self.xdotool(&[
            "windowsize",
            frame,
            &SIZE.0.to_string(),
            &SIZE.1.to_string(),
        ]);
        self.xdotool(&["windowmove", frame, &x.to_string(), &y.to_string()]);
    }

    /// Brings a window before the others and keeps a picture of it.
    async fn keep(&mut self, frame: &str, name: &str) {
        self.xdotool(&["windowactivate", frame]);
        self.album.keep(self.session, frame, name).await;
    }

    async fn keep_console(&mut self, name: &str) {
        let frame = self.console_frame.clone();
        self.window.drawn().await;
        self.keep(&frame, name).await;
    }

    async fn keep_browser(&mut self, name: &str) {
        let frame = self.browser_frame.clone();
        self.browser.drawn().await;
        self.keep(&frame, name).await;
    }

    fn xdotool(&self, arguments: &[&str]) {
        let mut xdotool = self.session.command("xdotool");
        xdotool.args(arguments);
        self.session.run(xdotool);
    }
}

async fn set_up(stage: &mut Stage<'_>, person: &Person<'_>) {
    let window = stage.window;
    window.see("[data-phase='setup']").await;
    window.write_anew(&id("setup-name"), "Ada Lovelace").await;
    stage.keep_console("set-up").await;
    person.begin_setup("Ada Lovelace").await;
    let code = person.shown_code().await;
    stage.keep_console("code").await;
    stage.browser.write_anew(&id("typed-code"), &code).await;
    stage.keep_browser("page").await;
    person.type_code(&code).await;
    person.make_key().await;
    stage.keep_browser("key-made").await;
    person.sign().await;
    person.settled("ready").await;
    window
        .write_anew(&id("connect-agent-name"), "release-agent")
        .await;
    stage.keep_console("signed-in").await;
    person.connect_agent("release-agent").await;
    stage.keep_console("connected").await;
}

async fn approve(
    stage: &mut Stage<'_>,
    person: &Person<'_>,
    terminal: &mut Terminal<'_>,
    terminal_frame: &str,
) {
    let (session, window) = (stage.session, stage.window);
    let why = "The staging key was printed in a build log.";
    terminal.enter(&format!(
        "vidimus exec --why \"{why}\" -- ./rotate.sh staging"
    ));
    let shown = session.wait_for_window("xfce4-notifyd").await;
    // It stays for as long as the pointer is on it.
    session.point_at(&shown, REVIEW);
    person.waiting(1).await;
    stage.keep(terminal_frame, "held").await;
    stage.xdotool(&["windowactivate", &stage.console_frame]);
    stage.xdotool(&["windowraise", &shown]);
    stage.album.keep(session, "root", "notification").await;

    session.click_at(&shown, REVIEW);
    window.see(&id("review-approve")).await;
    stage.keep_console("review").await;
    window.click(&id("review-approve")).await;
    window.see(&id("confirm")).await;
    stage.keep_console("confirm").await;
    let page = person.ask_for_key(&id("confirm-ask-key")).await;
    stage.browser.go(&page).await;
    stage.browser.see(&id("use-key")).await;
    stage.keep_browser("key").await;
    person.use_key(&page).await;
    person.settled("ready").await;
    person.stands("running").await;
    stage.keep_console("running").await;
    std::fs::remove_file(session.path("work/staging.in-use")).unwrap();
    person.stands("completed").await;
    stage.keep_console("completed").await;
    assert_eq!(terminal.ended().await, 0);
    terminal.run("echo $?").await;
    stage.keep(terminal_frame, "released").await;
}

async fn deny(
    stage: &mut Stage<'_>,
    person: &Person<'_>,
    terminal: &mut Terminal<'_>,
    terminal_frame: &str,
) {
    terminal.run("clear").await;
    terminal.enter("vidimus exec --why \"The same for production.\" -- ./rotate.sh production");
    stage.window.click(&id("nav-inbox")).await;
    person.waiting(1).await;
    person.open_to("deny").await;
    let reason = "Production is frozen until Monday.";
    stage.window.write(&id("confirm-reason"), reason).await;
    stage.keep_console("deny").await;
    person.confirm("").await;
    person.stands("denied").await;
    assert_eq!(terminal.ended().await, 110);
    terminal.run("echo $?").await;
    stage.keep(terminal_frame, "denied").await;
}

async fn verify(stage: &mut Stage<'_>, terminal: &mut Terminal<'_>, terminal_frame: &str) {
    let (session, window) = (stage.session, stage.window);
    window.click(&id("nav-history")).await;
    window.says(&id("history-row"), "action.completed").await;
    stage.keep_console("history").await;
    window.click(&id("verify")).await;
    window
        .see("[data-testid='verify-result'][data-state='passed']")
        .await;
    stage.keep_console("verified").await;

    let trust = session.path("work/trust.json");
    std::fs::copy(session.path("vidimus/data/trust.json"), &trust).unwrap();
    terminal.run("clear").await;
    assert_eq!(terminal.run("vidimus export --out ledger.vidimus").await, 0);
    let code = terminal
        .run("vidimus verify --trust trust.json ledger.vidimus")
        .await;
    assert_eq!(code, 0);
    stage.album.take(&trust);
    stage.album.take(&session.path("work/ledger.vidimus"));
    stage.keep(terminal_frame, "exported").await;

    terminal.run("clear").await;
    terminal
        .run("sed 's/\"use_before\":\"2/\"use_before\":\"3/' ledger.vidimus >forged.vidimus")
        .await;
    terminal.run("cmp ledger.vidimus forged.vidimus").await;
    let code = terminal
        .run("vidimus verify --trust trust.json forged.vidimus")
        .await;
    assert_eq!(code, 1, "a changed byte is refused");
    stage.keep(terminal_frame, "tampered").await;
}
