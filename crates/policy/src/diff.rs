//! What changes between two sets, policy by policy, so that whoever signs for
//! the new one knows what they sign.

use serde::Serialize;

use crate::compare::Difference;
use crate::evaluate::Question;
use crate::set::{Rule, Set};
use crate::text::{PolicyFile, PolicyText};

/// What became of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Only the new set has it.
    Added(&'a Rule),
    /// Only the old set has it.
    Removed(&'a Rule),
    /// Both have it, with another text.
    Changed {
        /// As it was.
        before: &'a Rule,
        /// As it is.
        after: &'a Rule,
        /// What it does otherwise, beside its conditions.
        differences: Vec<Difference>,
    },
}

/// What became of a file with tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It is new.
    Added,
    /// It has another text.
    Changed,
    /// It is gone.
    Removed,
}

impl Change<'_> {
    /// The policy's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Added(rule) | Self::Removed(rule) | Self::Changed { after: rule, .. } => &rule.id,
        }
    }
}

/// What changes from one set to another, by id. Without an old one, everything
/// is added: the built-in rules are no set.
#[must_use]
pub fn diff<'a>(old: Option<&'a Set>, new: &'a Set) -> Vec<Change<'a>> {
    let was = |id: &str| old.and_then(|old| old.rule(id));
    let removed = old
        .into_iter()
        .flat_map(Set::rules)
        .filter(|rule| new.rule(&rule.id).is_none())
        .map(Change::Removed);
    let stays = new.rules().filter_map(|after| match was(&after.id) {
        None => Some(Change::Added(after)),
        Some(before) if before.text.trim() == after.text.trim() => None,
        Some(before) => Some(Change::Changed {
            before,
            after,
            differences: differences(before, after),
        }),
    });
    let mut changes: Vec<Change<'a>> = removed.chain(stays).collect();
    changes.sort_by(|one, next| one.id().cmp(next.id()));
    changes
}

/// Which files with tests are other ones.
#[must_use]
pub fn diff_tests(old: Option<&PolicyText>, new: &PolicyText) -> Vec<(String, FileChange)> {
    let was: Vec<&PolicyFile> = old.into_iter().flat_map(PolicyText::tests).collect();
    let is: Vec<&PolicyFile> = new.tests().collect();
    let find = |files: &[&PolicyFile], name: &str| {
        let file = files.iter().find(|file| file.name == name);
        file.map(|file| file.text.clone())
    };
    let gone = was
        .iter()
        .filter(|file| find(&is, &file.name).is_none())
        .map(|file| (file.name.clone(), FileChange::Removed));
    let stays = is.iter().filter_map(|file| match find(&was, &file.name) {
        None => Some((file.name.clone(), FileChange::Added)),
        Some(before) if before == file.text => None,
        Some(_) => Some((file.name.clone(), FileChange::Changed)),
    });
    let mut changes: Vec<(String, FileChange)> = gone.chain(stays).collect();
    changes.sort_by(|one, next| one.0.cmp(&next.0));
    changes
}

fn differences(before: &Rule, after: &Rule) -> Vec<Difference> {
    let why = |rule: &Rule| rule.why.clone().unwrap_or_else(|| "(nothing)".to_owned());
    type Row = (&'static str, fn(&Rule) -> String);
    let rows: [Row; 2] = [("asked about", questions), ("does", Rule::words)];
    let mut found: Vec<Difference> = rows
        .into_iter()
        .map(|(what, of)| Difference::new(what, of(before), of(after)))
        .collect();
    found.push(Difference::new("says of itself", why(before), why(after)));
    found.retain(|row| row.before != row.after);
    found
}

fn questions(rule: &Rule) -> String {
    let words: Vec<&str> = rule
        .questions
        .iter()
        .map(|one| Question::as_str(*one))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::entry::Profile;

    fn text(files: &[(&str, &str)]) -> PolicyText {
        let file = |(name, text): &(&str, &str)| PolicyFile {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        };
        PolicyText::new(files.iter().map(file).collect()).unwrap()
    }

    const BASE: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("anybody") permit (principal, action == Vidimus::Action::"decide", resource);
"#;

    fn set(more: &str) -> Set {
        let text = text(&[("a.cedar", &format!("{BASE}{more}"))]);
        Set::parse(&text, Profile::Team, "set").unwrap()
    }

    const ONE: &str =
        r#"@id("x") permit (principal, action == Vidimus::Action::"propose", resource);"#;
    const TWO: &str = r#"@id("x") @people("2") permit (principal, action == Vidimus::Action::"propose", resource);"#;

    #[test]
    fn what_a_policy_asked_for_before_and_after_is_named() {
        let (old, new) = (set(ONE), set(TWO));
        let changes = diff(Some(&old), &new);
        let [Change::Changed { differences, .. }] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        let expected = Difference::new("does", "asks for 1 person", "asks for 2 people");
        assert_eq!(*differences, [expected]);
    }

    #[test]
    fn what_comes_and_goes_is_named() {
        let (old, new) = (set(ONE), set(""));
        assert!(
            matches!(diff(Some(&old), &new).as_slice(), [Change::Removed(rule)] if rule.id == "x")
        );
        assert!(
            matches!(diff(Some(&new), &old).as_slice(), [Change::Added(rule)] if rule.id == "x")
        );
        assert_eq!(diff(None, &new).len(), 2);
        assert_eq!(diff(Some(&new), &new), []);
    }

    #[test]
    fn a_change_of_a_condition_alone_is_a_change() {
        let more = format!(
            "{} when {{ context.last_hour > 3 }};",
            ONE.trim_end_matches(';')
        );
        let (old, new) = (set(ONE), set(&more));
        let changes = diff(Some(&old), &new);
        let [Change::Changed { differences, .. }] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        assert_eq!(*differences, []);
    }

    #[test]
    fn tests_that_go_are_named() {
        let old = text(&[("a.cedar", ""), ("a.json", "1"), ("b.json", "1")]);
        let new = text(&[("a.cedar", ""), ("b.json", "2"), ("c.json", "1")]);
        let expected = [
            ("a.json".to_owned(), FileChange::Removed),
            ("b.json".to_owned(), FileChange::Changed),
            ("c.json".to_owned(), FileChange::Added),
        ];
        assert_eq!(diff_tests(Some(&old), &new), expected);
        assert_eq!(diff_tests(Some(&new), &new), []);
    }
}
