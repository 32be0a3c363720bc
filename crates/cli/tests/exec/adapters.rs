//! Commands of which more is made, with the real programs.

use std::path::Path;
use std::process::{Command, Stdio};

use vidimus_protocol::action::{Action, Payload, StatementClass};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::place::{Ended, Place};
use crate::postgres::Postgres;

pub fn proposed(gateway: &Gateway) -> Action {
    let world = gateway.world();
    let proposal = world.proposals.last().expect("a proposal");
    Action::parse(&proposal.payload.bytes.0).unwrap()
}

/// Proposes without waiting, and lets it be approved after `meanwhile`.
pub fn approved_after(
    gateway: &Gateway,
    place: &Place,
    words: &[&str],
    meanwhile: impl FnOnce(),
) -> Ended {
    gateway.world().decide = Decide::Nothing;
    place
        .exec(&[&["--no-wait"], words].concat())
        .expect(115, "is proposed");
    let action = gateway.world().proposals.last().unwrap().action;
    meanwhile();
    approve_next(gateway);
    place.exec(&["--resume", &action.to_string()])
}

/// The tests' gateway redeems once.
pub fn approve_next(gateway: &Gateway) {
    let mut world = gateway.world();
    world.decide = Decide::Approve;
    world.redemptions = 0;
}

pub fn run(folder: &Path, line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

pub fn commit(folder: &Path, text: &str) -> String {
    std::fs::write(folder.join("file"), text).unwrap();
    run(folder, "git add file");
    run(
        folder,
        &format!("git -c user.name=Ada -c user.email=a@b.c commit --quiet --message {text}"),
    );
    run(folder, "git rev-parse HEAD")
}

/// A repository in the working folder with one commit pushed and one not.
pub fn repository(place: &Place) -> (String, String) {
    run(&place.work(), "git init --quiet --bare remote.git");
    run(&place.work(), "git init --quiet --initial-branch main here");
    let here = place.work().join("here");
    run(
        &here,
        &format!(
            "git remote add origin {}",
            place.work().join("remote.git").display()
        ),
    );
    let first = commit(&here, "first");
    run(&here, "git push --quiet origin main");
    (first, commit(&here, "second"))
}

pub fn remote_main(place: &Place) -> String {
    run(&place.work(), "git -C remote.git rev-parse refs/heads/main")
}

#[test]
fn a_push_moves_what_was_shown_and_nothing_that_came_later() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let (first, second) = repository(&place);
    let here = place.work().join("here");
    let push = ["--", "git", "-C", "here", "push", "origin", "main"];
    let ended = approved_after(&gateway, &place, &push, || {
        commit(&here, "third");
        run(&here, "git remote set-url --push origin /nowhere");
    });
    ended.expect(0, "approved by Ada");
    assert_eq!(
        remote_main(&place),
        second,
        "neither the third, nor elsewhere"
    );
    let Payload::GitPush(push) = proposed(&gateway).payload else {
        panic!("it is a push");
    };
    let [one] = push.refs.as_slice() else {
        panic!("one reference: {:?}", push.refs);
    };
    assert_eq!(one.name, "refs/heads/main");
    assert_eq!((&one.old, &one.new), (&Some(first), &Some(second.clone())));
    assert_eq!((one.lost, one.more), (0, 0));
    assert_eq!(one.commits.len(), 1);
    assert_eq!(
        (&*one.commits[0].subject, &*one.commits[0].author),
        ("second", "Ada")
    );
    assert_eq!(one.commits[0].id, second);
    assert!(push.remote.ends_with("/remote.git"));
}

#[test]
fn a_push_to_what_has_moved_since_wants_a_new_review() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let (_, second) = repository(&place);
    let here = place.work().join("here");
    let rewritten = || {
        run(&here, "git reset --quiet --hard HEAD~1");
        commit(&here, "other")
    };
    let other = rewritten();
    run(
        &here,
        &format!("git push --quiet origin {second}:refs/heads/main"),
    );
    run(&here, "git fetch --quiet origin");
    // Without force git would refuse it, so nobody is asked.
    place
        .exec(&["--", "git", "-C", "here", "push", "origin", "main"])
        .expect(2, "Updates were rejected");
    assert!(gateway.world().proposals.is_empty());
    let force = [
        "--", "git", "-C", "here", "push", "--force", "origin", "main",
    ];
    let ended = approved_after(&gateway, &place, &force, || {
        run(
            &place.work(),
            &format!("git -C remote.git update-ref refs/heads/main {second}~1"),
        );
    });
    ended.expect(116, "`refs/heads/main` of the remote: now");
    assert_ne!(remote_main(&place), other);
    let Payload::GitPush(push) = proposed(&gateway).payload else {
        panic!("it is a push");
    };
    assert_eq!(push.refs[0].lost, 1, "the reviewer sees what is lost");
}

#[test]
fn a_file_is_written_as_shown_and_only_over_what_was_shown() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    place.write("app.conf", "workers 2\n");
    place.write("new.conf", "workers 8\n");
    let copy = ["--", "cp", "new.conf", "app.conf"];
    place.exec(&copy).expect(0, "the file is written");
    let read = || std::fs::read_to_string(place.work().join("app.conf")).unwrap();
    assert_eq!(read(), "workers 8\n");
    let Payload::FileChange(change) = proposed(&gateway).payload else {
        panic!("it is a change of a file");
    };
    assert_eq!(change.before.unwrap().text.as_deref(), Some("workers 2\n"));
    assert_eq!(gateway.world().reports[0].outcome, Outcome::Succeeded {});

    place.write("new.conf", "workers 9\n");
    let ended = approved_after(&gateway, &place, &copy, || {
        place.write("app.conf", "mine\n")
    });
    ended.expect(116, "before it is written");
    assert_eq!(read(), "mine\n");
    // What is written was sealed when it was proposed.
    let ended = approved_after(&gateway, &place, &copy, || {
        place.write("new.conf", "evil\n")
    });
    ended.expect(0, "the file is written");
    assert_eq!(read(), "workers 9\n");
    let plain = ["--plain", "--", "cp", "new.conf", "app.conf"];
    approve_next(&gateway);
    place.exec(&plain).expect(0, "approved by Ada");
    assert!(proposed(&gateway).command().is_some());
}

#[test]
fn sql_is_shown_with_its_plans_and_a_file_of_it_cannot_change() {
    let postgres = Postgres::start();
    postgres.sql("CREATE TABLE orders (id int, paid bool)");
    postgres.sql("INSERT INTO orders VALUES (1, false), (2, false)");
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let connection = postgres.arguments();
    let psql = |words: &[&str]| -> Vec<String> {
        let head = ["--", "psql"].iter().chain(words);
        head.map(ToString::to_string)
            .chain(connection.clone())
            .collect()
    };
    let exec = |words: &[String]| {
        approve_next(&gateway);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        place.exec(&words)
    };
    exec(&psql(&[
        "-c",
        "UPDATE orders SET paid = true WHERE id = 1; DELETE FROM orders WHERE id = 2",
    ]))
    .expect(0, "approved by Ada");
    assert_eq!(postgres.sql("SELECT id, paid FROM orders"), "1|t");
    let Payload::Sql(sql) = proposed(&gateway).payload else {
        panic!("it is SQL");
    };
    assert!(
        sql.database.as_ref().unwrap().ends_with("/postgres"),
        "{sql:?}"
    );
    let classes: Vec<_> = sql.statements.iter().map(|one| one.class).collect();
    assert_eq!(classes, [StatementClass::Write, StatementClass::Delete]);
    assert!(
        sql.statements[0]
            .plan
            .as_ref()
            .unwrap()
            .contains("Update on orders")
    );
    assert!(sql.command.argv.contains(&"--no-psqlrc".into()));

    place.write("a.sql", "INSERT INTO orders VALUES (7, true);\n");
    let words = psql(&["-f", "a.sql"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let ended = approved_after(&gateway, &place, &words, || {
        place.write("a.sql", "DROP TABLE orders;\n");
    });
    // The file is another, so a new review is wanted.
    ended.expect(116, "");
    assert_eq!(postgres.sql("SELECT count(*) FROM orders"), "1");
    approve_next(&gateway);
    place.write("a.sql", "INSERT INTO orders VALUES (7, true);\n");
    place.exec(&words).expect(0, "approved by Ada");
    assert_eq!(postgres.sql("SELECT count(*) FROM orders"), "2");

    exec(&psql(&["-c", "\\! touch evil"])).expect(2, "--plain");
    assert!(!place.exists("evil"));
    // An error ends it, and the outcome says so.
    exec(&psql(&["-c", "SELECT nonsense"])).expect(1, "approved by Ada");
}

#[test]
fn the_database_is_asked_before_and_never_changed_by_that() {
    let postgres = Postgres::start();
    postgres.sql("CREATE TABLE t (a int)");
    let gateway = Gateway::start(Decide::Deny("no"));
    let place = Place::connected(&gateway);
    let connection = postgres.arguments();
    let words = [
        "--",
        "psql",
        "-c",
        "INSERT INTO t SELECT 1; EXPLAIN ANALYZE INSERT INTO t SELECT 2",
    ];
    let connection: Vec<_> = connection.iter().map(String::as_str).collect();
    place
        .exec(&[&words[..], &connection].concat())
        .expect(110, "no");
    assert_eq!(postgres.sql("SELECT count(*) FROM t"), "0");
    let Payload::Sql(sql) = proposed(&gateway).payload else {
        panic!("it is SQL");
    };
    assert!(sql.statements[0].plan.is_some());
    drop(postgres);
    place
        .exec(&[&words[..], &connection].concat())
        .expect(110, "not reachable");
}

const RESOURCES: &str = r#"
variable "secret" {
  type      = string
  sensitive = true
}
variable "size" {
  type = number
}
resource "terraform_data" "web" {
  input = { size = var.size, password = var.secret }
}
"#;

/// A working folder with Terraform in it.
pub struct Terraform<'a>(&'a Place);

impl<'a> Terraform<'a> {
    pub fn init(place: &'a Place) -> Self {
        place.write("main.tf", RESOURCES);
        run(&place.work(), "terraform init -input=false -no-color");
        Self(place)
    }

    pub fn exec(&self, words: &[&str]) -> Ended {
        let mut command = self.0.command(words);
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.output().unwrap().into()
    }

    pub fn state(&self) -> String {
        std::fs::read_to_string(self.0.work().join("terraform.tfstate")).unwrap_or_default()
    }

    pub fn plans(&self) -> usize {
        let kept = self.0.home.exec_dir().read_dir().unwrap();
        let plan = |name: &str| name.contains("tfplan");
        kept.filter(|one| plan(&one.as_ref().unwrap().file_name().to_string_lossy()))
            .count()
    }
}

#[test]
fn a_plan_is_made_shown_without_secrets_and_applied() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    let apply = [
        "--",
        "terraform",
        "apply",
        "-auto-approve",
        "-var",
        "size=2",
        "-var",
        "secret=hunter2",
    ];
    here.exec(&apply).expect(0, "terraform_data.web: create");
    assert!(here.state().contains("hunter2"), "it was applied");
    assert_eq!(here.plans(), 0, "the plan with its secrets is gone");
    let action = proposed(&gateway);
    let text = String::from_utf8(action.to_bytes()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let Payload::TerraformPlan(plan) = action.payload else {
        panic!("it is a plan");
    };
    assert_eq!(plan.changes.len(), 1);
    let after = plan.changes[0].after.as_ref().unwrap();
    assert!(after.contains("(sensitive value)"), "{after}");
    assert!(
        plan.command
            .files
            .iter()
            .any(|file| file.file.path.ends_with(".tfplan"))
    );

    here.exec(&apply).expect(2, "there is nothing to apply");
}

#[test]
fn a_plan_that_would_do_something_else_by_now_is_not_applied() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    let apply = [
        "--no-wait",
        "--",
        "terraform",
        "apply",
        "-var",
        "size=2",
        "-var",
        "secret=a",
    ];
    here.exec(&apply).expect(115, "is proposed");
    let action = gateway.world().proposals.last().unwrap().action;
    run(
        &place.work(),
        "terraform apply -auto-approve -input=false -no-color -var size=1 -var secret=b",
    );
    let before = here.state();
    gateway.world().decide = Decide::Approve;
    let ended = here.exec(&["--resume", &action.to_string()]);
    ended.expect(
        116,
        "`terraform_data.web` would change otherwise than approved",
    );
    assert_eq!(here.state(), before);
}
