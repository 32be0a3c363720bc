//! A desktop session of its own for each test: folders, display, window
//! manager, bus, keyring, notification daemon. Nothing of the machine's own
//! session is seen or touched.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::process::Process;
use super::{until, within};

/// Two sessions at a time would only slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The display of the running test, for a last look when it fails.
static LAST_LOOK: std::sync::Mutex<Option<(&str, String)>> = std::sync::Mutex::new(None);

/// Keeps what the display shows now as `target/e2e/TEST/failed.png`.
pub fn keep_evidence() {
    let Some((name, display)) = LAST_LOOK.lock().unwrap().clone() else {
        return;
    };
    let mut import = Command::new("import");
    import.env("DISPLAY", display).args(["-window", "root"]);
    import.arg(super::kept().join(name).join("failed.png"));
    // The failure itself is what is reported.
    let _no_picture = import.status();
}

/// Which program shows notifications.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// Its buttons can be chosen by command.
    Dunst,
    /// It draws buttons.
    Xfce,
    None,
}

/// Where the session's display is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// Nowhere: nobody sees it.
    Unseen,
    /// In one window on somebody's display, who sees it and keeps the rest.
    Window {
        display: String,
        authority: Option<String>,
    },
    /// In a file of this folder, as large as the console's window, with nothing else on it.
    File(PathBuf),
}

/// A running session.
pub struct Session {
    name: &'static str,
    // Ended in this order: clients before what they talk to.
    daemon: Option<Process>,
    keyring: Option<Process>,
    manager: Option<Process>,
    bus: Option<Process>,
    display: Option<Process>,
    environment: Vec<(&'static str, String)>,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Session {
    /// Folders only: no display, no bus.
    pub async fn bare(name: &'static str) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::Builder::new()
            .prefix(&format!("vidimus-{name}-"))
            .tempdir()
            .unwrap();
        *LAST_LOOK.lock().unwrap() = None;
        let logs = super::kept().join(name);
        std::fs::create_dir_all(&logs).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (place, mode) in [("home", 0o755), ("run", 0o700), ("work", 0o755)] {
            std::fs::DirBuilder::new()
                .mode(mode)
                .create(path(place))
                .unwrap();
        }
        let environment = vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", path("home")),
            ("USER", "reviewer".into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("XDG_RUNTIME_DIR", path("run")),
            ("XDG_CONFIG_HOME", path("home/.config")),
            ("XDG_DATA_HOME", path("home/.local/share")),
            ("XDG_STATE_HOME", path("home/.local/state")),
            ("XDG_CACHE_HOME", path("home/.cache")),
            ("VIDIMUS_HOME", path("vidimus")),
            ("BROWSER", path("browser")),
            ("RUST_BACKTRACE", "1".into()),
        ];
        // The system's browser is driven by the test: this only says where to.
        let browser = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{}'\n", path("opened"));
        std::fs::write(path("browser"), browser).unwrap();
        std::fs::set_permissions(path("browser"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            name,
            daemon: None,
            keyring: None,
            manager: None,
            bus: None,
            display: None,
            environment,
            folder,
            _alone: alone,
        }
    }

    /// A whole desktop.
    pub async fn desktop(name: &'static str, daemon: Daemon) -> Self {
        Self::desktop_on(&Display::Unseen, name, daemon).await
    }

    /// A whole desktop on a display that somebody may watch.
    pub async fn desktop_on(display: &Display, name: &'static str, daemon: Daemon) -> Self {
        let mut session = Self::bare(name).await;
        session.start_display(display);
        session.start_bus();
        session.start_keyring().await;
        session.start_daemon(daemon).await;
        session
    }

    /// A command inside this session and nothing of the machine's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path("work"))
            // What ends the program that runs this, Ctrl-C for one, does not end a step half-way.
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    /// Starts a program whose output is kept as `target/e2e/TEST/LABEL.log`.
    pub fn start(&self, label: &str, command: Command) -> Process {
        Process::start(command, self.log(label))
    }

    /// Runs a program to its end and gives what it printed.
    pub fn run(&self, mut command: Command) -> String {
        let name = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{name:?} {arguments:?}: {error}"));
        assert!(
            output.status.success(),
            "{name:?} {arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self, label: &str) -> PathBuf {
        super::kept().join(self.name).join(format!("{label}.log"))
    }

    /// What the programs were started with, for drivers that start others.
    pub fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// Sets a variable for what is started from now on.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value));
    }

    /// Pages that the system's browser was asked for, oldest first.
    pub fn opened_pages(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("opened")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for the next page after `seen` pages.
    pub async fn next_page(&self, seen: usize) -> String {
        until("a page in the browser", async || {
            self.opened_pages().get(seen).cloned()
        })
        .await
    }

    /// Keeps what one window shows as `target/e2e/NAME.png`.
    pub fn picture_of(&self, window: &str, name: &str) {
        let mut import = self.command("import");
        import.args(["-window", window]).arg(shot(name));
        self.run(import);
    }

    /// Keeps what the display shows as `target/e2e/NAME.png`.
    pub fn screenshot(&self, name: &str) {
        self.picture_of("root", name);
    }

    fn start_display(&mut self, display: &Display) {
        let mut server = match display {
            Display::Unseen => {
                let mut xvfb = self.command("Xvfb");
                xvfb.args(["-screen", "0", "1680x1080x24"]);
                xvfb
            }
            Display::Window { display, authority } => {
                let mut xephyr = self.command("Xephyr");
                xephyr
                    .args(["-screen", "1680x1080", "-title", "Vidimus: the tour"])
                    .env("DISPLAY", display)
                    .envs(authority.iter().map(|file| ("XAUTHORITY", file)));
                xephyr
            }
            Display::File(folder) => {
                let mut xvfb = self.command("Xvfb");
                xvfb.args(["-screen", "0", "1100x700x24", "-fbdir"])
                    .arg(folder);
                xvfb
            }
        };
        server.args([
            "-displayfd",
            "1",
            "-dpi",
            "96",
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let mut running = Process::piped(server, self.log("display"));
        let number = running.line();
        assert!(!number.is_empty(), "no display: {}", running.printed());
        *LAST_LOOK.lock().unwrap() = Some((self.name, format!(":{number}")));
        self.environment.push(("DISPLAY", format!(":{number}")));
        self.environment.push(("LIBGL_ALWAYS_SOFTWARE", "1".into()));
        self.environment.push(("NO_AT_BRIDGE", "1".into()));
        self.display = Some(running);
        // Without a window manager no window has the focus, but it draws frames.
        if !matches!(display, Display::File(_)) {
            self.manager = Some(self.start("openbox", self.command("openbox")));
        }
    }

    fn start_bus(&mut self) {
        let (bus, address) = self.bus("bus");
        self.environment.push(("DBUS_SESSION_BUS_ADDRESS", address));
        self.bus = Some(bus);
    }

    /// A bus of its own, and its address.
    pub fn bus(&self, label: &str) -> (Process, String) {
        let configuration = self.path(&format!("{label}.conf"));
        // No folders of services: what nobody started is not there.
        let text = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>session</type><listen>unix:dir={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n",
            self.path("run").display()
        );
        std::fs::write(&configuration, text).unwrap();
        let mut command = self.command("dbus-daemon");
        command
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"]);
        let mut bus = Process::piped(command, self.log(label));
        let address = bus.line();
        assert!(!address.is_empty(), "no bus: {}", bus.printed());
        (bus, address)
    }

    async fn start_keyring(&mut self) {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        // An empty passphrase, as on a machine that signs in by itself.
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"\n").unwrap();
        drop(writer);
        command.stdin(reader);
        self.keyring = Some(self.start("keyring", command));
        self.named("org.freedesktop.secrets").await;
    }

    async fn start_daemon(&mut self, daemon: Daemon) {
        let command = match daemon {
            Daemon::None => return,
            Daemon::Dunst => {
                let chosen = self.path("chosen-action");
                let configuration = self.path("dunstrc");
                // dunst lists the buttons to its menu program; ours takes what
                // the test has chosen.
                let menu = self.path("menu");
                let script = format!(
                    "#!/bin/sh\ntee -a '{}' | grep -m1 -F \"$(cat '{}')\"\n",
                    self.path("menu-entries").display(),
                    chosen.display()
                );
                std::fs::write(&menu, script).unwrap();
                std::fs::set_permissions(&menu, std::fs::Permissions::from_mode(0o755)).unwrap();
                let text = format!(
                    "[global]\n    dmenu = {}\n    width = 420\n    height = 300\n    origin = top-right\n    \
                     offset = 12x12\n    show_indicators = yes\n    markup = full\n",
                    menu.display()
                );
                std::fs::write(&configuration, text).unwrap();
                let mut command = self.command("dunst");
                command.arg("-config").arg(configuration);
                command
            }
            Daemon::Xfce => self.command(xfce()),
        };
        self.daemon = Some(self.start("notifications", command));
        self.named("org.freedesktop.Notifications").await;
    }

    /// Chooses a button of the newest notification, as a person would with
    /// dunst's menu.
    pub fn choose_button(&self, label: &str) {
        std::fs::write(self.path("chosen-action"), label).unwrap();
        let mut command = self.command("dunstctl");
        command.arg("context");
        self.run(command);
    }

    /// Windows on the screen, by words of their title.
    pub fn windows(&self, title: &str) -> Vec<String> {
        let mut search = self.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", title]);
        let found = String::from_utf8(search.output().unwrap().stdout).unwrap();
        found.lines().map(str::to_owned).collect()
    }

    /// Presses keys together in a window, e.g. `alt+F4`.
    pub async fn press(&self, window: &str, keys: &str) {
        // A native window does not say when it is ready for it.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let mut focus = self.command("xdotool");
        focus.args(["windowactivate", "--sync", window, "key", keys]);
        self.run(focus);
    }

    /// Waits for a window outside the web view, by words of its title.
    pub async fn wait_for_window(&self, title: &str) -> String {
        self.wait_for_other_window("", title).await
    }

    /// The same, for another window than `not`.
    pub async fn wait_for_other_window(&self, not: &str, title: &str) -> String {
        until(&format!("a window `{title}`"), async || {
            let mut found = self.windows(title).into_iter();
            found.find(|window| window != not)
        })
        .await
    }

    /// Types texts and presses keys (`Tab`, `Return`, `Escape`) in a window.
    pub async fn type_into(&self, window: &str, what: &[&str]) {
        // A native window does not say when it has dealt with what came before.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let mut focus = self.command("xdotool");
        focus.args(["windowfocus", "--sync", window]);
        self.run(focus);
        for &one in what {
            let verb = match one {
                "Tab" | "Return" | "Escape" => "key",
                _ => "type",
            };
            let mut keys = self.command("xdotool");
            keys.args([verb, "--delay", "20", one]);
            self.run(keys);
        }
    }

    /// Clicks the rightmost button in the lowest row of a window.
    pub fn click_right_below(&self, window: &str) {
        let (width, height) = self.size_of(window);
        self.click_at(window, (width - 60, height - 30));
    }

    /// Clicks a place in a window, counted from its upper left.
    pub fn click_at(&self, window: &str, place: (u32, u32)) {
        self.point_at(window, place);
        let mut click = self.command("xdotool");
        click.args(["click", "1"]);
        self.run(click);
    }

    /// Moves the pointer to a place in a window and leaves it there.
    pub fn point_at(&self, window: &str, (x, y): (u32, u32)) {
        let mut pointer = self.command("xdotool");
        pointer.args(["mousemove", "--window", window]);
        pointer.args([x.to_string(), y.to_string()]);
        self.run(pointer);
    }

    fn size_of(&self, window: &str) -> (u32, u32) {
        let mut ask = self.command("xdotool");
        ask.args(["getwindowgeometry", "--shell", window]);
        let geometry = self.run(ask);
        let number = |name: &str| -> u32 {
            let line = geometry.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().parse().unwrap()
        };
        (number("WIDTH="), number("HEIGHT="))
    }

    /// Waits until somebody owns a name on the bus.
    pub async fn named(&self, name: &str) {
        let patience = std::time::Duration::from_secs(10);
        within(patience, name, async || {
            let mut command = self.command("dbus-send");
            command
                .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus"])
                .args(["/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner"])
                .arg(format!("string:{name}"));
            self.run(command).contains("true").then_some(())
        })
        .await;
    }
}

/// Where a screenshot is kept.
pub fn shot(name: &str) -> PathBuf {
    super::kept().join(format!("{name}.png"))
}

/// Debian keeps it in a folder by architecture.
fn xfce() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let places = folders.map(|folder| folder.unwrap().path().join("xfce4/notifyd/xfce4-notifyd"));
    let mut here = places.filter(|place: &PathBuf| Path::is_file(place));
    here.next()
        .expect("xfce4-notifyd is installed: run `cargo xtask test`")
}
