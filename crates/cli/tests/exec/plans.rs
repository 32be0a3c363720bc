//! `terraform apply`: what is shown is what is applied, and nothing of it is
//! left behind.

use vidimus_protocol::action::Payload;
use vidimus_protocol::entry::Outcome;

use crate::adapters::{Terraform, approve_next, proposed, run};
use crate::gateway::{Decide, Gateway};
use crate::place::Place;

const APPLY: [&str; 7] = [
    "--",
    "terraform",
    "apply",
    "-var",
    "size=2",
    "-var",
    "secret=hunter2",
];

/// A saved plan in the folder `x`, and another one here under the same name.
fn saved(place: &Place) -> Terraform<'_> {
    let here = Terraform::init(place);
    let plan = |size: u32, out: &str| {
        let line = format!("terraform plan -var size={size} -var secret=s -out={out}");
        run(&place.work(), &line);
    };
    plan(1, "p.tfplan");
    plan(2, "other.tfplan");
    std::fs::create_dir(place.work().join("x")).unwrap();
    std::fs::copy(place.work().join("main.tf"), place.work().join("x/main.tf")).unwrap();
    run(
        &place.work().join("x"),
        "terraform init -input=false -no-color",
    );
    run(
        &place.work().join("x"),
        "terraform plan -var size=3 -var secret=s -out=p.tfplan",
    );
    here
}

#[test]
fn the_plan_that_is_named_is_the_one_that_is_shown_and_applied() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let here = saved(&place);
    let apply = ["--", "terraform", "-chdir=x", "apply", "p.tfplan"];
    let swap = || {
        std::fs::copy(
            place.work().join("p.tfplan"),
            place.work().join("x/p.tfplan"),
        )
        .unwrap()
    };
    let original = std::fs::read(place.work().join("x/p.tfplan")).unwrap();

    here.exec(&[&["--no-wait"], &apply[..]].concat())
        .expect(115, "is proposed");
    let Payload::TerraformPlan(plan) = proposed(&gateway).payload else {
        panic!("it is a plan");
    };
    assert!(
        plan.changes[0]
            .after
            .as_ref()
            .unwrap()
            .contains("\"size\":3")
    );
    let path = place.work().join("x/p.tfplan").display().to_string();
    assert_eq!(plan.command.argv.last(), Some(&path));
    let [file] = plan.command.files.as_slice() else {
        panic!("one file: {:?}", plan.command.files);
    };
    assert_eq!(
        (&file.file.path, usize::try_from(file.argument).unwrap()),
        (&path, plan.command.argv.len() - 1)
    );
    assert!(
        !plan
            .command
            .not_bound
            .iter()
            .any(|one| one.contains("by name")),
        "{:?}",
        plan.command.not_bound
    );
    swap();
    approve_next(&gateway);
    let action = gateway.world().proposals.last().unwrap().action.to_string();
    here.exec(&["--resume", &action]).expect(116, "argument 4");
    let state = || std::fs::read_to_string(place.work().join("x/terraform.tfstate"));
    assert!(state().is_err(), "nothing was applied");

    // Whoever waits has it sealed already.
    std::fs::write(place.work().join("x/p.tfplan"), original).unwrap();
    gateway.world().decide = Decide::Nothing;
    let proposals = gateway.world().proposals.len();
    let mut waiting = place.command(&apply);
    waiting.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let waiting = waiting.spawn().unwrap();
    gateway.wait("a proposal", |world| world.proposals.len() > proposals);
    swap();
    approve_next(&gateway);
    let ended = crate::place::Ended::from(waiting.wait_with_output().unwrap());
    ended.expect(0, "approved by Ada");
    assert!(state().unwrap().contains("\"size\": 3"));
    // Terraform itself refuses it once it was applied.
    approve_next(&gateway);
    here.exec(&["--", "terraform", "-chdir=x", "apply", &path])
        .expect(1, "");
}

#[test]
fn a_plan_that_was_made_here_is_applied_after_a_resume() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    here.exec(&[&["--no-wait"], &APPLY[..]].concat())
        .expect(115, "is proposed");
    assert_eq!(here.plans(), 1);
    approve_next(&gateway);
    let action = gateway.world().proposals.last().unwrap().action.to_string();
    here.exec(&["--resume", &action])
        .expect(0, "approved by Ada");
    assert!(here.state().contains("hunter2"));
    assert_eq!(here.plans(), 0);
    // With nothing to change there is nothing to propose, nor to keep.
    here.exec(&APPLY).expect(2, "there is nothing to apply");
    assert_eq!(here.plans(), 0);
}

#[test]
fn what_fails_after_the_redemption_tells_no_secret() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    let main = place.work().join("main.tf");
    gateway.world().meanwhile = Some(Box::new(move || std::fs::write(main, "nonsense").unwrap()));
    here.exec(&APPLY).expect(116, "terraform` failed");
    let world = gateway.world();
    let [report] = world.reports.as_slice() else {
        panic!("one report: {:?}", world.reports);
    };
    let why = "what would run was not what was approved any more".to_owned();
    assert_eq!(report.outcome, Outcome::FailedToStart { why });
    drop(world);
    assert_eq!((here.state(), here.plans()), (String::new(), 0));
}

#[test]
fn what_a_plan_does_not_say_is_refused_and_leaves_nothing() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    let mut command = place.command(&[&["--env", "TF_CLI_ARGS_plan"], &APPLY[..]].concat());
    command
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TF_CLI_ARGS_plan", "-refresh=false");
    crate::place::Ended::from(command.output().unwrap()).expect(2, "`TF_CLI_ARGS`");
    here.exec(&[&APPLY[..], &["-target=terraform_data.web"]].concat())
        .expect(2, "--plain");
    let provisioned = "resource \"terraform_data\" \"p\" {\n  provisioner \"local-exec\" {\n    command = \"touch evil\"\n  }\n}\n";
    place.write("more.tf", provisioned);
    here.exec(&APPLY)
        .expect(2, "`terraform_data.p` has a provisioner");
    place.write("more.tf", "nonsense");
    here.exec(&APPLY).expect(2, "terraform` failed");
    assert_eq!(here.plans(), 0);
    assert!(gateway.world().proposals.is_empty());
    assert!(!place.exists("evil"));
}

#[test]
fn what_comes_from_elsewhere_is_shown() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let here = Terraform::init(&place);
    here.exec(&APPLY).expect(0, "approved by Ada");
    let main = std::fs::read_to_string(place.work().join("main.tf")).unwrap();
    let moved = "moved {\n  from = terraform_data.web\n  to   = terraform_data.shop\n}\n";
    place.write("main.tf", &(main.replace("\"web\"", "\"shop\"") + moved));
    approve_next(&gateway);
    here.exec(&APPLY).expect(0, "terraform_data.shop: move");
    assert!(here.state().contains("\"shop\""));
}
