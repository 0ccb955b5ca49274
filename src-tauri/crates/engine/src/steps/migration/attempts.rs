//! Attempts of the migration that started and ended: their jobs, and the way back.
//!
//! The job of such an attempt blocks every other one, until a named person reports that the
//! database is as it was before (INV-D2).

use greenlight_types::{
    ErrorCode, Fact, FactKind, Failure, Recovery, Retry, RunState, RunView, StepId, StepState, StepView,
};

use super::command::KIND;
use crate::{
    fold,
    ports::JobStatus,
    step::StepContext,
    steps::{job, run_facts::who_to_call},
};

/// The job whose effect on the database a person may report as undone: its script started and
/// ended, well or with an error. Empty for a migration that a person ran outside the app.
pub(crate) fn ended_job_id(run: &RunView, step: &StepView) -> Option<String> {
    match &step.state {
        StepState::Failed { .. } => failed_job_id(step),
        StepState::Succeeded { .. } | StepState::Warned { .. } => {
            match fold::newest(run, FactKind::MigrationFinished) {
                Some(Fact::MigrationFinished { job, .. }) => Some(job.clone()),
                _ => None,
            }
        }
        StepState::NotStarted
        | StepState::AwaitingOperator
        | StepState::Running
        | StepState::InDoubt { .. }
        | StepState::Skipped { .. }
        | StepState::Stopped { .. } => None,
    }
}

/// The job of a failed attempt whose script started and ended. `None` for every other state, also
/// for a failure before the start.
fn failed_job_id(step: &StepView) -> Option<String> {
    let failure = step.failure().filter(|failure| failure.retry == Retry::No)?;
    let has_started =
        matches!(failure.code, ErrorCode::ScriptFailed | ErrorCode::DatabaseUnchanged | ErrorCode::SaidFailed);
    job::id_of(step.plan.as_ref()).filter(|_| has_started)
}

/// Whether the start of the newest attempt is used, or may be. Then no person may type its command.
pub(crate) fn has_used_start(step: &StepView) -> bool {
    match &step.state {
        StepState::NotStarted | StepState::AwaitingOperator | StepState::Skipped { .. } => false,
        StepState::Failed { .. } => failed_job_id(step).is_some(),
        StepState::Running
        | StepState::InDoubt { .. }
        | StepState::Succeeded { .. }
        | StepState::Warned { .. }
        | StepState::Stopped { .. } => true,
    }
}

/// Whether a person may say now that this release has no migration.
pub(crate) fn may_skip(step: &StepView, state: RunState) -> bool {
    let may_still_start = match &step.state {
        StepState::NotStarted | StepState::AwaitingOperator => true,
        StepState::Failed { .. } => failed_job_id(step).is_none(),
        StepState::Running
        | StepState::InDoubt { .. }
        | StepState::Succeeded { .. }
        | StepState::Warned { .. }
        | StepState::Skipped { .. }
        | StepState::Stopped { .. } => false,
    };
    step.definition.id == StepId::RunMigration && state == RunState::Deploying && may_still_start
}

/// Whether a named person reported that the attempt of this job was undone.
pub(in crate::steps) fn is_undone(run: &RunView, job: &str) -> bool {
    fold::step(run, StepId::RunMigration).is_some_and(|step| step.undone_jobs.iter().any(|undone| undone == job))
}

/// The jobs whose attempts were not reported as undone.
pub(in crate::steps) fn not_undone(run: &RunView, jobs: &[JobStatus]) -> Vec<JobStatus> {
    jobs.iter().filter(|one| !is_undone(run, &one.id)).cloned().collect()
}

/// The newest migration of this version that started on the machine and was not reported as undone.
///
/// # Errors
/// The failure of the machine.
pub(crate) async fn started(cx: &StepContext) -> Result<Option<JobStatus>, Failure> {
    let run = cx.run();
    let prefix = job::prefix(&run, KIND);
    let jobs = not_undone(&run, &cx.ports.host.jobs(&cx.host()?, &prefix).await?);
    Ok(job::newest_start(&jobs, &prefix).cloned())
}

/// The way back of a migration whose start is used.
pub(crate) fn recovery(run: &RunView) -> Recovery {
    let restore = &run.profile.restore;
    let (backup, backup_at) = match fold::newest(run, FactKind::BackupProved) {
        Some(Fact::BackupProved { file, finished_at, .. }) => (Some(file.clone()), Some(*finished_at)),
        _ => (fold::step(run, StepId::BackUp).and_then(StepView::left_out), None),
    };
    let who = if restore.who.is_empty() { who_to_call(run, StepId::RunMigration) } else { restore.who.clone() };
    Recovery { backup, backup_at, procedure: restore.procedure.clone(), minutes: restore.minutes, who }
}

/// The way back as lines of a plan, in place of the command.
pub(super) fn recovery_lines(run: &RunView) -> Vec<String> {
    let Recovery { backup, backup_at, procedure, minutes, who } = recovery(run);
    let at = backup_at.map_or_else(String::new, |at| format!(", of {}", crate::time::in_words(at)));
    let minutes = minutes.map_or_else(String::new, |minutes| format!(", about {minutes} min"));
    vec![
        "The one start of this migration is used. Do not type its command.".to_owned(),
        format!("Call {who}."),
        backup.map_or_else(|| "No backup of this release is known.".to_owned(), |file| format!("Backup: {file}{at}.")),
        if procedure.is_empty() {
            format!("No restore procedure is written down for this product. Ask {who}{minutes}.")
        } else {
            format!("Restore{minutes}: {procedure}")
        },
    ]
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Failure, Timestamp};

    use super::*;
    use crate::act::test_support::{deploying, set, with_migration_job};

    fn failed(code: ErrorCode, retry: Retry) -> RunView {
        let failure = Failure::new(code, "migrate").retry(retry);
        let state = StepState::Failed { ended_at: Timestamp::EPOCH, failure };
        with_migration_job(set(deploying(), StepId::RunMigration, state), "a1")
    }

    fn job(run: &RunView) -> Option<String> {
        failed_job_id(fold::step(run, StepId::RunMigration).expect("a step"))
    }

    #[test]
    fn only_a_failure_after_the_start_uses_the_start() {
        for code in [ErrorCode::ScriptFailed, ErrorCode::DatabaseUnchanged, ErrorCode::SaidFailed] {
            assert_eq!(job(&failed(code, Retry::No)).as_deref(), Some("a1"), "{code:?}");
        }
        for code in [ErrorCode::JobConflict, ErrorCode::PreconditionFailed] {
            assert_eq!(job(&failed(code, Retry::No)), None, "{code:?}");
        }
        assert_eq!(job(&failed(ErrorCode::ScriptFailed, Retry::Safe)), None);
        assert_eq!(job(&with_migration_job(deploying(), "a1")), None);
    }

    #[test]
    fn the_command_is_shown_only_before_the_start() {
        let used = |view: RunView| has_used_start(fold::step(&view, StepId::RunMigration).expect("a step"));
        let at = |state| set(deploying(), StepId::RunMigration, state);
        assert!(!used(at(StepState::NotStarted)) && !used(at(StepState::AwaitingOperator)));
        assert!(!used(failed(ErrorCode::PreconditionFailed, Retry::Safe)));
        assert!(used(failed(ErrorCode::ScriptFailed, Retry::No)));
        assert!(used(at(StepState::Running)) && used(at(StepState::InDoubt { doubt: String::new() })));
    }

    #[test]
    fn the_way_back_names_backup_person_and_procedure() {
        let mut run = failed(ErrorCode::ScriptFailed, Retry::No);
        run.profile.restore.procedure = "wiki/restore".to_owned();
        run.profile.restore.who = "the database team".to_owned();
        let lines = recovery_lines(&run).join("\n");
        let file = recovery(&run).backup.expect("a backup");
        assert!(
            lines.contains(&file) && lines.contains("the database team") && lines.contains("wiki/restore"),
            "{lines}"
        );
        assert!(!lines.contains(&run.profile.migration.command), "{lines}");
        run.profile.restore.procedure = String::new();
        assert!(recovery_lines(&run).join("\n").contains("No restore procedure"), "an empty procedure is not shown");
    }
}
