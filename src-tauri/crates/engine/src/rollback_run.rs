//! The rollback of an ended release as a run of its own: who may draft it, its first event, and the
//! rollback that a release shows later.

use std::collections::BTreeMap;

use greenlight_types::{
    EarlierRelease, ErrorCode, FactKind, Failure, LaterRollback, RunEvent, RunId, RunResult, RunSummary, RunView,
    Status, StepId,
};

use crate::{
    fold,
    journal::Journal,
    other_runs,
    steps::{self, run_facts::recorded_rollback_target},
    time,
};

/// The facts that tell which revision the release put in place, and which one it replaced.
const KEPT: [FactKind; 8] = [
    FactKind::RevisionSaved,
    FactKind::RevisionAccepted,
    FactKind::PackageReady,
    FactKind::BuildStarted,
    FactKind::DeployPhaseBegan,
    FactKind::MigrationFinished,
    FactKind::RolledOut,
    // Each failed start is recorded once.
    FactKind::StartFailed,
];

/// Whether a person may roll a release back: it ended as released, the revision before it is known,
/// and no later run has rolled it back.
pub(crate) fn may_roll_back(view: &RunView) -> bool {
    ended_as_released(view)
        && view.rolled_back.is_none()
        && fold::is_known(view, FactKind::DeployPhaseBegan)
        && view.staging.is_some()
        && !recorded_rollback_target(view).is_empty()
}

fn ended_as_released(view: &RunView) -> bool {
    matches!(view.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck))
}

/// The release that a run rolls back, and the rollback as that release shows it. `None` unless the
/// run ended as rolled back.
fn completed(view: &RunView) -> Option<(RunId, LaterRollback)> {
    let release = view.rolls_back.as_ref().filter(|_| view.result == Some(RunResult::RolledBack))?;
    let step = fold::step(view, StepId::RollBack);
    let person = step.and_then(|step| step.started_by.as_ref()).or(view.people.last()).cloned().unwrap_or_default();
    let at = view.ended_at.unwrap_or(view.drafted_at);
    Some((release.run.clone(), LaterRollback { run: view.id.clone(), person, at }))
}

/// The newest rollback of a release among these runs, which are given newest first.
fn rollback_of(release: &RunId, others: &[RunView]) -> Option<LaterRollback> {
    others.iter().filter_map(completed).find(|(of, _)| of == release).map(|(_, rollback)| rollback)
}

/// The run of this journal that rolled an ended release back. `None` for every other run.
///
/// # Errors
/// `JournalFailed`.
pub async fn later(journal: &dyn Journal, release: &RunView) -> Result<Option<LaterRollback>, Failure> {
    if !ended_as_released(release) {
        return Ok(None);
    }
    Ok(rollback_of(&release.id, &other_runs::read(journal, release).await?))
}

/// The rows of the history list for the runs of one journal, which are given newest first. The row
/// of a release names the run that rolled it back.
#[must_use]
pub fn summaries(runs: &[RunView]) -> Vec<RunSummary> {
    // An older rollback of the same release is overwritten by the newest one.
    let rollbacks: BTreeMap<RunId, LaterRollback> = runs.iter().rev().filter_map(completed).collect();
    let row = |run: &RunView| RunSummary { rolled_back: rollbacks.get(&run.id).cloned(), ..fold::summary(run) };
    runs.iter().map(row).collect()
}

/// The rollback of a release that has not ended, if there is one.
pub(crate) fn unfinished(release: &RunId, others: &[RunView]) -> Option<RunId> {
    let is_it = |run: &&RunView| {
        run.result.is_none() && run.rolls_back.as_ref().is_some_and(|rolled_back| rolled_back.run == *release)
    };
    others.iter().find(is_it).map(|run| run.id.clone())
}

/// A rollback to open, or to draft.
pub(crate) enum Draft {
    /// The rollback of the release that has not ended.
    Unfinished(RunId),
    /// The first event of a new one.
    New(RunEvent),
}

/// The rollback of the release `of`: the one that has not ended, or else a new one.
///
/// # Errors
/// `JournalFailed`, or `NotAllowedNow` when that run is no release that ended, or was rolled back.
pub(crate) async fn drafted(journal: &dyn Journal, of: &RunId) -> Result<Draft, Failure> {
    let mut release = fold::fold(&journal.events(of, 0).await?)?;
    let others = other_runs::read(journal, &release).await?;
    if let Some(run) = unfinished(of, &others) {
        return Ok(Draft::Unfinished(run));
    }
    release.rolled_back = rollback_of(of, &others);
    draft_of(release).map(Draft::New)
}

/// The first event of the rollback of a release. It has the values of that release.
///
/// # Errors
/// `NotAllowedNow` when the run is no release that ended, or was rolled back.
pub(crate) fn draft_of(release: RunView) -> Result<RunEvent, Failure> {
    if let Some(LaterRollback { person, at, .. }) = &release.rolled_back {
        let done = format!("{person} rolled it back on {}", time::in_words(*at));
        return Err(refused(&done).hint("History shows that rollback. A new release puts a version in place again."));
    }
    let ended = || {
        refused("it did not end as released here").hint("A release that is under way is rolled back on its own screen.")
    };
    if !may_roll_back(&release) {
        return Err(ended());
    }
    let Some(staging) = release.staging.clone() else { return Err(ended()) };
    let facts = release.facts.iter().filter(|learned| KEPT.contains(&learned.fact.kind())).cloned().collect();
    let migration = fold::step(&release, StepId::RunMigration).map(|step| step.status());
    let is_migrated = matches!(migration, Some(Status::Succeeded | Status::Warned));
    Ok(RunEvent::RollbackDrafted {
        steps: steps::rollback_definitions(&release.profile, &release.version),
        version: release.version,
        profile: Box::new(release.profile),
        names: release.names,
        realm: release.realm,
        rolls_back: Box::new(EarlierRelease { run: release.id, is_migrated, staging, facts }),
    })
}

fn refused(why: &str) -> Failure {
    Failure::new(ErrorCode::NotAllowedNow, format!("roll this release back: {why}"))
}

#[cfg(test)]
mod tests {
    use greenlight_types::RunState;

    use super::*;
    use crate::act::test_support::{deploying, draft, ended, rollback};

    /// A rollback of the golden release with this id, and this result.
    fn rollback_with(id: &str, result: Option<RunResult>) -> RunView {
        let ended_at = result.map(|_| format!("2026-11-2{id}T09:00:00Z").parse().expect("a time"));
        let state = if result.is_some() { RunState::Ended } else { RunState::Deploying };
        RunView { id: RunId(format!("rollback-{id}")), result, state, ended_at, ..rollback() }
    }

    #[test]
    fn the_newest_rollback_that_came_to_its_end_counts() {
        let release = ended();
        let done = || Some(RunResult::RolledBack);
        for (newest_first, expected) in [
            (vec![], None),
            (vec![rollback_with("5", Some(RunResult::Stopped))], None),
            (vec![rollback_with("5", Some(RunResult::Abandoned)), rollback_with("4", None)], None),
            (vec![rollback_with("5", Some(RunResult::Stopped)), rollback_with("4", done())], Some("rollback-4")),
            (vec![rollback_with("5", done()), rollback_with("4", done())], Some("rollback-5")),
            // A release that was rolled back during its rollout is no rollback of itself.
            (vec![RunView { result: done(), ..release.clone() }], None),
        ] {
            let found = rollback_of(&release.id, &newest_first);
            assert_eq!(found.as_ref().map(|one| one.run.0.as_str()), expected);
            let all: Vec<RunView> = newest_first.into_iter().chain([release.clone()]).collect();
            let rows = summaries(&all);
            assert_eq!(rows.last().and_then(|row| row.rolled_back.clone()), found);
            assert!(rows.iter().rev().skip(1).all(|row| row.rolled_back.is_none()), "a rollback is not rolled back");
        }
        assert_eq!(rollback_of(&RunId("another".into()), &[rollback_with("5", done())]), None);
    }

    #[test]
    fn a_rollback_names_its_person_and_its_end() {
        let mut done = rollback_with("5", Some(RunResult::RolledBack));
        done.people = vec!["Ann".into(), "Bob".into()];
        let shown = |run: &RunView| completed(run).map(|(_, one)| (one.person, one.at.to_string()));
        let at = || "2026-11-25T09:00:00.000Z".to_owned();
        assert_eq!(shown(&done), Some(("Bob".to_owned(), at())), "nobody pressed its button");
        done.steps.iter_mut().for_each(|step| step.started_by = Some("Ann".into()));
        assert_eq!(shown(&done), Some(("Ann".to_owned(), at())));
    }

    #[test]
    fn a_release_is_rolled_back_once() {
        assert!(may_roll_back(&ended()));
        assert!(!may_roll_back(&draft()) && !may_roll_back(&deploying()) && !may_roll_back(&rollback()));
        let rolled_back = completed(&rollback_with("5", Some(RunResult::RolledBack))).map(|(_, one)| one);
        let release = RunView { rolled_back, ..ended() };
        assert!(!may_roll_back(&release));
        let refused = draft_of(release).expect_err("refused");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert!(refused.summary.ends_with("rolled it back on 25 Nov 2026, 09:00 UTC"), "{}", refused.summary);
        let refused = draft_of(deploying()).expect_err("refused");
        assert!(refused.summary.ends_with("it did not end as released here"), "{}", refused.summary);
    }

    #[test]
    fn an_unfinished_rollback_is_found() {
        let of = ended().id;
        assert_eq!(unfinished(&of, &[ended(), rollback_with("5", Some(RunResult::Stopped))]), None);
        assert_eq!(unfinished(&of, &[rollback_with("5", None)]).map(|run| run.0), Some("rollback-5".to_owned()));
        assert_eq!(unfinished(&RunId("another".into()), &[rollback_with("5", None)]), None);
    }
}
