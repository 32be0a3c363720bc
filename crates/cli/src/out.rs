//! The one place that prints. Answers go to standard output, everything else
//! to standard error; a stream that is closed is no reason to fail.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use serde::Serialize;
pub(crate) use vidimus_executor::text::{quote, quote_all, visible};
use vidimus_protocol::strict;

/// Prints a line of the answer.
pub(crate) fn answer(line: &str) {
    writeln!(stdout(), "{line}").ok();
}

/// Prints the one JSON document that is the whole answer.
pub(crate) fn document(document: &impl Serialize) {
    let mut bytes = strict::canonical(document);
    bytes.push(b'\n');
    stdout().write_all(&bytes).ok();
}

/// Says something to whoever started the command.
pub(crate) fn say(line: &str) {
    writeln!(stderr(), "vidimus: {line}").ok();
}

/// Says something without the program's name in front.
pub(crate) fn detail(line: &str) {
    writeln!(stderr(), "{line}").ok();
}

/// Writes over the current line of a terminal. Empty text clears it.
pub(crate) fn status(line: &str) {
    let mut stderr = stderr();
    write!(stderr, "\r\x1b[K{line}").ok();
    stderr.flush().ok();
}

/// Says something where a line of [`status`] may stand.
pub(crate) fn note(line: &str) {
    if on_terminal() {
        status("");
    }
    say(line);
}

/// Whether somebody watches standard error.
pub(crate) fn on_terminal() -> bool {
    stderr().is_terminal()
}

/// Paints text of the answer, when a terminal shows it and colour is wanted.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    let wanted = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted {
        format!("\x1b[{}m{text}\x1b[0m", colour as u8)
    } else {
        text.to_owned()
    }
}

/// Colours, by their number.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}
