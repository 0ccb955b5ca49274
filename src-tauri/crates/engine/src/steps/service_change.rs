//! Changes of the service on AWS that a person chooses: the limit of failed starts, a new
//! deployment, the way back. Each sends one call with one member of the service (INV-E1).

use std::time::Duration;

use greenlight_types::{
    Changed, ErrorCode, Fact, Failure, FailureLimit, Observation, Precondition, Retry, RunView, Status, StepId,
    StepPlan, Timestamp,
};

use parking_lot::Mutex;

use super::{
    production::{Production, check_account, show_and_record, show_condition, with_author},
    refusals::{missing_on_aws, plan_closed},
    run_facts::{our_revision, who_to_call},
    watch,
};
use crate::{
    env_lock, fold,
    ports::{
        BreakerThreshold, CircuitBreaker, Deployment, ServiceDeployment, ServiceDeploymentStatus, ServiceSnapshot,
        TaskDefinition, revision_name,
    },
    rollout::Verdict,
    step::{Outcome, Step, StepContext},
    time,
};

/// Time after which no order is on its way to AWS any more. The connection gives up long before.
const ARRIVES_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_secs(5);

/// The service of the profile.
pub(super) async fn service(cx: &StepContext, run: &RunView) -> Result<ServiceSnapshot, Failure> {
    let found = cx.ports.services.describe().await?;
    let service = found.ok_or_else(|| missing_on_aws(&run.profile.aws.service))?;
    check_account(&run.profile, &service)?;
    Ok(service)
}

/// The breaker of the service, if one is on.
pub(super) fn breaker(service: &ServiceSnapshot) -> Option<&CircuitBreaker> {
    service.settings.breaker.as_ref().filter(|breaker| breaker.is_enabled)
}

/// A limit in words.
pub(super) fn limit_in_words(limit: &FailureLimit, desired: u32) -> String {
    let threshold = BreakerThreshold::from(limit);
    match threshold.limit(desired) {
        Some(starts) if limit.kind == "COUNT" => format!("{starts} failed starts"),
        Some(starts) => format!("{starts} failed starts ({} {})", limit.kind, limit.value),
        None => format!("{} {}", limit.kind, limit.value),
    }
}

/// Checks once more before a changing call: the plan is the one that was shown and is open, this
/// run owns the environment, and the run may still choose the step.
pub(super) async fn check_again(cx: &StepContext, step: &dyn Step, plan: &StepPlan) -> Result<(), Failure> {
    let fresh = step.plan(cx).await?;
    if fresh.inputs != plan.inputs || fresh.already.is_some() || !fresh.is_open() {
        return Err(plan_closed(&fresh));
    }
    env_lock::ensure_owned_for(cx, step.id()).await?;
    // A watch may have learned something since the plan was made.
    if step.may_choose(&cx.run()) {
        return Ok(());
    }
    let why = format!("carry out the plan that was shown: this {} has moved on since", cx.run().kind());
    Err(Failure::new(ErrorCode::PlanChanged, why)
        .hint("Nothing was changed. Read the plan again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe))
}

/// The answer about an attempt in doubt while AWS shows no effect of it. An order may still be on
/// its way for some time.
pub(super) fn not_shown(cx: &StepContext, step: StepId, evidence: String) -> Observation {
    let started_at = fold::step(&cx.run(), step).and_then(|step| step.started_at);
    match cx.doubts.since(step).or(started_at) {
        Some(at) if !time::has_passed(at, ARRIVES_WITHIN, cx.ports.clock.now()) => {
            Observation::Unknown { why: format!("{evidence} An order may still be on its way.") }
        }
        Some(_) | None => Observation::NotDone { evidence },
    }
}

/// A rollback to an earlier revision.
pub(super) struct Rollback<'a> {
    pub step: StepId,
    /// ARN of the revision that comes back.
    pub revision: &'a str,
    /// Id of the deployment that it replaces.
    pub deployment_before: &'a str,
    /// Facts to record before the return itself.
    pub facts: Vec<Fact>,
}

/// Failed starts of the revision that comes back, after which the watch ends.
const FAILED_STARTS_MAX: u32 = 3;

/// The failed starts of a deployment since the first look at it.
#[derive(Default)]
struct FailedStarts {
    /// Deployment and its failed starts at the first look.
    first: Mutex<(String, u32)>,
}

impl FailedStarts {
    /// Number of failed starts since the first look. AWS may count from zero again after a good
    /// start.
    fn count(&self, deployment: &str, failed: u32) -> u32 {
        let mut first = self.first.lock();
        if first.0 != deployment || failed < first.1 {
            *first = (deployment.to_owned(), failed);
        }
        failed - first.1
    }
}

/// Follows AWS until a revision serves on every server again, or its servers do not start.
pub(super) async fn follow_rollback(cx: &StepContext, back: Rollback<'_>) -> Outcome {
    let late = Failure::new(ErrorCode::TimedOut, "see the version before on every server within six hours")
        .hint(format!("Call {}.", who_to_call(&cx.run(), back.step)))
        .changed(Changed::Partly)
        .retry(Retry::Safe);
    let starts = FailedStarts::default();
    watch::watch(cx, back.step, POLL, late, || check_rollback(cx, &back, &starts)).await
}

async fn check_rollback(
    cx: &StepContext,
    back: &Rollback<'_>,
    starts: &FailedStarts,
) -> Result<Option<Outcome>, Failure> {
    let run = cx.run();
    let production = Production::read(cx, &run).await?;
    let seen = production.assess(&run, &[])?;
    show_and_record(cx, back.step, &run, &seen).await?;
    let is_foreign = |one: &&Deployment| one.task_definition != back.revision && one.id != back.deployment_before;
    if let Some(foreign) = production.service.primary().filter(is_foreign) {
        // AWS gave the version before up, and put ours back.
        if our_revision(&run).is_ok_and(|ours| ours == foreign.task_definition) {
            return Ok(Some(Outcome::Failed(rollback_failed(&run, back, &foreign.rollout_reason))));
        }
        let failure = with_author(cx, superseded(back, foreign), &foreign.task_definition).await;
        return Ok(Some(Outcome::Failed(failure)));
    }
    // While the order is not visible yet, AWS still shows the deployment that it gave up.
    let is_before = |one: &Deployment| one.task_definition == back.revision && one.id == back.deployment_before;
    let is_before = production.service.primary().is_some_and(is_before);
    let record = production.record_of_primary();
    if !is_before && record.is_some_and(|record| record.status == ServiceDeploymentStatus::RollbackFailed) {
        let reason = record.map(|record| record.reason.clone()).unwrap_or_default();
        return Ok(Some(Outcome::Failed(rollback_failed(&run, back, &reason))));
    }
    // AWS stopped our deployment before the order came, and puts nothing back.
    let has_stopped = |one: &&ServiceDeployment| one.status == ServiceDeploymentStatus::Stopped && !one.has_rollback;
    if let Some(record) = record.filter(has_stopped).filter(|_| back.step == StepId::StopRollout) {
        return Ok(Some(Outcome::Failed(nothing_comes_back(back, &record.reason))));
    }
    let back_now = production.assess_rollback(&run, back.revision)?;
    let name = revision_name(back.revision);
    Ok(match back_now.verdict {
        Verdict::Done { deployment, servers } => {
            let fact = Fact::RolledBack { deployment, arn: back.revision.to_owned(), servers };
            Some(Outcome::Succeeded {
                evidence: vec![format!("{servers} of {servers} servers run {name}; nothing else is left.")],
                facts: back.facts.iter().cloned().chain([fact]).collect(),
            })
        }
        Verdict::Began { deployment, waits_for } => {
            let failed = starts.count(&deployment, back_now.view.failed_starts);
            show_condition(cx, back.step, &waits_for);
            (failed >= FAILED_STARTS_MAX).then(|| Outcome::Failed(does_not_start(&run, back, failed)))
        }
        Verdict::Waiting { waits_for } => {
            show_condition(cx, back.step, &waits_for);
            None
        }
        Verdict::WrongRevision { .. } | Verdict::Superseded { .. } | Verdict::Stopped { .. } => None,
        Verdict::RolledBack { .. } | Verdict::Failed { .. } if is_before => None,
        Verdict::RolledBack { reason } | Verdict::Failed { reason } => {
            Some(Outcome::Failed(rollback_failed(&run, back, &reason)))
        }
        Verdict::OtherImage { .. } => None,
    })
}

/// Another party has started a deployment meanwhile.
fn superseded(back: &Rollback<'_>, foreign: &Deployment) -> Failure {
    let seen = revision_name(&foreign.task_definition);
    Failure::new(ErrorCode::RolloutSuperseded, format!("put {} back on every server", revision_name(back.revision)))
        .with("seen", seen)
        .with("expected", revision_name(back.revision))
        .with("since", foreign.created_at.to_string())
        .because(format!("{} with {seen} is in charge since {}", foreign.id, foreign.created_at))
        .hint("AWS does not name who started a deployment. Ask the person who saved these settings, or the team.")
        .changed(Changed::Partly)
        .retry(Retry::Safe)
}

/// The button that follows the way back again, or starts it once more. RollBack itself is tried
/// again; after another step it is chosen.
fn button_of_rollback(back: &Rollback<'_>) -> &'static str {
    if back.step == StepId::RollBack { "\u{201c}Try again\u{201d}" } else { "\u{201c}Roll back\u{201d}" }
}

/// AWS did not put the version before back.
fn not_put_back(back: &Rollback<'_>, why: &str) -> Failure {
    let name = revision_name(back.revision);
    Failure::new(ErrorCode::RolloutFailed, format!("put {name} back on every server{why}")).with("back", name)
}

fn rollback_failed(run: &RunView, back: &Rollback<'_>, reason: &str) -> Failure {
    not_put_back(back, "")
        .because(reason)
        .hint("Look at production now: too few servers may serve.")
        .hint(format!("Press {} to start a deployment of the version before once more.", button_of_rollback(back)))
        .hint(format!("Call {}.", who_to_call(run, back.step)))
        .changed(Changed::Partly)
        .retry(Retry::Safe)
}

/// The revision that comes back does not start. AWS goes on trying.
fn does_not_start(run: &RunView, back: &Rollback<'_>, failed: u32) -> Failure {
    not_put_back(back, ": its servers do not start")
        .because(format!("{failed} starts failed since this step began; AWS goes on trying"))
        .hint("The production log shows why. On a half-migrated database the version before may not start: have it restored first.")
        .hint(format!("Call {}.", who_to_call(run, back.step)))
        .hint(format!("Press {} then: it follows the way back again.", button_of_rollback(back)))
        .changed(Changed::Partly)
        .retry(Retry::Safe)
}

/// AWS gave our deployment up without a rollback.
fn nothing_comes_back(back: &Rollback<'_>, reason: &str) -> Failure {
    not_put_back(back, "")
        .because(reason)
        .hint("AWS had given the deployment up before, and puts nothing back.")
        .hint(format!("Press {}: it starts a deployment of the version before.", button_of_rollback(back)))
        .changed(Changed::Nothing)
        .retry(Retry::No)
}

/// The revision that comes back, as a precondition: AWS must still have it.
pub(super) async fn previous_is_known(cx: &StepContext, previous: &str) -> Result<Precondition, Failure> {
    // AWS describes a revision that was deregistered, and takes it for no service.
    let is_active = |one: &TaskDefinition| one.definition["status"].as_str().is_none_or(|status| status == "ACTIVE");
    let is_there =
        !previous.is_empty() && cx.ports.task_definitions.describe(previous).await?.as_ref().is_some_and(is_active);
    Ok(Precondition {
        id: "previousIsKnown".into(),
        passed: is_there,
        text: "AWS still has the start-up settings that it puts back".into(),
        detail: if previous.is_empty() { "unknown".into() } else { revision_name(previous).to_owned() },
    })
}

/// Notice for the plan of a rollback: the database keeps its changes. `None` while no migration
/// started.
pub(super) fn database_stays(run: &RunView) -> Option<String> {
    let may_be_changed = match (&run.rolls_back, fold::step(run, StepId::RunMigration)) {
        (Some(release), _) => release.is_migrated,
        (None, migration) => match migration?.status() {
            Status::Succeeded | Status::Warned | Status::Running | Status::InDoubt | Status::Failed => true,
            Status::NotStarted | Status::AwaitingOperator | Status::Skipped | Status::Stopped => false,
        },
    };
    may_be_changed.then(|| {
        "The database stays as it is now: it may be migrated, and the version before then runs on the new schema."
            .to_owned()
    })
}

/// Id and creation time of the primary deployment, if it has `revision` and is not `before`.
pub(super) fn new_primary(service: &ServiceSnapshot, revision: &str, before: &str) -> Option<(String, Timestamp)> {
    let is_new = |one: &&Deployment| one.task_definition == revision && one.id != before;
    service.primary().filter(is_new).map(|one| (one.id.clone(), one.created_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{deploying, rollback};

    #[test]
    fn a_failed_way_back_names_the_button_that_the_screen_shows() {
        let hints = |step: StepId, run: &RunView| {
            let back = Rollback { step, revision: "rally-prod:143", deployment_before: "", facts: Vec::new() };
            let failures = [
                rollback_failed(run, &back, "gave up"),
                does_not_start(run, &back, 3),
                nothing_comes_back(&back, "stopped"),
            ];
            for failure in &failures {
                assert_eq!(
                    (failure.code, failure.params["back"].as_str()),
                    (ErrorCode::RolloutFailed, "rally-prod:143")
                );
            }
            failures.map(|failure| failure.hints.join(" "))
        };
        for run in [deploying(), rollback()] {
            for hint in hints(StepId::RollBack, &run) {
                assert!(hint.contains("Press \u{201c}Try again\u{201d}") && !hint.contains("Roll back"), "{hint}");
            }
        }
        for hint in hints(StepId::StopRollout, &deploying()) {
            assert!(hint.contains("Press \u{201c}Roll back\u{201d}") && !hint.contains("Try again"), "{hint}");
        }
    }

    #[test]
    fn counts_failed_starts_from_the_first_look_at_a_deployment() {
        let starts = FailedStarts::default();
        let looks = [("a", 2, 0), ("a", 4, 2), ("a", 0, 0), ("a", 1, 1), ("b", 7, 0), ("b", 10, 3)];
        for (id, failed, counted) in looks {
            assert_eq!(starts.count(id, failed), counted, "{id} {failed}");
        }
    }
}
