//! What runs behind the window: the console, and what of the desktop it uses.
//!
//! One task, [`attend`], follows both and keeps tray, lock and settings in
//! step; everything else here is called by the toolkit or by the console.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tauri::{AppHandle, Manager};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use vidimus_client::home::Home;
use vidimus_console::hooks::{About, Hooks, NotificationRequest, Offers, PassphraseAsk, Urgency};
use vidimus_console::secrets::SystemKeyring;
use vidimus_console::view::{
    CeremonyState, ConsoleView, DesktopView, Event, Phase, Told, VerdictChoice,
};
use vidimus_console::{Config, Console, FrontId, Handle};
use zeroize::Zeroizing;

use crate::autostart::Autostart;
use crate::away::Idle;
use crate::instance::Errand;
use crate::leave::{Answer, Why};
use crate::notify::{Listener, Notifier};
use crate::services::{self, Offered};
use crate::settings::Settings;
use crate::tray::{Chosen, Shown, Tray};
use crate::{away, browser, leave, passphrase, services_view, window};

/// The gateway gets this long to finish what it is writing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether anybody is there.
const LOOK: Duration = Duration::from_secs(2);
/// At login the tray may come later than we do.
const TRAY_PATIENCE: Duration = Duration::from_secs(10);

/// What runs behind the window.
pub(crate) struct Desk {
    /// The console.
    pub(crate) console: Handle,
    /// When the window was last used.
    pub(crate) idle: Arc<Idle>,
    notifier: Notifier,
    listening: Mutex<Option<AbortHandle>>,
    link: Mutex<Link>,
    settings: Settings,
    autostart: Autostart,
    offered: watch::Receiver<Offered>,
    /// Why it is not known when the screen is locked; `None` when it is.
    unheard: Mutex<Option<String>>,
    waiting: AtomicUsize,
    /// Agents may be held: there is a log and somebody's key.
    holding: AtomicBool,
    /// A question is on the screen already.
    asking: AtomicBool,
}

/// A page that does not listen yet would miss what is brought up.
enum Link {
    /// The page does not listen yet. What it is to show once it does.
    Waits(Option<String>),
    /// The page listens.
    Passes,
}

impl Desk {
    /// Starts the console and everything around it. Needs a Tokio runtime.
    pub(crate) fn start(app: &AppHandle, home: Home) -> Self {
        let notifier = Notifier::start(Arc::new(Clicks(app.clone())));
        let settings = Settings::load(&home);
        let autostart = Autostart::of(&home);
        let console = Console::start(Config {
            home,
            hooks: Arc::new(Desktop {
                app: app.clone(),
                notifier: notifier.clone(),
            }),
            secrets: Arc::new(SystemKeyring),
            web: false,
        });
        let locks = console.clone();
        let offered = services::watch(Arc::new(move || locks.lock()));
        Self {
            console,
            idle: Arc::new(Idle::new()),
            notifier,
            listening: Mutex::new(None),
            link: Mutex::new(Link::Waits(None)),
            settings,
            autostart,
            offered,
            unheard: Mutex::new(Some("logind was not asked yet".into())),
            waiting: AtomicUsize::new(0),
            holding: AtomicBool::new(false),
            asking: AtomicBool::new(false),
        }
    }

    /// Runs the pump of events to the page, in place of the one before: a page
    /// that was loaded anew has a channel of its own.
    pub(crate) fn listens(&self, pump: impl Future<Output = ()> + Send + 'static) {
        let pump = tauri::async_runtime::spawn(pump);
        let before = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(pump.inner().abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Follows a link, now or as soon as the page can show where it leads.
    pub(crate) fn follow(&self, link: String) {
        match &mut *self.link.lock().unwrap_or_else(PoisonError::into_inner) {
            Link::Waits(waiting) => *waiting = Some(link),
            Link::Passes => self.console.link_followed(&link),
        }
    }

    /// The page listens from now on.
    pub(crate) fn page_listens(&self) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Link::Waits(Some(link)) = std::mem::replace(&mut *link, Link::Passes) {
            self.console.link_followed(&link);
        }
    }

    /// Takes notifications back and stops the gateway.
    pub(crate) async fn stop(&self) {
        let work = async { tokio::join!(self.notifier.withdraw_all(), self.console.stop()) };
        if tokio::time::timeout(PATIENCE, work).await.is_err() {
            tracing::warn!("not everything stopped in time; what was acknowledged is on disk");
        }
    }

    /// Tells the console what the desktop offers and what was chosen for it.
    fn tell_desktop(&self) {
        let offered = *self.offered.borrow();
        if !offered.asked {
            return;
        }
        let unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        self.console.desktop_changed(DesktopView {
            autostart: self.autostart.is_on(),
            lock_after_s: self.settings.chosen().lock_after_s,
            services: services_view::of(offered, unheard.as_deref()),
        });
    }

    fn screen_lock_is_heard(&self, unheard: Option<String>) {
        *self.unheard.lock().unwrap_or_else(PoisonError::into_inner) = unheard;
        self.tell_desktop();
    }

    /// Takes in what the console shows.
    fn look_at(&self, views: &[ConsoleView], shown: &Shown) {
        self.waiting.store(shown.waiting(), Ordering::Relaxed);
        // Of a gateway elsewhere one wants to hear.
        let holding = views.len() > 1
            || views.iter().any(|view| {
                !matches!(
                    view.phase,
                    Phase::Starting | Phase::Failed { .. } | Phase::Setup
                )
            });
        self.holding.store(holding, Ordering::Relaxed);
    }

    /// Locks once nobody has used the window for as long as was chosen.
    fn lock_when_idle(&self) {
        let views = self.console.views();
        // A person who unlocks or signs does so elsewhere: on a page, a phone.
        let signing = views.iter().any(|view| {
            let ceremony = view.ceremony.as_ref();
            ceremony.is_some_and(|ceremony| ceremony.state == CeremonyState::Waiting)
        });
        let open = |view: &ConsoleView| matches!(view.phase, Phase::Ready | Phase::SignedOut);
        if signing || !views.iter().any(open) {
            return self.idle.used();
        }
        let after = self.settings.chosen().lock_after_s;
        if after.is_some_and(|after| self.idle.since(Duration::from_secs(after.into()))) {
            self.console.lock();
        }
    }
}

/// Follows the console and the desktop until the program ends.
pub(crate) async fn attend(app: AppHandle) {
    let Some(desk) = app.try_state::<Desk>() else {
        return;
    };
    let (chosen, mut choices) = mpsc::unbounded_channel();
    let mut shown = Shown::of(&desk.console.views());
    let tray = Tray::start(shown.clone(), chosen).await;
    if let Err(why) = &tray {
        tracing::warn!("no tray icon: {why}");
    }
    let mut events = desk.console.subscribe(FrontId::Desktop);
    let mut offered = desk.offered.clone();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Told { event: Some(Event::View(_)) | None, .. }) => {
                    let views = desk.console.views();
                    let next = Shown::of(&views);
                    desk.look_at(&views, &next);
                    if next != shown && let Ok(tray) = &tray {
                        tray.show(next.clone()).await;
                    }
                    shown = next;
                }
                Some(_) => {}
                None => return,
            },
            Ok(()) = offered.changed() => {
                offered.borrow_and_update();
                desk.tell_desktop();
            }
            Some(choice) = choices.recv() => choose(&app, &desk, choice),
            _ = looks.tick() => desk.lock_when_idle(),
        }
    }
}

/// Locks when the login session does, and says when that is not heard of.
pub(crate) async fn attend_login_session(app: AppHandle) {
    let Some(desk) = app.try_state::<Desk>() else {
        return;
    };
    let heard = || desk.screen_lock_is_heard(None);
    if let Err(why) = away::follow_logind(heard, || desk.console.lock()).await {
        desk.screen_lock_is_heard(Some(why));
    }
}

/// A start at login stays out of sight where a tray can bring it back.
pub(crate) async fn stay_hidden(app: AppHandle) {
    let Some(desk) = app.try_state::<Desk>() else {
        return;
    };
    let mut offered = desk.offered.clone();
    let tray = offered.wait_for(|offered| offered.tray);
    if tokio::time::timeout(TRAY_PATIENCE, tray).await.is_err() {
        window::minimise(&app);
    }
}

fn choose(app: &AppHandle, desk: &Desk, choice: Chosen) {
    match choice {
        Chosen::Open => window::raise(app),
        Chosen::Review(action) => {
            window::raise(app);
            desk.console.notification_clicked(&action, None);
        }
        Chosen::Autostart(on) => {
            if let Err(why) = desk.autostart.set(on) {
                tracing::warn!("starting at login is not set: {why}");
                window::raise(app);
            }
            desk.tell_desktop();
        }
        Chosen::Lock => desk.console.lock(),
        Chosen::Quit if desk.waiting.load(Ordering::Relaxed) > 0 => ask(app, desk, Why::Waiting),
        Chosen::Quit => app.exit(0),
    }
}

/// The window was closed. It hides where it can be found again; else the
/// person says what becomes of the agents.
pub(crate) fn window_closed(app: &AppHandle) {
    let Some(desk) = app.try_state::<Desk>() else {
        return;
    };
    if !desk.holding.load(Ordering::Relaxed) {
        app.exit(0);
    } else if desk.offered.borrow().tray {
        window::hide(app);
        if desk.settings.say_hidden() {
            desk.notifier.show(NotificationRequest {
                about: About::Console,
                offers: Offers::Opening,
                title: "Vidimus keeps holding agents".into(),
                body: "Its window is closed. The icon in the tray opens it again, and quits."
                    .into(),
                urgency: Urgency::Normal,
            });
        }
    } else {
        ask(app, &desk, Why::NoTray);
    }
}

fn ask(app: &AppHandle, desk: &Desk, why: Why) {
    if desk.asking.swap(true, Ordering::Relaxed) {
        return;
    }
    let waiting = desk.waiting.load(Ordering::Relaxed);
    let asked = app.clone();
    let opened = app.run_on_main_thread(move || {
        let answered = asked.clone();
        leave::ask(
            window::native(&asked).as_ref(),
            why,
            waiting,
            move |answer| {
                if let Some(desk) = answered.try_state::<Desk>() {
                    desk.asking.store(false, Ordering::Relaxed);
                }
                match (answer, why) {
                    (Some(Answer::Quit), _) => answered.exit(0),
                    (Some(Answer::Keep), Why::NoTray) => window::minimise(&answered),
                    _ => {}
                }
            },
        );
    });
    if let Err(error) = opened {
        desk.asking.store(false, Ordering::Relaxed);
        tracing::warn!("nobody could be asked whether to quit: {error}");
    }
}

/// Does what a second start was started for.
pub(crate) fn run_errand(app: &AppHandle, errand: Errand) {
    match errand {
        Errand::Nothing => {}
        Errand::Raise => window::raise(app),
        Errand::Open(link) => {
            window::raise(app);
            if let Some(desk) = app.try_state::<Desk>() {
                desk.follow(link);
            }
        }
    }
}

/// Where clicks on notifications go.
struct Clicks(AppHandle);

impl Listener for Clicks {
    fn clicked(&self, about: &About, choice: Option<VerdictChoice>) {
        window::raise(&self.0);
        if let About::Action(action) = about
            && let Some(desk) = self.0.try_state::<Desk>()
        {
            desk.console.notification_clicked(action, choice);
        }
    }

    fn failed(&self, why: String) {
        tracing::warn!("no notification: {why}");
        if let Some(desk) = self.0.try_state::<Desk>() {
            desk.console.notification_failed(&why);
        }
    }
}

/// What the console asks of this desktop.
struct Desktop {
    app: AppHandle,
    notifier: Notifier,
}

impl Desktop {
    /// Sets something, and tells what stands then.
    fn set(&self, set: impl FnOnce(&Desk) -> Result<(), String>) -> Result<(), String> {
        let desk = self
            .app
            .try_state::<Desk>()
            .ok_or("the desktop is still starting")?;
        let done = set(&desk);
        desk.tell_desktop();
        done
    }
}

#[async_trait]
impl Hooks for Desktop {
    fn open_url(&self, url: &str) -> Result<(), String> {
        browser::open(url)
    }

    async fn ask_passphrase(&self, ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        let (answer, typed) = oneshot::channel();
        // Dropped with this future: a cancelled key prompt takes its dialog along.
        let (_here, asker) = oneshot::channel();
        let app = self.app.clone();
        let opened = self.app.run_on_main_thread(move || {
            passphrase::open(window::native(&app).as_ref(), &ask, answer, asker);
        });
        if let Err(error) = opened {
            tracing::warn!("no passphrase prompt: {error}");
            return None;
        }
        // The channel closes without an answer when the program ends.
        typed.await.ok().flatten()
    }

    fn notify(&self, request: NotificationRequest) {
        self.notifier.show(request);
    }

    fn withdraw(&self, about: &About) {
        self.notifier.withdraw(about);
    }

    /// The window shows it by itself.
    fn show_code(&self, _code: &str) {}

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        self.set(|desk| desk.autostart.set(on))
    }

    fn set_lock_after(&self, seconds: Option<u32>) -> Result<(), String> {
        self.set(|desk| desk.settings.lock_after(seconds))
    }
}
