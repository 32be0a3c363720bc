//! What the gateway lists and the log does not hold: one's open sessions, and
//! the models of authenticators that it knows.

use std::collections::BTreeMap;

use vidimus_protocol::Digest;

use super::{Answer, Core, answer};
use crate::act::gateway_problem;
use crate::safe_text;
use crate::view::{ModelView, Problem, Reply, SessionRow};

impl Core {
    pub(super) fn sessions(&mut self, reply: Answer) {
        let client = match self.signed_in_client() {
            Ok(client) => client,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        self.setting.runtime.spawn(async move {
            let result = client.sessions().await;
            let rows = result.map(|open| {
                let rows = open.sessions.into_iter().map(|session| SessionRow {
                    id: session.id.to_string(),
                    key: safe_text::flat(&session.key),
                    opened_at_unix_ms: session.opened_at.unix_ms(),
                    expires_at_unix_ms: session.expires_at.unix_ms(),
                    current: session.current,
                });
                Reply::Sessions(rows.collect())
            });
            answer(reply, rows.map_err(|error| gateway_problem(&error)));
        });
    }

    pub(super) fn models(&mut self, reply: Answer) {
        let client = match self.signed_in_client() {
            Ok(client) => client,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        self.setting.runtime.spawn(async move {
            let known = client.models().await.map(|known| {
                // One row for a model, however many anchors it has.
                let mut rows: BTreeMap<_, ModelView> = BTreeMap::new();
                for model in known.models {
                    let description = safe_text::flat(&model.description);
                    let row = rows
                        .entry((description.clone(), model.aaguid))
                        .or_insert_with(|| ModelView {
                            aaguid: model.aaguid.to_string(),
                            description,
                            anchors: Vec::new(),
                        });
                    row.anchors.push(model.anchor.to_string());
                }
                Reply::Models(rows.into_values().collect())
            });
            answer(reply, known.map_err(|error| gateway_problem(&error)));
        });
    }

    pub(super) fn end_one_session(&mut self, id: &str, reply: Answer) {
        let id = id.parse::<Digest>().map_err(|_| {
            Problem::new(
                "not_found",
                "There is no such session.",
                "Look at the list again.",
            )
        });
        let (id, client) = match (id, self.signed_in_client()) {
            (Ok(id), Ok(client)) => (id, client),
            (Err(problem), _) | (_, Err(problem)) => {
                return self.answers.push((reply, Err(problem)));
            }
        };
        self.setting.runtime.spawn(async move {
            let ended = client.end_session_of(id).await;
            let result = ended.map(|()| Reply::Accepted);
            answer(reply, result.map_err(|error| gateway_problem(&error)));
        });
    }

    fn signed_in_client(&self) -> Result<vidimus_client::Gateway, Problem> {
        match self.unable() {
            Some(problem) => Err(problem),
            None => self.client(),
        }
    }
}
