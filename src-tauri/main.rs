//! The Vidimus desktop approval console.

use std::process::ExitCode;

#[expect(
    clippy::print_stderr,
    reason = "the only way to say why no window opens"
)]
fn main() -> ExitCode {
    match vidimus_desktop::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vidimus-console: {error:#}");
            ExitCode::FAILURE
        }
    }
}
