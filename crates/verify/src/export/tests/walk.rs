//! What was verified can be gone through; anything else is refused.

use super::*;

fn root_of(export: &[u8]) -> Digest {
    check(export, None).root.unwrap()
}

#[test]
fn entries_come_with_what_was_before_and_parts_as_wanted() {
    let story = story();
    let export = story.export();
    let mut entries = 0;
    let walked = walk(export.as_slice(), root_of(&export), |before, entry| {
        assert_eq!(before.size(), entry.index);
        entries += 1;
        &["payload"]
    })
    .unwrap();
    assert_eq!(entries, story.size());
    assert_eq!(walked.state().actions().count(), 2);
    let mut found = Vec::new();
    let state = walked
        .parts(|entry, name, bytes| found.push((entry, name.to_owned(), bytes)))
        .unwrap();
    assert_eq!(state.size(), story.size());
    let expected: Vec<_> = story
        .parts()
        .iter()
        .filter(|(_, name, _)| name == "payload")
        .map(|(entry, name, content)| (*entry, name.clone(), content.bytes.0.clone()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn another_file_than_the_verified_is_refused() {
    let export = story().export();
    let root = root_of(&export);
    let go = |export: &[u8]| walk(export, root, |_, _| &["payload"])?.parts(|_, _, _| {});
    assert!(go(&export).is_ok());
    let other = {
        let mut story = Story::new(2, Algorithm::EdDsa);
        story.run();
        story.export()
    };
    let all = lines(&export);
    let without_part = seal(&all[..all.len() - 1]);
    let payload = |line: &Vec<u8>| {
        let named = line.windows(16).any(|at| at == b"\"name\":\"payload\"");
        named && line.starts_with(b"{\"bytes\"")
    };
    let at = all.iter().position(payload).unwrap();
    let changed = change_part(&export, at, |part| part.bytes = Blob(b"{}".to_vec()));
    for changed in [&other, &without_part, &changed, &export[..400].to_vec()] {
        assert!(matches!(go(changed), Err(WalkError::Changed)));
    }
}
