//! When the gateway is not believed any more: evidence, and the pins.

use std::time::{Duration, Instant};

use vidimus_client::private::write_private;
use vidimus_mirror::SyncError;
use zeroize::Zeroizing;

use super::open::pin_name;
use super::{Core, now};
use crate::view::{Connection, Problem, Tone};

/// Where the mirror keeps that the console is frozen.
pub(super) const FROZEN: &str = "frozen";
/// The pin is copied to the keyring at most this often.
const COPY_EVERY: Duration = Duration::from_secs(5);

impl Core {
    /// Stops believing: keeps the evidence, and nothing is decided any more.
    pub(super) fn freeze(&mut self, what: &str, notes: &[String]) {
        let path = self
            .setting
            .files
            .folder
            .join(format!("evidence-{}.json", now().unix_ms()));
        let Ok(base) = &mut self.base else { return };
        let pin = base.mirror.pin();
        let evidence = serde_json::json!({
            "log": base.mirror.log(),
            "mirror_size": base.mirror.size(),
            "pinned_size": pin.map(|pin| pin.checkpoint.size),
            "pinned_root": pin.map(|pin| const_hex::encode(pin.checkpoint.root)),
            "pinned_time_unix_s": pin.map(|pin| pin.time_unix_s),
            "seen": notes,
            "time": now(),
            "type": "vidimus-evidence",
            "what": what,
        });
        let text = format!("{evidence:#}\n");
        if let Err(error) = write_private(&path, text.as_bytes()) {
            let problem = Problem::local("The evidence could not be written", error);
            self.notice(Tone::Danger, problem);
        }
        if let Ok(base) = &mut self.base
            && let Err(error) = base
                .mirror
                .set(FROZEN, &format!("{}\n{what}", path.display()))
        {
            tracing::error!(%error, "cannot keep that the console is frozen");
        }
        self.frozen = Some((frozen_problem(what), path));
        self.stop_feed();
        self.connection = Connection::Offline {
            since_unix_ms: now().unix_ms(),
            retry_at_unix_ms: now().unix_ms(),
            why: "The console is frozen and follows the gateway no longer.".into(),
        };
    }

    /// A pin in the keyring that the log does not honour is a rollback: the
    /// gateway and this console's own files were both set back. Before the
    /// gateway has spoken a pin that is ahead proves nothing yet.
    pub(super) fn check_keyring_pin(&mut self, live: bool) {
        let (Some(note), Ok(base)) = (&self.keyring_pin, &self.base) else {
            return;
        };
        let Some(opened) = base.mirror.open_note(note) else {
            // Not signed by this log: whoever put it there proves nothing.
            self.keyring_pin = None;
            return;
        };
        let (size, root) = (opened.checkpoint.size, opened.checkpoint.root);
        let honoured = base.replay.tree().root_at(size).map(|ours| ours == root);
        match honoured {
            Some(true) => self.keyring_pin = None,
            None if !live => {}
            Some(false) | None => {
                let note = note.clone();
                let what = format!(
                    "The keyring remembers that this log had {size} entries. The ledger shown now is not that one: it was set back or replaced."
                );
                self.keyring_pin = None;
                self.freeze(&what, &[note]);
            }
        }
    }

    /// Copies the pin to the keyring, now and then.
    pub(super) fn copy_pin(&mut self) {
        let (Ok(base), Some(log), None) = (&self.base, self.log(), &self.frozen) else {
            return;
        };
        if self.keyring_pin.is_some() || self.connection != Connection::Live {
            return;
        }
        let Some(note) = base.mirror.pin_note().map(str::to_owned) else {
            return;
        };
        let size = base.replay.tree().size();
        let due = self
            .copied_pin
            .is_none_or(|(at, copied)| copied != size && at.elapsed() >= COPY_EVERY);
        if due {
            self.copied_pin = Some((Instant::now(), size));
            self.keeper.keep(pin_name(log), Some(Zeroizing::new(note)));
        }
    }
}

pub(super) fn frozen_problem(what: &str) -> Problem {
    Problem::new(
        "frozen",
        what,
        "Decide nothing. Keep the evidence file and an export, and find out who changed the ledger.",
    )
}

/// The notes that prove what a sync error says.
pub(super) fn evidence_of(error: &SyncError, note: &str) -> Vec<String> {
    match error {
        SyncError::Rollback { pinned, shown } | SyncError::Fork { pinned, shown } => {
            vec![pinned.clone(), shown.clone()]
        }
        _ => vec![note.to_owned()],
    }
}
