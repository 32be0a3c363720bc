//! Policies as files, and what is shown as plain text.

use vidimus_console::view::{PolicyFileText, Span};

pub(crate) fn files(text: &str) -> Vec<PolicyFileText> {
    vec![PolicyFileText {
        name: "policy.cedar".into(),
        text: text.into(),
    }]
}

/// A policy that asks, lets one thing pass, refuses another, and lets nobody
/// approve a third.
pub(crate) const TRIED: &str = r#"
@id("ask") permit (principal, action == Vidimus::Action::"propose", resource);

@id("hello")
@why("Saying hello hurts nobody.")
permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.line like "*hello*" };

@id("no-vault")
@why("The vault stays shut.")
forbid (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*vault*" };

@id("i-decide")
permit (principal, action == Vidimus::Action::"decide", resource)
when { !(context has command && context.command.line like "*odd*") };
"#;

pub(crate) fn plain(spans: &[Span]) -> String {
    let text = |span: &Span| match span {
        Span::Plain { text } => text.clone(),
        Span::Mark { label, .. } => label.clone(),
    };
    spans.iter().map(text).collect()
}
