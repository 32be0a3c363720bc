//! The manual page, made from the definition of the command line, so that the
//! two cannot differ. `cargo xtask package` calls this.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::Arguments;

/// Prints the page.
///
/// # Errors
/// When nobody takes it.
pub(crate) fn print() -> io::Result<()> {
    io::stdout().write_all(&page()?)
}

fn page() -> io::Result<Vec<u8>> {
    // As `--help` has it: with the words that options want.
    let usage = Arguments::command().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(Arguments::command().override_usage(usage))
        .source(concat!("Vidimus ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]).text([roman(
        "The console shows what your agents want to run, asks for your key when you decide, and keeps its own \
         verified copy of the ledger. It carries the gateway that the agents ask, so only one of the console and ",
    )]);
    roff.text([
        bold("vidimus gateway --personal"),
        roman(" runs at a time."),
    ]);
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["FILES"]);
    roff.control("TP", [])
        .text([bold("$XDG_DATA_HOME/vidimus/")]);
    roff.text([roman(
        "The ledger, the console's copy of it, and keys. Usually ~/.local/share/vidimus/.",
    )]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("vidimus"), roman("(1),")]);
    roff.text([bold("vidimus-exec"), roman("(1),")]);
    roff.text([bold("vidimus-gateway"), roman("(1)")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_options_and_not_itself() {
        let page = page().expect("writing into memory does not fail");
        let page = String::from_utf8(page).expect("a page is text");
        assert!(page.contains("\\-\\-home"), "{page}");
        assert!(!page.contains("\\-\\-manual"), "{page}");
    }
}
