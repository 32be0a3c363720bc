#![allow(clippy::unwrap_used)]
use super::*;
use crate::exec::env::Environment;

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
