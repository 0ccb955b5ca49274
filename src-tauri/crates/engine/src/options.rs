//! Computes the acts that the engine allows for a view: those of each step, and the ends of the
//! run. The page shows them and repeats no rule.

use greenlight_types::{Fact, FactKind, Retry, Role, RunView, StepId, StepOptions, StepState, StepView, Timestamp};

use crate::{
    fold,
    phase::{self, is_active},
    rollback_run,
    step::Statement,
    steps::{self, backup, job, migration::attempts},
};

/// Fills in the options of every step, and the ends of the run.
pub fn fill(view: &mut RunView) {
    let options: Vec<StepOptions> = view.steps.iter().map(|step| options(view, step)).collect();
    for (step, options) in view.steps.iter_mut().zip(options) {
        step.options = options;
    }
    view.may_end = phase::ends(view);
    view.may_roll_back = rollback_run::may_roll_back(view);
    view.may_start_over = phase::may_start_over(view);
}

fn options(view: &RunView, step: &StepView) -> StepOptions {
    let id = step.definition.id;
    let is_active = is_active(view.state, id.phase());
    let is_changing = step.definition.role == Role::Changing;
    let is_ready = phase::is_ready(view, id);
    let may_try_again = is_active && is_ready && step.failure().is_some_and(|failure| failure.retry != Retry::No);
    let may_repeat = is_active
        && matches!(step.state, StepState::Succeeded { .. } | StepState::Warned { .. })
        && steps::get(id).may_repeat(view);
    let may_choose = phase::is_choosable(view, step);
    let is_migration = id == StepId::RunMigration;
    let is_waiting = matches!(step.state, StepState::AwaitingOperator);
    let is_unstarted = matches!(step.state, StepState::NotStarted);
    let is_doubted = matches!(step.state, StepState::InDoubt { .. });
    StepOptions {
        may_start: is_active && is_ready && is_waiting && is_changing || may_try_again || may_choose,
        may_try_again,
        may_repeat,
        may_choose,
        // The checks of the site are answered one by one, never as a whole. The app sees the effect
        // of an optional step itself.
        may_report: is_active
            && is_changing
            && !step.definition.is_optional
            && !matches!(id, StepId::CheckSite | StepId::RollBack)
            && (is_unstarted || is_waiting || matches!(step.state, StepState::Failed { .. })),
        may_confirm: is_active && backup::may_confirm(view, step),
        may_answer: is_active && is_doubted && id == StepId::DispatchBuild,
        may_claim: is_active && is_doubted && may_claim(view, step),
        may_stop_script: may_stop_script(view, step),
        may_skip: phase::may_skip(view, step),
        may_report_undone: is_active && is_migration && attempts::ended_job_id(view, step).is_some(),
        recovery: (is_migration && attempts::has_used_start(step)).then(|| attempts::recovery(view)),
        counts_earlier_attempt: counts_earlier_attempt(view, step),
        waits_for: steps::get(id)
            .waits_for()
            .iter()
            .copied()
            .filter(|kind| is_unstarted && !step.definition.is_optional && !fold::is_known(view, *kind))
            .collect(),
    }
}

/// Whether a person may stop the script that the app follows. A machine that is gone takes no
/// order.
pub(crate) fn may_stop_script(view: &RunView, step: &StepView) -> bool {
    matches!(step.definition.id, StepId::BackUp | StepId::RunMigration)
        && is_active(view.state, step.definition.id.phase())
        && matches!(step.state, StepState::Running)
        && view.machine_given_up.is_none()
        && job::id_of(step.plan.as_ref()).is_some()
}

/// Whether a person's word counts that the step happened. The app sees the effect of most steps
/// itself.
fn may_claim(view: &RunView, step: &StepView) -> bool {
    let word = Statement { person: "", note: "", at: &Timestamp::EPOCH };
    steps::get(step.definition.id).claim(view, step.plan.as_ref(), &word).is_some()
}

/// Whether the newest attempt of a backup had no effect, so that the proved backup of an earlier
/// attempt counts.
pub(crate) fn counts_earlier_attempt(view: &RunView, step: &StepView) -> bool {
    let Some(Fact::BackupProved { job: proved, .. }) = fold::newest(view, FactKind::BackupProved) else { return false };
    let job = step.plan.as_ref().and_then(|plan| plan.inputs.job()).map(|job| job.id());
    step.definition.id == StepId::BackUp && matches!(step.state, StepState::Warned { .. }) && job != Some(proved)
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Event, Failure, RunResult, RunState};

    use super::*;
    use crate::act::test_support::with_migration_job;

    /// The golden run up to the proof of its backup: Deploy is under way, and the migration has not
    /// started.
    fn deploying() -> RunView {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/golden/fold/released.json")).expect("JSON");
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).expect("events");
        let mut view = fold::fold(&events[..1]).expect("a draft");
        for event in &events[1..] {
            fold::apply(&mut view, event).expect("an event");
            if fold::newest(&view, FactKind::BackupProved).is_some()
                && fold::step(&view, StepId::BackUp).is_some_and(|step| step.status().is_done())
            {
                break;
            }
        }
        assert_eq!(view.state, RunState::Deploying);
        view
    }

    fn filled(change: impl FnOnce(&mut RunView), id: StepId) -> StepOptions {
        let mut view = deploying();
        change(&mut view);
        fill(&mut view);
        fold::step(&view, id).expect("a step").options.clone()
    }

    fn set(view: &mut RunView, id: StepId, state: StepState) {
        view.steps.iter_mut().find(|step| step.definition.id == id).expect("a step").state = state;
    }

    fn failed(retry: Retry) -> StepState {
        let failure = Failure::new(ErrorCode::ScriptFailed, "run the script").retry(retry);
        StepState::Failed { ended_at: Timestamp::EPOCH, failure }
    }

    #[test]
    fn a_waiting_step_may_be_started_and_reported() {
        let options =
            filled(|view| set(view, StepId::DispatchBuild, StepState::AwaitingOperator), StepId::DispatchBuild);
        assert!(options.may_start && options.may_report && !options.may_try_again && options.waits_for.is_empty());
    }

    #[test]
    fn a_doubt_offers_only_acts_that_may_end_it() {
        let doubted = |id| filled(|view| set(view, id, StepState::InDoubt { doubt: String::new() }), id);
        let build = doubted(StepId::DispatchBuild);
        assert!(build.may_answer && !build.may_claim && !build.may_start);
        let migration = doubted(StepId::RunMigration);
        assert!(migration.may_claim && !migration.may_answer);
        let unstarted = filled(|_| {}, StepId::RunMigration);
        assert!(!unstarted.may_claim && !unstarted.may_answer);
    }

    #[test]
    fn the_ends_of_the_run_are_filled_in() {
        let mut view = deploying();
        fill(&mut view);
        assert_eq!(view.may_end, [RunResult::Stopped]);
        set(&mut view, StepId::DispatchBuild, StepState::Running);
        fill(&mut view);
        assert_eq!(view.may_end, []);
    }

    #[test]
    fn a_final_failure_may_be_reported_and_not_repeated() {
        let options = filled(|view| set(view, StepId::RunMigration, failed(Retry::No)), StepId::RunMigration);
        assert!(!options.may_start && !options.may_try_again && options.may_report);
    }

    #[test]
    fn a_failed_migration_offers_its_way_back_and_no_skip() {
        let options = filled(
            |view| {
                *view = with_migration_job(view.clone(), "a1");
                set(view, StepId::RunMigration, failed(Retry::No));
            },
            StepId::RunMigration,
        );
        assert!(options.may_report_undone && options.recovery.is_some() && !options.may_skip);
        let options = filled(|_| {}, StepId::RunMigration);
        assert!(!options.may_report_undone && options.recovery.is_none() && options.may_skip);
        assert!(!filled(|_| {}, StepId::DispatchBuild).may_skip);
    }

    #[test]
    fn a_backup_may_be_repeated_until_the_migration_starts() {
        assert!(filled(|_| {}, StepId::BackUp).may_repeat);
        let running = |view: &mut RunView| set(view, StepId::RunMigration, StepState::Running);
        assert!(!filled(running, StepId::BackUp).may_repeat);
        let again = |view: &mut RunView| set(view, StepId::RunMigration, failed(Retry::Safe));
        assert!(filled(again, StepId::BackUp).may_repeat);
    }

    #[test]
    fn an_unstarted_step_names_the_facts_that_are_missing() {
        let options = filled(|_| {}, StepId::RunMigration);
        assert_eq!(options.waits_for, [FactKind::PackageReady, FactKind::DeployPhaseBegan]);
        assert!(!options.may_start);
    }

    #[test]
    fn an_ended_run_allows_nothing() {
        for id in StepId::ALL {
            let options = filled(|view| view.state = RunState::Ended, id);
            assert!(
                !options.may_start && !options.may_try_again && !options.may_repeat && !options.may_report,
                "{id:?}"
            );
            assert!(!options.may_skip && !options.may_report_undone, "{id:?}");
        }
    }

    #[test]
    fn a_backup_whose_repeat_failed_counts_the_earlier_attempt() {
        let warned = || StepState::Warned { ended_at: Timestamp::EPOCH, evidence: Vec::new(), warning: String::new() };
        let same_job = filled(|view| set(view, StepId::BackUp, warned()), StepId::BackUp);
        assert!(!same_job.counts_earlier_attempt);
        let other_job = |view: &mut RunView| {
            set(view, StepId::BackUp, warned());
            view.steps.iter_mut().find(|step| step.definition.id == StepId::BackUp).expect("a step").plan = None;
        };
        assert!(filled(other_job, StepId::BackUp).counts_earlier_attempt);
    }
}
