//! What stands beside a command, or in place of one, in sections of text.

use vidimus_protocol::action::{
    Command, FileChange, FileState, GitPush, RefUpdate, ResourceChange, Sql, Statement,
    StatementClass, TerraformPlan, ToolCall,
};

use super::NO_TEXT;
use crate::safe_text;
use crate::view::{ArtefactView, SafeText, SectionView};

pub(super) fn push(push: &GitPush) -> ArtefactView {
    let mut sections = vec![section("Repository", safe_text::lines(&push.remote))];
    sections.extend(push.refs.iter().map(reference));
    of_command(sections, &push.command)
}

fn reference(update: &RefUpdate) -> SectionView {
    let mut lines = Vec::new();
    let mut say = |text: String| lines.extend(safe_text::lines(&text));
    match (&update.old, &update.new) {
        (None, Some(new)) => say(format!("made, at {new}")),
        (Some(old), None) => say(format!("deleted, was at {old}")),
        (old, new) => {
            let end = |id: &Option<String>| id.clone().unwrap_or_default();
            say(format!("{} -> {}", end(old), end(new)));
        }
    }
    for commit in &update.commits {
        let short: String = commit.id.chars().take(12).collect();
        say(format!("+ {short} {}: {}", commit.author, commit.subject));
    }
    if update.more > 0 {
        say(format!("+ {} more commits", update.more));
    }
    let warning = match (update.new.is_none(), update.lost) {
        (true, _) => Some("The reference is deleted.".to_owned()),
        (false, 0) => None,
        (false, 1) => Some("History is rewritten: 1 commit is lost.".to_owned()),
        (false, lost) => Some(format!("History is rewritten: {lost} commits are lost.")),
    };
    SectionView {
        warning,
        ..section(&safe_text::flat(&update.name), lines)
    }
}

pub(super) fn sql(sql: &Sql) -> ArtefactView {
    let database = sql.database.as_deref().map_or_else(
        || SectionView {
            warning: Some(
                "The database could not be asked, neither for its name nor for plans.".into(),
            ),
            ..section("Database", Vec::new())
        },
        |name| section("Database", safe_text::lines(name)),
    );
    let mut sections = vec![database];
    let several = sql.statements.len() > 1;
    for (at, one) in sql.statements.iter().enumerate() {
        let title = if several {
            format!("Statement {}", at + 1)
        } else {
            "Statement".to_owned()
        };
        sections.push(statement(title, one));
        if let Some(plan) = &one.plan {
            sections.push(section(
                "The database's plan for it",
                safe_text::lines(plan),
            ));
        }
    }
    of_command(sections, &sql.command)
}

fn statement(title: String, statement: &Statement) -> SectionView {
    let class = match statement.class {
        StatementClass::Read => "reads",
        StatementClass::Session => "controls the session",
        StatementClass::Write => "writes",
        StatementClass::Delete => "deletes",
        StatementClass::Schema => "changes the schema",
        StatementClass::Permission => "changes permissions",
        StatementClass::Unknown => "not understood",
    };
    let tables: Vec<_> = statement
        .tables
        .iter()
        .map(|name| safe_text::flat(name))
        .collect();
    let title = if tables.is_empty() {
        format!("{title}: {class}")
    } else {
        format!("{title}: {class} ({})", tables.join(", "))
    };
    let warning = match (statement.class, statement.whole_table) {
        (_, true) => Some("No WHERE names a column: it takes all rows."),
        (StatementClass::Unknown, _) => Some("Vidimus does not understand it: read it with care."),
        _ => None,
    };
    SectionView {
        warning: warning.map(str::to_owned),
        ..section(&title, safe_text::lines(&statement.text))
    }
}

pub(super) fn plan(plan: &TerraformPlan) -> ArtefactView {
    let is = |wanted: &'static str| {
        move |one: &&ResourceChange| one.actions.iter().any(|action| action == wanted)
    };
    let replaced = |one: &&ResourceChange| is("delete")(one) && is("create")(one);
    let count =
        |wanted: &dyn Fn(&&ResourceChange) -> bool| plan.changes.iter().filter(wanted).count();
    let summary = format!(
        "{} to create, {} to change, {} to replace, {} to destroy",
        count(&|one| is("create")(one) && !replaced(one)),
        count(&is("update")),
        count(&replaced),
        count(&|one| is("delete")(one) && !replaced(one)),
    );
    let mut sections = vec![section("Plan", safe_text::lines(&summary))];
    // What is lost for good stands first; the rest in the plan's order.
    let (lost, kept): (Vec<_>, Vec<_>) = plan.changes.iter().partition(|one| is("delete")(one));
    sections.extend(lost.into_iter().chain(kept).map(resource));
    for output in &plan.outputs {
        let title = format!(
            "Output {}: {}",
            safe_text::flat(&output.name),
            output.actions.join(", ")
        );
        let lines = sides(output.before.as_deref(), output.after.as_deref(), None);
        sections.push(section(&title, lines));
    }
    of_command(sections, &plan.command)
}

fn resource(change: &ResourceChange) -> SectionView {
    let actions: Vec<_> = change
        .actions
        .iter()
        .map(|action| safe_text::flat(action))
        .collect();
    let warning = match change.actions.iter().any(|action| action == "delete") {
        true if change.actions.len() > 1 => Some("It is destroyed and made anew."),
        true => Some("It is destroyed."),
        false => None,
    };
    let lines = sides(
        change.before.as_deref(),
        change.after.as_deref(),
        change.unknown.as_deref(),
    );
    SectionView {
        warning: warning.map(str::to_owned),
        ..section(
            &format!(
                "{}: {}",
                safe_text::flat(&change.address),
                actions.join(", ")
            ),
            lines,
        )
    }
}

/// JSON texts before and after, as a diff of their lines.
fn sides(before: Option<&str>, after: Option<&str>, unknown: Option<&str>) -> Vec<SafeText> {
    let side =
        |text: Option<&str>| text.map_or_else(String::new, |text| indented(Some(text)) + "\n");
    let mut lines = diff(&side(before), &side(after));
    if let Some(unknown) = unknown {
        lines.extend(safe_text::lines("known after it is applied:"));
        lines.extend(safe_text::lines(&indented(Some(unknown))));
    }
    lines
}

/// Numbers keep their spelling only in the whole text, so a text that would
/// lose something stays as it is.
fn indented(text: Option<&str>) -> String {
    let Some(text) = text else {
        return String::new();
    };
    let parsed = serde_json::from_str::<serde_json::Value>(text);
    parsed
        .ok()
        .filter(|value| serde_json::to_string(value).is_ok_and(|again| again == text))
        .map_or_else(|| text.to_owned(), |value| format!("{value:#}"))
}

pub(super) fn file_change(change: &FileChange) -> ArtefactView {
    let made = change.before.is_none();
    let mut about = vec![format!(
        "{} {}",
        if made { "makes" } else { "replaces" },
        change.path
    )];
    about.push(format!("as {} (uid {})", change.user, change.uid));
    let state = |which: &str, state: &FileState| {
        format!(
            "{which} {} bytes, mode {}, SHA-256 {}",
            state.size, state.mode, state.sha256
        )
    };
    about.extend(
        change
            .before
            .as_ref()
            .map(|before| state("before:", before)),
    );
    about.push(state("after: ", &change.after));
    let mut sections = vec![section("File", safe_text::lines(&about.join("\n")))];
    let text = |state: &FileState| state.text.clone();
    let before = change.before.as_ref();
    match (before.map(text), text(&change.after)) {
        (None, Some(after)) => sections.push(section("Its content", safe_text::lines(&after))),
        (Some(Some(before)), Some(after)) => {
            sections.push(section("What changes", diff(&before, &after)));
        }
        (_, after) => {
            sections.push(SectionView {
                warning: Some(NO_TEXT.into()),
                ..section("What changes", Vec::new())
            });
            if let Some(after) = after {
                sections.push(section("Its content afterwards", safe_text::lines(&after)));
            }
        }
    }
    ArtefactView {
        sections,
        command: None,
    }
}

pub(super) fn tool_call(call: &ToolCall) -> ArtefactView {
    let definition = indented(Some(&call.definition));
    let mut sections = vec![
        section("Tool", safe_text::lines(&call.tool)),
        section("Server", safe_text::lines(&call.server)),
        section(
            "Arguments",
            safe_text::lines(&indented(Some(&call.arguments))),
        ),
    ];
    if !call.secrets.is_empty() {
        let pointers: Vec<_> = call
            .secrets
            .iter()
            .map(|one| one.pointer.as_str())
            .collect();
        sections.push(section(
            "Bound, not shown",
            safe_text::lines(&pointers.join("\n")),
        ));
    }
    sections.push(section(
        "The tool's definition, in the server's words",
        safe_text::lines(&definition),
    ));
    ArtefactView {
        sections,
        command: None,
    }
}

/// Marks in it.
pub(super) fn marks(view: &ArtefactView) -> u32 {
    let lines = view.sections.iter().flat_map(|section| &section.lines);
    let command = view.command.as_ref().map_or(0, super::command_marks);
    lines
        .map(SafeText::marks)
        .fold(command, u32::saturating_add)
}

fn of_command(sections: Vec<SectionView>, command: &Command) -> ArtefactView {
    ArtefactView {
        sections,
        command: Some(super::command(command)),
    }
}

fn section(title: &str, lines: Vec<SafeText>) -> SectionView {
    SectionView {
        title: title.to_owned(),
        warning: None,
        lines,
    }
}

/// Lines that go and come, with three of those around them. Where lines are
/// left out, their number stands. Our own words are ASCII, since anything else
/// would be marked as something that hides.
fn diff(before: &str, after: &str) -> Vec<SafeText> {
    use similar::{ChangeTag, TextDiff};

    if before == after {
        return safe_text::lines("nothing");
    }
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    let mut shown_to = 0;
    for group in diff.grouped_ops(3) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        if start > shown_to {
            lines.extend(safe_text::lines(&format!(
                "... {} lines alike",
                start - shown_to
            )));
        }
        shown_to = group.last().map_or(shown_to, |op| op.old_range().end);
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "- ",
                ChangeTag::Insert => "+ ",
                ChangeTag::Equal => "  ",
            };
            let text = change.value();
            lines.extend(safe_text::lines(&format!("{sign}{text}")));
            if change.missing_newline() {
                lines.extend(safe_text::lines("\\ no newline at the end"));
            }
        }
    }
    let total = before.lines().count();
    if total > shown_to {
        lines.extend(safe_text::lines(&format!(
            "... {} lines alike",
            total - shown_to
        )));
    }
    lines
}

#[cfg(test)]
mod tests;
