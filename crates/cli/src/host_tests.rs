#![allow(clippy::unwrap_used)]
use super::*;
use crate::args::HookClient;

const HOSTS: [HookClient; 3] = [HookClient::Claude, HookClient::Codex, HookClient::Copilot];

fn entry(host: &Host) -> Entry {
    Entry {
        words: ["/opt/my tools/vidimus", "hook", "--client", host.word]
            .map(Into::into)
            .to_vec(),
        timeout_s: 600,
    }
}

fn file(text: Option<&str>) -> HostSettings {
    of(HookClient::Claude.host(), text)
}

fn of(host: &'static Host, text: Option<&str>) -> HostSettings {
    HostSettings {
        host,
        path: "/s.json".into(),
        text: text.map(str::to_owned),
    }
}

/// Indented as nobody would by hand, with hooks of others.
const OTHERS: &str = "{\"model\":\"opus\",   \"env\": {\"A\":\t\"b\"},\n    \"hooks\": {\n      \"PreToolUse\": [\n        {\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"lint\"}]}\n      ],\n      \"Stop\": [{\"hooks\": []}]\n    },\n  \"z\": [1,2 ,3]\n}";

#[test]
fn an_entry_comes_once_and_goes_without_a_trace() {
    let texts = [
        None,
        Some(""),
        Some("{}"),
        Some("{\n  \"hooks\": {}\n}\n"),
        Some(OTHERS),
    ];
    let cases = HOSTS.map(|client| texts.map(|text| (client.host(), text)));
    for (host, text) in cases.into_iter().flatten() {
        let entry = entry(host);
        let before = of(host, text);
        let with = of(host, Some(&before.with(&entry).unwrap()));
        assert_eq!(with.entries().unwrap(), all(host, &entry), "{text:?}");
        assert_eq!(with.with(&entry).unwrap(), with.text.clone().unwrap());
        let newer = Entry {
            timeout_s: 700,
            ..entry
        };
        let changed = of(host, Some(&with.with(&newer).unwrap()));
        assert_eq!(changed.entries().unwrap(), all(host, &newer), "{text:?}");
        let without = of(host, Some(&changed.without().unwrap()));
        assert_eq!(without.entries().unwrap(), []);
        let mut expected = before.value().unwrap();
        if let Some(version) = host.version {
            expected["version"] = version.into();
        }
        if expected["hooks"] == serde_json::json!({}) {
            expected.as_object_mut().unwrap().remove("hooks");
        }
        assert_eq!(without.value().unwrap(), expected, "{text:?}");
        assert_eq!(without.without().unwrap(), without.text.clone().unwrap());
    }
}

#[test]
fn what_others_wrote_stays_byte_for_byte() {
    let with = file(Some(OTHERS))
        .with(&entry(HookClient::Claude.host()))
        .unwrap();
    for piece in [
        "{\"model\":\"opus\",   \"env\": {\"A\":\t\"b\"},\n",
        "{\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"lint\"}]}",
        "\"Stop\": [{\"hooks\": []}]",
        "\"z\": [1,2 ,3]\n}",
    ] {
        assert!(with.contains(piece), "{piece}\n{with}");
    }
    let without = file(Some(&with)).without().unwrap();
    assert_eq!(without.trim_end(), OTHERS);
}

#[test]
fn what_the_host_would_not_read_is_not_touched() {
    for text in [
        "[]",
        "{",
        "{\"a\":1,}",
        "// x\n{}",
        "{\"a\":1,\"a\":2}",
        "{\"hooks\":[]}",
        "{\"hooks\":{\"PreToolUse\":{}}}",
        "null",
        "{} {}",
    ] {
        assert!(
            file(Some(text))
                .with(&entry(HookClient::Claude.host()))
                .is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_new_file_can_be_read_by_whoever_it_is_for() {
    let claude = HookClient::Claude.host();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("new/s.json");
    let settings = HostSettings::read(claude, &path).unwrap();
    assert_eq!(settings.replace("{}").unwrap(), None);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    // It was not there when it was read.
    assert!(settings.replace("{\"a\":1}").is_err());
    let settings = HostSettings::read(claude, &path).unwrap();
    fs::write(&path, "{\"b\":2}").unwrap();
    assert!(settings.replace("{\"a\":1}").is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"b\":2}");
}

#[test]
fn a_file_is_replaced_with_its_rights_and_kept_beside() {
    let claude = HookClient::Claude.host();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("settings.json");
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for number in [1, 2] {
        let settings = HostSettings::read(claude, &link).unwrap();
        let old = settings.text.clone().unwrap();
        let kept = settings
            .replace(&format!("{{\"n\":{number}}}"))
            .unwrap()
            .unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), old);
        for file in [&kept, &path] {
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o777,
                0o640
            );
        }
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":2}");
}

#[test]
fn an_entry_of_ours_is_told_from_others() {
    for client in HOSTS {
        let host = client.host();
        let (_, value) = &all(host, &entry(host))[0];
        assert_eq!(host.ours(value), Some(entry(host)));
        let text = value.to_string();
        let other = text.replace("--client", "--other");
        assert_eq!(host.ours(&serde_json::from_str(&other).unwrap()), None);
    }
}
