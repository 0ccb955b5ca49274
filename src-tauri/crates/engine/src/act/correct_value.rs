//! Corrects a value of the profile that the run froze. A wrong cluster, job name or version pattern
//! otherwise leaves the run without a way on.

use greenlight_types::{ErrorCode, FactKind, Failure, RunEvent, RunState, RunView, Status};

use super::{Decision, Situation, Then, refuse};
use crate::{fold, phase::changing, profile};

pub(crate) fn decide(now: &Situation<'_>, key: &str, value: &str, reason: &str) -> Result<Decision, Failure> {
    let view = now.view;
    if view.state == RunState::Ended {
        return Err(refuse(&format!("correct a value of a {} that has ended", view.kind())));
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(bad("correct a value without a reason", "reason", "Write why the value was wrong."));
    }
    let busy = [Status::Running, Status::InDoubt].into_iter().find_map(|status| changing(view, status).next());
    if let Some(step) = busy {
        return Err(
            refuse("correct a value now").because(format!("\u{201c}{}\u{201d} is not over", step.definition.title))
        );
    }
    if let Some(why) = fixed_by(view, key) {
        return Err(refuse("correct this value any more").because(why));
    }
    let mut corrected = view.profile.clone();
    profile::correct_value(&mut corrected, key, value)?;
    let named = |all: Vec<greenlight_types::ProfileValue>| all.into_iter().find(|one| one.key == key);
    let (Some(old), Some(new)) = (named(profile::values(&view.profile)), named(profile::values(&corrected))) else {
        return Err(bad("correct this value", "key", "The profile has no such value."));
    };
    if old.value == new.value {
        return Err(bad("correct a value to the same value", "value", "Enter another value than the present one."));
    }
    let (key, label, reason) = (key.to_owned(), old.label, reason.to_owned());
    let event =
        RunEvent::ValueCorrected { key, label, old: old.value, new: new.value, reason, profile: Box::new(corrected) };
    // Plans that were shown used the old value.
    Ok(Decision { events: vec![event.into()], then: Then::DropPlans })
}

/// Why a value counts for the whole run by now: the outside world was changed with it.
fn fixed_by(view: &RunView, key: &str) -> Option<&'static str> {
    let is_known = |kind| fold::is_known(view, kind);
    match key {
        "github.workflow" | "github.inputs" if is_known(FactKind::BuildStarted) => {
            Some("the build was started with it")
        }
        "aws.cluster" | "aws.service" if is_known(FactKind::BuildStarted) => {
            Some("the build was started for that service")
        }
        "site.checks" if !view.checks.is_empty() => Some("checks of the site were answered"),
        _ => None,
    }
}

fn bad(summary: &str, field: &str, problem: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, summary).with("field", field).with("problem", problem)
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Fact, LearnedFact, StepId, StepState, Timestamp};

    use super::*;
    use crate::act::test_support::{Desk, checking, code, deploying, ended, set};

    fn correct(view: RunView, key: &str, value: &str, reason: &str) -> Result<Decision, Failure> {
        decide(&Desk::new(view).now(), key, value, reason)
    }

    #[test]
    fn records_old_and_new_value_with_the_whole_profile() {
        let mut view = deploying();
        view.profile.github.build_job = "build".into();
        let decision = correct(view, "github.build_job", " package ", "GitHub calls it so").expect("allowed");
        assert_eq!(decision.then, Then::DropPlans);
        let RunEvent::ValueCorrected { old, new, reason, profile, .. } = decision.only_run_event() else {
            panic!("a correction")
        };
        assert_eq!((old.as_str(), new.as_str(), reason.as_str()), ("build", "package", "GitHub calls it so"));
        assert_eq!(profile.github.build_job, "package");
    }

    #[test]
    fn refuses_what_changes_nothing_or_is_no_such_value() {
        let mut view = deploying();
        view.profile.github.build_job = "build".into();
        for (key, value, reason) in [
            ("github.build_job", "build", "the same"),
            ("github.build_job", "package", " "),
            ("github.build_job", "", "empty"),
            ("site.version_pattern", "no group", "not a pattern"),
            ("git.main", "main", "a value of the runbook"),
        ] {
            assert_eq!(code(correct(view.clone(), key, value, reason)), ErrorCode::BadInput, "{key}={value:?}");
        }
    }

    #[test]
    fn refuses_while_a_changing_step_is_not_over() {
        for state in [StepState::Running, StepState::InDoubt { doubt: String::new() }] {
            let view = set(deploying(), StepId::BackUp, state);
            assert_eq!(code(correct(view, "github.build_job", "package", "why")), ErrorCode::NotAllowedNow);
        }
        for (view, step) in [(deploying(), StepId::FollowBuild), (checking(), StepId::CheckSite)] {
            let view = set(view, step, StepState::Running);
            assert!(correct(view, "site.version_pattern", "v([0-9.]+)", "why").is_ok(), "{step:?}");
        }
    }

    #[test]
    fn refuses_after_the_end_and_once_the_value_was_used() {
        assert_eq!(code(correct(ended(), "github.build_job", "package", "why")), ErrorCode::NotAllowedNow);
        let mut view = deploying();
        assert!(correct(view.clone(), "aws.cluster", "other", "why").is_ok());
        let fact =
            Fact::BuildStarted { build: "1".into(), url: String::new(), sent_at: Timestamp::EPOCH, commit: "c".into() };
        view.facts.push(LearnedFact { at: Timestamp::EPOCH, fact });
        for key in ["aws.cluster", "aws.service", "github.workflow"] {
            assert_eq!(code(correct(view.clone(), key, "other", "why")), ErrorCode::NotAllowedNow, "{key}");
        }
        assert!(correct(view, "site.version_pattern", "v([0-9.]+)", "why").is_ok());
    }
}
