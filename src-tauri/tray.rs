//! The icon in the tray: how many actions wait, and the few things that can be
//! done from there. A StatusNotifierItem with a menu over D-Bus, which needs no
//! library of the desktop.
//!
//! Any program of the session can press these entries. So they open and hide;
//! none decides, and quitting while something waits asks first.

mod icon;

use ksni::menu::{CheckmarkItem, StandardItem};
use ksni::{Category, Handle, MenuItem, Status, ToolTip, TrayMethods as _};
use tokio::sync::mpsc;
use vidimus_console::view::{Connection, ConsoleView, Phase, SafeText, Span};

/// Actions that the menu names.
const MOST_NAMED: usize = 4;
/// Characters of an action's name.
const NAME_LENGTH: usize = 48;

/// Something was chosen from the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Open,
    Review(String),
    Autostart(bool),
    Lock,
    Quit,
}

/// What the icon says. Drawn and worded, so that no colour stands alone.
/// Later ones come first where there are several gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It is starting, or nobody has set it up.
    Resting,
    Locked,
    /// What happens is heard of.
    Watching,
    /// Nothing new is heard of.
    Deaf,
    /// Nothing can be decided, and somebody should look.
    Alarm,
}

/// What the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    state: State,
    waiting: usize,
    /// Id and name of the newest that wait.
    newest: Vec<(String, String)>,
    autostart: bool,
    can_lock: bool,
    words: String,
}

impl Shown {
    /// Of all gateways that are followed: what most asks for a look is said.
    pub(crate) fn of(views: &[ConsoleView]) -> Self {
        let waiting = views.iter().map(waiting).sum();
        let mut said = None;
        for view in views {
            let (state, words) = standing(view);
            // The first of equals speaks.
            if said.as_ref().is_none_or(|(before, _)| state > *before) {
                let whose = match (views.len(), words) {
                    (0 | 1, _) | (_, "") => String::new(),
                    _ => format!("{}: ", view.gateway.name),
                };
                said = Some((state, format!("{whose}{words}")));
            }
        }
        let (state, words) = said.unwrap_or((State::Resting, String::new()));
        let mut newest: Vec<_> = views.iter().flat_map(|view| &view.inbox).collect();
        newest.sort_by_key(|action| std::cmp::Reverse(action.proposed_at_unix_ms));
        Self {
            state,
            waiting,
            newest: newest
                .into_iter()
                .take(MOST_NAMED)
                .map(|action| {
                    let name = format!("{}: {}", action.agent, plain(&action.title));
                    (action.id.clone(), cut(&name))
                })
                .collect(),
            autostart: views
                .iter()
                .filter_map(|view| view.desktop.as_ref())
                .any(|desktop| desktop.autostart),
            can_lock: views
                .iter()
                .any(|view| matches!(view.phase, Phase::Ready | Phase::SignedOut)),
            words: sentence(&words, waiting),
        }
    }

    /// How many actions wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }
}

fn waiting(view: &ConsoleView) -> usize {
    match &view.phase {
        Phase::Locked { waiting, .. } => usize::try_from(*waiting).unwrap_or(usize::MAX),
        _ => view.inbox.len(),
    }
}

/// How one gateway stands, in words; none when there is nothing to say.
fn standing(view: &ConsoleView) -> (State, &'static str) {
    let deaf = matches!(view.gateway.connection, Connection::Offline { .. });
    match &view.phase {
        Phase::Starting => (State::Resting, "Starting"),
        Phase::Setup | Phase::Found | Phase::Enrol { .. } => (State::Resting, "Not set up yet"),
        Phase::Claimed { .. } => (State::Resting, "Waits for an administrator"),
        Phase::Failed { .. } => (State::Alarm, "Could not start"),
        Phase::Frozen { .. } => (State::Alarm, "Frozen: it is not believed any more"),
        Phase::UpgradeNeeded { .. } => (State::Alarm, "A newer Vidimus is needed"),
        Phase::Locked {
            following: false, ..
        } => (State::Locked, "Locked and signed out"),
        Phase::Locked { .. } => (State::Locked, "Locked"),
        Phase::SignedOut => (State::Deaf, "Signed out"),
        Phase::Ready if deaf => (State::Deaf, "Offline"),
        Phase::Ready => (State::Watching, ""),
    }
}

fn sentence(words: &str, waiting: usize) -> String {
    let count = match waiting {
        0 => "Nothing waits".to_owned(),
        1 => "1 action waits".to_owned(),
        more => format!("{more} actions wait"),
    };
    if words.is_empty() {
        count
    } else {
        format!("{words}. {count}")
    }
}

/// Text in which what was hidden shows by its name.
fn plain(text: &SafeText) -> String {
    text.spans
        .iter()
        .map(|span| match span {
            Span::Plain { text } => text.clone(),
            Span::Mark { label, .. } => format!("[{label}]"),
        })
        .collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(NAME_LENGTH) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// A menu reads `_` as the mark of a key.
fn label(text: &str) -> String {
    text.replace('_', "__")
}

/// The icon, in the tray of whatever desktop comes and goes.
pub(crate) struct Tray(Handle<Item>);

impl Tray {
    /// Puts it there. Needs a Tokio runtime.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) async fn start(
        shown: Shown,
        chosen: mpsc::UnboundedSender<Chosen>,
    ) -> Result<Self, String> {
        let item = Item { shown, chosen };
        // A tray that comes later shows it too.
        let started = item.assume_sni_available(true).spawn().await;
        started.map(Self).map_err(|error| error.to_string())
    }

    pub(crate) async fn show(&self, shown: Shown) {
        // `None` once the bus is gone, and the tray with it.
        let _gone = self.0.update(|item| item.shown = shown).await;
    }
}

struct Item {
    shown: Shown,
    chosen: mpsc::UnboundedSender<Chosen>,
}

impl Item {
    fn choose(&self, chosen: Chosen) {
        // Nobody listens once the program ends.
        let _ending = self.chosen.send(chosen);
    }

    fn entry(&self, text: &str, chosen: Chosen) -> StandardItem<Self> {
        StandardItem {
            label: label(text),
            activate: Box::new(move |item: &mut Self| item.choose(chosen.clone())),
            ..StandardItem::default()
        }
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "org.vidimus.console".into()
    }

    fn category(&self) -> Category {
        Category::ApplicationStatus
    }

    fn title(&self) -> String {
        format!("Vidimus: {}", self.shown.words)
    }

    fn status(&self) -> Status {
        if self.shown.waiting > 0 || self.shown.state == State::Alarm {
            Status::NeedsAttention
        } else {
            Status::Active
        }
    }

    fn icon_pixmap(&self) -> Vec<ksni::Icon> {
        icon::draw(self.shown.state, self.shown.waiting)
    }

    fn attention_icon_pixmap(&self) -> Vec<ksni::Icon> {
        self.icon_pixmap()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: "Vidimus".into(),
            description: self.shown.words.clone(),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.choose(Chosen::Open);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let mut menu = vec![
            StandardItem {
                label: label(&self.shown.words),
                enabled: false,
                ..StandardItem::default()
            }
            .into(),
            self.entry("Open Vidimus", Chosen::Open).into(),
        ];
        if !self.shown.newest.is_empty() {
            menu.push(MenuItem::Separator);
        }
        for (id, name) in &self.shown.newest {
            let text = format!("Review: {name}");
            menu.push(self.entry(&text, Chosen::Review(id.clone())).into());
        }
        menu.push(MenuItem::Separator);
        menu.push(
            CheckmarkItem {
                label: "Start at login".into(),
                checked: self.shown.autostart,
                activate: Box::new(|item: &mut Self| {
                    let on = !item.shown.autostart;
                    item.choose(Chosen::Autostart(on));
                }),
                ..CheckmarkItem::default()
            }
            .into(),
        );
        menu.push(
            StandardItem {
                enabled: self.shown.can_lock,
                ..self.entry("Lock now", Chosen::Lock)
            }
            .into(),
        );
        menu.push(MenuItem::Separator);
        menu.push(self.entry("Quit", Chosen::Quit).into());
        menu
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn view(phase: serde_json::Value, inbox: serde_json::Value) -> ConsoleView {
        serde_json::from_value(serde_json::json!({
            "front": "desktop", "phase": phase,
            "gateway": { "id": "local", "colour": "slate", "team": false, "name": "This computer", "url": "", "log": null, "connection": { "is": "live" }, "checkpoint": null },
            "reviewer": null, "ceremony": null, "inbox": inbox, "waitsForOthers": [], "claims": 0, "policies": 0, "unreviewed": 0, "delegations": [], "policiesMissing": 0, "recent": [], "agents": [],
            "tryCommand": null, "doubts": [], "notices": [], "verification": { "is": "not_run" },
            "desktop": { "autostart": true, "lockAfterS": null, "services": [] },
        }))
        .unwrap()
    }

    fn action(id: &str, proposed: u64, title: &str) -> serde_json::Value {
        let text = |text: &str| {
            serde_json::json!({ "spans": [
                { "is": "plain", "text": text },
                { "is": "mark", "label": "U+202E", "what": "w", "shown": null },
            ] })
        };
        serde_json::json!({
            "id": id, "agent": "builder", "onBehalfOf": "Ada", "title": text(title),
            "target": text("t"), "intent": null, "effects": [], "proposedAtUnixMs": proposed,
            "expiresAtUnixMs": 9, "status": { "is": "pending" }, "somebodyWaits": null,
            "escalated": [],
        })
    }

    #[test]
    fn the_newest_are_named_and_all_are_counted() {
        let inbox: Vec<_> = (0..6)
            .map(|at| action(&format!("a{at}"), at, &"long ".repeat(20)))
            .collect();
        let shown = Shown::of(&[view(serde_json::json!({ "is": "ready" }), inbox.into())]);
        assert_eq!(shown.waiting, 6);
        assert_eq!(shown.words, "6 actions wait");
        let ids: Vec<_> = shown.newest.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["a5", "a4", "a3", "a2"]);
        assert!(shown.newest[0].1.starts_with("builder: long"));
        assert!(shown.newest[0].1.chars().count() <= NAME_LENGTH + 1);
        assert!(shown.autostart);
    }

    #[test]
    fn of_several_gateways_the_one_that_asks_for_a_look_speaks() {
        let ready = serde_json::json!({ "is": "ready" });
        let mut away = view(
            serde_json::json!({ "is": "signed_out" }),
            serde_json::json!([]),
        );
        away.gateway.name = "Production".into();
        let here = |inbox| view(ready.clone(), inbox);
        let one = serde_json::json!([action("a", 1, "x")]);
        let shown = Shown::of(&[here(one.clone()), away]);
        assert_eq!(shown.words, "Production: Signed out. 1 action waits");
        assert_eq!(shown.state, State::Deaf);
        let unset = view(serde_json::json!({ "is": "setup" }), serde_json::json!([]));
        let shown = Shown::of(&[unset, here(one)]);
        assert_eq!(
            (shown.state, shown.words.as_str()),
            (State::Watching, "1 action waits")
        );
    }

    #[test]
    fn what_was_hidden_in_a_name_shows() {
        let inbox = serde_json::json!([action("a", 1, "rm_x")]);
        let shown = Shown::of(&[view(serde_json::json!({ "is": "ready" }), inbox)]);
        assert_eq!(shown.newest[0].1, "builder: rm_x[U+202E]");
        assert_eq!(label("rm_x"), "rm__x");
    }

    #[test]
    fn every_phase_has_a_state_and_words() {
        let of = |phase: serde_json::Value| {
            let shown = Shown::of(&[view(phase, serde_json::json!([]))]);
            (shown.state, shown.words, shown.can_lock)
        };
        let problem = serde_json::json!({ "code": "c", "message": "m", "hint": "h" });
        let locked = serde_json::json!({ "is": "locked", "waiting": 3, "following": true });
        assert_eq!(
            of(locked),
            (State::Locked, "Locked. 3 actions wait".into(), false)
        );
        let frozen =
            serde_json::json!({ "is": "frozen", "problem": problem, "evidence_path": "/e" });
        assert_eq!(of(frozen).0, State::Alarm);
        let signed_out = of(serde_json::json!({ "is": "signed_out" }));
        assert_eq!(signed_out.1, "Signed out. Nothing waits");
        assert!(signed_out.2);
    }
}
