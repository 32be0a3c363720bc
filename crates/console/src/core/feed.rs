//! Following the gateway's feed while somebody is signed in.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;
use vidimus_client::{Feed, FeedEvent};
use vidimus_protocol::api::FeedMessage;

use super::sync::Fed;
use super::{Core, Message};
use crate::view::Connection;

/// Messages that may wait to be judged; the gateway waits with the rest.
const AHEAD: usize = 4;

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
        let size = base.size.clone();
        let mut feed = Feed::new(&base.client.with_token(&session.token), move || {
            size.load(Ordering::Acquire)
        });
        let inbox = self.setting.inbox.clone();
        let task = self.setting.runtime.spawn(async move {
            let room = Arc::new(Semaphore::new(AHEAD));
            loop {
                let fed = match feed.next().await {
                    FeedEvent::Connected => Fed::Open,
                    FeedEvent::Message(FeedMessage::Batch {
                        checkpoint,
                        consistency,
                        from,
                        leaves,
                    }) => Fed::Batch {
                        checkpoint,
                        consistency,
                        from,
                        leaves,
                    },
                    FeedEvent::Message(FeedMessage::Present { actions }) => Fed::Present(actions),
                    FeedEvent::Disconnected { why, retry_in } => Fed::Lost { why, retry_in },
                };
                let Ok(permit) = room.clone().acquire_owned().await else {
                    return;
                };
                let message = Message::Feed {
                    generation,
                    fed,
                    _room: permit,
                };
                if inbox.send(message).is_err() {
                    return;
                }
            }
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
