//! What of a review has to be seen where the policy asks for all of it, in reading
//! order: each section as the front calls it (`ui/src/lib/reading.ts`), and in
//! words.

use crate::view::{ArtefactView, ChangeView, CommandView, SafeText, WhatView};

/// A section: its name in the front, and in words.
pub(crate) type Section = (String, String);

/// The sections of what will run, what the agent claims, and what was written
/// about it: `notes` texts, of which another makes another section.
#[must_use]
pub(crate) fn sections(what: &WhatView, notes: usize) -> Vec<Section> {
    let mut found = match what {
        WhatView::Command(view) => of_command(view),
        WhatView::Change(view) => of_change(view),
        WhatView::Artefact(view) => of_artefact(view),
    };
    found.push(called("claims", "what the agent claims"));
    if notes > 0 {
        let name = format!("talk@{notes}");
        found.push((name, "what was asked and flagged".to_owned()));
    }
    found
}

fn of_command(view: &CommandView) -> Vec<Section> {
    let interpreter = view.interpreter.as_ref();
    let script = view.script.as_ref();
    let input = view.input.as_ref();
    let files = (!view.files.is_empty()).then(|| called("files", "the bound files"));
    let parts = [
        Some(called("arguments", "the arguments")),
        Some(called("program", "the program")),
        interpreter.map(|_| called("interpreter", "the interpreter")),
        script.map(|script| long("script", "the script", script.lines.as_deref())),
        Some(called("folder", "the folder")),
        Some(called("environment", "the environment")),
        input.map(|input| long("input", "the input", input.lines.as_deref())),
        files,
        Some(called("not-bound", "what is not bound")),
    ];
    parts.into_iter().flatten().collect()
}

fn of_change(view: &ChangeView) -> Vec<Section> {
    let both = view.before.is_some() && view.after.is_some();
    let parts = [
        Some(called("operation", "the operation")),
        Some(called("resource", "the resource")),
        Some(called("system", "the system")),
        Some(called("environment", "the environment")),
        both.then(|| called("differences", "the differences")),
        Some(long("before", "before", view.before.as_deref())),
        Some(long("after", "after", view.after.as_deref())),
    ];
    parts.into_iter().flatten().collect()
}

fn of_artefact(view: &ArtefactView) -> Vec<Section> {
    let section = |(at, section): (usize, &crate::view::SectionView)| {
        let name = format!("section-{at}");
        long(&name, &format!("“{}”", section.title), Some(&section.lines))
    };
    let sections = view.sections.iter().enumerate().map(section);
    let command = view.command.as_ref().map(of_command);
    sections.chain(command.into_iter().flatten()).collect()
}

fn called(name: &str, words: &str) -> Section {
    (name.to_owned(), words.to_owned())
}

/// A section with a text, of which one is told how long it is.
fn long(name: &str, words: &str, lines: Option<&[SafeText]>) -> Section {
    let words = match lines.map_or(0, <[SafeText]>::len) {
        0 => words.to_owned(),
        1 => format!("{words} (1 line)"),
        lines => format!("{words} ({lines} lines)"),
    };
    (name.to_owned(), words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::render::tests::sample;
    use crate::render::what;
    use crate::safe_text;
    use crate::view::{InputView, SectionView};

    /// A command with everything that one can have.
    fn command() -> CommandView {
        let WhatView::Command(mut view) = what(&sample("one\ntwo")) else {
            panic!("a command");
        };
        view.interpreter = Some(view.program.clone());
        view.files = vec![view.program.clone()];
        view.input = Some(InputView {
            size: 1,
            sha256: String::new(),
            lines: Some(safe_text::lines("one")),
            omitted: None,
        });
        *view
    }

    fn change() -> ChangeView {
        ChangeView {
            operation: safe_text::code("set"),
            system: safe_text::code("db1"),
            resource: safe_text::code("x"),
            environment: safe_text::code("test"),
            differences: Vec::new(),
            more_differences: 0,
            before: Some(safe_text::lines("1")),
            after: Some(safe_text::lines("1\n2")),
        }
    }

    fn artefact() -> ArtefactView {
        let section = |title: &str, lines: &str| SectionView {
            title: title.into(),
            warning: None,
            lines: match lines {
                "" => Vec::new(),
                lines => safe_text::lines(lines),
            },
        };
        ArtefactView {
            sections: vec![section("One", "a\nb\nc"), section("Two", "")],
            command: None,
        }
    }

    #[test]
    fn each_is_told_with_its_length() {
        let words = |what: WhatView, notes| {
            let found = sections(&what, notes).into_iter();
            found.map(|(_, words)| words).collect::<Vec<_>>()
        };
        let found = words(WhatView::Command(Box::new(command())), 0);
        assert!(
            found.contains(&"the script (2 lines)".to_owned()),
            "{found:?}"
        );
        assert!(
            found.contains(&"the input (1 line)".to_owned()),
            "{found:?}"
        );
        assert_eq!(
            words(WhatView::Artefact(Box::new(artefact())), 2),
            [
                "“One” (3 lines)",
                "“Two”",
                "what the agent claims",
                "what was asked and flagged"
            ]
        );
        let removed = ChangeView {
            after: None,
            ..change()
        };
        assert!(!words(WhatView::Change(Box::new(removed)), 0).contains(&"the differences".into()));
    }

    /// What the front does not know by that name could never be seen.
    #[test]
    fn the_front_has_each_of_them() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/");
        let files = ["Statement", "Change", "Artefact"]
            .map(|name| format!("lib/components/{name}.svelte"))
            .into_iter()
            .chain(["views/Review.svelte".into()]);
        let front: String = files
            .map(|file| std::fs::read_to_string(format!("{root}{file}")).unwrap())
            .collect();
        for what in [
            WhatView::Command(Box::new(command())),
            WhatView::Change(Box::new(change())),
            WhatView::Artefact(Box::new(artefact())),
        ] {
            for (section, _) in sections(&what, 1) {
                let name = section.split('@').next().unwrap();
                let known = match name.strip_prefix("section-") {
                    Some(_) => front.contains("sees(`section-${at}`)"),
                    None => [format!("sees('{name}')"), format!("section('{name}')")]
                        .iter()
                        .any(|call| front.contains(call)),
                };
                assert!(known, "{section}");
            }
        }
    }
}
