//! INV-J4, INV-U1 and INV-L1: the screen is durable and offers no second migration, and no step
//! hangs.

use crate::{
    Found,
    known::Known,
    records::{End, JobState, Shown, Status, Step},
};

/// Time after the last fault for a changing step without outside work. INV-L1 allows 60 s, one read
/// and the pauses between reads.
const GRACE_MS: i64 = 10 * 60_000;

/// INV-J4: the screen shows the durable states. INV-U1: it never offers a migration that began and
/// was not undone.
pub fn shown(known: &Known, shown: &Shown, found: &mut Found) {
    if shown.seq > known.seq {
        found.add("INV-J4", format!("event {} is shown, and {} is durable", shown.seq, known.seq));
    }
    let durable =
        usize::try_from(shown.seq).ok().and_then(|seq| seq.checked_sub(1)).and_then(|at| known.history.get(at));
    for step in &shown.steps {
        let status = durable.and_then(|states| states.get(step.id as usize));
        if status.is_some_and(|status| *status != step.status) {
            found
                .add("INV-J4", format!("{:?} is shown as {:?}, and the journal says {status:?}", step.id, step.status));
        }
        if step.id == Step::RunMigration
            && known.migration_not_undone().is_some()
            && !known.is_migration_reset_by_person
        {
            let is_repeatable = step.status == Status::Failed && step.retry.as_deref() != Some("no");
            if is_repeatable || matches!(step.status, Status::AwaitingOperator | Status::NotStarted) {
                found.add("INV-U1", format!("the migration began, and it is offered again as {:?}", step.status));
            }
        }
    }
}

/// INV-L1: without faults, every release ends or waits for a person.
pub fn end(known: &Known, end: &End, found: &mut Found) {
    if known.has_ended || !end.idle || end.now - end.healed_at < GRACE_MS {
        return;
    }
    let is_running = |step: Step| known.step(step).status == Status::Running;
    let changing = [
        Step::MergeBranch,
        Step::SetVersion,
        Step::CreateTag,
        Step::PushBranch,
        Step::PushTag,
        Step::OpenPullRequest,
        Step::RegisterTaskDefinition,
        Step::BackUp,
        Step::DispatchBuild,
        Step::RunMigration,
    ];
    for step in changing.into_iter().filter(|step| is_running(*step)) {
        let job = known.attempt(step).map(|attempt| attempt.plan.input("job")).unwrap_or_default();
        let goes_on = end.world.host.jobs.iter().any(|one| one.id == job && one.state == JobState::Running);
        if !goes_on {
            found.add("INV-L1", format!("{step:?} still runs, and nothing outside holds it up"));
        }
    }
    if is_running(Step::FollowBuild) {
        let run = end.world.github.runs.iter().find(|run| Some(&run.id) == known.facts.build.as_ref());
        let is_over = run.is_none_or(|run| run.status == "completed");
        let waits_for_aws = is_running(Step::AwaitRollout) || is_running(Step::AwaitDeployPhase);
        if is_over && !waits_for_aws {
            found.add("INV-L1", "the build is still followed, and it is over");
        }
    }
}
