//! One simple command out of a line that a shell would get, or the reason why
//! it is none. Whatever a shell could read in more than one way is none.

/// Characters that stand for themselves in bash and zsh, outside quotes.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character)
}

/// The words of a line that is one simple command: plain words and quoted
/// text, with nothing that a shell would expand, redirect or chain.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    let line = line.trim_matches(' ');
    if let Some(control) = line.chars().find(|character| character.is_control()) {
        return Err(format!("it holds {}", control.escape_unicode()));
    }
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_start_matches(' ');
    }
    let first: &String = words.first().ok_or("it is empty")?;
    if first.contains('=') {
        return Err("it sets a variable".into());
    }
    Ok(words)
}

/// The word at the beginning, and what stands behind it.
fn word(text: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut rest = text;
    let mut quoted = false;
    while let Some(next) = rest.chars().next().filter(|next| *next != ' ') {
        if next == '\'' || next == '"' {
            if quoted {
                return Err("a word has two quoted pieces".into());
            }
            quoted = true;
            let (inside, after) = rest[1..]
                .split_once(next)
                .ok_or_else(|| format!("a {next} is not closed"))?;
            if next == '"'
                && let Some(special) = inside.chars().find(|one| "$`\\!".contains(*one))
            {
                return Err(format!("it has `{special}` in double quotes"));
            }
            word.push_str(inside);
            rest = after;
        } else if is_plain(next) {
            // zsh: a word that begins with `=` is looked up.
            if next == '=' && word.is_empty() {
                return Err("a word begins with `=`".into());
            }
            word.push(next);
            rest = &rest[1..];
        } else {
            return Err(format!("`{next}` is not plain"));
        }
    }
    Ok((word, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn simple_commands_are_taken_apart_as_a_shell_does() {
        for line in [
            "ls",
            "  git log --format='%h %s'  -3 ",
            "grep -rn \"two words\" src/a.rs",
            "find . -name '*.rs'",
            "echo 'a;b|c$d' ''",
        ] {
            let script = format!("for one in {line}; do printf '%s\\n' \"$one\"; done");
            let output = std::process::Command::new("bash")
                .args(["-c", &script])
                .output()
                .unwrap();
            let expected = String::from_utf8(output.stdout).unwrap();
            let mut said = words(line).unwrap().join("\n");
            said.push('\n');
            assert_eq!(said, expected, "{line}");
        }
    }

    #[test]
    fn whatever_a_shell_would_read_further_is_refused() {
        for line in [
            "",
            " ",
            "ls; rm x",
            "ls && rm x",
            "ls | sh",
            "ls & rm x",
            "ls > x",
            "ls < x",
            "ls >> x",
            "ls\nrm x",
            "ls\rrm x",
            "ls\trm",
            "echo $(rm x)",
            "echo `rm x`",
            "echo $HOME",
            "echo \"$HOME\"",
            "echo \"`rm x`\"",
            "echo \"a\\\"b\"",
            "echo a\\ b",
            "ls *",
            "ls ?",
            "ls [a]",
            "ls {a,b}",
            "ls ~",
            "A=b ls",
            "=ls",
            "ls =ls",
            "ls 'a",
            "ls \"a",
            "ls 'a''b'",
            "(ls)",
            "{ ls; }",
            "! ls",
            "ls # x",
            "echo \"!x\"",
            "ls\u{a0}x",
            "ls \u{202e}x",
            "ls ^x",
            "é",
        ] {
            assert!(words(line).is_err(), "{line:?}");
        }
    }
}
