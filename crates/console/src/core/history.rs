//! The history: the mirror in words, whether the gateway runs or not.

use vidimus_ledger::tree;
use vidimus_protocol::entry::Parsed;
use vidimus_protocol::id::ActionId;
use vidimus_protocol::{Digest, Leaf};

use super::{Base, Core};
use crate::safe_text;
use crate::view::{EntryView, HistoryPage, HistoryRow, PartView, Problem, SafeText, Span};
use crate::words;

/// Rows of a page.
const PAGE: usize = 100;
/// Longest search text.
const MAX_QUERY: usize = 200;

impl Core {
    pub(super) fn history(
        &mut self,
        before: Option<u64>,
        action: Option<&str>,
        query: &str,
    ) -> Result<HistoryPage, Problem> {
        self.base()?;
        let only = match action {
            None => None,
            Some(text) => Some(
                text.parse::<ActionId>()
                    .map_err(|_| super::review::unknown_action())?,
            ),
        };
        if query.len() > MAX_QUERY {
            return Err(Problem::new(
                "query_too_long",
                format!("A search text has at most {MAX_QUERY} bytes."),
                "Shorten it.",
            ));
        }
        let query = query.trim().to_lowercase();
        let Ok(base) = &mut self.base else {
            return Err(Problem::stopped());
        };
        let total = base.mirror.size();
        let mut rows = Vec::with_capacity(PAGE);
        let mut more = false;
        for index in (0..before.unwrap_or(total).min(total)).rev() {
            if only.is_some() && base.action_of(index) != only {
                continue;
            }
            let Some(row) = base.row(index) else {
                continue;
            };
            if !query.is_empty() && !matches(&row, &query) {
                continue;
            }
            if rows.len() == PAGE {
                more = true;
                break;
            }
            rows.push(row);
        }
        Ok(HistoryPage { rows, more, total })
    }

    pub(super) fn entry(&mut self, index: u64) -> Result<EntryView, Problem> {
        self.base()?;
        let Ok(base) = &mut self.base else {
            return Err(Problem::stopped());
        };
        let unknown = || {
            Problem::new(
                "unknown_entry",
                format!("There is no entry {index} in this computer's copy of the log."),
                "Choose one from the history.",
            )
        };
        let bytes = base.mirror.leaf(index).ok().flatten().ok_or_else(unknown)?;
        let row = base.row(index).ok_or_else(unknown)?;
        let parts = match Leaf::parse(&bytes) {
            Ok(Parsed::Known(leaf)) => leaf.parts,
            _ => Vec::new(),
        };
        let readable = serde_json::from_slice::<serde_json::Value>(&bytes)
            .ok()
            .and_then(|value| serde_json::to_string_pretty(&value).ok())
            .unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
        Ok(EntryView {
            row,
            leaf_hash: Digest(tree::leaf_hash(&bytes)).to_string(),
            leaf_text: joined(safe_text::lines(&readable)),
            parts: parts
                .into_iter()
                .map(|part| {
                    let content = base.mirror.part(index, &part.name).ok().flatten();
                    let text = content
                        .and_then(|content| String::from_utf8(content.bytes.0).ok())
                        .map(|text| joined(safe_text::lines(&text)));
                    PartView {
                        name: safe_text::flat(&part.name),
                        content_type: safe_text::flat(&part.r#type),
                        size: part.size,
                        commit: part.commit.to_string(),
                        text,
                    }
                })
                .collect(),
        })
    }
}

impl Base {
    fn action_of(&self, index: u64) -> Option<ActionId> {
        let index = usize::try_from(index).ok()?;
        self.actions.get(index).copied().flatten()
    }

    fn row(&mut self, index: u64) -> Option<HistoryRow> {
        let action = self.action_of(index);
        if let Some(action) = action {
            self.read_headline(action);
        }
        let bytes = self.mirror.leaf(index).ok().flatten()?;
        let (kind, time_unix_ms, text) = match Leaf::parse(&bytes) {
            Ok(Parsed::Known(leaf)) => (
                leaf.kind().as_str().to_owned(),
                leaf.time.unix_ms(),
                words::row(&leaf, self.state(), &self.headlines),
            ),
            Ok(Parsed::Unknown { v, kind }) => (
                safe_text::flat(&kind),
                0,
                safe_text::line(&format!(
                    "An entry of format {v} that this version cannot judge."
                )),
            ),
            Err(error) => (
                "malformed".into(),
                0,
                safe_text::line(&format!("No ledger entry: {error}.")),
            ),
        };
        Some(HistoryRow {
            index,
            kind,
            time_unix_ms,
            text,
            action: action.map(|action| action.to_string()),
        })
    }
}

/// Lines put together again, with plain line breaks between them.
fn joined(lines: Vec<SafeText>) -> SafeText {
    let mut spans: Vec<Span> = Vec::new();
    let plain = |spans: &mut Vec<Span>, more: &str| match spans.last_mut() {
        Some(Span::Plain { text }) => text.push_str(more),
        _ => spans.push(Span::Plain { text: more.into() }),
    };
    for (at, line) in lines.into_iter().enumerate() {
        if at > 0 {
            plain(&mut spans, "\n");
        }
        for span in line.spans {
            match span {
                Span::Plain { text } => plain(&mut spans, &text),
                mark @ Span::Mark { .. } => spans.push(mark),
            }
        }
    }
    SafeText { spans }
}

fn matches(row: &HistoryRow, query: &str) -> bool {
    let text: String = row
        .text
        .spans
        .iter()
        .map(|span| match span {
            Span::Plain { text } => text.as_str(),
            Span::Mark { shown, label, .. } => shown.as_deref().unwrap_or(label),
        })
        .collect();
    row.kind.contains(query) || text.to_lowercase().contains(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_lines_keep_breaks_and_marks() {
        let text = joined(safe_text::lines("a\n\u{202e}b\nc"));
        assert_eq!(text.marks(), 1);
        assert_eq!(
            text.spans.first(),
            Some(&Span::Plain { text: "a\n".into() })
        );
        assert_eq!(
            text.spans.last(),
            Some(&Span::Plain {
                text: "b\nc".into()
            })
        );
    }

    #[test]
    fn a_search_looks_at_words_and_kinds() {
        let row = HistoryRow {
            index: 1,
            kind: "verdict.given".into(),
            time_unix_ms: 0,
            text: safe_text::line("Ada approved it."),
            action: None,
        };
        assert!(matches(&row, "approved") && matches(&row, "verdict") && matches(&row, "ada"));
        assert!(!matches(&row, "denied"));
    }
}
