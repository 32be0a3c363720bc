//! A change in the proposer's own JSON: which key paths differ.

use serde_json::Value;
use vidimus_protocol::action::{Change, Target};
use vidimus_protocol::diff;

use crate::safe_text;
use crate::view::{ChangeView, Difference, SafeText};

/// Most differences that are listed one by one. The whole stands below them.
const MOST: usize = 200;

/// The change, with what differs first.
pub(super) fn view(change: &Change, target: &Target) -> ChangeView {
    let mut found = diff::of_json(change.before.as_ref(), change.after.as_ref());
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    ChangeView {
        operation: safe_text::code(&change.operation),
        system: safe_text::code(&target.system),
        resource: safe_text::code(&target.resource),
        environment: safe_text::code(&target.environment),
        differences: found
            .into_iter()
            .map(|(path, before, after)| Difference {
                path: safe_text::code(&path),
                before: before.map(short),
                after: after.map(short),
            })
            .collect(),
        more_differences: u32::try_from(more).unwrap_or(u32::MAX),
        before: change.before.as_ref().map(whole),
        after: change.after.as_ref().map(whole),
    }
}

/// Marks in it. The differences are made of the same text as the whole.
pub(super) fn marks(view: &ChangeView) -> u32 {
    let lines = [&view.before, &view.after].into_iter().flatten().flatten();
    [
        &view.operation,
        &view.system,
        &view.resource,
        &view.environment,
    ]
    .into_iter()
    .chain(lines)
    .map(SafeText::marks)
    .fold(0, u32::saturating_add)
}

fn short(value: &Value) -> SafeText {
    safe_text::code(&value.to_string())
}

fn whole(value: &Value) -> Vec<SafeText> {
    safe_text::lines(&format!("{value:#}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn target() -> Target {
        Target {
            environment: "production".into(),
            resource: "db-1".into(),
            system: "cloud".into(),
        }
    }

    fn differences(before: Option<Value>, after: Option<Value>) -> Vec<[String; 3]> {
        let change = Change {
            after,
            before,
            operation: "set".into(),
        };
        let text = |text: &SafeText| crate::render::tests::plain(text);
        let side = |side: &Option<SafeText>| side.as_ref().map_or_else(String::new, text);
        view(&change, &target())
            .differences
            .iter()
            .map(|row| [text(&row.path), side(&row.before), side(&row.after)])
            .collect()
    }

    #[test]
    fn only_what_differs_is_listed_by_its_path() {
        let before = json!({"a": {"b": 1, "same": [1]}, "list": [1, 2], "old": true});
        let after = json!({"a": {"b": 2, "same": [1]}, "list": [1, 3, 4], "new.key": "x"});
        assert_eq!(
            differences(Some(before), Some(after)),
            [
                ["a.b", "1", "2"],
                ["list[1]", "2", "3"],
                ["list[2]", "", "4"],
                ["\"new.key\"", "", "\"x\""],
                ["old", "true", ""],
            ]
        );
    }

    #[test]
    fn another_sort_of_value_is_one_difference() {
        assert_eq!(
            differences(Some(json!({"a": [1]})), Some(json!({"a": {"0": 1}}))),
            [["a", "[1]", "{\"0\":1}"]]
        );
        assert_eq!(differences(None, Some(json!([1]))), [["", "", "[1]"]]);
    }

    #[test]
    fn nothing_is_cut_off_silently() {
        let before: Vec<u32> = (0..300).collect();
        let after: Vec<u32> = (1..301).collect();
        let change = Change {
            after: Some(json!(after)),
            before: Some(json!(before)),
            operation: "shift".into(),
        };
        let view = view(&change, &target());
        assert_eq!((view.differences.len(), view.more_differences), (200, 100));
        assert_eq!(view.before.unwrap().len(), 302);
    }

    #[test]
    fn marks_are_counted_once() {
        let change = Change {
            after: Some(json!({"na\u{202e}me": "x\u{200b}"})),
            before: None,
            operation: "set".into(),
        };
        assert_eq!(marks(&view(&change, &target())), 2);
    }
}
