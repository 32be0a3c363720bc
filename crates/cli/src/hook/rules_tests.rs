#![allow(clippy::unwrap_used)]
use super::*;
use crate::args::HookClient;
use crate::hook::event::Moment;

fn event(tool: &str, command: &str) -> Event {
    let input = serde_json::json!({"command": command});
    Event {
        session: "s".into(),
        cwd: "/".into(),
        tool: tool.into(),
        call: None,
        input: input.as_object().unwrap().clone(),
        moment: Moment::Before,
    }
}

fn usual() -> Rules {
    Rules::of(HookClient::Claude.host())
}

fn around(program: &str) -> Around {
    Around {
        program: program.into(),
        same_home: true,
        root: Some("/srv/vidimus".into()),
        path: "/usr/bin:/bin".into(),
        variables: vec!["HOME".into(), "GIT_SSL_CAINFO".into()],
        knows_folder: true,
        types: false,
    }
}

fn asks(rules: &Rules, tool: &str, command: &str) -> bool {
    let ruling = rules.ruling(&event(tool, command), &around("/opt/vidimus"));
    matches!(ruling, Ruling::Ask(_))
}

#[test]
fn reads_pass_and_everything_else_asks() {
    let rules = usual();
    for tool in ["Read", "Grep", "Glob", "TodoWrite"] {
        assert!(!asks(&rules, tool, ""), "{tool}");
    }
    for tool in [
        "Write",
        "Edit",
        "MultiEdit",
        "NotebookEdit",
        "WebFetch",
        "PowerShell",
        "Skill",
        "mcp__x__read",
        "read",
        "Read ",
        "SomethingNew",
    ] {
        assert!(asks(&rules, tool, "ls"), "{tool}");
    }
    assert!(!asks(&rules, "Bash", "ls -la src"));
    assert!(asks(&rules, "Bash", "rm -rf src"));
    assert!(asks(&rules, "Bash", "ls; rm -rf src"));
    let mut none = event("Bash", "ls");
    none.input.clear();
    let ruling = rules.ruling(&none, &around("/opt/vidimus"));
    assert!(matches!(ruling, Ruling::Ask(_)));
}

#[test]
fn a_command_only_reads_where_nothing_steers_it() {
    let rules = usual();
    let event = event("Bash", "ls -la");
    let usual = around("/opt/vidimus");
    assert!(matches!(rules.ruling(&event, &usual), Ruling::Pass(_)));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ls"), "").unwrap();
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let mut path = folder.path().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    for other in [
        Around {
            variables: vec!["BASH_ENV".into()],
            ..usual.clone()
        },
        Around {
            variables: vec!["LD_PRELOAD".into()],
            ..usual.clone()
        },
        Around {
            path,
            ..usual.clone()
        },
        Around {
            path: "".into(),
            ..usual.clone()
        },
        Around {
            path: "tools:/usr/bin:/bin".into(),
            ..usual.clone()
        },
    ] {
        assert!(
            matches!(rules.ruling(&event, &other), Ruling::Ask(_)),
            "{other:?}"
        );
    }
}

#[test]
fn a_variable_steers_its_own_program() {
    for (variable, program, steered) in [
        ("GIT_EXTERNAL_DIFF", "git", true),
        ("GIT_DIR", "git", true),
        ("GIT_CONFIG_COUNT", "git", true),
        ("GIT_SSL_CAINFO", "git", false),
        ("GIT_DIR", "ls", false),
        ("RIPGREP_CONFIG_PATH", "rg", true),
        ("RIPGREP_CONFIG_PATH", "ls", false),
        ("ZDOTDIR", "ls", true),
        ("BASH_FUNC_ls%%", "ls", true),
        ("GCONV_PATH", "git", true),
        ("HOME", "ls", false),
    ] {
        assert_eq!(steers(variable, program), steered, "{variable} {program}");
    }
}

#[test]
fn the_settings_add_tools_and_commands_word_by_word() {
    let rules = Rules {
        commands: vec!["cargo check".into(), "npm test *".into()],
        read_only_commands: false,
        tools: vec!["mcp__docs__*".into()],
    };
    rules.check().unwrap();
    for (tool, command) in [
        ("mcp__docs__search", ""),
        ("Bash", "cargo check"),
        ("Bash", "cargo  'check'"),
        ("Bash", "npm test"),
        ("Bash", "npm test -- a"),
    ] {
        assert!(!asks(&rules, tool, command), "{tool} {command}");
    }
    for (tool, command) in [
        ("Read", ""),
        ("mcp__docs2__search", ""),
        ("Bash", "ls"),
        ("Bash", "cargo check --workspace"),
        ("Bash", "cargo checks"),
        ("Bash", "npm testing"),
        ("Bash", "npm test; rm x"),
    ] {
        assert!(asks(&rules, tool, command), "{tool} {command}");
    }
    for bad in ["", "*", " *", "ls; rm", "$x"] {
        let commands = vec![bad.into()];
        let rules = Rules {
            commands,
            ..usual()
        };
        assert!(rules.check().is_err(), "{bad}");
    }
    let tools = vec!["*".into()];
    assert!(Rules { tools, ..usual() }.check().is_err());
}

#[test]
fn our_own_commands_need_no_second_approval_when_they_are_ours() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let program = folder.join("vidimus");
    std::fs::write(&program, "").unwrap();
    let rules = usual();
    let line = |words: &str| words.replace("OUR", program.to_str().unwrap());
    let ruling = |words: &str, around: &Around| rules.ruling(&event("Bash", &line(words)), around);
    let own = around(program.to_str().unwrap());
    for words in [
        "OUR exec -- rm -rf x",
        "OUR exec --why 'because; so' -- sh -c 'rm x'",
        "OUR exec --resume act_1",
        "OUR answer act_1 'it is'",
        "OUR wait act_1",
        "OUR exec -- ls --home x",
    ] {
        assert!(matches!(ruling(words, &own), Ruling::Ours(_)), "{words}");
    }
    for words in [
        "OUR exec -- rm x; rm y",
        "OUR --home /tmp/x exec -- rm x",
        "OUR exec --home /tmp/x -- rm x",
        "OUR exec --home=/tmp/x -- rm x",
        "OUR exec --tls-ca x -- rm x",
        "OUR gateway --personal",
        "OUR uninstall claude",
        "OUR",
        "VIDIMUS_HOME=/tmp OUR exec -- rm x",
        "vidimus exec -- rm x",
        "/bin/sh exec -- rm x",
    ] {
        assert!(matches!(ruling(words, &own), Ruling::Ask(_)), "{words}");
    }
    let found = Around {
        path: folder.into_os_string(),
        ..own.clone()
    };
    assert!(matches!(
        ruling("vidimus exec -- rm x", &found),
        Ruling::Ours(_)
    ));
    let elsewhere = Around {
        same_home: false,
        ..own
    };
    assert!(matches!(
        ruling("OUR exec -- rm x", &elsewhere),
        Ruling::Ask(_)
    ));
    let named = ruling("OUR --home /srv/vidimus exec -- rm x", &elsewhere);
    assert!(matches!(named, Ruling::Ours(_)));
}

#[test]
fn what_depends_on_a_folder_that_nobody_tells_asks() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().canonicalize().unwrap().join("vidimus");
    std::fs::write(&program, "").unwrap();
    let known = around(program.to_str().unwrap());
    let unknown = Around {
        knows_folder: false,
        ..known.clone()
    };
    let mut relative = event("Bash", "./vidimus exec -- rm x");
    relative.cwd = folder.path().into();
    let rules = usual();
    for event in [event("Bash", "git status"), relative] {
        assert!(!matches!(rules.ruling(&event, &known), Ruling::Ask(_)));
        assert!(matches!(rules.ruling(&event, &unknown), Ruling::Ask(_)));
    }
    let typed = Around {
        types: true,
        ..known.clone()
    };
    for (line, asks) in [
        ("git log", true),
        ("git --no-pager log", false),
        ("ls", false),
    ] {
        let ruling = rules.ruling(&event("Bash", line), &typed);
        assert_eq!(matches!(ruling, Ruling::Ask(_)), asks, "{line}");
    }
    for line in ["ls -la", &format!("{} wait act_1", program.display())] {
        let ruling = rules.ruling(&event("Bash", line), &unknown);
        assert!(!matches!(ruling, Ruling::Ask(_)), "{line}");
    }
}
