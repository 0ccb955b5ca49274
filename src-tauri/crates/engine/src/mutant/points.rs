//! What seeded defects do where one line in a step would not do. Each function changes nothing while its defects are off.

use greenlight_types::{EventBody, Fact, Observation, RunEvent, RunView, StepEvent, StepId, StepPlan, Timestamp};
use serde_json::Value;

use super::{Mutant, is};
use crate::{
    ports::{Clock, Image, JobState, JobStatus, PortResult, PushRef, PushResult, RemoteRef, ServiceSnapshot},
    rollout::{Verdict, Wanted},
    step::{Entry, StepContext},
    steps,
};

/// Whether the answer of a push is taken for its success.
pub(crate) fn believes_push(pushed: &PortResult<PushResult>) -> bool {
    match pushed {
        Ok(PushResult::Accepted) => is(Mutant::PushBelieved),
        Ok(PushResult::Refused { .. }) => is(Mutant::RefusedPushBelieved),
        Ok(PushResult::Moved { .. }) => false,
        Err(failure) => failure.is_lost_reply() && is(Mutant::LostReplyIsDone),
    }
}

/// Whether a listing that shows something else is read as published.
pub(crate) fn believes_ref(push: &PushRef, there: Option<&RemoteRef>) -> bool {
    let is_unchanged = there.map(|one| one.id.as_str()) == push.expect.as_deref();
    is_unchanged && is(Mutant::UnchangedIsPublished)
        || !is_unchanged && push.name.starts_with("refs/heads/") && is(Mutant::MovedMainIsOurs)
}

/// Records a push before it is made, or compares it with what is there now.
pub(crate) async fn before_push(cx: &StepContext, push: &mut PushRef, fact: &Fact) {
    let is_tag = push.name.starts_with("refs/tags/");
    if is(Mutant::LearnBeforePush) {
        let step = if is_tag { StepId::PushTag } else { StepId::PushBranch };
        if let Err(failure) = cx.sink.learn(step, fact.clone()).await {
            tracing::warn!(%failure, "not recorded before the push");
        }
    }
    if !(is_tag && is(Mutant::TagMoved) || !is_tag && is(Mutant::PushOverMovedMain)) {
        return;
    }
    if let Ok(refs) = cx.ports.git.remote_refs().await {
        push.expect = refs.into_iter().find(|one| one.name == push.name).map(|one| one.id);
    }
}

/// Whether a label at another commit is not seen.
pub(crate) fn overlooks(there: &RemoteRef, commit: &str) -> bool {
    there.commit() != commit && is(Mutant::TagMoved)
}

/// A body of a task definition that was not copied with care.
pub(crate) fn spoil(body: &mut Value, image: &str) {
    if is(Mutant::OtherImageChanged)
        && let Some(all) = body.get_mut("containerDefinitions").and_then(Value::as_array_mut)
    {
        for one in all {
            one["image"] = Value::String(image.to_owned());
        }
    }
    if let Some(object) = body.as_object_mut() {
        if is(Mutant::TagsDropped) {
            object.remove("tags");
        }
        if is(Mutant::FieldDropped) {
            object.remove("enableFaultInjection");
        }
    }
}

/// What the machine says of a job, read wrongly.
pub(crate) fn misread(mut status: JobStatus) -> JobStatus {
    let well = |finished_at: Option<Timestamp>| JobState::Finished {
        exit: 0,
        finished_at: finished_at.unwrap_or(Timestamp::EPOCH),
    };
    let misread = match &status.state {
        JobState::Finished { finished_at, .. } => is(Mutant::NonZeroIsSuccess).then(|| well(Some(*finished_at))),
        JobState::Lost { .. } => is(Mutant::LostIsFinished).then(|| well(status.started_at)),
        JobState::Running if is(Mutant::RunningIsFinished) => Some(well(status.started_at)),
        JobState::Running => is(Mutant::RunningIsNotStarted).then_some(JobState::NotStarted),
        JobState::Absent
        | JobState::NotStarted
        | JobState::Busy
        | JobState::Expired
        | JobState::Revoked(_)
        | JobState::Orphaned => None,
    };
    status.state = misread.unwrap_or(status.state);
    status
}

/// A backup as it is recorded when nobody looks at the file.
pub(crate) fn unseen_file() -> Option<(String, String, String)> {
    let is_unseen = is(Mutant::BackupUnproved) || is(Mutant::BackupExitIgnored);
    is_unseen.then(|| ("newest".into(), "unknown".into(), "The script has ended.".into()))
}

/// The end of the newest attempt of a backup, whatever became of it.
pub(crate) fn last_attempt(run: &RunView) -> Option<Timestamp> {
    let ended_at = || crate::fold::step(run, StepId::BackUp)?.ended_at();
    is(Mutant::BackupAgeOfLastAttempt).then(ended_at).flatten()
}

/// A backup that nobody took.
pub(crate) fn skip_backup(step: StepId, clock: &dyn Clock) -> Option<Vec<EventBody>> {
    (step == StepId::BackUp && is(Mutant::BackupSkipped)).then(|| {
        let fact = Fact::BackupProved {
            job: String::new(),
            file: "skipped".into(),
            size: "none".into(),
            finished_at: clock.now(),
            proof: "There will be one.".into(),
            confirmed_by: None,
            database: String::new(),
        };
        vec![
            EventBody::Run(RunEvent::FactLearned { step, fact }),
            EventBody::Step(StepEvent::Skipped { step, note: "Not needed.".into() }),
        ]
    })
}

/// Migrates because the app was opened.
pub(crate) async fn migrate_unasked(cx: &StepContext) {
    let step = steps::get(StepId::RunMigration);
    if let Ok(plan) = step.plan(cx).await {
        let outcome = step.run(cx, &plan, Entry::Start).await;
        tracing::warn!(?outcome, "migrated although nobody asked");
    }
}

/// What is concluded when the world has not answered for long.
pub(crate) fn gives_up(seen: Observation, waited_s: u64) -> Observation {
    match seen {
        Observation::Unknown { why } if waited_s > 170 && is(Mutant::DoubtEndsByTimer) => {
            Observation::NotDone { evidence: why }
        }
        Observation::Done { .. }
        | Observation::NotDone { .. }
        | Observation::InProgress { .. }
        | Observation::Conflict { .. }
        | Observation::Unknown { .. } => seen,
    }
}

/// An image that nobody saw in the registry.
pub(crate) fn unseen_image(sent_at: &Timestamp) -> Option<Image> {
    is(Mutant::PackageUnseen).then(|| Image { digest: "sha256:unseen".into(), pushed_at: *sent_at })
}

/// A verdict on the servers by another rule than that of TRAP-E6.
pub(crate) fn judge(service: &ServiceSnapshot, wanted: &Wanted<'_>) -> Option<Verdict> {
    let primary = service.primary().filter(|_| wanted.has_begun)?;
    let is_ours = primary.task_definition == wanted.ours;
    let is_stable = service.deployments.len() == 1 && service.running == service.desired;
    let is_done = is(Mutant::TrustStable) && is_stable
        || is(Mutant::AnyCompletedIsOurs)
            && service.deployments.iter().any(|one| one.rollout_state == crate::ports::RolloutState::Completed)
        || is(Mutant::RollbackAccepted) && !is_ours
        || is(Mutant::OldServersIgnored) && is_ours && primary.running >= service.desired;
    let deployment = primary.id.clone();
    if is_done {
        return Some(Verdict::Done { deployment, servers: service.desired });
    }
    // A waiter for "stable" knows of no other end.
    is(Mutant::TrustStable).then_some(Verdict::Began { deployment })
}

/// How many earlier jobs of the migration do not stand in the way of another one.
pub(crate) fn ignored_runs(jobs: &[JobStatus]) -> usize {
    if is(Mutant::MigrationRepeats) { jobs.len() } else { 0 }
}

/// Whether the start of a step is shown and not written.
pub(crate) fn forgets_write(bodies: &[EventBody]) -> bool {
    let is_start = |body: &EventBody| matches!(body, EventBody::Step(StepEvent::Started { step, .. }) if acts(*step));
    is(Mutant::SkipStartedWrite) && bodies.iter().any(is_start)
}

/// Whether a step changes something outside or in our clone.
pub(crate) fn acts(step: StepId) -> bool {
    steps::get(step).effect() != greenlight_types::Effect::None
}

/// Whether a plan is recorded only after it was run.
pub(crate) fn starts_late(plan: &StepPlan) -> bool {
    is(Mutant::StartedAfterEffect) && acts(plan.step)
}
