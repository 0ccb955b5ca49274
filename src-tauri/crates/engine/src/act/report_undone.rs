//! Records that the database is as it was before a migration that ended, by the report of a named
//! person. The migration is offered again, as another job. Where the database can be asked, it has
//! to say the version from before (INV-D2).

use greenlight_types::{ErrorCode, Failure, RunView, StepEvent, StepId, Timestamp, UndoKind};

use super::{Asker, Decision, Order, Situation, refuse};
use crate::{
    doubt, fold,
    phase::is_active,
    steps::migration::{attempts, undone},
};

pub(crate) async fn ask(
    asker: &Asker<'_>,
    step: StepId,
    attempt: u32,
    how: UndoKind,
    note: String,
) -> Result<Order, Failure> {
    let view = asker.view();
    let job = ended_job(&view, step, attempt, &note)?;
    let ended_at = fold::step(&view, step).and_then(|step| step.ended_at());
    let context = asker.context;
    // The end of the job is in the journal. This only finds a machine that says something else.
    if !job.is_empty()
        && let Ok(status) = context.ports.host.status(&context.host()?, &job).await
        && status.state.is_alive()
    {
        return Err(doubt::runs(job));
    }
    let (_, plan) = asker.attempt(step);
    let evidence = undone::check(context, plan.as_ref()).await?;
    Ok(Order::ReportUndone { step, attempt, how, note, evidence, ended_at })
}

/// The job of the attempt that the report is about.
fn ended_job(view: &RunView, id: StepId, attempt: u32, note: &str) -> Result<String, Failure> {
    let is_migration = id == StepId::RunMigration && is_active(view.state, id.phase());
    let step = fold::step(view, id).filter(|_| is_migration);
    let step = step.ok_or_else(|| refuse("record this step as undone now"))?;
    let job = attempts::ended_job_id(view, step)
        .ok_or_else(|| refuse("record this step as undone: the app knows no script of it that started and ended"))?;
    if step.attempt != attempt {
        return Err(look_again(&format!("record attempt {attempt} as undone: the newest one is {}", step.attempt)));
    }
    if note.trim().is_empty() {
        return Err(Failure::new(
            ErrorCode::BadInput,
            "record this without a note: say who did what, and what you saw",
        ));
    }
    Ok(job)
}

/// The report of a person that a migration was undone, with the answer of the database.
pub(crate) struct UndoReport {
    pub step: StepId,
    pub attempt: u32,
    pub how: UndoKind,
    pub note: String,
    pub evidence: String,
    /// End of the attempt that the person reports about.
    pub ended_at: Option<Timestamp>,
}

pub(crate) fn decide(now: &Situation<'_>, report: UndoReport) -> Result<Decision, Failure> {
    let UndoReport { step, attempt, how, note, evidence, ended_at } = report;
    let job = ended_job(now.view, step, attempt, &note)?;
    // Another person may have recorded the migration as done while the database was asked.
    if fold::step(now.view, step).and_then(|step| step.ended_at()) != ended_at {
        return Err(look_again("record this as undone: somebody has recorded another end of it meanwhile"));
    }
    Ok(Decision::step_event(StepEvent::Undone { step, attempt, job, how, note, evidence }))
}

fn look_again(summary: &str) -> Failure {
    refuse(summary).hint("Look at the database again, and say what you saw.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Completion, Fact, LearnedFact, Retry, StepState};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, ended, set, with_migration_job};

    const STEP: StepId = StepId::RunMigration;
    const AT: Timestamp = Timestamp::EPOCH;

    fn failed(code: ErrorCode) -> StepState {
        StepState::Failed { ended_at: AT, failure: Failure::new(code, "migrate").retry(Retry::No) }
    }

    fn report(view: RunView, step: StepId, attempt: u32, note: &str) -> Result<Decision, Failure> {
        let ended_at = fold::step(&view, STEP).and_then(|step| step.ended_at());
        report_about(view, step, attempt, note, ended_at)
    }

    fn report_about(
        view: RunView,
        step: StepId,
        attempt: u32,
        note: &str,
        ended_at: Option<Timestamp>,
    ) -> Result<Decision, Failure> {
        let desk = Desk::new(with_migration_job(view, "a1"));
        let (how, note, evidence) = (UndoKind::Restored, note.to_owned(), "seen".to_owned());
        decide(&desk.now(), UndoReport { step, attempt, how, note, evidence, ended_at })
    }

    #[test]
    fn records_the_job_of_a_migration_that_ended_with_an_error() {
        for code in [ErrorCode::ScriptFailed, ErrorCode::DatabaseUnchanged, ErrorCode::SaidFailed] {
            let decision = report(set(deploying(), STEP, failed(code)), STEP, 0, "restored").expect("allowed");
            let StepEvent::Undone { job, how, evidence, .. } = decision.only_step_event() else { panic!("undone") };
            assert_eq!((job.as_str(), how, evidence.as_str()), ("a1", UndoKind::Restored, "seen"));
        }
    }

    #[test]
    fn records_the_job_of_a_migration_that_ended_well() {
        let succeeded = StepState::Succeeded { ended_at: AT, how: Completion::Did, evidence: Vec::new() };
        let mut view = set(deploying(), STEP, succeeded);
        let finished = |job: &str| Fact::MigrationFinished { job: job.into(), started_at: AT, finished_at: AT };
        view.facts.push(LearnedFact { at: AT, fact: finished("a1") });
        let decision = report(view.clone(), STEP, 0, "restored").expect("allowed");
        let StepEvent::Undone { job, .. } = decision.only_step_event() else { panic!("undone") };
        assert_eq!(job, "a1");
        assert_eq!(
            code(report_about(view.clone(), STEP, 0, "restored", None)),
            ErrorCode::NotAllowedNow,
            "it had another end when the person looked"
        );
        view.facts.push(LearnedFact { at: AT, fact: finished("") });
        let decision = report(view, STEP, 0, "restored").expect("allowed");
        let StepEvent::Undone { job, .. } = decision.only_step_event() else { panic!("undone") };
        assert_eq!(job, "", "a person did it outside the app");
    }

    #[test]
    fn refuses_every_state_without_a_known_end() {
        let states = [
            StepState::NotStarted,
            StepState::AwaitingOperator,
            StepState::Running,
            StepState::InDoubt { doubt: String::new() },
            StepState::Succeeded { ended_at: AT, how: Completion::Did, evidence: Vec::new() },
            StepState::Skipped { ended_at: AT, person: String::new(), warning: String::new() },
            StepState::Stopped { ended_at: AT, warning: String::new() },
            failed(ErrorCode::JobConflict),
        ];
        for state in states {
            let refused = report(set(deploying(), STEP, state.clone()), STEP, 0, "restored");
            assert_eq!(code(refused), ErrorCode::NotAllowedNow, "{state:?}");
        }
    }

    #[test]
    fn refuses_another_attempt_another_step_an_ended_run_and_an_empty_note() {
        let view = || set(deploying(), STEP, failed(ErrorCode::ScriptFailed));
        assert_eq!(code(report(view(), STEP, 1, "restored")), ErrorCode::NotAllowedNow);
        assert_eq!(code(report(view(), StepId::BackUp, 0, "restored")), ErrorCode::NotAllowedNow);
        assert_eq!(code(report(view(), STEP, 0, " ")), ErrorCode::BadInput);
        let over = set(ended(), STEP, failed(ErrorCode::ScriptFailed));
        assert_eq!(code(report(over, STEP, 1, "restored")), ErrorCode::NotAllowedNow);
    }
}
