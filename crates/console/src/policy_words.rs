//! A policy, made into what people read: its rules in words, and what differs
//! between two of them.

use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};
use vidimus_policy::{
    Calendar, Occurrence, PolicyFile, PolicyText, Problem as Found, Question, Rule, Set,
};
use vidimus_protocol::state::Reviewer;
use vidimus_protocol::{State, Time};

use crate::safe_text;
use crate::view::{
    CalendarView, DiffLineView, DiffSort, FileDifferenceView, OccurrenceView, PolicyDifferenceView,
    PolicyFileText, PolicyProblemView, PolicyQuestion, PolicyRuleView, RuleDifferenceView,
    SafeText,
};

/// Lines that stay, around those that do not.
const AROUND: usize = 3;
/// Occurrences of a calendar that are shown.
const MOST_NEXT: usize = 8;
/// Policies that a sentence names.
const MOST_NAMED: usize = 6;

/// A set's policies, by file and line.
pub(crate) fn rules(set: &Set) -> Vec<PolicyRuleView> {
    let mut rules: Vec<&Rule> = set.rules().collect();
    rules.sort_by(|one, next| (&one.file, one.line).cmp(&(&next.file, next.line)));
    rules.into_iter().map(rule).collect()
}

pub(crate) fn rule(rule: &Rule) -> PolicyRuleView {
    PolicyRuleView {
        id: rule.id.clone(),
        file: rule.file.clone(),
        line: short(rule.line),
        permits: rule.permits,
        questions: rule.questions.iter().copied().map(question).collect(),
        says: says(rule),
        why: rule.why.as_deref().map(safe_text::prose),
        text: safe_text::lines(&rule.text),
    }
}

/// Names of people by their identities.
pub(crate) type Names = BTreeMap<String, String>;

pub(crate) fn names(state: &State) -> Names {
    let named = |who: &Reviewer| (who.identity.clone(), who.name.clone());
    state.reviewers().map(named).collect()
}

/// A set's calendars, and what is in them now and next.
pub(crate) fn calendars(set: &Set, names: &Names, now: Time) -> Vec<CalendarView> {
    let person = |identity: &String| safe_text::prose(names.get(identity).unwrap_or(identity));
    let occurrence = |one: Occurrence| OccurrenceView {
        from_unix_ms: one.from.unix_ms(),
        until_unix_ms: one.until.unix_ms(),
        people: one.people.iter().map(person).collect(),
    };
    let calendar = |calendar: &Calendar| CalendarView {
        name: calendar.name().to_owned(),
        events: short(calendar.events()),
        next: (calendar.next(now, MOST_NEXT).into_iter())
            .map(occurrence)
            .collect(),
    };
    set.calendars().iter().map(calendar).collect()
}

fn question(question: Question) -> PolicyQuestion {
    match question {
        Question::Propose => PolicyQuestion::Propose,
        Question::Release => PolicyQuestion::Release,
        Question::Decide => PolicyQuestion::Decide,
    }
}

/// What it does to whatever it holds for.
fn says(rule: &Rule) -> String {
    let propose = rule.questions.contains(&Question::Propose);
    let release = rule.questions.contains(&Question::Release);
    let decide = rule.questions.contains(&Question::Decide);
    if rule.permits {
        return if release {
            "It runs without a person.".to_owned()
        } else if decide {
            "The person may approve it.".to_owned()
        } else {
            format!(
                "It may be proposed, and waits for {}.",
                rule.demands.words()
            )
        };
    }
    let mut words = Vec::new();
    if propose {
        words.push("it is refused");
    }
    if release {
        words.push("it does not run without a person");
    }
    if decide {
        words.push("the person may not approve it");
    }
    crate::act::sentence(&words.join(", and "))
}

/// What was found wrong, as it is shown.
pub(crate) fn problem(found: &Found) -> PolicyProblemView {
    PolicyProblemView {
        file: found.file.clone(),
        line: short(found.line),
        column: short(found.column),
        policy: found.policy.as_deref().map(safe_text::flat),
        message: safe_text::prose(&crate::act::sentence(&found.message)),
    }
}

pub(crate) fn files(text: &PolicyText) -> Vec<PolicyFileText> {
    text.files.iter().map(file).collect()
}

pub(crate) fn file(file: &PolicyFile) -> PolicyFileText {
    PolicyFileText {
        name: file.name.clone(),
        text: file.text.clone(),
    }
}

/// Hidden or misleading characters in a policy.
pub(crate) fn marks(text: &PolicyText) -> u32 {
    let lines = text
        .files
        .iter()
        .flat_map(|file| safe_text::lines(&file.text));
    lines.map(|line| line.marks()).fold(0, u32::saturating_add)
}

/// A policy's text and its set, if it has one.
pub(crate) type Side<'a> = (Option<&'a PolicyText>, Option<&'a Set>);

/// What differs.
pub(crate) fn difference(before: Side<'_>, after: Side<'_>) -> PolicyDifferenceView {
    let rules = rule_differences(before.1, after.1);
    let files = file_differences(before.0, after.0);
    let lines = files.iter().flat_map(|file| &file.lines);
    let marks = lines.map(|line| line.text.marks());
    PolicyDifferenceView {
        words: words(&rules, &files),
        marks: marks.fold(0, u32::saturating_add),
        rules,
        files,
    }
}

fn rule_differences(before: Option<&Set>, after: Option<&Set>) -> Vec<RuleDifferenceView> {
    let mut both: BTreeMap<&str, [Option<&Rule>; 2]> = BTreeMap::new();
    for (set, at) in [(before, 0), (after, 1)] {
        for rule in set.into_iter().flat_map(Set::rules) {
            both.entry(&rule.id).or_default()[at] = Some(rule);
        }
    }
    let differs = |[before, after]: &[Option<&Rule>; 2]| match (before, after) {
        (Some(before), Some(after)) => before.text.trim() != after.text.trim(),
        _ => true,
    };
    both.into_iter()
        .filter(|(_, sides)| differs(sides))
        .map(|(id, [before, after])| RuleDifferenceView {
            id: id.to_owned(),
            before: before.map(rule),
            after: after.map(rule),
        })
        .collect()
}

fn file_differences(
    before: Option<&PolicyText>,
    after: Option<&PolicyText>,
) -> Vec<FileDifferenceView> {
    let mut both: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
    for (text, at) in [(before, 0), (after, 1)] {
        for file in text.into_iter().flat_map(|text| &text.files) {
            both.entry(&file.name).or_default()[at] = &file.text;
        }
    }
    both.into_iter()
        .filter(|(_, [before, after])| before != after)
        .map(|(name, [before, after])| FileDifferenceView {
            name: name.to_owned(),
            lines: lines(before, after),
        })
        .collect()
}

/// Lines that go and come, with some of those around them.
fn lines(before: &str, after: &str) -> Vec<DiffLineView> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    let mut shown_to = 0;
    for group in diff.grouped_ops(AROUND) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        lines.extend(skipped(start.saturating_sub(shown_to)));
        shown_to = group.last().map_or(shown_to, |op| op.old_range().end);
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let number = |index: Option<usize>| index.map(|index| short(index + 1));
            let shown = safe_text::lines(change.value());
            lines.push(DiffLineView {
                sort: match change.tag() {
                    ChangeTag::Delete => DiffSort::Gone,
                    ChangeTag::Insert => DiffSort::New,
                    ChangeTag::Equal => DiffSort::Same,
                },
                before: number(change.old_index()),
                after: number(change.new_index()),
                text: shown.into_iter().next().unwrap_or_default(),
            });
        }
    }
    let total = diff.ops().last().map_or(0, |op| op.old_range().end);
    lines.extend(skipped(total.saturating_sub(shown_to)));
    lines
}

fn skipped(count: usize) -> Option<DiffLineView> {
    let words = match count {
        0 => return None,
        1 => "1 line alike".to_owned(),
        more => format!("{more} lines alike"),
    };
    Some(DiffLineView {
        sort: DiffSort::Skipped,
        before: None,
        after: None,
        text: plain(words),
    })
}

/// Words of our own.
pub(crate) fn plain(text: String) -> SafeText {
    SafeText {
        spans: vec![crate::view::Span::Plain { text }],
    }
}

/// The difference in one sentence.
fn words(rules: &[RuleDifferenceView], files: &[FileDifferenceView]) -> String {
    let of = |wanted: fn(&RuleDifferenceView) -> bool, verbs: [&str; 2]| {
        let ids: Vec<&str> = rules
            .iter()
            .filter(|rule| wanted(rule))
            .map(|rule| rule.id.as_str())
            .collect();
        let verb = match ids.len() {
            0 => return None,
            1 => verbs[0],
            _ => verbs[1],
        };
        Some(format!("{} {verb}", named(&ids)))
    };
    let sorts = [
        of(|rule| rule.before.is_none(), ["comes", "come"]),
        of(|rule| rule.after.is_none(), ["goes", "go"]),
        of(
            |rule| rule.before.is_some() && rule.after.is_some(),
            ["changes", "change"],
        ),
    ];
    let sorts: Vec<String> = sorts.into_iter().flatten().collect();
    if !sorts.is_empty() {
        return format!("{}.", sorts.join("; "));
    }
    if files.is_empty() {
        return "Nothing differs.".to_owned();
    }
    "No policy differs; only what stands around them, or their tests.".to_owned()
}

pub(crate) fn named(ids: &[&str]) -> String {
    if ids.len() <= MOST_NAMED {
        return ids.join(", ");
    }
    format!(
        "{} and {} more",
        ids[..MOST_NAMED].join(", "),
        ids.len() - MOST_NAMED
    )
}

pub(crate) fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The same with a capital letter.
pub(crate) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_policy::starter;
    use vidimus_protocol::entry::Profile;

    fn text(policy: &str) -> PolicyText {
        let file = PolicyFile {
            name: "policy.cedar".into(),
            text: policy.into(),
        };
        PolicyText::new(vec![file]).unwrap()
    }

    fn set(text: &PolicyText) -> Set {
        Set::parse(text, Profile::Team, "policy/1").unwrap()
    }

    fn starter_text() -> String {
        starter(Profile::Team).remove(0).text
    }

    #[test]
    fn a_rule_is_read_without_knowing_cedar() {
        let set = set(&text(&starter_text()));
        let says = |id: &str| rule(set.rule(id).unwrap()).says;
        assert_eq!(
            says("everyone-proposes"),
            "It may be proposed, and waits for 1 person, also in advance by a standing grant."
        );
        assert_eq!(says("reads-pass"), "It runs without a person.");
        assert_eq!(says("not-a-flood"), "It is refused.");
        assert_eq!(says("reviewers-decide"), "The person may approve it.");
        let first = &rules(&set)[0];
        assert_eq!(
            (first.id.as_str(), first.line > 1),
            ("everyone-proposes", true)
        );
    }

    #[test]
    fn a_difference_names_policies_and_lines() {
        let before = starter_text();
        let after = before
            .replace("@ttl(\"1h\")", "@ttl(\"2h\")")
            .replace("\"not-a-flood\"", "\"no-flood\"");
        let (before, after) = (text(&before), text(&after));
        let sets = (set(&before), set(&after));
        let found = difference(
            (Some(&before), Some(&sets.0)),
            (Some(&after), Some(&sets.1)),
        );
        assert_eq!(
            found.words,
            "no-flood comes; not-a-flood goes; changes-say-why changes."
        );
        let lines = &found.files[0].lines;
        assert_eq!(lines[0].sort, DiffSort::Skipped);
        let new: Vec<_> = lines
            .iter()
            .filter(|line| line.sort == DiffSort::New)
            .collect();
        assert_eq!(new.len(), 2);
        assert_eq!(new[0].text, plain("@ttl(\"2h\")".into()));
        assert_eq!(lines.last().unwrap().sort, DiffSort::Skipped);
    }

    #[test]
    fn what_hides_in_a_policy_is_counted() {
        let before = text(&starter_text());
        let after = text(&format!("// \u{202e}\n{}", starter_text()));
        let (old, new) = (set(&before), set(&after));
        let found = difference((Some(&before), Some(&old)), (Some(&after), Some(&new)));
        assert!(found.rules.is_empty(), "{found:?}");
        assert!(found.words.starts_with("No policy differs"));
        assert_eq!((found.marks, marks(&after)), (1, 1));
        let same = difference((Some(&before), Some(&old)), (Some(&before), Some(&old)));
        assert_eq!(same.words, "Nothing differs.");
    }

    #[test]
    fn whoever_forbids_says_what_is_forbidden() {
        let forbids = format!(
            "{}\n@id(\"none\") forbid (principal, action, resource) when {{ context.kind == \"sql\" }};",
            starter_text()
        );
        let text = text(&forbids);
        let none = set(&text);
        assert_eq!(
            rule(none.rule("none").unwrap()).says,
            "It is refused, and it does not run without a person, and the person may not approve it."
        );
    }
}
