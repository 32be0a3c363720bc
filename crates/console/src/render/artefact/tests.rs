#![allow(clippy::unwrap_used)]
use super::*;
use crate::render::{marks, target_line, tests::plain, title, what};
use crate::view::WhatView;
use vidimus_verify::testkit::sample_kinds;

/// Title, warning and text of a section.
type Shown = (String, Option<String>, String);

/// Title, target and sections of the sample of a kind.
fn shown(kind: &str) -> (String, String, Vec<Shown>) {
    let samples = sample_kinds();
    let action = samples
        .iter()
        .find(|one| one.kind().as_str() == kind)
        .unwrap();
    let WhatView::Artefact(view) = what(action) else {
        panic!("{kind} is an artefact");
    };
    assert_eq!(view.command.is_some(), action.kind().runs_a_program());
    let section = |section: &SectionView| {
        let lines: Vec<_> = section.lines.iter().map(plain).collect();
        (
            section.title.clone(),
            section.warning.clone(),
            lines.join("\n"),
        )
    };
    let sections = view.sections.iter().map(section).collect();
    (title(action), target_line(action), sections)
}

fn one(title: &str, warning: Option<&str>, lines: &str) -> Shown {
    (title.into(), warning.map(Into::into), lines.into())
}

#[test]
fn a_push_shows_what_moves_and_what_is_lost() {
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let (title, target, sections) = shown("git.push");
    assert_eq!(title, "git push refs/heads/main");
    assert_eq!(target, "ssh://git.example/shop.git");
    let moved = format!("{b} -> {a}\n+ aaaaaaaaaaaa Ada: Say what is meant\n+ 1 more commits");
    assert_eq!(
        sections[1],
        one(
            "refs/heads/main",
            Some("History is rewritten: 2 commits are lost."),
            &moved
        )
    );
}

#[test]
fn sql_shows_each_statement_and_a_missing_where() {
    let (_, target, sections) = shown("sql");
    assert_eq!(target, "ada@db.example:5432/shop");
    let titles: Vec<_> = sections.iter().map(|(title, ..)| title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Database",
            "Statement 1: writes (customers, orders)",
            "The database's plan for it",
            "Statement 2: deletes (carts)",
        ]
    );
    assert_eq!(sections[1].1, None);
    assert_eq!(
        sections[3].1.as_deref(),
        Some("No WHERE names a column: it takes all rows.")
    );
}

#[test]
fn a_plan_shows_what_is_destroyed_first() {
    let (_, _, sections) = shown("terraform.plan");
    assert_eq!(
        sections[0].2,
        "0 to create, 1 to change, 1 to replace, 0 to destroy"
    );
    assert_eq!(sections[1].0, "aws_db.shop: delete, create");
    assert_eq!(
        sections[1].1.as_deref(),
        Some("It is destroyed and made anew.")
    );
    assert!(
        sections[1]
            .2
            .contains("+   \"password\": \"(sensitive value)\"")
    );
    assert!(sections[1].2.contains("known after it is applied:"));
    assert_eq!(
        sections[2].2,
        "  {\n-   \"size\": \"small\",\n+   \"size\": \"large\",\n    \"weight\": -0.5\n  }"
    );
    assert_eq!(sections[3].0, "Output url: create");
}

#[test]
fn a_file_and_a_call_show_what_changes_and_what_is_sent() {
    let (title, _, sections) = shown("file.change");
    assert_eq!(title, "write /etc/proxy.conf");
    assert!(
        sections[0]
            .2
            .starts_with("replaces /etc/proxy.conf\nas ada (uid 1000)")
    );
    assert_eq!(sections[1].2, "  listen 443\n- workers 2\n+ workers 8");
    let (_, target, sections) = shown("mcp.tool_call");
    assert_eq!(target, "npx @shop/mcp");
    assert_eq!(sections[2].0, "Arguments");
    assert!(
        sections[2].2.contains("\"amount\": -12.5"),
        "{}",
        sections[2].2
    );
    assert_eq!(sections[3], one("Bound, not shown", None, "/card/pin"));
}

#[test]
fn lines_left_out_of_a_diff_are_counted() {
    let before: String = (0..40).map(|at| format!("{at}\n")).collect();
    let after = before.replace("20\n", "twenty\n");
    let lines: Vec<_> = diff(&before, &after).iter().map(plain).collect();
    assert_eq!(lines[0], "... 17 lines alike");
    assert!(lines.contains(&"- 20".into()) && lines.contains(&"+ twenty".into()));
    assert_eq!(lines.last().unwrap(), "... 16 lines alike");
    let cut: Vec<_> = diff("a\n", "a").iter().map(plain).collect();
    assert_eq!(cut, ["- a", "+ a", "\\ no newline at the end"]);
}

#[test]
fn a_number_keeps_its_spelling() {
    assert_eq!(indented(Some("1.0")), "1.0");
    assert_eq!(
        indented(Some(r#"{"a":12345678901234567890123}"#)),
        r#"{"a":12345678901234567890123}"#
    );
}

#[test]
fn what_hides_in_an_artefact_is_counted() {
    let call = ToolCall {
        arguments: "{\"to\":\"\u{202e}x\"}".into(),
        definition: "{}".into(),
        secrets: vec![],
        server: "s\u{200b}".into(),
        tool: "t".into(),
    };
    let view = WhatView::Artefact(Box::new(tool_call(&call)));
    assert_eq!(marks(&view, &[]), 2);
}
