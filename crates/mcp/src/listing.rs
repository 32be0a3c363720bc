//! What the server says its tools are, held against the pins.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::timeout;
use vidimus_executor::text::visible;
use vidimus_executor::{Stop, Why};
use vidimus_protocol::action::MAX_JSON_TEXT;
use vidimus_protocol::strict;

use crate::call::Meta;
use crate::catalogue::{Catalogue, Page};
use crate::json::Object;
use crate::link::{Gone, Reply};
use crate::old_tasks::{self, with_support};
use crate::pins::{Judged, PinError};
use crate::proxy::Proxy;

/// The definition of a tool that the server does not list.
const UNLISTED: &str = "{}";
/// How long the server may take for a page of its tools.
const FOR_A_PAGE: Duration = Duration::from_secs(30);
/// Most pages.
const MAX_PAGES: usize = 200;

impl Proxy {
    /// A page that the client asked for passes: it is noted, and the last one
    /// gets the tool that waits. What cannot be read does not pass.
    pub(crate) fn listed(&self, result: &str) -> Result<Option<String>, String> {
        let page = Page::read(result)?;
        self.state().catalogue.take(&page)?;
        self.look_at(&page);
        let state = self.state();
        let is_held = |tool: &str| !self.options.is_free(tool);
        let with_tasks = (state.has_old_tasks)
            .then(|| with_support(result, is_held, state.server_has_tasks))
            .flatten();
        if page.next.is_some() {
            return Ok(with_tasks);
        }
        let result = with_tasks.as_deref().unwrap_or(result);
        Ok(state.catalogue.with_wait(result))
    }

    /// A session began: what the server has is noted, and the result has what
    /// the proxy has.
    pub(crate) fn began(&self, result: &str) -> Option<String> {
        let mut state = self.state();
        let offered = old_tasks::offered(result);
        state.has_old_tasks = offered.is_some();
        state.server_has_tasks = old_tasks::has_tasks(result);
        offered
    }

    /// The pinned definition of a tool that is about to be proposed.
    pub(crate) async fn definition(&self, tool: &str, meta: &Meta) -> Result<String, Stop> {
        let is_known = {
            let state = self.state();
            let catalogue = &state.catalogue;
            catalogue.definition(tool).is_some() && !catalogue.is_stale
        };
        if !is_known {
            self.list(meta).await?;
        }
        self.definition_now(tool)
    }

    /// The same, from what the server said last.
    pub(crate) fn definition_now(&self, tool: &str) -> Result<String, Stop> {
        let definition = self.state().catalogue.definition(tool).map(str::to_owned);
        match definition {
            Some(definition) => self.pinned(tool, &definition),
            None => Ok(UNLISTED.into()),
        }
    }

    /// The pinned definition, if this is what the server says now.
    pub(crate) fn pinned(&self, tool: &str, definition: &str) -> Result<String, Stop> {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = strict::check_text(definition.as_bytes(), MAX_JSON_TEXT) {
            let words = format!("the server's definition of it cannot be shown: {why}");
            return Err(Stop::new(Why::Refused, words));
        }
        match pins.judge(tool, definition).map_err(not_kept)? {
            Judged::Same(pinned) | Judged::First(pinned) => Ok(pinned),
            Judged::Changed => Err(self.changed(tool)),
        }
    }

    fn changed(&self, tool: &str) -> Stop {
        Stop::new(
            Why::Changed,
            format!(
                "the server's definition of `{}` is not the one that was pinned when it was first seen; nothing has run. Whoever uses this server can look at the change and accept it with: {}",
                visible(tool),
                self.options.accept
            ),
        )
    }

    /// Pins what is new and says what changed.
    fn look_at(&self, page: &Page<'_>) {
        // A longer one can be shown to nobody: its calls are refused.
        let tools: Vec<_> = (page.tools.iter())
            .filter(|(_, definition)| definition.len() <= MAX_JSON_TEXT)
            .map(|(tool, definition)| (tool.as_str(), *definition))
            .collect();
        let judged = {
            let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
            pins.judge_all(&tools)
        };
        match judged {
            Ok(judged) => {
                for ((tool, _), judged) in tools.iter().zip(judged) {
                    if judged == Judged::Changed {
                        self.say(&self.changed(tool).words);
                    }
                }
            }
            Err(why) => self.say(&not_kept(why).words),
        }
    }

    /// Lists the tools for the proxy itself.
    async fn list(&self, meta: &Meta) -> Result<(), Stop> {
        let _one_at_a_time = self.listing.lock().await;
        let mut catalogue = Catalogue::default();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let mut params = Object::default();
            if let Some(cursor) = cursor.take() {
                params.set("cursor", cursor);
            }
            if let Some(meta) = meta.for_own_request() {
                params.set("_meta", meta);
            }
            let result = self.page(&params.to_text()).await?;
            let page = Page::read(&result).map_err(|why| unlisted(&visible(&why)))?;
            catalogue.take(&page).map_err(|why| unlisted(&why))?;
            self.look_at(&page);
            cursor = page.next;
            if cursor.is_none() {
                self.state().catalogue = catalogue;
                return Ok(());
            }
        }
        Err(unlisted("there is no end to its pages"))
    }

    async fn page(&self, params: &str) -> Result<String, Stop> {
        let gone = |gone| match gone {
            Gone::Before(why) | Gone::After(why) => unlisted(&why),
        };
        let mut asked = (self.link.ask("tools/list", Some(params)).await).map_err(gone)?;
        let reply = timeout(FOR_A_PAGE, asked.reply()).await;
        match reply
            .map_err(|_| unlisted("it does not answer"))?
            .map_err(gone)?
        {
            Reply::Result(result) => Ok(result),
            Reply::Error(error) => Err(unlisted(&visible(&error))),
        }
    }
}

fn unlisted(why: &str) -> Stop {
    Stop::new(
        Why::Internal,
        format!(
            "the server did not say what its tools are ({why}), so nobody can be asked. Nothing has run"
        ),
    )
}

fn not_kept(why: PinError) -> Stop {
    let words = format!("the tools' definitions cannot be pinned: {why}. Nothing has run");
    Stop::new(Why::Internal, words)
}
