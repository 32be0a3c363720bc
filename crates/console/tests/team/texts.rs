//! Policies as files, and what is shown as plain text.

use vidimus_console::view::{PolicyFileText, Span};

pub(crate) fn files(text: &str) -> Vec<PolicyFileText> {
    vec![PolicyFileText {
        name: "policy.cedar".into(),
        text: text.into(),
    }]
}

pub(crate) fn plain(spans: &[Span]) -> String {
    let text = |span: &Span| match span {
        Span::Plain { text } => text.clone(),
        Span::Mark { label, .. } => label.clone(),
    };
    spans.iter().map(text).collect()
}
