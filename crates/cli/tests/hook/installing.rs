//! `vidimus install`, `doctor` and `uninstall`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;
use crate::place::{Ended, Place};

fn hooked() -> (Gateway, Hooked) {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    (
        gateway,
        Hooked {
            place,
            client: "claude",
        },
    )
}

/// The doctor's word about each thing that it looked at.
fn words(ended: &Ended) -> Vec<(String, String)> {
    let line = |line: &str| {
        let mut words = line
            .split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty());
        (
            words.next().unwrap().to_owned(),
            words.next().unwrap().to_owned(),
        )
    };
    ended.stdout.lines().map(line).collect()
}

fn wrong(ended: &Ended, what: &str) {
    assert_eq!(ended.code, 1, "{ended:?}");
    let found = words(ended);
    assert!(
        found.contains(&("wrong".into(), what.into())),
        "{what} in {ended:?}"
    );
}

#[test]
fn it_is_installed_once_checked_and_taken_out_again() {
    let (_gateway, hooked) = hooked();
    let settings = hooked.settings();
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let before = "{\n    \"model\": \"opus\",\n    \"hooks\": {\"Stop\": []}\n}\n";
    std::fs::write(&settings, before).unwrap();

    let dry = hooked.install(&["--dry-run"]);
    dry.expect(0, "nothing was changed");
    assert!(
        dry.stdout.contains("+") && dry.stdout.contains("onFailure"),
        "{dry:?}"
    );
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), before);
    assert!(!hooked.rules().exists());

    hooked.install(&[]).expect(0, "before-vidimus-1");
    let text = std::fs::read_to_string(&settings).unwrap();
    assert!(
        text.contains("    \"model\": \"opus\",\n") && text.contains("\"Stop\": []"),
        "{text}"
    );
    let kept = settings.with_file_name("settings.json.before-vidimus-1");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), before);
    let mode = std::fs::metadata(hooked.rules())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    hooked.install(&[]).expect(0, "nothing was changed");
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), text);

    let doctor = hooked.about_settings("doctor", &[]);
    doctor.expect(0, "fires and fails closed");
    for what in [
        "settings",
        "program",
        "rules",
        "timeout",
        "gateway",
        "reads pass",
        "nonsense",
        "no gateway",
    ] {
        assert!(
            words(&doctor).contains(&("ok".into(), what.into())),
            "{what} in {doctor:?}"
        );
    }

    hooked
        .about_settings("uninstall", &[])
        .expect(0, "asks nobody");
    let now: Value = serde_json::from_slice(&std::fs::read(&settings).unwrap()).unwrap();
    let then: Value = serde_json::from_str(before).unwrap();
    assert_eq!(now, then);
    hooked
        .about_settings("uninstall", &[])
        .expect(0, "nothing was changed");
    wrong(&hooked.about_settings("doctor", &[]), "settings");
}

#[test]
fn what_people_changed_in_the_rules_stays() {
    let (_gateway, hooked) = hooked();
    hooked.install(&[]).expect(0, "");
    hooked.edit_rules(|rules| {
        rules["wait_s"] = 100.into();
        rules["never_ask"]["commands"] = serde_json::json!(["make check"]);
    });
    hooked.install(&[]).expect(0, "changed");
    let rules = std::fs::read_to_string(hooked.rules()).unwrap();
    assert!(rules.contains("make check"), "{rules}");
    let settings = std::fs::read_to_string(hooked.settings()).unwrap();
    assert!(settings.contains("\"timeout\": 160"), "{settings}");
    hooked.ask(&hooked.bash("make check")).passed();
}

#[test]
fn nothing_is_installed_where_it_could_not_work() {
    let place = Place::empty();
    let hooked = Hooked {
        place,
        client: "claude",
    };
    hooked.install(&[]).expect(117, "no agent is connected");
    assert!(!hooked.settings().exists());

    let (_gateway, hooked) = self::hooked();
    std::fs::create_dir_all(hooked.settings().parent().unwrap()).unwrap();
    for bad in ["{", "// x\n{}", "[]", "{\"hooks\": []}"] {
        std::fs::write(hooked.settings(), bad).unwrap();
        hooked.install(&[]).expect(70, "Nothing was changed");
        assert_eq!(std::fs::read_to_string(hooked.settings()).unwrap(), bad);
    }
}

#[test]
fn the_users_and_the_projects_settings_are_found() {
    let (_gateway, hooked) = hooked();
    let user = hooked.place.work().join("user");
    for (words, path) in [
        (&[][..], user.join(".claude/settings.json")),
        (
            &["--project"],
            hooked.place.work().join(".claude/settings.json"),
        ),
    ] {
        for command in ["install", "doctor"] {
            let mut line = hooked
                .place
                .vidimus(&[&[command, "claude"], words].concat());
            let ended: Ended = line.env("HOME", &user).output().unwrap().into();
            assert_eq!(ended.code, 0, "{ended:?}");
        }
        assert!(path.exists(), "{}", path.display());
    }
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let (gateway, hooked) = hooked();
    hooked.install(&[]).expect(0, "");
    let doctor = || hooked.about_settings("doctor", &[]);
    doctor().expect(0, "");
    let settings = hooked.settings();
    let good = std::fs::read_to_string(&settings).unwrap();
    let program = env!("CARGO_BIN_EXE_vidimus");
    for (from, to, what) in [
        ("\"block\"", "\"continue\"", "settings"),
        ("\"matcher\": \"*\"", "\"matcher\": \"Bash\"", "settings"),
        ("\"timeout\": 600", "\"timeout\": 30", "timeout"),
        (
            "\"timeout\": 600",
            "\"timeout\": 600, \"async\": true",
            "settings",
        ),
        ("\"PostToolUse\"", "\"Other\"", "settings"),
        (program, "/no/such/program", "program"),
        (program, "/bin/true", "nonsense"),
        (program, "/bin/true", "no gateway"),
        (program, "/bin/cat", "reads pass"),
        ("\"--config\"", "\"--confi\"", "rules"),
        (
            "\"hooks\": {",
            "\"disableAllHooks\": true,\n  \"hooks\": {",
            "switches",
        ),
    ] {
        assert!(good.contains(from), "{from} in {good}");
        std::fs::write(&settings, good.replacen(from, to, 1)).unwrap();
        wrong(&doctor(), what);
    }
    std::fs::write(&settings, &good).unwrap();
    gateway.world().faults.unknown_token = true;
    wrong(&doctor(), "gateway");
    gateway.world().faults.unknown_token = false;
    hooked.edit_rules(|rules| rules["v"] = 2.into());
    wrong(&doctor(), "rules");
    assert!(gateway.world().proposals.is_empty(), "it asks nobody");
}

#[test]
fn an_old_host_is_told_apart() {
    let (_gateway, hooked) = hooked();
    hooked.install(&[]).expect(0, "");
    let folder = hooked.place.work().join("bin");
    std::fs::create_dir(&folder).unwrap();
    for (version, code) in [
        ("2.1.294 (Claude Code)", 1),
        ("2.1.330 (Claude Code)", 0),
        ("what", 1),
    ] {
        hooked
            .place
            .write("bin/claude", &format!("#!/bin/sh\necho '{version}'\n"));
        let settings = hooked.settings();
        let mut line =
            hooked
                .place
                .vidimus(&["doctor", "claude", "--settings", settings.to_str().unwrap()]);
        line.env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
            .env("HOME", &folder);
        let ended: Ended = line.output().unwrap().into();
        assert_eq!(ended.code, code, "{ended:?}");
    }
}

#[test]
fn a_command_line_is_explained() {
    let (gateway, hooked) = hooked();
    hooked.install(&[]).expect(0, "");
    for (command, words) in [
        ("git status", "passes: "),
        ("make", "asks: "),
        ("ls; make", "asks: "),
    ] {
        let mut line = hooked
            .place
            .vidimus(&["hook", "--client", "claude", "--explain", command]);
        let ended: Ended = line.output().unwrap().into();
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.starts_with(words), "{command}: {ended:?}");
    }
    assert!(gateway.world().proposals.is_empty());
}

/// With a fake of Codex that says this of each of our hooks.
fn doctor_of_codex(hooked: &Hooked, change: impl Fn(&mut Value)) -> Ended {
    let settings: Value =
        serde_json::from_slice(&std::fs::read(hooked.settings()).unwrap()).unwrap();
    let hooks: Vec<Value> = ["PreToolUse", "PostToolUse"]
        .iter()
        .map(|event| {
            let mut hook = serde_json::json!({
                "command": settings["hooks"][event][0]["hooks"][0]["command"],
                "sourcePath": hooked.settings(),
                "enabled": true,
                "trustStatus": "trusted",
            });
            change(&mut hook);
            hook
        })
        .collect();
    let listed = serde_json::json!({"id": 2, "result": {"data": [{"hooks": hooks}]}});
    std::fs::create_dir_all(hooked.place.work().join("bin")).unwrap();
    hooked.place.write("listed", &listed.to_string());
    hooked.place.write(
        "bin/codex",
        &format!(
            "#!/bin/sh\ncase $1 in --version) echo codex-cli 0.169.0;; app-server) read -r x; read -r x; read -r x; echo '{{\"id\": 1}}'; cat {}/listed; echo;; esac\n",
            hooked.place.work().display()
        ),
    );
    let settings = hooked.settings();
    let words = ["doctor", "codex", "--settings", settings.to_str().unwrap()];
    let mut line = hooked.place.vidimus(&words);
    let bin = hooked.place.work().join("bin");
    line.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("SHELL", "/bin/sh")
        .env("HOME", hooked.place.work());
    line.output().unwrap().into()
}

#[test]
fn the_doctor_asks_codex_whether_it_runs_the_hook() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::of("codex", &gateway, 540);
    let doctor = doctor_of_codex(&hooked, |_| {});
    doctor.expect(0, "fires and fails closed");
    let trusted = ("ok".to_owned(), "trust".to_owned());
    assert!(words(&doctor).contains(&trusted), "{doctor:?}");
    assert!(doctor.stdout.contains("lets through"), "{doctor:?}");
    for (member, value) in [
        ("trustStatus", "untrusted".into()),
        ("trustStatus", "modified".into()),
        ("enabled", false.into()),
        ("command", "other".into()),
        ("sourcePath", "/other".into()),
    ] {
        let doctor = doctor_of_codex(&hooked, |hook| hook[member] = Value::clone(&value));
        wrong(&doctor, "trust");
        assert!(doctor.stdout.contains("/hooks"), "{doctor:?}");
    }
    // Nobody to ask.
    wrong(&hooked.about_settings("doctor", &[]), "trust");
    // What a shell says before the hook does.
    hooked.place.write(".profile", "echo hello\n");
    let doctor = doctor_of_codex(&hooked, |_| {});
    assert!(
        doctor.stdout.contains("does not pass in silence"),
        "{doctor:?}"
    );
}

#[test]
fn the_doctor_finds_what_is_wrong_with_copilot() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::of("copilot", &gateway, 540);
    let doctor = || hooked.about_settings("doctor", &[]);
    doctor().expect(0, "fires and fails closed");
    let settings = hooked.settings();
    let good = std::fs::read_to_string(&settings).unwrap();
    let program = env!("CARGO_BIN_EXE_vidimus");
    for (from, to, what) in [
        ("\"timeoutSec\": 600", "\"timeoutSec\": 30", "timeout"),
        ("\"exec\"", "\"matcher\": \"bash\", \"exec\"", "settings"),
        ("\"PostToolUse\"", "\"Other\"", "settings"),
        (program, "/bin/true", "no gateway"),
        (
            "\"version\": 1",
            "\"version\": 1, \"disableAllHooks\": true",
            "switches",
        ),
    ] {
        assert!(good.contains(from), "{from} in {good}");
        std::fs::write(&settings, good.replacen(from, to, 1)).unwrap();
        wrong(&doctor(), what);
    }
}

#[test]
fn each_host_goes_by_a_file_of_its_own() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    for (client, file, reads) in [
        ("claude", "hooks.json", "Read"),
        ("codex", "hooks-codex.json", "view_image"),
        ("copilot", "hooks-copilot.json", "Read"),
    ] {
        let settings = place.work().join(client);
        let words = ["install", client, "--settings", settings.to_str().unwrap()];
        let ended: Ended = place.vidimus(&words).output().unwrap().into();
        assert_eq!(ended.code, 0, "{ended:?}");
        let rules = std::fs::read(place.home.config().join(file)).unwrap();
        let rules: Value = serde_json::from_slice(&rules).unwrap();
        assert_eq!(rules["never_ask"]["tools"][0], reads, "{client}");
    }
}
