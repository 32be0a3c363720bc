//! What keeps Cedar within a stack: its parser, validator and evaluator walk a
//! policy by recursion. A text beyond these bounds is refused before Cedar sees
//! it, and Cedar works on a stack on which everything within them has room, on
//! every thread: so a set that is right is evaluated everywhere alike.
//!
//! Spec: `docs/spec/policy.md#text`.

/// Most brackets of a policy that are open at a time.
pub const MAX_NESTING: usize = 32;
/// Most brackets and operators of a policy.
pub const MAX_OPERATORS: usize = 1000;

/// Stack that Cedar has. What nobody touches of it takes no memory.
const STACK: usize = 32 << 20;
/// What a new stack has beside, so that work within work needs no other one.
const MORE: usize = 1 << 20;

/// Runs what hands a policy to Cedar, or takes one apart, with [`STACK`] left.
pub(crate) fn on_deep_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK, STACK + MORE, work)
}

/// Where a text goes beyond the bounds, and what to do.
pub(crate) fn beyond(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let (mut at, mut operators) = (0, 0);
    while at < bytes.len() {
        let token = &bytes[at..at + length_of_token(&bytes[at..])];
        match token {
            b"(" => open.push(b')'),
            b"[" => open.push(b']'),
            b"{" => open.push(b'}'),
            // What closes nothing that is open makes nothing less deep.
            [close @ (b')' | b']' | b'}')] if open.last() == Some(close) => {
                open.pop();
            }
            b";" => {
                open.clear();
                operators = 0;
            }
            _ => {}
        }
        operators += usize::from(counts(token));
        if open.len() > MAX_NESTING {
            return Some((
                at,
                format!(
                    "more than {MAX_NESTING} brackets are open here: split the policy into several"
                ),
            ));
        }
        if operators > MAX_OPERATORS {
            return Some((
                at,
                format!(
                    "here are more than {MAX_OPERATORS} brackets and operators in one policy: split it into several"
                ),
            ));
        }
        at += token.len();
    }
    None
}

/// Length of the token at the beginning, at least 1. Bytes of a character
/// beyond ASCII are tokens of their own: Cedar has none with them but strings.
fn length_of_token(text: &[u8]) -> usize {
    let while_ = |fits: fn(u8) -> bool| {
        let end = text.iter().position(|byte| !fits(*byte));
        end.unwrap_or(text.len())
    };
    match text {
        [b'"', rest @ ..] => {
            let mut escaped = false;
            let end = rest.iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            end.map_or(text.len(), |end| end + 2)
        }
        [b'/', b'/', ..] => while_(|byte| !matches!(byte, b'\n' | b'\r')),
        [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
            while_(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        }
        [b'=' | b'!' | b'<' | b'>', b'=', ..] | [b'|', b'|', ..] | [b'&', b'&', ..] => 2,
        _ => 1,
    }
}

/// Whether an expression can be one deeper for this token.
fn counts(token: &[u8]) -> bool {
    matches!(
        token,
        b"(" | b"["
            | b"{"
            | b"."
            | b"!"
            | b"-"
            | b"+"
            | b"*"
            | b"/"
            | b"%"
            | b"<"
            | b">"
            | b"="
            | b"=="
            | b"!="
            | b"<="
            | b">="
            | b"||"
            | b"&&"
            | b"if"
            | b"in"
            | b"is"
            | b"has"
            | b"like"
            | b"when"
            | b"unless"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Option<usize> {
        beyond(text).map(|(at, _)| at)
    }

    #[test]
    fn what_is_deep_is_found_where_it_goes_too_far() {
        for open in ["(", "[", "{"] {
            assert_eq!(at(&open.repeat(MAX_NESTING)), None);
            let deeper = format!("é {}", open.repeat(MAX_NESTING + 1));
            assert_eq!(at(&deeper), Some(3 + MAX_NESTING), "{open}");
        }
        // What closes something else closes nothing.
        assert!(at(&"[)".repeat(MAX_NESTING + 1)).is_some());
        assert_eq!(at(&"(())".repeat(MAX_NESTING + 1)), None);
        assert_eq!(at(&format!("{};", "(".repeat(20)).repeat(3)), None);
    }

    #[test]
    fn what_makes_deeper_is_counted_of_each_policy() {
        for one in [
            "||", "&&", "==", "!=", "<=", ">=", "<", ">", "=", "!", "-", "+", "*", "/", "%", "a.",
            "()", "[]", "{}", " if ", " in", " is", " has", " like", " when", " unless",
        ] {
            // Apart, so that two are not read as one.
            let one = format!("{one} ");
            assert_eq!(at(&one.repeat(MAX_OPERATORS)), None, "{one}");
            assert!(at(&one.repeat(MAX_OPERATORS + 1)).is_some(), "{one}");
            let half = one.repeat(MAX_OPERATORS / 2 + 1);
            assert_eq!(at(&format!("{half};{half}")), None, "{one}");
        }
        for none in ["a ", "1 ", ", ", ":: ", "then ", "iff ", "in_ ", "é"] {
            assert_eq!(at(&none.repeat(MAX_OPERATORS + 1)), None, "{none}");
        }
    }

    #[test]
    fn strings_and_comments_hide_nothing_but_themselves() {
        let deep = "(".repeat(MAX_NESTING + 1);
        for hidden in [
            format!("\"{deep}\""),
            format!("\"\\\"{deep}\""),
            format!("// {deep}"),
            format!("// \" {deep}\n"),
            format!("\"{deep}"),
        ] {
            assert_eq!(at(&hidden), None, "{hidden}");
        }
        for seen in [
            format!("\"\\\\\"{deep}"),
            format!("\"//\"{deep}"),
            format!("// \"\n{deep}"),
            format!("// \r{deep}"),
            format!("/ /{deep}"),
            format!("é{deep}é"),
        ] {
            assert!(at(&seen).is_some(), "{seen}");
        }
    }
}
