//! A terminal window with a shell in it. Lines reach the shell through a pipe
//! of its own, so nothing is lost when the window has not got the focus; the
//! commands themselves have the terminal, as if a person had typed them.

use std::fs::File;
use std::io::Write as _;

use super::process::Process;
use super::session::Session;
use super::until;

/// What the shell does: shows a prompt, takes a line, shows it, runs it, notes
/// its exit code. `$?` is the one of the line before.
const SHELL: &str = r#"code=0
while printf '\033[1;32m$\033[0m ' && IFS= read -r line <&3; do
    printf '%s\n' "$line"
    eval "(exit $code); $line" 3<&-
    code=$?
    echo "$code" >>'CODES'
done 3<'LINES'
"#;

/// Dark, as most terminals are.
pub const BACKGROUND: &str = "#1f2430";

/// An open terminal.
pub struct Terminal<'a> {
    session: &'a Session,
    process: Process,
    lines: File,
    ran: usize,
}

impl<'a> Terminal<'a> {
    /// Opens the window.
    pub async fn open(session: &'a Session, title: &str) -> Self {
        let lines = session.path("terminal-lines");
        let codes = session.path("terminal-codes");
        let shell = session.path("terminal-shell");
        let mut fifo = session.command("mkfifo");
        fifo.arg(&lines);
        session.run(fifo);
        std::fs::write(&codes, "").unwrap();
        let script = SHELL
            .replace("CODES", &codes.display().to_string())
            .replace("LINES", &lines.display().to_string());
        std::fs::write(&shell, script).unwrap();
        let mut command = session.command("xterm");
        command
            .args(["-title", title, "-fa", "DejaVu Sans Mono", "-fs", "11"])
            .args(["-geometry", "110x34", "-b", "14", "+sb"])
            .args(["-bg", BACKGROUND, "-fg", "#d8dee9"])
            // xterm's own red can hardly be read on it.
            .args(["-xrm", "*color1: #ff7b72", "-xrm", "*color2: #7ed492"])
            .args(["-xrm", "*color3: #f2cc60"])
            // Keeps what is shown, to be waited for.
            .args(["-e", "script", "--quiet", "--flush", "--command"])
            .arg(format!("sh '{}'", shell.display()))
            .arg(session.path("terminal-shown"));
        let process = session.start("terminal", command);
        // For reading too: else it would open only once the shell has.
        let lines = File::options().read(true).write(true).open(lines).unwrap();
        let terminal = Self {
            session,
            process,
            lines,
            ran: 0,
        };
        session.wait_for_window(title).await;
        terminal
    }

    /// Enters a line.
    pub fn enter(&mut self, line: &str) {
        assert!(self.process.ended().is_none(), "the terminal was closed");
        self.lines
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
        self.ran += 1;
    }

    /// Waits until the line entered last has ended; gives its exit code.
    pub async fn ended(&self) -> i32 {
        let codes = self.session.path("terminal-codes");
        until("the command in the terminal to end", async || {
            let text = std::fs::read_to_string(&codes).unwrap();
            let code = text.lines().nth(self.ran - 1)?;
            Some(code.parse().unwrap())
        })
        .await
    }

    /// Enters a line and waits for its end.
    pub async fn run(&mut self, line: &str) -> i32 {
        self.enter(line);
        self.ended().await
    }

    /// Waits until this was shown.
    pub async fn says(&self, words: &str) {
        until(&format!("`{words}` in the terminal"), async || {
            self.shown().contains(words).then_some(())
        })
        .await;
    }

    /// All that was shown so far.
    pub fn shown(&self) -> String {
        let bytes = std::fs::read(self.session.path("terminal-shown")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
