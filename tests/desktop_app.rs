//! The window as one of a desktop's applications: one per home, links, tray,
//! closing, starting at login, its place, and the lock.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use support::around::{Icon, Logind, Panel};
use support::bus::Watch;
use support::process::Process;
use support::session::{Daemon, Session};
use support::steps::{Person, Screen, Way};
use support::until;
use support::webdriver::{Driver, id};

const TITLE: &str = "^(\\(\\d+\\) )?Vidimus$";

fn person<'a>(session: &'a Session, window: &'a Driver, browser: &'a Driver) -> Person<'a> {
    Person {
        session,
        console: Screen::window(window),
        key: Screen::window(browser),
        way: Way::Opens,
    }
}

/// The console as a person starts it, with arguments.
fn console(session: &Session, arguments: &[&str]) -> Command {
    let mut command = session.command(support::console());
    command.args(arguments);
    command
}

/// Starts it where it runs already: it ends well, and soon.
async fn again(session: &Session, arguments: &[&str]) {
    let mut second = session.start("second", console(session, arguments));
    let status = second.end().await;
    assert!(status.success(), "{}", second.printed());
}

/// The action's id, as the program that waits prints it.
async fn action_of(held: &Process) -> String {
    until("the action's id", async || {
        let printed = held.printed();
        let start = printed.find("act_")?;
        let id = printed[start..].chars();
        Some(
            id.take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect(),
        )
    })
    .await
}

async fn hidden(session: &Session) {
    until("the window to be off the screen", async || {
        session.windows(TITLE).is_empty().then_some(())
    })
    .await;
}

/// A home with a key and an agent, and no program running in it.
async fn set_up(session: &Session) {
    let window = Driver::window(session, &support::console()).await;
    let browser = Driver::browser(session).await;
    browser.add_key().await;
    let person = person(session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    window.close().await;
    ended(session).await;
}

/// Waits until no console has the home any more.
async fn ended(session: &Session) {
    let lock = session.path("vidimus/state/console.lock");
    until("the console to be gone", async || {
        let lock = std::fs::File::open(&lock).ok()?;
        lock.try_lock().ok()
    })
    .await;
}

#[tokio::test]
async fn a_second_start_raises_the_first_and_hands_over_its_link() {
    let session = Session::desktop("second-start", Daemon::None).await;
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    let held = person.exec("exec", &["--", "/bin/echo", "linked"]);
    person.waiting(1).await;
    let action = action_of(&held).await;

    let frame = session.wait_for_window(TITLE).await;
    let mut minimise = session.command("xdotool");
    minimise.args(["windowminimize", &frame]);
    session.run(minimise);
    hidden(&session).await;
    again(&session, &[]).await;
    assert_eq!(session.wait_for_window(TITLE).await, frame);

    // Not the address of an action: refused in words, and nothing is opened.
    for hostile in [
        format!("vidimus://action/{action}?verdict=approve"),
        format!("vidimus://action/{action}/approve"),
        format!("vidimus://action/{action}#\nopen vidimus://action/{action}"),
        "vidimus://history/".into(),
        "javascript:alert(1)".into(),
    ] {
        again(&session, &["--", &hostile]).await;
        window.see("[data-problem='bad_link']").await;
        assert_eq!(window.count(&id("review")).await, 0, "{hostile}");
    }
    let words = window.all_text("main").await;
    assert!(!words.contains("verdict=approve"), "{words}");
    session.screenshot("link-refused");
    again(
        &session,
        &["--", "vidimus://action/act_7zzzzzzzzzzzzzzzzzzzzzzzzz"],
    )
    .await;
    window.see("[data-problem='unknown_link']").await;
    assert_eq!(window.count("[data-problem='bad_link']").await, 0);

    // A good one opens the review, and decides nothing.
    again(&session, &["--", &format!("vidimus://action/{action}")]).await;
    window.says(&id("review"), "linked").await;
    assert_eq!(window.count(&id("confirm")).await, 0);
    window.gone("[data-problem='unknown_link']").await;

    // Another home is another console, beside this one.
    let other = session.path("other").display().to_string();
    let _other = session.start("other", console(&session, &["--home", &other]));
    until("a second window", async || {
        (session.windows(TITLE).len() == 2).then_some(())
    })
    .await;
    drop(held);
}

#[tokio::test]
async fn a_link_starts_the_console_at_its_action() {
    let session = Session::desktop("link-start", Daemon::None).await;
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let action = {
        let person = person(&session, &window, &browser);
        person.set_up("Ada").await;
        person.connect_agent("builder").await;
        let held = person.exec("exec", &["--", "/bin/echo", "found"]);
        person.waiting(1).await;
        action_of(&held).await
    };
    window.close().await;
    ended(&session).await;
    let link = format!("vidimus://action/{action}");
    let window = Driver::window_with(&session, &support::console(), &["--", &link]).await;
    window.says(&id("review"), "found").await;
}

#[tokio::test]
async fn closing_hides_it_with_a_tray_and_asks_without() {
    let session = Session::desktop("closing", Daemon::Dunst).await;
    set_up(&session).await;
    let watch = Watch::start(&session);
    let panel = Panel::start(&session).await;
    let mut running = session.start("console", console(&session, &[]));
    let frame = session.wait_for_window(TITLE).await;
    let icon = Icon::find(&session).await;
    icon.says("Nothing waits").await;
    // What it may do depends on the log that it has read by then.
    icon.choose("Lock now").await;
    icon.says("Locked").await;

    // With a tray: it hides, says so once, and goes on holding.
    session.press(&frame, "alt+F4").await;
    hidden(&session).await;
    let told = || {
        let mut told = watch.notifications();
        told.retain(|seen| seen.title == "Vidimus keeps holding agents");
        told
    };
    let seen = until("a notification", async || told().pop()).await;
    assert!(seen.body.contains("tray"), "{seen:?}");
    let names: Vec<_> = seen.buttons.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["default", "review"]);
    session.screenshot("tray-hidden");
    icon.click();
    session
        .press(&session.wait_for_window(TITLE).await, "alt+F4")
        .await;
    hidden(&session).await;
    icon.click();
    let frame = session.wait_for_window(TITLE).await;
    assert_eq!(told().len(), 1, "it is said once");

    // Without: it asks. Dismissed, nothing happens.
    drop(panel);
    tokio::time::sleep(Duration::from_secs(2)).await;
    session.press(&frame, "alt+F4").await;
    let question = session.wait_for_window("Vidimus: quit").await;
    session.screenshot("close-asks");
    session.type_into(&question, &["Escape"]).await;
    until("the question to go", async || {
        session.windows("Vidimus: quit").is_empty().then_some(())
    })
    .await;
    assert!(!session.windows(TITLE).is_empty());
    // Keep: it is out of the way, and a second start brings it back.
    session.press(&frame, "alt+F4").await;
    let question = session.wait_for_window("Vidimus: quit").await;
    session.type_into(&question, &["Return"]).await;
    hidden(&session).await;
    assert!(running.ended().is_none());
    again(&session, &[]).await;
    let frame = session.wait_for_window(TITLE).await;
    // Quit: it ends.
    session.press(&frame, "alt+F4").await;
    let question = session.wait_for_window("Vidimus: quit").await;
    session.type_into(&question, &["Tab", "Return"]).await;
    assert!(running.end().await.success(), "{}", running.printed());
}

#[tokio::test]
async fn the_tray_counts_names_and_opens_and_asks_before_it_quits() {
    let session = Session::desktop("tray", Daemon::None).await;
    let _panel = Panel::start(&session).await;
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let icon = Icon::find(&session).await;
    icon.says("Not set up yet").await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    icon.says("Nothing waits").await;
    let held = person.exec("exec", &["--", "/bin/echo", "from_the_tray"]);
    icon.says("1 action waits").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.screenshot("tray-one-waits");
    let names: Vec<_> = icon.menu().into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        names,
        [
            "1 action waits",
            "Open Vidimus",
            "Review: builder: /bin/echo from__the__tray",
            "Start at login",
            "Lock now",
            "Quit",
        ]
    );

    // It opens; it decides nothing.
    icon.choose("Review: builder").await;
    window.says(&id("review"), "from_the_tray").await;
    assert_eq!(window.count(&id("confirm")).await, 0);

    let file = session.path("home/.config/autostart/vidimus.desktop");
    icon.choose("Start at login").await;
    until("the autostart file", async || file.exists().then_some(())).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("vidimus-console\""), "{text}");
    assert!(
        text.trim_end()
            .lines()
            .any(|line| line.starts_with("Exec=") && line.ends_with(" --hidden"))
    );
    let mut validate = session.command("desktop-file-validate");
    validate.arg(&file);
    session.run(validate);
    window.click(&id("nav-settings")).await;
    until("the box to be ticked", async || {
        let script = "return document.querySelector(arguments[0])?.checked ?? null";
        let ticked = window.script(script, json!([id("autostart")])).await;
        (ticked == json!(true)).then_some(())
    })
    .await;
    session.screenshot("settings");
    window.click(&id("autostart")).await;
    until("the file to go", async || (!file.exists()).then_some(())).await;

    // Quitting while something waits asks first.
    icon.choose("Quit").await;
    let question = session.wait_for_window("Vidimus: quit").await;
    session.screenshot("quit-asks");
    session.type_into(&question, &["Return"]).await;
    until("the question to go", async || {
        session.windows("Vidimus: quit").is_empty().then_some(())
    })
    .await;
    icon.choose("Lock now").await;
    icon.says("Locked. 1 action waits").await;
    window
        .says(&id("locked-count"), "1 action waits for you.")
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.screenshot("tray-locked");
    assert!(icon.menu().iter().all(|(_, text)| !text.contains("echo")));
    icon.choose("Quit").await;
    let question = session.wait_for_window("Vidimus: quit").await;
    session.type_into(&question, &["Tab", "Return"]).await;
    ended(&session).await;
    drop(held);
}

#[tokio::test]
async fn it_locks_when_nobody_is_there_and_only_the_key_opens_it() {
    let mut session = Session::desktop("lock", Daemon::Dunst).await;
    // A browser that heard of the sleep would go to sleep as well.
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let logind = Logind::start(&mut session).await;
    let watch = Watch::start(&session);
    let window = Driver::window(&session, &support::console()).await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    window.click(&id("nav-settings")).await;
    window.says(&id("settings"), "locks with the screen").await;
    window
        .click(&id("settings").replace(']', "] footer button"))
        .await;
    let first = person.exec("first", &["--", "/bin/echo", "whispered"]);
    person.waiting(1).await;
    window.click(".pending[data-testid='inbox-row']").await;
    window.says(&id("review"), "whispered").await;
    let locked = async || {
        window
            .see("[data-testid='phase'][data-phase='locked']")
            .await;
        let page = "return document.documentElement.outerHTML";
        let page = window.script(page, json!([])).await;
        let page = page.as_str().unwrap();
        for content in ["whispered", "builder", "Ada"] {
            assert!(!page.contains(content), "{content}: {page}");
        }
    };
    let unlock = async || {
        let page = person.ask_for_key(&id("unlock")).await;
        person.use_key(&page).await;
        person.settled("ready").await;
    };

    // The login session is locked; what comes meanwhile is told without a word
    // about it.
    logind.lock(&session);
    locked().await;
    session.screenshot("locked");
    let second = person.exec("second", &["--", "/bin/echo", "muttered"]);
    window
        .says(&id("locked-count"), "2 actions wait for you.")
        .await;
    until("a notification", async || {
        let seen = watch.notifications().pop()?;
        (seen.title == "Vidimus is locked" && seen.body == "2 actions wait for you.").then_some(())
    })
    .await;
    let muttered = |seen: &support::bus::Seen| seen.body.contains("muttered");
    assert!(!watch.notifications().iter().any(muttered));
    unlock().await;
    // The place is the one that was left.
    window.says(&id("review"), "whispered").await;

    logind.locked_hint(&session, true);
    locked().await;
    logind.locked_hint(&session, false);
    logind.lock(&session);
    unlock().await;
    logind.sleep(&session);
    locked().await;
    unlock().await;
    let mut saver = session.command("dbus-send");
    saver
        .args(["--session", "--type=signal", "/org/freedesktop/ScreenSaver"])
        .args(["org.freedesktop.ScreenSaver.ActiveChanged", "boolean:true"]);
    session.run(saver);
    locked().await;
    unlock().await;
    drop((first, second));

    // Nobody uses the window. A new start of the program opens nothing either.
    window.close().await;
    ended(&session).await;
    let settings = session.path("vidimus/config/desktop.json");
    std::fs::write(&settings, r#"{"lock_after_s":8}"#).unwrap();
    private(&settings);
    let window = Driver::window(&session, &support::console()).await;
    window
        .see("[data-testid='phase'][data-phase='ready']")
        .await;
    window
        .see("[data-testid='phase'][data-phase='locked']")
        .await;
    window.close().await;
    ended(&session).await;
    let window = Driver::window(&session, &support::console()).await;
    window
        .see("[data-testid='phase'][data-phase='locked']")
        .await;
}

fn private(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, mode).unwrap();
}

/// Left, top, width and height of a window.
fn geometry(session: &Session, window: &str) -> [i32; 4] {
    let mut ask = session.command("xdotool");
    ask.args(["getwindowgeometry", "--shell", window]);
    let text = session.run(ask);
    ["X=", "Y=", "WIDTH=", "HEIGHT="].map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn the_window_comes_back_where_it_stood() {
    let session = Session::desktop("window-place", Daemon::None).await;
    let mut running = session.start("console", console(&session, &[]));
    let frame = session.wait_for_window(TITLE).await;
    // It has been placed, and is now moved as with its frame.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for arguments in [
        ["windowsize", "--sync", &frame, "1010", "640"],
        ["windowmove", "--sync", &frame, "210", "130"],
    ] {
        let mut command = session.command("xdotool");
        command.args(arguments);
        session.run(command);
    }
    let file = session.path("vidimus/state/window.json");
    until("its place to be kept", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.contains("\"width\":1010").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = geometry(&session, &frame);
    assert!(running.stop().await.success());
    let mut running = session.start("console", console(&session, &[]));
    let frame = session.wait_for_window(TITLE).await;
    until("the same place", async || {
        (geometry(&session, &frame) == before).then_some(())
    })
    .await;
    assert!(running.stop().await.success());

    // From a screen that is gone, and too small: whole on the one that is here.
    std::fs::write(
        &file,
        r#"{"x":-5000,"y":9000,"width":20,"height":20,"maximised":false}"#,
    )
    .unwrap();
    private(&file);
    let mut running = session.start("console", console(&session, &[]));
    let frame = session.wait_for_window(TITLE).await;
    until("a place on the screen", async || {
        let [x, y, width, height] = geometry(&session, &frame);
        let whole = x >= 0 && y >= 0 && x + width <= 1680 && y + height <= 1080;
        (whole && width >= 900 && height >= 600).then_some(())
    })
    .await;

    let mut maximise = session.command("xdotool");
    maximise.args(["windowactivate", "--sync", &frame, "key", "alt+space"]);
    session.run(maximise);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut choose = session.command("xdotool");
    choose.args(["key", "x"]);
    session.run(choose);
    until("it to fill the screen", async || {
        (geometry(&session, &frame)[2] == 1680).then_some(())
    })
    .await;
    until("that to be kept", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.contains("\"maximised\":true").then_some(())
    })
    .await;
    assert!(running.stop().await.success());
    let _running = session.start("console", console(&session, &[]));
    let frame = session.wait_for_window(TITLE).await;
    until("it to fill the screen again", async || {
        (geometry(&session, &frame)[2] == 1680).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_start_at_login_is_out_of_sight_and_can_be_found() {
    let session = Session::desktop("login", Daemon::None).await;
    // No tray comes: among the other windows, minimised.
    let mut running = session.start("console", console(&session, &["--hidden"]));
    let all = async || {
        let mut search = session.command("xdotool");
        search.args(["search", "--name", TITLE]);
        String::from_utf8(search.output().unwrap().stdout).unwrap()
    };
    until("a minimised window", async || {
        let found = all().await;
        let mut state = session.command("xprop");
        state.args(["-id", found.lines().next()?, "WM_STATE"]);
        session.run(state).contains("Iconic").then_some(())
    })
    .await;
    assert!(session.windows(TITLE).is_empty());
    // Another start at login leaves it there; a person's does not.
    again(&session, &["--hidden"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(session.windows(TITLE).is_empty());
    again(&session, &[]).await;
    session.wait_for_window(TITLE).await;
    assert!(running.stop().await.success());

    // With a tray it is there alone.
    let _panel = Panel::start(&session).await;
    let mut running = session.start("console", console(&session, &["--hidden"]));
    let icon = Icon::find(&session).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(session.windows(TITLE).is_empty());
    assert!(running.ended().is_none());
    icon.click();
    session.wait_for_window(TITLE).await;
}

#[tokio::test]
async fn without_a_session_bus_it_runs_and_says_what_is_missing() {
    let mut session = Session::desktop("no-bus", Daemon::None).await;
    session.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere".into());
    session.set("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere".into());
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    window.see("[data-problem='no_notifications']").await;
    window.see("[data-problem='no_keyring']").await;
    window.click(&id("nav-settings")).await;
    for missing in [
        "no_tray",
        "no_notifications",
        "no_keyring",
        "no_screen_lock",
    ] {
        window.see(&format!("[data-missing='{missing}']")).await;
    }
    window.says(&id("settings"), "no session bus").await;
    session.screenshot("settings-nothing-there");
}
