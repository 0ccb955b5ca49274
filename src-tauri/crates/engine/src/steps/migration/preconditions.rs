//! Preconditions of the migration. Each holds before the button opens, and again after the press.

use greenlight_types::{Choice, Fact, FactKind, Failure, Precondition, Question, RunView, StepId};

use super::{
    failed_starts,
    unknown_end::{self, EarlierMigration},
};
use crate::{
    earlier_runs::Earlier,
    ports::{
        Deployment, JobState, JobStatus, RevokeReason, ServiceSnapshot, TaskHealth, TaskSnapshot, TaskStatus,
        revision_name,
    },
    rollout::migration_needs,
    step::StepContext,
    steps::{
        aws_patience, backup,
        git_objects::short_id,
        production::Production,
        run_facts::{expected_failures, our_revision, release_commit, required_fact},
    },
};

/// Id of the answer to migrate although no server of the old version runs.
const MIGRATE_NOW: &str = "migrateNow";

/// Asks the outside systems for every precondition, and for the question that one of them depends
/// on. `jobs` leaves out attempts that were undone. `folder_hash` is that of the migration folder,
/// `earlier` are the migrations of other runs.
///
/// # Errors
/// A system does not answer, or an earlier step has not recorded its fact.
pub(super) async fn all(
    cx: &StepContext,
    run: &RunView,
    jobs: &[JobStatus],
    folder_hash: &str,
    earlier: &Earlier,
) -> Result<(Vec<Precondition>, Option<Question>), Failure> {
    let mut found = vec![backup::precondition(cx, run, &cx.host()?).await?, package_built(cx, run).await?];
    let production = Production::read(cx, run).await?;
    let (service, tasks) = (&production.service, &production.tasks);
    let ours = our_revision(run)?;
    let seen = production.assess(run, &expected_failures(run))?;
    let deployment = service.primary().map_or("", |primary| primary.id.as_str());
    let (starts, unrecognised) = failed_starts::judge(run, &seen.view, deployment);
    let (waits, gives_up) = aws_patience::judge(run, &production, migration_needs(&run.profile), StepId::RunMigration)?;
    found.push(deployment_is_ours(run, service, &ours));
    let (serves, question) = old_version_serves(run, service, tasks, &ours);
    found.extend([serves, starts, waits]);
    found.push(never_ran(run, jobs, earlier));
    found.push(database_is_free(jobs));
    found.push(new_migration(earlier, folder_hash));
    Ok((found, question.or(unrecognised).or(gives_up)))
}

fn precondition(id: &str, passed: bool, text: impl Into<String>, detail: impl Into<String>) -> Precondition {
    Precondition { id: id.into(), passed, text: text.into(), detail: detail.into() }
}

async fn package_built(cx: &StepContext, run: &RunView) -> Result<Precondition, Failure> {
    let (digest, commit) = required_fact(run, FactKind::PackageReady, |fact| {
        if let Fact::PackageReady { digest, commit, .. } = fact { Some((digest.clone(), commit.clone())) } else { None }
    })?;
    let now = cx.ports.images.find(&run.names.image_tag).await?;
    Ok(precondition(
        "packageBuilt",
        commit == release_commit(run)? && now.as_ref().is_some_and(|image| image.digest == digest),
        format!("The package for {} is built from the labelled commit", run.version),
        short_id(&commit),
    ))
}

fn deployment_is_ours(run: &RunView, service: &ServiceSnapshot, ours: &str) -> Precondition {
    let primary = service.primary();
    precondition(
        "deploymentIsOurs",
        primary.is_some_and(|one| one.task_definition == ours),
        format!("AWS is putting {} in place with our start-up settings", run.version),
        primary.map_or_else(|| "no deployment".into(), |one| revision_name(&one.task_definition).to_owned()),
    )
}

/// The version before ours still serves. Once no server of it runs, a named person decides whether
/// to migrate: waiting cannot bring it back.
fn old_version_serves(
    run: &RunView,
    service: &ServiceSnapshot,
    tasks: &[TaskSnapshot],
    ours: &str,
) -> (Precondition, Option<Question>) {
    let running = |task: &&TaskSnapshot| task.last_status == TaskStatus::Running;
    let old = tasks.iter().filter(running).filter(|task| task.task_definition != ours).count();
    let is_new = |task: &&TaskSnapshot| task.task_definition == ours && task.health != TaskHealth::Unhealthy;
    let new = tasks.iter().filter(running).filter(is_new).count();
    let wanted = service.desired;
    let deployment = service.primary().map(|Deployment { id, .. }| id.as_str());
    let id = format!("newVersionServes:{}", deployment.unwrap_or_default());
    let answer = run.answer(&id).filter(|one| one.answer == MIGRATE_NOW);
    let detail = match answer.filter(|_| old == 0) {
        Some(answer) => format!("{old} of {wanted} servers; {} decided to migrate", answer.person),
        None => format!("{old} of {wanted} servers"),
    };
    let holds = old > 0 || answer.is_some();
    let text = "The version that served before still serves, or a person decided";
    let question = (!holds).then(|| Question {
        id,
        text: format!(
            "No server of the version before runs any more. The new version already runs on {new} of {wanted} servers \
             without the migration. Migrate anyway?"
        ),
        options: vec![Choice {
            id: MIGRATE_NOW.into(),
            label: "Migrate now".into(),
            detail: "If this release needs no migration, do not answer: press \u{201c}This release has no \
                     migration\u{201d} instead. Your name is kept with this answer."
                .into(),
        }],
        needs_note: false,
    });
    (precondition("oldVersionServes", holds, text, detail), question)
}

fn never_ran(run: &RunView, jobs: &[JobStatus], earlier: &Earlier) -> Precondition {
    let blocking = jobs.iter().find(|one| match one.state {
        JobState::Revoked(why) => why != RevokeReason::Expired,
        JobState::Absent | JobState::NotStarted | JobState::Busy | JobState::Expired => false,
        JobState::Running | JobState::Orphaned | JobState::Finished { .. } | JobState::Lost { .. } => true,
    });
    let elsewhere = started_elsewhere(run, earlier);
    precondition(
        "neverRan",
        blocking.is_none() && elsewhere.is_none(),
        format!("No migration of {} has run", run.version),
        match (blocking, elsewhere) {
            (Some(one), _) if one.state.never_started() => {
                format!("somebody said that it was done outside the app ({})", one.id)
            }
            (Some(one), _) => format!("{} ran before", one.id),
            (None, Some(words)) => words,
            (None, None) => "asked the host just now".into(),
        },
    )
}

/// The migration of this version that an earlier run of this computer may have started on another
/// machine, in words. "At most once" is a promise about the database, and every machine reaches the
/// same one.
fn started_elsewhere(run: &RunView, earlier: &Earlier) -> Option<String> {
    match unknown_end::first_blocking(run, earlier)? {
        EarlierMigration::AppliedBefore(start) => Some(format!(
            "it was applied, as a person said here ({}): record the migration as done by hand",
            unknown_end::origin(start)
        )),
        EarlierMigration::NeedsAnswer(start) if start.version == run.version => {
            Some(format!("it was {}: answer the question about it", unknown_end::origin(start)))
        }
        // The question alone keeps the plan closed.
        EarlierMigration::NeedsAnswer(_) => None,
    }
}

fn database_is_free(jobs: &[JobStatus]) -> Precondition {
    let busy = jobs.iter().find(|one| one.state == JobState::Busy);
    precondition(
        "databaseIsFree",
        busy.is_none(),
        "No other job at this database runs on the staging machine",
        busy.map_or_else(|| "asked the host just now".into(), |one| format!("{} waits for it", one.id)),
    )
}

/// The machine does not hold the migration of the last release.
fn new_migration(earlier: &Earlier, folder_hash: &str) -> Precondition {
    let repeated = earlier.released.as_ref().filter(|(_, old)| old == folder_hash);
    precondition(
        "newMigration",
        repeated.is_none(),
        match repeated {
            Some((version, _)) => format!("This machine still holds the migration of {version}"),
            None if earlier.released.is_none() => "No earlier migration is known on this computer".to_owned(),
            None => "The machine does not hold the last release's migration".to_owned(),
        },
        folder_hash.chars().take(12).collect::<String>(),
    )
}
