//! Two people, each at a real window of his own, and the gateway of their team.
//! The keys are virtual authenticators of a real browser, a tab each. Pictures
//! are in `target/e2e/`.

#![allow(clippy::unwrap_used)]

mod support;

use support::process::Process;
use support::session::{Daemon, Session};
use support::steps::{Person, Screen, Way};
use support::team::TeamGateway;
use support::until;
use support::webdriver::{CONTROL, Driver, RELEASE, id};

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
    adas.write_anew(&id("person-groups"), "on-call").await;
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

    let ada = At::new(ada, &adas, adas_frame, adas_home);
    let ben = At::new(ben, &bens, bens_frame, bens_home);
    writes_a_policy(&ada).await;
    reads_it_whole(&ada, &ben).await;
    breaks_glass(&ada, &ben).await;
    approves_more_like_it(&ada, &ben).await;
    goes_away(&ada, &ben).await;
    stops_the_agent(&ada).await;
}

/// A person at their window.
struct At<'a> {
    person: Person<'a>,
    window: &'a Driver,
    frame: String,
    home: String,
}

impl<'a> At<'a> {
    fn new(person: Person<'a>, window: &'a Driver, frame: String, home: String) -> Self {
        Self {
            person,
            window,
            frame,
            home,
        }
    }

    fn picture(&self, name: &str) {
        picture(self.person.session, &self.frame, name);
    }

    /// Signs what a dialog shows.
    async fn signs(&self, button: &str) -> String {
        let page = self.person.ask_for_key(&id(button)).await;
        let statement = self.person.use_key(&page).await;
        self.person.settled("ready").await;
        statement
    }

    /// Their agent asks for a command.
    fn exec(&self, label: &str, command: &[&str]) -> Process {
        let asks = ["--home", &self.home, "--agent", "deployer", "--"];
        self.person.exec(label, &[&asks, command].concat())
    }

    /// Opens the only action that waits.
    async fn opens(&self) {
        self.window.click(&id("nav-inbox")).await;
        self.person.waiting(1).await;
        self.window.click(".pending[data-testid='inbox-row']").await;
        self.window.see("[data-testid='review']").await;
    }
}

/// What commands of this name want.
const POLICY: &str = r#"@id("read-whole")
@why("Whoever approves what is printed reads it whole, and it can be stopped for a while.")
@review("full")
@grace("10m")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.name == "echo" };

@id("two-people")
@why("Two people, unless it cannot wait.")
@people("2")
@break_glass("allowed")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.name == "true" };

@id("the-rest")
@why("One person, also in advance.")
@standing("allowed")
permit (principal, action == Vidimus::Action::"propose", resource)
unless { context has command && ["echo", "true"].contains(context.command.name) };

@id("reviewers-decide")
@why("Every reviewer may approve.")
permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
"#;

/// Types it, replays what was, keeps it in shadow, signs it.
async fn writes_a_policy(ada: &At<'_>) {
    let window = ada.window;
    window.click(&id("nav-policy")).await;
    window.click(&id("policy-starter")).await;
    window.says(&id("policy-checked"), "Nothing is wrong").await;
    ada.picture("policy-starter");
    // The editor stands in a shadow root: only what a person presses gets there.
    window.click(&id("policy-editor")).await;
    window.press(&format!("{CONTROL}a{RELEASE}{POLICY}")).await;
    // Its tests are of the starter.
    window
        .click("[data-testid='policy-tab']:last-of-type")
        .await;
    window.click(&id("policy-remove-file")).await;
    window
        .says(&id("policy-checked"), "It holds 4 policies.")
        .await;
    ada.picture("policy-written");
    window.click(&id("policy-replay-run")).await;
    window
        .see("[data-testid='policy-replay-result'][data-state='done']")
        .await;
    window.see(&id("policy-replay-row")).await;
    ada.picture("policy-replayed");
    window.click(&id("shadow-begin")).await;
    window.see(&id("shadow-found")).await;
    ada.picture("policy-shadow");
    window.click(&id("policy-look")).await;
    window.see(&id("policy-sign")).await;
    ada.picture("policy-sign");
    let statement = ada.signs("policy-sign-send").await;
    assert!(statement.contains("read-whole"), "{statement}");
    window.says(&id("policy-in-force"), "read-whole").await;
    ada.picture("policy-in-force");
}

/// Approves nothing that was not seen to its end, and takes it back in time.
async fn reads_it_whole(ada: &At<'_>, ben: &At<'_>) {
    let window = ben.window;
    let mut held = ada.exec("whole", &["/bin/echo", "read me"]);
    ben.opens().await;
    window.says(&id("full-review"), "Not yet seen").await;
    let approve = id("review-approve");
    assert!(window.attribute(&approve, "disabled").await.is_some());
    ben.picture("full-review");
    until("all of it seen", async || {
        if window
            .all_text(&id("full-review"))
            .await
            .contains("You have seen")
        {
            return Some(());
        }
        window.click(&id("full-review-next")).await;
        None
    })
    .await;
    ben.picture("full-review-seen");
    window.click(&approve).await;
    window.see(&id("confirm")).await;
    let statement = ben.person.confirm("").await;
    assert!(statement.contains("the whole of it"), "{statement}");
    window.see(&id("grace-band")).await;
    ben.picture("grace");
    assert!(held.ended().is_none(), "{}", held.printed());
    window.click(&id("grace-deny")).await;
    window.see(&id("confirm")).await;
    ben.person.confirm("Not today.").await;
    ben.person.stands("denied").await;
    assert_eq!(held.end().await.code(), Some(110), "{}", held.printed());
    assert!(!held.printed().contains("read me\n"), "{}", held.printed());
}

/// One person where two are asked, and an administrator's word on it.
async fn breaks_glass(ada: &At<'_>, ben: &At<'_>) {
    let window = ben.window;
    let mut held = ada.exec("glass", &["/bin/true"]);
    ben.opens().await;
    window.click(&id("glass-open")).await;
    window.see(&id("glass-without")).await;
    let why = "The pager says that the shop is down, and Cleo sleeps.";
    window.write(&id("glass-reason"), why).await;
    window.write(&id("glass-words"), "break glass").await;
    ben.picture("glass");
    let statement = ben.signs("glass-send").await;
    assert!(statement.contains(why), "{statement}");
    assert_eq!(held.end().await.code(), Some(0), "{}", held.printed());
    window.see(&id("glass-band")).await;
    ben.picture("glass-broken");

    let window = ada.window;
    window.click(&id("nav-policy")).await;
    window.click(&id("glass-review")).await;
    window.click(&id("finding-justified")).await;
    window
        .write(&id("review-glass-reason"), "It was down.")
        .await;
    ada.picture("glass-review");
    ada.signs("review-glass-send").await;
    window.gone(&id("glass-review")).await;
    ada.picture("glass-reviewed");
}

/// What is like it runs without asking, and counts.
async fn approves_more_like_it(ada: &At<'_>, ben: &At<'_>) {
    let window = ben.window;
    let sleeps = ["/bin/sleep", "0"];
    let mut held = ada.exec("first-sleep", &sleeps);
    ben.opens().await;
    window.click(&id("grant-open")).await;
    window.write_anew(&id("grant-uses"), "2").await;
    window.write(&id("grant-reason"), "It only sleeps.").await;
    ben.picture("grant");
    let statement = ben.signs("grant-send").await;
    assert!(statement.contains("/bin/sleep"), "{statement}");
    window.click(&id("review-approve")).await;
    window.see(&id("confirm")).await;
    ben.person.confirm("").await;
    assert_eq!(held.end().await.code(), Some(0), "{}", held.printed());
    let mut again = ada.exec("second-sleep", &sleeps);
    assert_eq!(again.end().await.code(), Some(0), "{}", again.printed());
    window.click(&id("nav-policy")).await;
    window.says(&id("grant-row"), "1 left").await;
    ben.picture("grants");
    window.click(&id("grant-end")).await;
    let statement = ben.signs("grant-revoke-send").await;
    assert!(statement.contains("Ben"), "{statement}");
    window.gone(&id("grant-end")).await;
}

/// Lends the group that decides for him.
async fn goes_away(ada: &At<'_>, ben: &At<'_>) {
    let window = ben.window;
    window.click(&id("nav-people")).await;
    window.click(&id("delegate-open")).await;
    window.choose(&id("delegate-to"), "Ada").await;
    ben.picture("delegate");
    let statement = ben.signs("delegate-send").await;
    assert!(statement.contains("on-call"), "{statement}");
    window.see(&id("lent")).await;
    ben.picture("away");
    ada.window.click(&id("nav-people")).await;
    ada.window.see(&id("lent")).await;
    ada.picture("lent-to-me");
    window.click(&id("lent-end")).await;
    ben.signs("end-delegation-send").await;
    window.gone(&id("lent")).await;
}

/// Stops the agent, and lets it go on.
async fn stops_the_agent(ada: &At<'_>) {
    let window = ada.window;
    window.click(&id("nav-people")).await;
    window.click(&id("pause")).await;
    let statement = ada.signs("pause-agent-send").await;
    assert!(statement.contains("deployer"), "{statement}");
    let mut refused = ada.exec("paused", &["/bin/sleep", "0"]);
    assert_eq!(
        refused.end().await.code(),
        Some(112),
        "{}",
        refused.printed()
    );
    window.click(&id("resume")).await;
    ada.signs("resume-agent-send").await;
    window.gone(&id("resume")).await;
}
