//! Tests of the document: it names everything, and text from outside never becomes Markdown.

use greenlight_types::{
    Actor, ByHand, CheckView, CommitLine, Effect, ErrorCode, LaterRollback, Phase, Role, RunEvent, RunId,
    StagingMachine, StepDefinition, StepId, StepState, Version,
};

use super::*;
use crate::{act::test_support::rollback, profile};

const HOSTILE: &str = "# head\n<script>alert(1)</script> [x](http://evil) | `a`";

fn at(minute: u32) -> Timestamp {
    format!("2026-11-23T09:{minute:02}:00Z").parse().expect("a time")
}

fn plan() -> StepPlan {
    StepPlan {
        step: StepId::RunMigration,
        hash: "abc123".to_owned(),
        lede: HOSTILE.to_owned(),
        button: "Run the migration".to_owned(),
        changes: vec![
            Change::Command { title: "As ec2-user".to_owned(), command: "echo '````'\n./run.sh".to_owned() },
            Change::Commits {
                title: "New".to_owned(),
                commits: vec![CommitLine {
                    id: "0123456789abcdef".to_owned(),
                    summary: HOSTILE.to_owned(),
                    author: "Ada".to_owned(),
                    at: at(0),
                }],
                total: 1,
            },
        ],
        preconditions: Vec::new(),
        question: None,
        notices: Vec::new(),
        already: None,
        follows: false,
        irreversible: true,
        way_back: WayBack::NothingToUndo,
        by_hand: ByHand { lines: Vec::new(), page: None },
        inputs: greenlight_types::PlanInputs::CheckSite,
    }
}

fn step() -> StepView {
    StepView {
        definition: StepDefinition {
            id: StepId::RunMigration,
            phase: Phase::Deploy,
            title: "Migrate the production database".to_owned(),
            short_title: "Migrate database".to_owned(),
            effect: Effect::AtMostOnce,
            role: Role::Changing,
            usual_minutes: None,
            who_to_call: String::new(),
            is_optional: false,
        },
        attempt: 1,
        offered_at: Some(at(1)),
        started_at: Some(at(2)),
        started_by: Some("Ada".to_owned()),
        plan: Some(plan()),
        earlier_failure: None,
        undone_jobs: Vec::new(),
        undone_at: None,
        stop_order: None,
        options: greenlight_types::StepOptions::default(),
        state: StepState::Failed {
            ended_at: at(5),
            failure: Failure::new(ErrorCode::ScriptFailed, "run the migration").because(HOSTILE),
        },
    }
}

/// A step that is done, with text from outside in every place that such a step has.
fn warned_step() -> StepView {
    let step = step();
    StepView {
        definition: StepDefinition { id: StepId::BackUp, title: "Back up".to_owned(), ..step.definition.clone() },
        earlier_failure: step.failure().cloned(),
        state: StepState::Warned { ended_at: at(5), evidence: vec![HOSTILE.to_owned()], warning: HOSTILE.to_owned() },
        ..step
    }
}

fn view() -> RunView {
    let profile = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN).expect("the built-in profile");
    let version = Version::parse("2.1.0").expect("a version");
    RunView {
        id: RunId("run-1".to_owned()),
        seq: 1,
        names: profile.names(&version),
        version,
        profile,
        realm: Realm::Practice,
        rolls_back: None,
        rolled_back: None,
        may_roll_back: false,
        state: RunState::Ended,
        result: Some(RunResult::Stopped),
        end_note: HOSTILE.to_owned(),
        left_behind: vec!["the tag v2.1.0".to_owned()],
        drafted_at: at(0),
        prepare_started_at: None,
        commit_time: None,
        begun: None,
        prepared_at: None,
        deploy_started_at: Some(at(0)),
        ended_at: Some(at(9)),
        staging: None,
        machine_given_up: None,
        lock_refusal: None,
        people: vec!["Ada".to_owned(), "Grace".to_owned()],
        steps: vec![step(), warned_step()],
        facts: Vec::new(),
        answers: Vec::new(),
        checks: vec![CheckView {
            check: "sign-in".to_owned(),
            answer: CheckAnswer::Failed,
            note: HOSTILE.to_owned(),
            person: "Grace".to_owned(),
            at: at(8),
        }],
        may_end: Vec::new(),
        may_start_over: false,
    }
}

fn event(seq: u32, body: RunEvent) -> Event {
    let by = Actor {
        person: "Ada".to_owned(),
        computer: "desk | 7".to_owned(),
        app_version: "0.1.0".to_owned(),
        github_login: None,
        aws_identity: None,
    };
    Event { run: RunId("run-1".to_owned()), seq, at: at(9), by, body: body.into() }
}

fn document() -> String {
    let (result, note) = (RunResult::Stopped, HOSTILE.to_owned());
    markdown(&view(), &[event(1, RunEvent::Ended { result, note, left_behind: Vec::new() })])
}

#[test]
fn the_document_names_result_people_steps_times_plan_and_checks() {
    let text = document();
    for part in [
        "# Rally 2.1.0",
        "PRACTICE",
        "Result: Stopped",
        "Ada, Grace",
        "| Migrate the production database | failed | Ada | 23 Nov 2026, 09:02 UTC | 3 min |",
        "./run.sh",
        "Left behind: the tag v2.1.0",
        "Deploy took: 9 min",
        "Grace, 23 Nov 2026, 09:08 UTC",
        "Failed",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn an_optional_step_that_nobody_chose_is_not_listed() {
    let mut view = view();
    let mut unused = step();
    unused.definition.title = "Let AWS wait longer".to_owned();
    (unused.definition.is_optional, unused.attempt, unused.state) = (true, 0, StepState::NotStarted);
    view.steps.push(unused);
    assert!(!markdown(&view, &[]).contains("Let AWS wait longer"));
    view.steps.iter_mut().for_each(|step| step.definition.is_optional = false);
    assert!(markdown(&view, &[]).contains("Let AWS wait longer"));
}

#[test]
fn text_from_outside_never_becomes_markdown_or_html() {
    let text = document();
    let mut is_in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_in_block = !is_in_block;
        } else if !is_in_block {
            assert!(!line.starts_with("# head"), "{line}");
            for bad in ["<script", "](http"] {
                let is_escaped = line.match_indices(bad).all(|(at, _)| line[..at].ends_with('\\'));
                assert!(is_escaped, "{bad} in {line}");
            }
        }
    }
    let row = text.lines().find(|line| line.starts_with("| 1 |")).expect("the row of the event");
    assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "{row}");
}

#[test]
fn a_fence_in_a_command_does_not_end_its_block() {
    assert!(document().contains("\n`````sh\necho '````'\n./run.sh\n`````\n"), "{}", document());
}

/// The events of a rollback up to its start, which took the lock over from another rollback.
fn start_of_rollback(view: &RunView) -> Vec<Event> {
    let staging =
        StagingMachine { address: "192.0.2.10".to_owned(), ..view.rolls_back.clone().expect("a release").staging };
    let since = at(0);
    let text = |text: &str| text.to_owned();
    let owner = LockOwner {
        run: RunId(text("run-9")),
        person: text("Bob"),
        computer: text("desk-9"),
        version: text("2.0.9"),
        is_rollback: true,
        reason: String::new(),
        since,
        seen: None,
    };
    let (from, reason) = (Some(Box::new(owner)), text("we spoke"));
    let drafted = RunEvent::RollbackDrafted {
        version: view.version.clone(),
        profile: Box::new(view.profile.clone()),
        names: view.names.clone(),
        steps: Vec::new(),
        realm: view.realm,
        rolls_back: Box::new(view.rolls_back.clone().expect("a release")),
    };
    let bodies = [
        drafted,
        RunEvent::LockAcquiring { staging: staging.clone(), from: None, on_machine: None, reason: String::new() },
        RunEvent::LockAcquiring { staging: staging.clone(), from, on_machine: None, reason },
        RunEvent::LockRefused { reason: text("GH013"), from: None, is_accepted: false },
        RunEvent::DeployStarted { staging, told: text("support"), differences: Vec::new() },
    ];
    (1..).zip(bodies).map(|(seq, body)| event(seq, body)).collect()
}

#[test]
fn the_document_of_a_rollback_says_what_it_is() {
    let view = rollback();
    assert!(markdown(&view, &[]).contains("Result: not started"));
    let staging = view.rolls_back.as_ref().map(|release| release.staging.clone());
    let view = RunView { state: RunState::Deploying, deploy_started_at: Some(at(0)), staging, ..view };
    let text = markdown(&view, &start_of_rollback(&view));
    for part in [
        "# Rollback of Rally 2.1.0",
        "Rolls back: the release of run",
        "Result: being rolled back",
        "Rollback started: 23 Nov 2026, 09:00 UTC",
        "drafted the rollback of 2.1.0",
        "| taking the environment |",
        "taking the environment over from Bob on desk-9 (the rollback of 2.0.9, held since",
        "GitHub refuses the environment lock, so no lock guards the environment: GH013",
        "| started the rollback; told: support |",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for part in ["Deploy", "Staging machine", "192.0.2.10"] {
        assert!(!text.contains(part), "{part} is in\n{text}");
    }
}

#[test]
fn the_document_of_a_release_names_its_later_rollback() {
    let later = LaterRollback { run: RunId("run-2".to_owned()), person: "Bob".to_owned(), at: at(30) };
    let view = RunView { result: Some(RunResult::Released), rolled_back: Some(later), ..view() };
    let text = markdown(&view, &[]);
    assert!(text.contains("Rolled back later: by Bob, 23 Nov 2026, 09:30 UTC, run run-2"), "{text}");
    assert!(!document().contains("Rolled back later"));
}
