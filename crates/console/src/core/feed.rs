//! Following the gateway's feed while somebody is signed in.

use std::sync::atomic::Ordering;

use super::Core;
use crate::view::Connection;

impl Core {
    /// Follows the feed from where the mirror ends.
    pub(super) fn start_feed(&mut self) {
        self.stop_feed();
        if self.frozen.is_some() {
            return;
        }
        let (Ok(base), Some(session)) = (&self.base, &self.session) else {
            return;
        };
        self.connection = Connection::Connecting;
        self.feeds += 1;
        let generation = self.feeds;
        let client = base.client.with_token(&session.token);
        let size = base.size.clone();
        let inbox = self.setting.inbox.clone();
        let task = self.setting.runtime.spawn(async move {
            let _ = (client, size.load(Ordering::Acquire), inbox, generation);
        });
        self.feed = Some((generation, task));
    }

    /// Follows it no longer.
    pub(super) fn stop_feed(&mut self) {
        if let Some((_, task)) = self.feed.take() {
            task.abort();
        }
        self.present = None;
    }
}
