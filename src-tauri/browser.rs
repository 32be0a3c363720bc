//! Opening a page in the person's browser.

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt as _;

/// A starter that fails does so at once; a browser that stays in front does
/// not end at all.
const PATIENCE: Duration = Duration::from_millis(600);

/// Opens a page of the gateway: with `BROWSER` when that is set, else with what
/// the desktop prefers.
///
/// # Errors
/// Why nothing opened, in words.
pub(crate) fn open(url: &str) -> Result<(), String> {
    // It becomes an argument of another program: it must not look like an
    // option of it.
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!("`{url}` is no address of a page"));
    }
    let chosen = env::var("BROWSER").unwrap_or_default();
    let words = words(&chosen, url);
    start(&words)
}

/// The command line. `BROWSER` is a list of commands with `:` in between, with
/// `%s` where the address belongs; the first one counts.
fn words(chosen: &str, url: &str) -> Vec<String> {
    let first = chosen.split(':').map(str::trim).find(|one| !one.is_empty());
    let Some(first) = first else {
        return vec!["xdg-open".into(), url.into()];
    };
    let mut words: Vec<String> = first
        .split_whitespace()
        .map(|word| word.replace("%s", url))
        .collect();
    if !first.contains("%s") {
        words.push(url.into());
    }
    words
}

fn start(words: &[String]) -> Result<(), String> {
    let program = &words[0];
    let mut child = Command::new(program)
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl+C in our terminal is not for the browser.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{program}` does not start: {error}"))?;
    if let Some(status) = ended_within(&mut child, PATIENCE)
        && !status.success()
    {
        return Err(format!("`{program}` ended with {status}"));
    }
    // Somebody has to take its exit code, whenever that comes.
    std::thread::spawn(move || child.wait());
    Ok(())
}

fn ended_within(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        // An error means that it cannot be watched: then it is not known to
        // have failed.
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const URL: &str = "http://localhost:8478/c/1";

    #[test]
    fn the_first_of_the_chosen_browsers_gets_the_address() {
        assert_eq!(words("", URL), ["xdg-open", URL]);
        assert_eq!(words(" : ", URL), ["xdg-open", URL]);
        assert_eq!(words("firefox", URL), ["firefox", URL]);
        assert_eq!(
            words("firefox --private-window %s:lynx", URL),
            ["firefox", "--private-window", URL]
        );
        assert_eq!(words("open-it --url=%s", URL)[1], format!("--url={URL}"));
    }

    #[test]
    fn only_pages_are_opened() {
        for url in ["--help", "file:///etc/passwd", "javascript:0", ""] {
            assert!(open(url).unwrap_err().contains("no address"), "{url}");
        }
    }

    #[test]
    fn a_starter_that_fails_is_told() {
        let told = |words: &[&str]| {
            start(
                &words
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert!(told(&["false"]).unwrap_err().contains("exit status: 1"));
        assert!(
            told(&["/no/such/browser"])
                .unwrap_err()
                .contains("does not start")
        );
        assert_eq!(told(&["true"]), Ok(()));
        assert_eq!(told(&["sleep", "5"]), Ok(()));
    }
}
