//! What stands around the window on a desktop: a panel that shows tray icons,
//! the icon's menu as such a panel uses it, a login manager.

use super::process::Process;
use super::session::Session;
use super::until;

/// A panel with a tray: the watcher of icons and the host that shows them.
pub struct Panel {
    // Ended in this order.
    _panel: Process,
    _settings: Process,
}

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

impl Panel {
    /// Starts Xfce's panel with nothing but a tray, in the lower right corner.
    pub async fn start(session: &Session) -> Self {
        let folder = session.path("home/.config/xfce4/xfconf/xfce-perchannel-xml");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("xfce4-panel.xml"), PANEL).unwrap();
        let settings = session.start("xfconfd", session.command(xfconfd()));
        session.named("org.xfce.Xfconf").await;
        let mut command = session.command("xfce4-panel");
        command.arg("--disable-wm-check");
        let panel = session.start("panel", command);
        session.named(WATCHER).await;
        Self {
            _panel: panel,
            _settings: settings,
        }
    }
}

const PANEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=4;x=1600;y=1040"/>
      <property name="size" type="uint" value="40"/>
      <property name="icon-size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"#;

/// Debian keeps it in a folder by architecture.
fn xfconfd() -> std::path::PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let places = folders.map(|folder| folder.unwrap().path().join("xfce4/xfconf/xfconfd"));
    let mut here = places.filter(|place| place.is_file());
    here.next()
        .expect("xfconf is installed: run `cargo xtask test`")
}

/// An icon in the tray, used over the bus as its panel does.
pub struct Icon<'a> {
    session: &'a Session,
    name: String,
}

impl<'a> Icon<'a> {
    /// Waits until the panel was given one.
    pub async fn find(session: &'a Session) -> Self {
        let name = until("an icon in the tray", async || {
            let mut command = session.command("dbus-send");
            command
                .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus"])
                .args(["/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"]);
            let names = session.run(command);
            let start = names.find("org.kde.StatusNotifierItem-")?;
            Some(names[start..].split('"').next()?.to_owned())
        })
        .await;
        Self { session, name }
    }

    fn call(&self, path: &str, method: &str, arguments: &[&str]) -> String {
        let mut command = self.session.command("dbus-send");
        command
            .args(["--session", "--print-reply"])
            .arg(format!("--dest={}", self.name))
            .args([path, method])
            .args(arguments);
        self.session.run(command)
    }

    /// The person clicks it.
    pub fn click(&self) {
        self.call(
            "/StatusNotifierItem",
            "org.kde.StatusNotifierItem.Activate",
            &["int32:0", "int32:0"],
        );
    }

    /// What it says in words.
    pub fn title(&self) -> String {
        self.call(
            "/StatusNotifierItem",
            "org.freedesktop.DBus.Properties.Get",
            &["string:org.kde.StatusNotifierItem", "string:Title"],
        )
    }

    /// Waits until it says this.
    pub async fn says(&self, words: &str) {
        until(&format!("the tray to say `{words}`"), async || {
            self.title().contains(words).then_some(())
        })
        .await;
    }

    /// Number and label of every entry of its menu.
    pub fn menu(&self) -> Vec<(i32, String)> {
        let layout = self.call(
            "/MenuBar",
            "com.canonical.dbusmenu.GetLayout",
            &["int32:0", "int32:-1", "array:string:label"],
        );
        let mut entries = Vec::new();
        let mut number = 0;
        for line in layout.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("int32 ") {
                number = text.parse().unwrap();
            } else if let Some(text) = line.split_once("variant") {
                let text = text.1.trim();
                if let Some(label) = text.strip_prefix("string \"") {
                    entries.push((number, label.trim_end_matches('"').to_owned()));
                }
            }
        }
        entries
    }

    /// Chooses the entry that begins like this.
    pub async fn choose(&self, label: &str) {
        let number = until(&format!("`{label}` in the menu"), async || {
            let menu = self.menu();
            let entry = menu.iter().find(|(_, text)| text.starts_with(label));
            entry.map(|(number, _)| *number)
        })
        .await;
        self.call(
            "/MenuBar",
            "com.canonical.dbusmenu.Event",
            &[
                &format!("int32:{number}"),
                "string:clicked",
                "variant:string:",
                "uint32:0",
            ],
        );
    }
}

/// logind as its D-Bus interface is published: the real one needs a machine
/// that it started.
pub struct Logind {
    _mock: Process,
    _bus: Process,
}

const LOGIND: &str = "org.freedesktop.login1";
const SESSION: &str = "/org/freedesktop/login1/session/c1";

impl Logind {
    /// Starts it on a system bus of its own, with one session.
    pub async fn start(session: &mut Session) -> Self {
        let (bus, address) = session.bus("system-bus");
        session.set("DBUS_SYSTEM_BUS_ADDRESS", address);
        session.set("XDG_SESSION_ID", "c1".into());
        let mut command = session.command("/usr/bin/python3");
        // Another Python may come first in PATH, without the package.
        command.args(["-m", "dbusmock", "--system", "--template", "logind"]);
        let mock = session.start("logind", command);
        until("logind", async || {
            Self::try_call(
                session,
                "/org/freedesktop/login1",
                "org.freedesktop.DBus.Mock.AddSession",
                &[
                    "string:c1",
                    "string:seat0",
                    "uint32:0",
                    "string:reviewer",
                    "boolean:true",
                ],
            )
        })
        .await;
        Self {
            _mock: mock,
            _bus: bus,
        }
    }

    /// `loginctl lock-session`.
    pub fn lock(&self, session: &Session) {
        Self::call(session, SESSION, "org.freedesktop.login1.Session.Lock", &[]);
    }

    /// What a desktop says when it has locked its screen.
    pub fn locked_hint(&self, session: &Session, locked: bool) {
        Self::call(
            session,
            SESSION,
            "org.freedesktop.login1.Session.SetLockedHint",
            &[&format!("boolean:{locked}")],
        );
    }

    /// The lid closes.
    pub fn sleep(&self, session: &Session) {
        // `dbus-send` has no way to write this argument.
        let emit = format!(
            "import dbus; \
             manager = dbus.SystemBus().get_object('{LOGIND}', '/org/freedesktop/login1'); \
             manager.EmitSignal('{LOGIND}.Manager', 'PrepareForSleep', 'b', [True], \
             dbus_interface='org.freedesktop.DBus.Mock')"
        );
        let mut command = session.command("/usr/bin/python3");
        command.args(["-c", &emit]);
        session.run(command);
    }

    fn call(session: &Session, path: &str, method: &str, arguments: &[&str]) {
        Self::try_call(session, path, method, arguments)
            .unwrap_or_else(|| panic!("{method} was refused"));
    }

    fn try_call(session: &Session, path: &str, method: &str, arguments: &[&str]) -> Option<()> {
        let mut command = session.command("dbus-send");
        command
            .args(["--system", "--print-reply"])
            .arg(format!("--dest={LOGIND}"))
            .args([path, method])
            .args(arguments);
        command.output().unwrap().status.success().then_some(())
    }
}
