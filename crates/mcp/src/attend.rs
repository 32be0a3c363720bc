//! Waiting for a held call: with progress, and with *pending* before the
//! client gives up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::call::Meta;
use crate::held::{Held, Stage};
use crate::link::Reply;
use crate::message::{Id, answer, notification};
use crate::proxy::Proxy;
use crate::told::{Form, Told};

/// How long a call is held for a client that hears nothing meanwhile: the SDKs
/// wait for 60 s.
const HOLD: Duration = Duration::from_secs(45);
/// How often a client that asked for progress hears of it.
const PROGRESS: Duration = Duration::from_secs(20);

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) id: Id,
    pub(crate) meta: Meta,
    /// When it came: its client counts from then.
    pub(crate) came: Instant,
    /// The client gave the request up.
    pub(crate) cancelled: Arc<Notify>,
    /// Whether that takes the call back too.
    pub(crate) takes_back: bool,
    /// Questions of the reviewer's that the agent knows of.
    pub(crate) heard: usize,
    /// When the client is pointed to the decision.
    pub(crate) point_at: Option<Instant>,
    /// Whether it wants a task of 2025-11-25.
    pub(crate) wants_task: bool,
    /// Whether a result may have a structure of our own.
    pub(crate) has_schema: bool,
}

impl Proxy {
    /// Answers the request with the call's result, or with *pending*.
    pub(crate) async fn attend(&self, held: &Arc<Held>, waiter: Waiter) {
        let _attending = held.attend(&waiter.meta);
        let mut stage = held.stage.subscribe();
        let without_end = waiter.meta.progress.is_some();
        let hold = (self.options.hold).or((!without_end).then_some(HOLD));
        let end = hold.map(|hold| waiter.came + hold);
        let mut ticks = interval_at(Instant::now() + PROGRESS, PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = 0_u32;
        let mut is_pending = false;
        let mut point_at = waiter.point_at;
        let mut is_pointed = false;
        loop {
            let now = stage.borrow_and_update().clone();
            let is_decided = !matches!(now, Stage::Waiting { .. });
            if is_decided && std::mem::take(&mut is_pointed) {
                self.pointed(held.action).await;
            }
            if let Some(text) = self.news(held, &waiter, &now, is_pending) {
                self.reply(&waiter, text).await;
                if matches!(now, Stage::Over(_)) {
                    self.forget(held.action);
                }
                return;
            }
            tokio::select! {
                biased;
                () = waiter.cancelled.notified() => {
                    if waiter.takes_back {
                        held.take_back();
                    }
                    self.landed(&waiter.id);
                    return;
                }
                changed = stage.changed() => if changed.is_err() { return },
                () = until(end) => is_pending = true,
                () = until(point_at) => {
                    point_at = None;
                    if !is_decided {
                        if self.point(held, &waiter).await {
                            return;
                        }
                        is_pointed = true;
                    }
                }
                _ = ticks.tick(), if waiter.meta.progress.is_some() && !matches!(now, Stage::Running) => {
                    told += 1;
                    self.tell_progress(held, &waiter, told).await;
                }
            }
        }
    }

    /// What the request is answered with, if it is by now.
    fn news(
        &self,
        held: &Held,
        waiter: &Waiter,
        stage: &Stage,
        is_pending: bool,
    ) -> Option<String> {
        let tool = held.call.tool.as_str();
        let result = |told: Told| Some(answer(&waiter.id, "result", &told.to_result(form(waiter))));
        match stage {
            Stage::Over(end) => Some(match end.reply(held, form(waiter)) {
                Reply::Result(text) => answer(&waiter.id, "result", &text),
                Reply::Error(text) => answer(&waiter.id, "error", &text),
            }),
            Stage::Asked(text) => Some(answer(&waiter.id, "result", text)),
            Stage::Waiting { questions } if is_pending || questions.len() > waiter.heard => {
                let wait = self.wait_name();
                let questions = questions.clone();
                result(Told::pending(tool, false, held.action, questions, wait))
            }
            Stage::Approved | Stage::Running if is_pending => {
                let wait = self.wait_name();
                result(Told::pending(tool, true, held.action, vec![], wait))
            }
            _ => None,
        }
    }

    async fn reply(&self, waiter: &Waiter, text: String) {
        self.landed(&waiter.id);
        self.to_client(text).await;
    }

    async fn tell_progress(&self, held: &Held, waiter: &Waiter, told: u32) {
        let token = waiter.meta.progress.as_deref().unwrap_or_default();
        let token: Value = serde_json::from_str(token).unwrap_or_default();
        let params = json!({
            "progressToken": token,
            // Small steps: the tool's own progress comes behind and may not go back.
            "progress": f64::from(told) / 1000.0,
            "message": format!("waiting for a person's approval of {}", held.action),
        });
        self.to_client(notification("notifications/progress", &params))
            .await;
    }
}

pub(crate) fn form(waiter: &Waiter) -> Form {
    Form {
        has_schema: waiter.has_schema,
        is_stateless: waiter.meta.is_stateless,
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
