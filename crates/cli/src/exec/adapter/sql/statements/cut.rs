//! SQL at its semicolons, cut as PostgreSQL and `psql` cut it.
//!
//! Where that hangs on a setting or a version there is no cut at all: a
//! backslash may or may not escape a quote (`standard_conforming_strings`), and
//! a `$` after a letter or a digit is part of a name, a parameter or a quote.
//! Source: "Lexical Structure" in PostgreSQL's manual.

/// One statement, or what stands between two semicolons.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// The same with a blank for each comment, so that no other reader of SQL
    /// takes another view of where one ends.
    pub(super) code: String,
    pub(super) dollar_quoted: bool,
    /// Whether `psql` would look for a variable's value in it.
    pub(super) variable: bool,
}

/// `None` where it could be cut otherwise, or something is not closed.
pub(super) fn cut(sql: &str) -> Option<Vec<Piece<'_>>> {
    if sql.contains(['\\', '\0']) {
        return None;
    }
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    let (mut from, mut at, mut before) = (0, 0, ' ');
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let length = match first {
            '\'' | '"' => closed(rest, &rest[..1])?,
            '-' if rest.starts_with("--") => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest)?,
            '$' => {
                piece.dollar_quoted = true;
                dollar_quoted(rest, before)?
            }
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let token = &rest[..length];
        piece.variable |= token == ":" && names_a_variable(&rest[1..]);
        if token == ";" {
            piece.text = &sql[from..at];
            pieces.push(std::mem::take(&mut piece));
            from = at + 1;
        } else if token.starts_with("--") || token.starts_with("/*") {
            piece.code.push(' ');
        } else {
            piece.code.push_str(token);
        }
        before = token.chars().next_back().unwrap_or(' ');
        at += length;
    }
    piece.text = &sql[from..];
    pieces.push(piece);
    Some(pieces)
}

/// Whether `psql` could find a variable in a text that cannot be cut.
pub(super) fn may_hold_a_variable(sql: &str) -> bool {
    let without_casts = sql.replace("::", " ");
    let mut colons = without_casts.match_indices(':');
    colons.any(|(at, _)| names_a_variable(&without_casts[at + 1..]))
}

/// After a colon. No variable's name begins with a digit but one that is set on
/// the command line, and none is.
fn names_a_variable(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_alphabetic() || !c.is_ascii() || "_'\"{".contains(c))
}

/// The length of what begins and ends with `delimiter`. A doubled quote ends it
/// and begins the next, which comes to the same.
fn closed(rest: &str, delimiter: &str) -> Option<usize> {
    let inside = &rest[delimiter.len()..];
    Some(inside.find(delimiter)? + 2 * delimiter.len())
}

fn dollar_quoted(rest: &str, before: char) -> Option<usize> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if in_name(before) || before == '$' || !before.is_ascii() {
        return None;
    }
    let tag = &rest[1..=rest[1..].find(|c| !in_name(c))?];
    let delimiter = rest.get(..tag.len() + 2)?;
    if tag.starts_with(|c: char| c.is_ascii_digit()) || !delimiter.ends_with('$') {
        return None;
    }
    closed(rest, delimiter)
}

/// The length of a comment, with those inside.
fn comment(rest: &str) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        at += rest[at..].find(['/', '*'])?;
        let step = match &rest[at..] {
            inner if inner.starts_with("/*") => {
                depth += 1;
                2
            }
            inner if inner.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
    }
    Some(at)
}
