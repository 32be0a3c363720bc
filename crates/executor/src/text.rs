//! Text of others, for people: in a terminal, in a message, in an error.

/// Text of others for a terminal: control characters, direction marks and
/// invisible characters are written out.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// An argument as a shell would take it.
#[must_use]
pub fn quote(argument: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if argument.chars().any(is_hidden) {
        let escaped: String = argument
            .chars()
            .map(|character| match character {
                '\'' | '\\' => format!("\\{character}"),
                '\n' => "\\n".into(),
                '\t' => "\\t".into(),
                _ if !is_hidden(character) => character.to_string(),
                _ if character.is_ascii() => format!("\\x{:02x}", u32::from(character)),
                _ => format!("\\U{:08x}", u32::from(character)),
            })
            .collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

/// A whole command line.
#[must_use]
pub fn quote_all<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = arguments.into_iter().map(quote).collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(visible("déjà vu 漢字"), "déjà vu 漢字");
        assert_eq!(visible("a\x1b[2Jb\n"), r"a\u{1b}[2Jb\u{a}");
        assert_eq!(visible("\u{202e}evil\u{200b}"), r"\u{202e}evil\u{200b}");
    }

    #[test]
    fn quoting_survives_a_shell() {
        assert_eq!(quote("plain-1.0/x=y"), "plain-1.0/x=y");
        for hard in [
            "",
            "a b",
            "it's",
            "$HOME",
            "a\nb\\'\t\x1b[0m",
            "é\u{202e}x",
            "~",
            "a*",
        ] {
            let script = format!("printf %s {}", quote(hard));
            let output = std::process::Command::new("bash")
                .env("LC_ALL", "C.UTF-8")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), hard, "{script}");
        }
        assert_eq!(quote_all(["ls", "a b"]), "ls 'a b'");
    }
}
