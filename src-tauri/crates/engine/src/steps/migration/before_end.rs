//! One more question to the database before a release ends: somebody may have restored it since the
//! migration.

use greenlight_types::{Completion, ErrorCode, Failure, RunView, StepId, StepState};

use super::database::{Database, ProbeResult, ask, known_before};
use crate::{fold, step::StepContext};

/// `None` if there is nothing to compare, and also if the database does not answer: the staging
/// machine may be gone by then. A restore may be into another database, so only the version counts.
///
/// # Errors
/// `DatabaseIsOld` if the database says the version of before.
pub(crate) async fn check(cx: &StepContext) -> Option<Result<(), Failure>> {
    let before = before_migration(&cx.run())?;
    let ProbeResult::Said(now) = ask(cx, &cx.host().ok()?).await else { return None };
    let is_old = now.version() == before.version();
    let failure = || {
        Failure::new(ErrorCode::DatabaseIsOld, "end the run as released: the database is not as the migration left it")
            .because(format!("The database says {} again, as before the migration.", now.line()))
            .with("database", now.line())
    };
    Some(if is_old { Err(failure()) } else { Ok(()) })
}

/// The answer from before a migration that this run made. `None` for a migration that a person
/// reports: its database may say the same before and after.
fn before_migration(run: &RunView) -> Option<Database> {
    let step = fold::step(run, StepId::RunMigration)?;
    let is_ours = matches!(&step.state, StepState::Succeeded { how: Completion::Did | Completion::FoundDone, .. });
    let plan = step.plan.as_ref().filter(|plan| is_ours && plan.already.is_none())?;
    known_before(run, Some(plan))
}

#[cfg(test)]
mod tests {
    use greenlight_types::Timestamp;

    use super::*;
    use crate::act::test_support::{checking, set};

    #[test]
    fn only_a_migration_that_the_app_saw_is_compared() {
        let before = |how: Completion| {
            let mut view = set(
                checking(),
                StepId::RunMigration,
                StepState::Succeeded { ended_at: Timestamp::EPOCH, how, evidence: Vec::new() },
            );
            let step = view.steps.iter_mut().find(|step| step.definition.id == StepId::RunMigration);
            let plan = step.and_then(|step| step.plan.as_mut()).expect("the plan of the migration");
            if let greenlight_types::PlanInputs::RunMigration(inputs) = &mut plan.inputs {
                inputs.database = Some("41 main".into());
            }
            before_migration(&view).map(|before| before.line())
        };
        assert_eq!(before(Completion::Did).as_deref(), Some("41 main"));
        assert_eq!(before(Completion::FoundDone).as_deref(), Some("41 main"));
        assert_eq!(before(Completion::AlreadyDone), None);
        assert_eq!(before(Completion::ByHand { note: "the team".into() }), None);
        assert_eq!(before(Completion::SaidBy { note: "the team".into() }), None);
    }
}
