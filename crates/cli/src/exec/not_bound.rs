//! What a proposal does not bind, in words. The list is complete: whatever can
//! change what a run does, and is not part of the payload, is named here.

/// What the list depends on.
pub(crate) struct Facts<'a> {
    /// Sentences about single arguments.
    pub(crate) loose: Vec<String>,
    /// Whether arguments name files that are bound by content.
    pub(crate) any_files: bool,
    /// Path of a known interpreter that runs.
    pub(crate) interpreter: Option<&'a str>,
    /// A script that is handed over by its name.
    pub(crate) named_script: Option<&'a str>,
    /// Whether standard input is passed on as it comes.
    pub(crate) inherits_input: bool,
}

/// The list, what is particular to this command first.
pub(crate) fn list(facts: &Facts<'_>) -> Vec<String> {
    let mut words = facts.loose.clone();
    if facts.inherits_input {
        words.push("what arrives on standard input".into());
    }
    if let Some(script) = facts.named_script {
        words.push(format!(
            "the script `{script}` between its last check and its start: it is checked again just before the start, then opened by name"
        ));
    }
    if let Some(interpreter) = facts.interpreter {
        words.push(format!(
            "whatever else `{interpreter}` reads and runs: start-up files, modules, sourced files, code from other arguments"
        ));
    }
    if facts.any_files {
        words.push(
            "files that arguments name, between their last check and their use: they are checked again just before the start, then opened by name".into(),
        );
    }
    words.extend(
        [
            "shared libraries that the program loads, and programs that it starts",
            "files and folders that it reads, beyond those listed, also where an option such as `--file=NAME` names them",
            "the network, and whatever answers there",
            "what `vidimus exec` itself inherits: groups, capabilities, limits, file mode mask, terminal, open descriptors",
            "the machine: kernel, clock, configuration",
        ]
        .map(String::from),
    );
    words
}

/// For an argument whose file is too long.
pub(crate) fn too_long(argument: &str) -> String {
    format!("the content of the file `{argument}`, which is longer than 64 MiB")
}

/// For an argument whose file cannot be read.
pub(crate) fn unreadable(argument: &str) -> String {
    format!("the content of the file `{argument}`, which cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_particular_and_what_never_is_bound() {
        let plain = list(&Facts {
            loose: vec![],
            any_files: false,
            interpreter: None,
            named_script: None,
            inherits_input: false,
        });
        assert_eq!(plain.len(), 5);
        let all = list(&Facts {
            loose: vec![too_long("big.iso")],
            any_files: true,
            interpreter: Some("/bin/sh"),
            named_script: Some("x.js"),
            inherits_input: true,
        });
        assert_eq!(all.len(), 10);
        assert!(all[0].contains("big.iso"));
        assert!(all[1].contains("standard input"));
        assert_eq!(all[5..], plain);
    }
}
