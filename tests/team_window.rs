//! Two people, each at a real window of his own, and the gateway of their team.
//! The keys are virtual authenticators of a real browser, a tab each. Pictures
//! are in `target/e2e/`.

#![allow(clippy::unwrap_used)]

mod support;

use support::session::{Daemon, Session};
use support::steps::{Person, Screen, Way};
use support::team::TeamGateway;
use support::until;
use support::webdriver::{Driver, id};

const TITLE: &str = "^(\\(\\d+\\) )?Vidimus$";

/// The text of an element once it is there.
async fn text(window: &Driver, name: &str) -> String {
    window.see(&id(name)).await;
    window.all_text(&id(name)).await
}

/// Keeps what a window shows: above the other one.
fn picture(session: &Session, frame: &str, name: &str) {
    let mut raise = session.command("xdotool");
    raise.args(["windowactivate", "--sync", frame]);
    session.run(raise);
    session.picture_of(frame, &format!("team-window-{name}"));
}

/// Makes a key on the page that a press opens.
async fn make_key(person: &Person<'_>, button: &str, end: &str) {
    let page = person.ask_for_key(&id(button)).await;
    let code = person.shown_code().await;
    let key = person.key.look().await;
    key.go(&page).await;
    key.see(&id("use-key")).await;
    let shown = key.all_text(&id("ceremony-code")).await;
    assert_eq!(support::steps::digits(&shown), code);
    person.make_key().await;
    let key = person.key.look().await;
    key.click(&id("use-key")).await;
    key.says("h1", end).await;
}

#[tokio::test]
async fn two_people_share_a_gateway() {
    let session = Session::desktop("team-window", Daemon::Dunst).await;
    let gateway = TeamGateway::start(&session).await;
    let browser = Driver::browser(&session).await;
    let (adas_tab, bens_tab) = (browser.this_tab().await, browser.open_tab().await);
    for tab in [&adas_tab, &bens_tab] {
        browser.switch(tab).await;
        browser.go(&gateway.url).await;
        browser.add_key().await;
    }
    let home = |name: &str| session.path(name).display().to_string();
    let (adas_home, bens_home) = (home("ada"), home("ben"));
    let console = support::console();
    let adas = Driver::window_with(&session, &console, &["--home", &adas_home]).await;
    let adas_frame = session.wait_for_window(TITLE).await;
    let bens = Driver::window_with(&session, &console, &["--home", &bens_home]).await;
    let bens_frame = session.wait_for_other_window(&adas_frame, TITLE).await;
    let ada = Person {
        session: &session,
        console: Screen::window(&adas),
        key: Screen::tab(&browser, adas_tab),
        way: Way::Opens,
    };
    let ben = Person {
        session: &session,
        console: Screen::window(&bens),
        key: Screen::tab(&browser, bens_tab),
        way: Way::Opens,
    };

    // Ada founds the log with the code that the gateway printed.
    adas.click(&id("follow-open")).await;
    adas.click(&id("follow-new")).await;
    adas.write_anew(&id("follow-address"), &gateway.url).await;
    adas.write_anew(&id("follow-name"), "Production").await;
    adas.click(&id("colour-red")).await;
    picture(&session, &adas_frame, "follow-new");
    adas.click(&id("follow-send")).await;
    adas.see("[data-phase='found']").await;
    adas.write_anew(&id("found-code"), &gateway.code).await;
    adas.write_anew(&id("found-name"), "Ada Lovelace").await;
    picture(&session, &adas_frame, "found");
    make_key(&ada, "found-send", "Done").await;
    ada.settled("ready").await;
    adas.says(&id("gateway-band"), "Production").await;

    // She invites Ben, who makes a key at his own console.
    adas.click(&id("nav-people")).await;
    adas.click(&id("invite")).await;
    adas.write_anew(&id("invite-name"), "Ben").await;
    adas.click(&id("invite-send")).await;
    let handed = text(&adas, "joining-handed").await;
    let log = text(&adas, "joining-log").await;
    picture(&session, &adas_frame, "invite");
    adas.click(&id("hand-over-back")).await;
    bens.click(&id("follow-open")).await;
    bens.write_anew(&id("joining-text"), &handed).await;
    let read = text(&bens, "joining-fingerprint").await;
    assert_eq!(support::steps::digits(&read), support::steps::digits(&log));
    bens.click(&id("digits-same")).await;
    picture(&session, &bens_frame, "joining");
    bens.click(&id("follow-send")).await;
    bens.see("[data-phase='enrol']").await;
    bens.write_anew(&id("enrol-label"), "Ben's phone").await;
    make_key(&ben, "enrol-send", "Your key is enrolled").await;
    ben.settled("claimed").await;
    let aloud = support::steps::digits(&bens.all_text("[data-phase='claimed']").await);
    picture(&session, &bens_frame, "claimed");

    // She compares, and takes him in.
    adas.see(&id("claim")).await;
    let claimed = support::steps::digits(&text(&adas, "claim").await);
    assert!(aloud.contains(&claimed[..20]), "{claimed} in {aloud}");
    adas.click(&id("claim-open")).await;
    adas.click(&id("take-in-same")).await;
    adas.write_anew(&id("person-identity"), "ben@example.com")
        .await;
    picture(&session, &adas_frame, "take-in");
    let page = ada.ask_for_key(&id("take-in-send")).await;
    let statement = ada.use_key(&page).await;
    assert!(statement.contains("ben@example.com"), "{statement}");
    ada.settled("ready").await;
    picture(&session, &adas_frame, "people");
    ben.sign_in().await;

    // Her agent asks. She cannot decide it; he does.
    adas.click(&id("nav-inbox")).await;
    ada.connect_agent("deployer").await;
    let arguments = [
        "--home",
        &adas_home,
        "--agent",
        "deployer",
        "--",
        "/bin/echo",
        "released",
    ];
    let mut held = ada.exec("held", &arguments);
    adas.see(&id("waits-for-others")).await;
    picture(&session, &adas_frame, "waits-for-others");
    ben.waiting(1).await;
    ben.open_to("approve").await;
    bens.says(&id("gateway-strip"), "localhost").await;
    picture(&session, &bens_frame, "confirm");
    ben.confirm("").await;
    assert_eq!(held.end().await.code(), Some(0), "{}", held.printed());
    assert!(held.printed().contains("released"));
    ben.stands("completed").await;
    until("nothing to wait for others", async || {
        (adas.count(&id("waits-for-others")).await == 0).then_some(())
    })
    .await;

    // What Ben's console holds is checked by anybody who has the trust file.
    let host = gateway.url.trim_start_matches("http://");
    let kept = format!("{bens_home}/data/gateways/{host}/trust.json");
    let mut export = session.command(support::vidimus());
    export.args([
        "--home",
        &bens_home,
        "export",
        "--gateway",
        host,
        "--out",
        "team.vidimus",
    ]);
    session.run(export);
    let mut verify = session.command(support::vidimus());
    verify.args(["verify", "--trust", &kept, "team.vidimus"]);
    let report = session.run(verify);
    assert!(report.contains("Ben"), "{report}");
}
