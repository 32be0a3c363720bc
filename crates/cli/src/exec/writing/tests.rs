#![allow(clippy::unwrap_used)]
use super::*;
use crate::exec::env::Environment;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// What `argv` in `folder` would write, with `input` on standard input.
fn adapted(folder: &Path, argv: &[&str], input: Option<&str>) -> Result<Option<Writing>, String> {
    let stdin = input.map_or(Input::Null, |text| {
        Input::Bound(Sealed::new(String::new(), text.into()).unwrap())
    });
    adapt(&Wanted {
        argv: argv.iter().map(ToString::to_string).collect(),
        cwd: folder.to_owned(),
        environment: Environment::default(),
        stdin,
        script_by_name: false,
        sealed: None,
        not_bound: Vec::new(),
    })
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

#[test]
fn a_file_is_written_whole_with_the_mode_that_it_had() {
    let (_kept, folder) = folder();
    let file = folder.join("a.conf");
    std::fs::write(&file, "old\n").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let writing = adapted(&folder, &["tee", "a.conf"], Some("new\n"))
        .unwrap()
        .unwrap();
    let Payload::FileChange(change) = writing.action().payload else {
        panic!("it is a change of a file");
    };
    assert_eq!(
        change.before.as_ref().unwrap().text.as_deref(),
        Some("old\n")
    );
    assert_eq!(change.after.text.as_deref(), Some("new\n"));
    assert_eq!(
        (change.after.mode.as_str(), &*change.path),
        ("0640", file.to_str().unwrap())
    );
    assert_eq!(writing.now(), Ok(writing.action()));
    writing.write().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new\n");
    assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o640);
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        1,
        "nothing stays beside it"
    );
}

#[test]
fn what_has_changed_since_is_seen() {
    let (_kept, folder) = folder();
    let file = folder.join("a");
    std::fs::write(&file, "old").unwrap();
    let writing = adapted(&folder, &["tee", "a"], Some("new"))
        .unwrap()
        .unwrap();
    std::fs::write(&file, "other").unwrap();
    assert_ne!(writing.now(), Ok(writing.action()));
    std::fs::write(&file, "old").unwrap();
    assert_eq!(writing.now(), Ok(writing.action()));
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_ne!(writing.now(), Ok(writing.action()), "its mode");
    std::fs::remove_file(&file).unwrap();
    assert_ne!(writing.now(), Ok(writing.action()), "it is gone");
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    assert!(writing.now().is_err(), "it is a link");
}

#[test]
fn a_folder_that_is_swapped_for_a_link_is_not_followed() {
    let (_kept, folder) = folder();
    let (good, evil) = (folder.join("good"), folder.join("evil"));
    std::fs::create_dir(&good).unwrap();
    std::fs::create_dir(&evil).unwrap();
    for name in ["new", "old"] {
        std::fs::write(good.join("old"), "old").unwrap();
        let path = format!("good/{name}");
        let writing = adapted(&folder, &["tee", &path], Some("x"))
            .unwrap()
            .unwrap();
        std::fs::rename(&good, folder.join("moved")).unwrap();
        std::os::unix::fs::symlink(&evil, &good).unwrap();
        let gone = writing.now().unwrap_err();
        assert!(gone[0].contains("was moved"), "{gone:?}");
        // Even in the instant after that was looked at.
        writing.write().unwrap();
        assert_eq!(std::fs::read_dir(&evil).unwrap().count(), 0);
        let text = std::fs::read_to_string(folder.join("moved").join(name));
        assert_eq!(text.unwrap(), "x");
        std::fs::remove_file(&good).unwrap();
        std::fs::rename(folder.join("moved"), &good).unwrap();
    }
}

#[test]
fn modes_are_those_of_a_write_in_place() {
    let (_kept, folder) = folder();
    let file = folder.join("a");
    std::fs::write(&file, "old").unwrap();
    let mode = |mode| std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    let changed = |argv: &[&str], input: Option<&str>| {
        let writing = adapted(&folder, argv, input).unwrap().unwrap();
        let Payload::FileChange(change) = writing.action().payload else {
            panic!("it is a change of a file");
        };
        writing.write().unwrap();
        change
    };
    mode(0o4755);
    let change = changed(&["tee", "a"], Some("new"));
    assert_eq!(
        (&*change.before.unwrap().mode, &*change.after.mode),
        ("4755", "0755")
    );
    assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o755);
    let mask = rustix::process::umask(Mode::from_raw_mode(0o027));
    mode(0o666);
    let (tee, cp) = (
        changed(&["tee", "b"], Some("new")),
        changed(&["cp", "a", "c"], None),
    );
    rustix::process::umask(mask);
    assert_eq!((&*tee.after.mode, &*cp.after.mode), ("0640", "0640"));
}

#[test]
fn the_text_of_a_private_file_is_not_stored() {
    let (_kept, folder) = folder();
    let file = folder.join("key");
    std::fs::write(&file, "old key").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let writing = adapted(&folder, &["tee", "key"], Some("new"))
        .unwrap()
        .unwrap();
    let states = |writing: &Writing| {
        let before = writing.change.before.clone();
        (
            before.and_then(|state| state.text),
            writing.change.after.text.clone(),
        )
    };
    assert_eq!(
        states(&writing),
        (None, Some("new".into())),
        "what is given is seen"
    );
    std::fs::write(folder.join("open"), "open").unwrap();
    let copied = adapted(&folder, &["cp", "key", "open"], None)
        .unwrap()
        .unwrap();
    assert_eq!(states(&copied), (Some("open".into()), None));
    // Nor after a resume.
    let kept = folder.join("kept");
    std::fs::write(&kept, copied.to_keep().unwrap()).unwrap();
    let again = restore(&copied.change, &kept).unwrap();
    assert_eq!(again.action(), copied.action());
    assert_eq!(again.now(), Ok(copied.action()));
}

#[test]
fn what_a_new_file_would_lose_is_refused() {
    let (_kept, folder) = folder();
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::fs::write(folder.join("labelled"), "a").unwrap();
    let label = rustix::fs::setxattr(
        folder.join("labelled"),
        "user.x",
        b"y",
        rustix::fs::XattrFlags::empty(),
    );
    label.unwrap();
    let mut cases = vec![
        ("folder", "is a folder"),
        ("labelled", "extended attributes"),
    ];
    std::fs::write(folder.join("theirs"), "a").unwrap();
    std::fs::write(folder.join("group"), "a").unwrap();
    // Only root can give a file away.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder.join("theirs"), Some(1), None).unwrap();
        std::os::unix::fs::chown(folder.join("group"), None, Some(1)).unwrap();
        cases.extend([
            ("theirs", "another user or group"),
            ("group", "another user or group"),
        ]);
    }
    for (name, why) in cases {
        let refused = adapted(&folder, &["tee", name], Some("x")).unwrap_err();
        assert!(refused.contains(why), "{name}: {refused}");
    }
}

#[test]
fn a_write_that_fails_is_reported_and_leaves_nothing() {
    let (_kept, folder) = folder();
    let writing = adapted(&folder, &["tee", "new"], Some("x"))
        .unwrap()
        .unwrap();
    std::fs::create_dir(folder.join("new")).unwrap();
    let (report, result) = writing.run();
    let why = result.unwrap_err();
    assert!(why.starts_with("the file could not be written"), "{why}");
    assert_eq!(report.outcome, Outcome::Failed { why });
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_file_that_came_meanwhile_is_not_written_over() {
    let (_kept, folder) = folder();
    let writing = adapted(&folder, &["tee", "new"], Some("x"))
        .unwrap()
        .unwrap();
    std::fs::write(folder.join("new"), "somebody else's").unwrap();
    assert!(writing.write().is_err());
    let text = std::fs::read_to_string(folder.join("new")).unwrap();
    assert_eq!(text, "somebody else's");
}

#[test]
fn a_copy_goes_into_a_folder_behind_links_and_keeps_the_mode() {
    let (_kept, folder) = folder();
    std::fs::create_dir(folder.join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.join("link")).unwrap();
    std::fs::write(folder.join("x.sh"), "echo\n").unwrap();
    std::fs::set_permissions(folder.join("x.sh"), Permissions::from_mode(0o755)).unwrap();
    let writing = adapted(&folder, &["cp", "x.sh", "link"], None)
        .unwrap()
        .unwrap();
    let Payload::FileChange(change) = writing.action().payload else {
        panic!("it is a change of a file");
    };
    assert_eq!(change.path, folder.join("real/x.sh").to_str().unwrap());
    assert_eq!((change.after.mode.as_str(), change.before), ("0755", None));
    // What is copied was sealed before.
    std::fs::write(folder.join("x.sh"), "evil\n").unwrap();
    writing.write().unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.join("real/x.sh")).unwrap(),
        "echo\n"
    );
}

#[test]
fn what_is_not_known_in_full_is_left_alone_or_refused() {
    let (_kept, folder) = folder();
    std::fs::write(folder.join("a"), "a").unwrap();
    std::fs::hard_link(folder.join("a"), folder.join("b")).unwrap();
    for argv in [
        &["tee", "-a", "x"][..],
        &["tee", "x", "y"],
        &["cp", "-r", "a", "x"],
        &["cp", "a"],
        &["cp", "none", "x"],
        &["cat", "a"],
    ] {
        assert!(adapted(&folder, argv, None).unwrap().is_none(), "{argv:?}");
    }
    assert!(
        adapted(&folder, &["tee", "x"], None).unwrap().is_none(),
        "no input"
    );
    let refused = adapted(&folder, &["tee", "a"], Some("x")).unwrap_err();
    assert!(refused.contains("hard links"), "{refused}");
    assert!(adapted(&folder, &["tee", "none/x"], Some("x")).is_err());
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
    assert!(adapted(&folder, &["tee", "dangling"], Some("x")).is_err());
}

#[test]
fn what_was_approved_can_be_written_after_a_resume() {
    let (_kept, folder) = folder();
    std::fs::write(folder.join("a"), "old").unwrap();
    let writing = adapted(&folder, &["tee", "a"], Some("new"))
        .unwrap()
        .unwrap();
    let kept = folder.join("kept");
    std::fs::write(&kept, writing.to_keep().unwrap()).unwrap();
    let again = restore(&writing.change, &kept).unwrap();
    assert_eq!(again.action(), writing.action());
    std::fs::write(&kept, "evil").unwrap();
    assert_ne!(
        restore(&writing.change, &kept).unwrap().action(),
        writing.action()
    );
}
