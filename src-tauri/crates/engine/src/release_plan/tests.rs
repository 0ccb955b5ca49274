//! Tests of the plan: every step once, every name from the profile, sums, and unknown values.

use greenlight_types::{PersonNeed, StepEvent};

use super::*;
use crate::profile;

/// A product with other names, and with every value.
const MADE_UP: &str = r#"
schema = 1
[product]
id = "harbor"
name = "Harbor"
environment = "live"
environment_name = "Live"
[git]
url = "https://github.com/quayside/harbor.git"
main = "trunk"
branch = "release/{version}"
tag = "harbor-{version}"
version_file = "VERSION.properties"
version_key = "app.version"
version_value = "{version4}"
[github]
repository = "quayside/harbor"
workflow = "ship.yml"
build_job = "image"
actions_page = "https://github.com/quayside/harbor/actions"
[github.inputs]
target = "live-{version}"
[aws]
account = "123456789012"
region = "eu-west-1"
cluster = "quay"
service = "harbor-web"
family = "harbor-live"
container = "web"
image_repository = "harbor"
image_tag = "h-{version}"
log_group = "/quay/harbor"
task_definitions_page = "https://eu-west-1.console.aws.amazon.com/ecs"
[host]
name = "Harbor {version} staging"
address = "203.0.113.9"
port = 2222
user = "deploy"
key_file = "~/.ssh/harbor"
fingerprint = ""
login_shell = "bash -lc"
[backup]
directory = "/srv/backup"
command = "./dump.sh"
become_root = ""
artifact_directory = "/srv/dumps"
artifact_pattern = "harbor-*.sql"
artifact_min_mib = 1
artifact_probe = ""
max_age_minutes = 60
may_skip = true
[migration]
directory = "/srv/migrate"
command = "./up.sh"
probe = ""
[migration.environment]
SETTINGS = "/srv/migrate/live.conf"
[site]
url = "https://harbor.example.org"
version_url = "https://harbor.example.org/about"
version_pattern = "v([0-9.]+)"
checks = [{ id = "a", text = "Sign in" }, { id = "b", text = "Open a berth" }]
[durations]
PushBranch = [1, 2]
BackUp = [5, 6]
DispatchBuild = [1, 1]
FollowBuild = [10, 12]
RunMigration = [3, 4]
[who_to_call]
BackUp = "Ops, 11"
RunMigration = "Ops, 11"
CheckSite = "Rosa, 12"
[restore]
procedure = "Wiki page 7."
minutes = 45
who = "Dana, 13"
[logs]
keep_days = 0
expected_failures = []
"#;

fn rally() -> Profile {
    profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN).expect("the profile")
}

fn made_up() -> Profile {
    profile::parse("harbor.toml", MADE_UP).expect("the profile")
}

fn version() -> Version {
    Version::parse("4.2.0").expect("a version")
}

fn plan_of(profile: &Profile) -> ReleasePlan {
    of_version(profile, &version(), Realm::Production).expect("a plan")
}

fn step(plan: &ReleasePlan, id: StepId) -> &PlannedStep {
    plan.steps.iter().find(|step| step.id == id).expect("the step")
}

/// The value with this label, and whether it is known.
fn value(plan: &ReleasePlan, id: StepId, label: &str) -> (String, bool) {
    let value = step(plan, id).values.iter().find(|value| value.label == label).expect(label);
    (value.value.clone(), value.is_known)
}

fn golden(text: &str) -> Vec<Event> {
    let mut golden: serde_json::Value = serde_json::from_str(text).expect("JSON");
    serde_json::from_value(golden["events"].take()).expect("events")
}

fn released() -> Vec<Event> {
    golden(include_str!("../../../../../tests/golden/fold/released.json"))
}

fn is_deploy_start(event: &Event) -> bool {
    matches!(event.body, EventBody::Run(RunEvent::DeployStarted { .. }))
}

#[test]
fn every_step_is_listed_once_in_order() {
    for profile in [rally(), made_up()] {
        let plan = plan_of(&profile);
        let ids: Vec<StepId> = plan.steps.iter().map(|step| step.id).collect();
        assert_eq!(ids, StepId::ALL);
        let numbers: Vec<Option<u32>> = plan.steps.iter().map(|step| step.number).collect();
        assert_eq!(numbers, (1..=13).map(Some).collect::<Vec<_>>());
        assert!(plan.steps.iter().all(|step| step.phase == step.id.phase() && !step.values.is_empty()));
    }
}

#[test]
fn every_name_comes_from_the_profile() {
    let expected = [
        (StepId::MergeBranch, "release/4.2.0"),
        (StepId::MergeBranch, "trunk"),
        (StepId::SetVersion, "app.version=4.2.0.0"),
        (StepId::SetVersion, "VERSION.properties"),
        (StepId::CreateTag, "harbor-4.2.0"),
        (StepId::PushBranch, "quayside/harbor"),
        (StepId::PushTag, "harbor-4.2.0"),
        (StepId::RegisterTaskDefinition, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/harbor:h-4.2.0"),
        (StepId::RegisterTaskDefinition, "web"),
        (StepId::BackUp, "./dump.sh"),
        (StepId::BackUp, "cd /srv/backup && ./dump.sh"),
        (StepId::BackUp, "Harbor 4.2.0 staging"),
        (StepId::BackUp, "/srv/dumps"),
        (StepId::DispatchBuild, "ship.yml"),
        (StepId::DispatchBuild, "live-4.2.0"),
        (StepId::FollowBuild, "h-4.2.0"),
        (StepId::FollowBuild, "image"),
        (StepId::AwaitDeployPhase, "harbor-web"),
        (StepId::AwaitDeployPhase, "/quay/harbor"),
        (StepId::RunMigration, "cd /srv/migrate && export SETTINGS=/srv/migrate/live.conf && ./up.sh"),
        (StepId::RunMigration, "deploy"),
        (StepId::AwaitRollout, "quay"),
        (StepId::CheckSite, "https://harbor.example.org"),
        (StepId::CheckSite, "Open a berth"),
    ];
    let plan = plan_of(&made_up());
    for (id, name) in expected {
        let is_there = step(&plan, id).values.iter().any(|value| value.is_known && value.value == name);
        assert!(is_there, "{id:?} has no {name}: {:?}", step(&plan, id).values);
    }
    let text = markdown(&plan, Timestamp::EPOCH).to_lowercase();
    assert!(!text.contains("rally") && text.contains("harbor"), "{text}");
    let text = markdown(&plan_of(&rally()), Timestamp::EPOCH).to_lowercase();
    assert!(!text.contains("harbor") && text.contains("rally"), "{text}");
}

#[test]
fn an_unknown_value_says_when_it_is_known() {
    let plan = plan_of(&rally());
    let unknown = |text: &str| (text.to_owned(), false);
    assert_eq!(value(&plan, StepId::DispatchBuild, "Workflow"), unknown("asked in Setup"));
    assert_eq!(value(&plan, StepId::CheckSite, "You check"), unknown("asked in Setup"));
    let address = unknown("asked at Deploy; 18.232.80.102 is proposed");
    assert_eq!(value(&plan, StepId::BackUp, "Address"), address);
    assert_eq!(value(&plan, StepId::FollowBuild, "Build"), unknown("known after the build is started"));
    assert_eq!(value(&plan, StepId::PushBranch, "Commit"), unknown("known after the version number is set"));
    assert!(!plan.is_frozen && plan.told.is_none() && plan.contacts.is_empty());
}

#[test]
fn a_release_without_durations_invents_no_minutes() {
    let plan = plan_of(&Profile { durations: std::collections::BTreeMap::new(), ..rally() });
    assert!(plan.steps.iter().all(|step| step.minutes.is_none()));
    assert_eq!(plan.prepare, Some(PlannedTime { low: 0, high: 0, untimed: 6 }));
    assert_eq!(plan.deploy, PlannedTime { low: 0, high: 0, untimed: 7 });
    let text = markdown(&plan, Timestamp::EPOCH);
    assert!(text.contains("Deploy usually takes: 7 steps whose time is not known"), "{text}");
    assert!(text.contains("| 11 | Migrate the production database | not known |"), "{text}");
}

#[test]
fn a_step_starts_after_the_sum_of_those_before() {
    let plan = plan_of(&made_up());
    let time = |low, high, untimed| PlannedTime { low, high, untimed };
    for (id, expected) in [
        (StepId::MergeBranch, time(0, 0, 0)),
        (StepId::PushBranch, time(0, 0, 3)),
        (StepId::PushTag, time(1, 2, 3)),
        (StepId::BackUp, time(0, 0, 0)),
        (StepId::DispatchBuild, time(5, 6, 0)),
        (StepId::FollowBuild, time(6, 7, 0)),
        (StepId::RunMigration, time(16, 19, 1)),
        (StepId::CheckSite, time(19, 23, 2)),
    ] {
        assert_eq!(step(&plan, id).starts_after, expected, "{id:?}");
    }
    assert_eq!(plan.prepare, Some(time(1, 2, 5)));
    assert_eq!(plan.deploy, time(19, 23, 3));
    let stay = plan.stay.expect("a span");
    assert_eq!((stay.from, stay.until, stay.time), (StepId::DispatchBuild, StepId::CheckSite, time(14, 17, 3)));
}

#[test]
fn a_person_confirms_exactly_the_steps_without_a_way_back() {
    let plan = plan_of(&made_up());
    for step in &plan.steps {
        let is_irreversible = matches!(step.way_back, WayBack::Irreversible { .. });
        assert_eq!(step.person == PersonNeed::Confirms, is_irreversible, "{:?}", step.id);
        assert_eq!(step.changes.is_none(), matches!(step.person, PersonNeed::AppWatches | PersonNeed::Answers));
        assert_eq!(step.is_point_of_no_return, step.id == StepId::RunMigration);
        assert_eq!(step.may_skip, matches!(step.id, StepId::BackUp | StepId::RunMigration), "{:?}", step.id);
    }
    assert!(!step(&plan_of(&rally()), StepId::BackUp).may_skip);
}

#[test]
fn each_contact_is_listed_once() {
    let plan = plan_of(&made_up());
    let contacts: Vec<(&str, Vec<&str>)> = plan
        .contacts
        .iter()
        .map(|contact| (contact.who.as_str(), contact.about.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        contacts,
        [
            ("Ops, 11", vec!["Back up database", "Migrate database"]),
            ("Rosa, 12", vec!["Check the site"]),
            ("Dana, 13", vec!["Restore the database"]),
        ]
    );
}

#[test]
fn a_corrected_value_appears_in_the_plan() {
    let mut events = released();
    events.truncate(events.iter().position(is_deploy_start).expect("a start of Deploy"));
    let last = events.last().expect("an event").clone();
    let mut profile = fold::fold(&events).expect("a view").profile;
    profile::set_value(&mut profile, "aws.service", "the-right-one").expect("a value");
    let corrected = RunEvent::ValueCorrected {
        key: "aws.service".to_owned(),
        label: "ECS service".to_owned(),
        old: "wrong".to_owned(),
        new: "the-right-one".to_owned(),
        reason: "a typing error".to_owned(),
        profile: Box::new(profile),
    };
    events.push(Event { seq: last.seq + 1, body: corrected.into(), ..last });
    let plan = of_run(&events).expect("a plan");
    assert_eq!(value(&plan, StepId::AwaitRollout, "Service"), ("the-right-one".to_owned(), true));
}

#[test]
fn a_run_shows_its_own_values_and_the_steps_that_are_done() {
    let mut events = released();
    events.truncate(events.iter().position(is_deploy_start).expect("a start of Deploy") + 1);
    let EventBody::Run(RunEvent::DeployStarted { staging, told, .. }) = &events[events.len() - 1].body else {
        panic!("the last event");
    };
    let plan = of_run(&events).expect("a plan");
    assert_eq!(value(&plan, StepId::RunMigration, "Address"), (staging.address.clone(), true));
    assert!(value(&plan, StepId::DispatchBuild, "Commit").1);
    assert!(value(&plan, StepId::RegisterTaskDefinition, "Start-up settings").1);
    assert_eq!(plan.told.as_ref().map(|told| told.text.as_str()), Some(told.as_str()));
    for step in &plan.steps {
        assert_eq!(step.done.is_some(), step.phase == Phase::Prepare, "{:?}", step.id);
    }
    assert!(plan.is_frozen && !plan.is_rollback);
}

#[test]
fn an_added_step_has_its_place_and_no_number() {
    let mut events = released();
    events.truncate(events.iter().position(is_deploy_start).expect("a start of Deploy") + 1);
    // The golden run was drafted before that step was made.
    let EventBody::Run(RunEvent::Drafted { version, profile, steps, .. }) = &mut events[0].body else {
        panic!("the draft");
    };
    *steps = crate::steps::definitions(profile, version);
    let last = events.last().expect("an event").clone();
    let offered = StepEvent::Offered { step: StepId::RaiseFailureLimit };
    events.push(Event { seq: last.seq + 1, body: offered.into(), ..last });
    let plan = of_run(&events).expect("a plan");
    let place = plan.steps.iter().position(|step| step.id == StepId::RaiseFailureLimit).expect("the step");
    assert_eq!(plan.steps[place].number, None);
    assert_eq!(plan.steps[place + 1].id, StepId::DispatchBuild);
    assert_eq!(plan.steps.last().and_then(|step| step.number), Some(13));
}

#[test]
fn a_rollback_has_one_step_and_no_prepare() {
    let events = golden(include_str!("../../../../../tests/golden/fold/rolled-back.json"));
    let plan = of_run(&events).expect("a plan");
    assert!(plan.is_rollback && plan.prepare.is_none());
    assert_eq!(plan.steps.iter().map(|step| step.id).collect::<Vec<_>>(), [StepId::RollBack]);
    assert_eq!(plan.stay.expect("a span").from, StepId::RollBack);
    assert!(markdown(&of_run(&events).expect("a plan"), Timestamp::EPOCH).starts_with("# Plan: rollback of "));
}

#[test]
fn the_document_has_every_step_and_both_lines() {
    let plan = plan_of(&made_up());
    let text = markdown(&plan, Timestamp::EPOCH);
    for step in &plan.steps {
        let number = step.number.expect("a number");
        assert!(text.contains(&format!("### {number}. {}", crate::markdown::escape(&step.title))), "{:?}", step.id);
    }
    let at = |part: &str| text.find(part).expect(part);
    assert!(at("## From here someone must stay") < at("### 8. "));
    assert!(at("### 10. ") < at("## From here it cannot be taken back"));
    assert!(at("## From here it cannot be taken back") < at("### 11. "));
    assert!(text.contains("* Where: PRODUCTION") && text.contains("* Who was told: asked at Deploy"));
    assert!(text.contains("About 45 min. Who: Dana, 13."), "{text}");
}

#[test]
fn text_of_the_profile_never_becomes_markdown() {
    let mut profile = made_up();
    profile.site.checks[0].text = "<script>alert(1)</script> [x](http://evil)\n# head".to_owned();
    profile.who_to_call.insert(StepId::BackUp, "| a | `b`".to_owned());
    let text = markdown(&plan_of(&profile), Timestamp::EPOCH);
    for part in ["<script>", "[x](", "\n# head", "| a | `b`"] {
        assert!(!text.contains(part), "{part}");
    }
}

/// The plans that the tests of the page show, in `ui/src/platform/plans`.
fn of_the_page() -> [(&'static str, ReleasePlan); 3] {
    let events = released();
    let prepared = events.iter().position(is_deploy_start).expect("a start of Deploy");
    let rollback = golden(include_str!("../../../../../tests/golden/fold/rolled-back.json"));
    [
        ("version", plan_of(&made_up())),
        ("prepared", of_run(&events[..prepared]).expect("a plan")),
        ("rollback", of_run(&rollback[..1]).expect("a plan")),
    ]
}

#[test]
fn the_page_tests_show_plans_of_the_engine() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/platform/plans");
    for (name, plan) in of_the_page() {
        let path = folder.join(format!("{name}.json"));
        let fresh = serde_json::to_string_pretty(&plan).expect("JSON") + "\n";
        if std::env::var_os("GREENLIGHT_WRITE_MOMENTS").is_some() {
            std::fs::create_dir_all(&folder).expect("the folder");
            std::fs::write(&path, &fresh).expect("the file is written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == fresh, "run GREENLIGHT_WRITE_MOMENTS=1 cargo test -p greenlight-engine page_tests");
    }
}
