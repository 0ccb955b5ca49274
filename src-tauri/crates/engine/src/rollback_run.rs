//! Drafts the run that rolls an ended release back.

use greenlight_types::{
    EarlierRelease, ErrorCode, FactKind, Failure, RunEvent, RunId, RunResult, RunView, Status, StepId,
};

use crate::{
    fold,
    journal::Journal,
    steps::{self, run_facts::recorded_rollback_target},
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

/// Most runs that are read, newest first.
const MOST_RUNS: usize = 200;

/// Whether a person may roll a release back: it ended as released, and the revision before it is
/// known.
pub(crate) fn may_roll_back(view: &RunView) -> bool {
    matches!(view.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck))
        && fold::is_known(view, FactKind::DeployPhaseBegan)
        && view.staging.is_some()
        && !recorded_rollback_target(view).is_empty()
}

/// The rollback of a release that has not ended, if there is one.
pub(crate) async fn unfinished(journal: &dyn Journal, of: &RunId) -> Result<Option<RunId>, Failure> {
    for run in journal.runs().await?.into_iter().take(MOST_RUNS) {
        // A run that this app cannot read is not compared.
        let Ok(view) = journal.events(&run, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        if view.result.is_none() && view.rolls_back.is_some_and(|release| release.run == *of) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// The first event of the rollback of the release `of`. It has the values of that release.
///
/// # Errors
/// `JournalFailed`, or `NotAllowedNow` when that run is no release that ended.
pub(crate) async fn drafted(journal: &dyn Journal, of: &RunId) -> Result<RunEvent, Failure> {
    let release = fold::fold(&journal.events(of, 0).await?)?;
    if !may_roll_back(&release) {
        return Err(refused());
    }
    let Some(staging) = release.staging.clone() else { return Err(refused()) };
    let facts = release.facts.iter().filter(|learned| KEPT.contains(&learned.fact.kind())).cloned().collect();
    let migration = fold::step(&release, StepId::RunMigration).map(|step| step.status());
    let is_migrated = matches!(migration, Some(Status::Succeeded | Status::Warned));
    Ok(RunEvent::Drafted {
        steps: steps::rollback_definitions(&release.profile, &release.version),
        version: release.version,
        profile: Box::new(release.profile),
        names: release.names,
        realm: release.realm,
        rolls_back: Some(Box::new(EarlierRelease { run: of.clone(), is_migrated, staging, facts })),
    })
}

fn refused() -> Failure {
    Failure::new(ErrorCode::NotAllowedNow, "roll this release back: it did not end as released here")
        .hint("A release that is under way is rolled back on its own screen.")
}
