//! `git push`, with the real git: what is asked before, what is shown, and
//! what moves.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use vidimus_protocol::action::{GitPush, Payload};

use crate::adapters::{approved_after, commit, proposed, remote_main, repository, run};
use crate::gateway::{Decide, Gateway};
use crate::place::{Ended, Place};

const PUSH: [&str; 6] = ["--", "git", "-C", "here", "push", "origin"];

fn push(gateway: &Gateway) -> GitPush {
    match proposed(gateway).payload {
        Payload::GitPush(push) => *push,
        other => panic!("{other:?}"),
    }
}

/// Sets what a configuration of more than two words takes.
fn set(place: &Place, name: &str, value: &str) {
    let set = Command::new("git")
        .args(["-C", "here", "config", "--add", name, value])
        .current_dir(place.work())
        .status();
    assert!(set.unwrap().success());
}

/// Proposes a push and waits for nobody.
fn propose(place: &Place, words: &[&str]) -> Ended {
    place.exec(&[&["--no-wait"], &PUSH[..], words].concat())
}

#[test]
fn a_program_of_the_agents_own_is_asked_nothing() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    std::fs::create_dir(place.work().join("bin")).unwrap();
    for name in ["git", "psql", "terraform"] {
        place.write(name, "#!/bin/sh\nenv > asked\n");
        place.write(&format!("bin/{name}"), "#!/bin/sh\nenv > asked\n");
        let own = format!("./{name}");
        let arguments: &[&str] = match name {
            "git" => &["push", "o", "m"],
            "psql" => &["-c", "SELECT 1"],
            _ => &["apply"],
        };
        for program in [own.as_str(), name] {
            let head = ["--no-wait", "--secret", "TOKEN", "--", program];
            let mut command = place.command(&[&head[..], arguments].concat());
            let path = format!("{}/bin:/usr/bin:/bin", place.work().display());
            let ended = command.env("TOKEN", "s3cret").env("PATH", path).output();
            Ended::from(ended.unwrap()).expect(115, "is proposed");
            assert!(!place.exists("asked"), "{program} was started");
            let Payload::Command(command) = proposed(&gateway).payload else {
                panic!("a plain command");
            };
            assert_eq!(command.argv[0], program);
        }
    }
}

/// A server that wants a password, until the test ends.
fn asks_for_a_password() -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let _read = stream.read(&mut [0; 4096]).unwrap();
            let answer = "HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    format!("http://{address}/x.git")
}

#[test]
fn what_a_repository_names_does_not_run_before_somebody_decides() {
    let gateway = Gateway::start(Decide::Nothing);
    let http = asks_for_a_password();
    let mut ran = Vec::new();
    let of_url = format!("credential.{}.helper", http.trim_end_matches("/x.git"));
    for (what, url, name) in [
        (
            "ssh",
            Some("ssh://git@127.0.0.1:9/x.git"),
            "core.sshCommand",
        ),
        ("helper", Some(http.as_str()), "credential.helper"),
        ("askpass", Some(http.as_str()), "core.askPass"),
        ("of a URL", Some(http.as_str()), &of_url),
        ("proxy", Some("git://127.0.0.1:9/x.git"), "core.gitProxy"),
        ("transport", Some("evil::x/y"), "core.pager"),
        ("receive-pack", None, "remote.origin.receivepack"),
        ("upload-pack", None, "remote.origin.uploadpack"),
        ("monitor", None, "core.fsmonitor"),
    ] {
        let place = Place::connected(&gateway);
        repository(&place);
        place.write("evil.sh", "#!/bin/sh\nenv > ../evil\nenv > evil\nexit 1\n");
        place.write("git-remote-evil", "#!/bin/sh\nenv > ../evil\nenv > evil\n");
        let program = place.work().join("evil.sh");
        let program = match what {
            "helper" | "of a URL" => format!("!{}", program.display()),
            _ => program.display().to_string(),
        };
        set(&place, name, &program);
        if let Some(url) = url {
            run(
                &place.work().join("here"),
                &format!("git remote set-url origin {url}"),
            );
        }
        let words = ["--no-wait", "--secret", "TOKEN"];
        let words = [&words[..], &PUSH, &["main"]].concat();
        let mut command = place.command(&words);
        let path = format!("/usr/bin:/bin:{}", place.work().display());
        let ended: Ended = command
            .envs([("TOKEN", "s3cret"), ("PATH", &path)])
            .output()
            .unwrap()
            .into();
        let code = if url.is_some() { 2 } else { 115 };
        ended.expect(code, "");
        if place.exists("evil") || place.exists("here/evil") {
            ran.push(what);
        }
    }
    assert!(ran.is_empty(), "{ran:?}");
    assert!(gateway.world().proposals.len() == 3, "only what answered");
}

#[test]
fn a_credential_helper_of_the_users_own_is_asked() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    repository(&place);
    let http = asks_for_a_password();
    place.write("helper.sh", "#!/bin/sh\necho \"$TOKEN\" > ../asked\n");
    let helper = place.work().join("helper.sh");
    place.write(
        ".gitconfig",
        &format!(
            "[credential \"{}\"]\n\thelper = !{}\n",
            http.trim_end_matches("/x.git"),
            helper.display()
        ),
    );
    let here = place.work().join("here");
    run(&here, &format!("git remote set-url origin {http}"));
    let words = ["--secret", "TOKEN"];
    let mut command = place.command(&[&words[..], &PUSH, &["main"]].concat());
    let home = place.work();
    let ended = command.env("HOME", home).env("TOKEN", "s3cret").output();
    let ended = Ended::from(ended.unwrap());
    ended.expect(2, "failed");
    let asked = std::fs::read_to_string(place.work().join("asked")).expect(&ended.stderr);
    assert_eq!(asked, "\n", "without the command's secrets");
}

#[test]
fn where_it_goes_cannot_be_turned_by_a_setting() {
    let gateway = Gateway::start(Decide::Nothing);
    for section in [
        "url.EVIL.pushInsteadOf",
        "url.EVIL.insteadOf",
        "remote.GOOD.pushurl",
    ] {
        let place = Place::connected(&gateway);
        let (first, _) = repository(&place);
        let folder = place.work();
        run(&folder, "git init --quiet --bare evil.git");
        let (good, evil) = (folder.join("remote.git"), folder.join("evil.git"));
        let (good, evil) = (good.to_str().unwrap(), evil.to_str().unwrap());
        let turn = || {
            let name = section.replace("EVIL", evil).replace("GOOD", good);
            let value = if section.starts_with("url") {
                good
            } else {
                evil
            };
            set(&place, &name, value);
        };
        let ended = approved_after(&gateway, &place, &[&PUSH[..], &["main"]].concat(), turn);
        ended.expect(116, "--plain");
        assert_eq!(remote_main(&place), first);
        assert_eq!(run(&folder, "git -C evil.git for-each-ref"), "");
        // Nor is such a push proposed.
        propose(&place, &["main"]).expect(2, "--plain");
    }
}

#[test]
fn commits_are_shown_that_the_folder_would_hide() {
    let gateway = Gateway::start(Decide::Nothing);
    let subjects = |gateway: &Gateway| -> Vec<String> {
        let commits = push(gateway).refs.swap_remove(0).commits;
        commits.into_iter().map(|one| one.subject).collect()
    };
    type Hide = fn(&Place, [&str; 3]);
    let hides: [(&str, Hide); 4] = [
        ("replace", |place, [first, _, third]| {
            let here = place.work().join("here");
            run(&here, &format!("git replace --graft {third} {first}"));
        }),
        ("grafts", |place, [first, _, third]| {
            let grafts = format!("{third} {first}\n");
            place.write("here/.git/info/grafts", &grafts);
        }),
        ("shallow", |place, [_, _, third]| {
            place.write("here/.git/shallow", &format!("{third}\n"));
        }),
        ("commit-graph", |place, [first, _, third]| {
            let here = place.work().join("here");
            let graph = here.join(".git/objects/info/commit-graph");
            run(&here, "git commit-graph write --reachable");
            // Its parents are positions: those of the third become the first's.
            let mut bytes = std::fs::read(&graph).unwrap();
            forge_parents(&mut bytes, first, third);
            std::fs::remove_file(&graph).unwrap();
            std::fs::write(&graph, bytes).unwrap();
        }),
    ];
    let mut hidden = Vec::new();
    for (what, hide) in hides {
        let place = Place::connected(&gateway);
        let (first, second) = repository(&place);
        let third = commit(&place.work().join("here"), "third");
        hide(&place, [&first, &second, &third]);
        propose(&place, &["main"]).expect(115, "is proposed");
        let one = &push(&gateway).refs[0];
        if subjects(&gateway) != ["third", "second"] || (one.lost, one.more) != (0, 0) {
            hidden.push(what);
        }
    }
    assert!(hidden.is_empty(), "{hidden:?}");
    // A new branch: whatever this folder says of other remotes.
    let place = Place::connected(&gateway);
    repository(&place);
    let here = place.work().join("here");
    run(&here, "git update-ref refs/remotes/x/y HEAD");
    propose(&place, &["main:topic"]).expect(115, "is proposed");
    assert_eq!(subjects(&gateway), ["second"]);
}

/// Gives a commit another parent in a commit-graph (`gitformat-commit-graph`).
fn forge_parents(graph: &mut [u8], parent: &str, of: &str) {
    let number = |bytes: &[u8]| usize::from_be_bytes(bytes.try_into().unwrap());
    let chunk = |name: &[u8; 4]| {
        let at = graph.windows(4).position(|four| four == name).unwrap();
        number(&graph[at + 4..at + 12])
    };
    let (fanout, ids, data) = (chunk(b"OIDF"), chunk(b"OIDL"), chunk(b"CDAT"));
    let count = &graph[fanout + 255 * 4..fanout + 256 * 4];
    let count = u32::from_be_bytes(count.try_into().unwrap()) as usize;
    let position = |id: &str| {
        let hex = |at: usize| {
            let id = &graph[ids + at * 20..ids + at * 20 + 20];
            id.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        (0..count).find(|at| hex(*at) == id).unwrap()
    };
    let (parent, of) = (position(parent), position(of));
    let at = data + of * 36 + 20;
    graph[at..at + 4].copy_from_slice(&u32::try_from(parent).unwrap().to_be_bytes());
}

#[test]
fn nothing_else_goes_with_it() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let (_, second) = repository(&place);
    let ended = approved_after(&gateway, &place, &[&PUSH[..], &["main"]].concat(), || {
        set(&place, "push.followTags", "true");
        set(&place, "push.pushOption", "evil");
        set(&place, "push.recurseSubmodules", "only");
        let here = place.work().join("here");
        run(
            &here,
            "git -c user.name=A -c user.email=a@b.c tag -a v1 -m v1",
        );
    });
    ended.expect(0, "approved by Ada");
    assert_eq!(remote_main(&place), second);
    let refs = run(
        &place.work(),
        "git -C remote.git for-each-ref --format=%(refname)",
    );
    assert_eq!(refs, "refs/heads/main");
}

#[test]
fn what_a_deleted_branch_loses_is_counted() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let (first, second) = repository(&place);
    let here = place.work().join("here");
    run(&here, "git push --quiet origin main:topic");
    propose(&place, &[":topic"]).expect(115, "1 lost");
    let one = push(&gateway).refs.swap_remove(0);
    assert_eq!((one.new, one.old.as_ref()), (None, Some(&second)));
    assert_eq!((one.lost, one.commits.len()), (1, 0), "main has the first");
    assert_ne!(first, second);
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    repository(&place);
    let here = place.work().join("here");
    let propose = |words: &[&str]| propose(&place, words);
    run(&here, "git push --quiet origin main");
    propose(&["main"]).expect(2, "everything is up to date");
    propose(&["main", "-c"]).expect(2, "--plain");
    let config = ["--", "git", "-c", "a.b=c", "-C", "here", "push"];
    place.exec(&config).expect(2, "--plain");
    let steered = ["--env", "GIT_DIR"];
    let mut steered = place.command(&[&steered[..], &PUSH].concat());
    let steered: Ended = steered.env("GIT_DIR", "x").output().unwrap().into();
    steered.expect(2, "`GIT_DIR`");

    run(
        &place.work(),
        "git clone --quiet --branch main remote.git there",
    );
    commit(&place.work().join("there"), "theirs");
    run(&place.work(), "git -C there push --quiet");
    commit(&here, "mine");
    propose(&["--force", "main"]).expect(2, "git fetch");

    run(&here, "git remote set-url --add --push origin /one/x.git");
    run(&here, "git remote set-url --add --push origin /two/x.git");
    propose(&["main"]).expect(2, "2 places");
    run(&here, "git remote remove origin");
    propose(&["main"]).expect(2, "no remote");
    let url = [
        "--",
        "git",
        "-C",
        "here",
        "push",
        "https://ghp_x@127.0.0.1/x",
        "main",
    ];
    place.exec(&url).expect(2, "credential");
    assert!(gateway.world().proposals.is_empty());
}
