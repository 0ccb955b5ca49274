//! Finds the differences since Prepare when Deploy starts, and the effects that stay behind when a
//! run ends early. Reads only.

use std::collections::BTreeSet;

use greenlight_types::{
    Changed, Completion, Difference, EarlierRelease, ErrorCode, Fact, FactKind, Failure, LearnedFact, PlanInputs,
    Retry, RevisionInputs, RunView, Status, StepId, StepState, StepView,
};

use crate::{
    env_lock::git_ref::refused_difference,
    fold,
    ports::{ServiceSnapshot, revision_name},
    rollout_facts::{has_rolled_back, is_lost, is_rolling_out, limit_before},
    step::StepContext,
    steps::run_facts::{our_revision, recorded_rollback_target},
    time,
};

/// The differences from the day of Prepare (docs/releases.md#start-of-deploy). Each names person
/// and time if the outside world does.
///
/// # Errors
/// The failure of the outside system that did not answer.
pub async fn differences(cx: &StepContext) -> Result<Vec<Difference>, Failure> {
    let run = cx.run();
    let mut found: Vec<Difference> = refused_difference(&run).into_iter().collect();
    git(cx, &run, &mut found).await?;
    revision(cx, &run, &mut found).await?;
    Ok(found)
}

async fn git(cx: &StepContext, run: &RunView, found: &mut Vec<Difference>) -> Result<(), Failure> {
    let Some(Fact::TagPublished { commit, .. }) = fold::newest(run, FactKind::TagPublished) else { return Ok(()) };
    let (main, tag) = (&run.profile.git.main, &run.names.tag);
    let refs = cx.ports.git.remote_refs().await?;
    let at = |name: String| refs.iter().find(|one| one.name == name).map(|one| one.commit().to_owned());
    match at(format!("refs/tags/{tag}")) {
        Some(there) if &there == commit => {}
        Some(there) => found.push(Difference::new(
            "tagMoved",
            &there,
            format!("The label {tag} stands at another commit now ({there})."),
        )),
        None => found.push(Difference::new("tagGone", tag, format!("The label {tag} is not on GitHub any more."))),
    }
    match at(format!("refs/heads/{main}")) {
        Some(there) if &there == commit => {}
        Some(there) => {
            cx.ports.git.refresh().await?;
            let (commits, total) = cx.ports.git.commits_between(commit, &there, 5).await?;
            let who: Vec<String> = commits
                .iter()
                .map(|one| format!("\u{201c}{}\u{201d} by {} on {}", one.summary, one.author, time::in_words(one.at)))
                .collect();
            let text = format!("{main} has {total} more commits than the label {tag}: {}.", who.join("; "));
            found.push(Difference::new("mainMoved", there, text));
        }
        None => found.push(Difference::new("mainGone", main, format!("The branch {main} is not on GitHub any more."))),
    }
    Ok(())
}

async fn revision(cx: &StepContext, run: &RunView, found: &mut Vec<Difference>) -> Result<(), Failure> {
    let Some(Fact::RevisionSaved { arn, base_arn, revision, .. }) = fold::newest(run, FactKind::RevisionSaved) else {
        return Ok(());
    };
    // A rollback uses no new settings.
    if run.rolls_back.is_none() {
        match cx.ports.task_definitions.describe(&run.profile.aws.family).await? {
            Some(newest) if &newest.arn == arn => {}
            Some(newest) => {
                let who = newest
                    .registered
                    .map_or_else(String::new, |(by, at)| format!(" by {by} on {}", time::in_words(at)));
                let text =
                    format!("Newer start-up settings ({}) than ours ({revision}) were saved{who}.", newest.revision);
                found.push(Difference::new("newerRevision", newest.arn, text));
            }
            None => found.push(Difference::new(
                "revisionGone",
                revision,
                format!("The start-up settings {revision} are not on AWS any more."),
            )),
        }
    }
    if let Some(service) = cx.ports.services.describe().await? {
        found.extend(serving_changed(run, &service, arn, base_arn));
        let open: Vec<_> = service.deployments.iter().filter(|one| !one.is_over()).collect();
        if open.len() > 1 {
            let ids: Vec<&str> = open.iter().map(|one| one.id.as_str()).collect();
            let text = "Another deployment is under way on AWS right now.";
            found.push(Difference::new("deploymentUnderWay", ids.join("+"), text));
        }
    }
    Ok(())
}

/// Production runs another revision than on the day of Prepare, or than the release that is rolled
/// back.
fn serving_changed(run: &RunView, service: &ServiceSnapshot, ours: &str, base: &str) -> Option<Difference> {
    let now = revision_name(&service.task_definition);
    if run.rolls_back.is_some() {
        let ours = our_revision(run).ok()?;
        let is_known = service.task_definition == ours || service.task_definition == recorded_rollback_target(run);
        let text = format!("Production runs {now} now; {} ended with {}.", run.version, revision_name(&ours));
        return (!is_known).then(|| Difference::new("servingChanged", &service.task_definition, text));
    }
    let ran = ran_at_prepare(run).unwrap_or_else(|| base.to_owned());
    let is_known = service.task_definition == ran || service.task_definition == ours;
    let text = format!("Production runs {now} now; on the day of Prepare it was {}.", revision_name(&ran));
    (!is_known).then(|| Difference::new("servingChanged", &service.task_definition, text))
}

/// The revision that production ran when ours was saved. Ours may have another base
/// (docs/releases.md#questions).
fn ran_at_prepare(run: &RunView) -> Option<String> {
    let plan = fold::step(run, StepId::RegisterTaskDefinition)?.plan.as_ref()?;
    match plan.inputs.revision()? {
        RevisionInputs::Register { running, .. } => running.clone(),
        RevisionInputs::Exists { .. } | RevisionInputs::Undecided => None,
    }
}

/// The effects that stay behind when the run is ended now: the database first, then the steps in
/// doubt, then the known effects. `unsettled_jobs` are steps in doubt whose job may still start or
/// run, with the reason.
#[must_use]
pub fn left_behind(run: &RunView, unsettled_jobs: &[(StepId, String)]) -> Vec<String> {
    if let Some(release) = &run.rolls_back {
        return after_rollback(run, release);
    }
    let mut found: Vec<String> = database(run).into_iter().collect();
    found.extend(fold::step(run, StepId::BackUp).and_then(StepView::left_out));
    let others = run.steps.iter().filter(|step| step.definition.id != StepId::RunMigration);
    found.extend(others.filter(|step| step.status() == Status::InDoubt).filter_map(|step| doubt(run, step)));
    found.extend(unsettled_jobs.iter().map(|(step, why)| {
        let title = fold::step(run, *step).map_or(step.name(), |step| &step.definition.title);
        format!(
            "The staging machine could not be asked about \u{201c}{title}\u{201d} at the end ({why}): an order that is still \
             on its way may yet start it."
        )
    }));
    found.extend(wrong_build(run));
    found.extend(limit(run));
    found.extend(run.facts.iter().filter_map(|learned| effect(run, &learned.fact)));
    found.extend(branch_alone(run));
    let mut known = BTreeSet::new();
    found.retain(|one| known.insert(one.clone()));
    found
}

/// The effects that stay behind when a run that rolls a release back is ended.
fn after_rollback(run: &RunView, release: &EarlierRelease) -> Vec<String> {
    let version = &run.version;
    let Some(step) = fold::step(run, StepId::RollBack).filter(|step| step.attempt > 0) else { return Vec::new() };
    let database = release
        .is_migrated
        .then(|| format!("The production database was migrated for {version}; this rollback did not change it."));
    let has_sent_nothing = step.failure().is_some_and(|failure| failure.changed == Changed::Nothing);
    let servers = if has_rolled_back(run) {
        Some(format!("AWS put the version before {version} back on every server."))
    } else {
        (!has_sent_nothing)
            .then(|| format!("AWS may be putting the version before {version} back; look at what serves now."))
    };
    database.into_iter().chain(servers).chain(limit(run)).collect()
}

/// The build of another commit that GitHub runs in place of ours.
fn wrong_build(run: &RunView) -> Option<String> {
    let failure = fold::step(run, StepId::DispatchBuild)?.failure()?;
    let named = |name: &str| failure.params.get(name).map(String::as_str);
    let (number, commit, url) = (named("number")?, named("commit")?, named("url")?);
    let is_cancelled = named("run").is_some_and(|id| is_cancelled(run, id));
    (failure.code == ErrorCode::WrongCommit && !is_cancelled).then(|| {
        let commit = commit.get(..7).unwrap_or(commit);
        format!("GitHub has a build of another commit, {commit}, and may put it in place: run {number}, {url}.")
    })
}

/// Whether GitHub cancelled a build, and runs no later attempt of it that this release knows.
fn is_cancelled(run: &RunView, id: &str) -> bool {
    let is_newest = |fact: &&Fact| matches!(fact, Fact::BuildCancelled { build, .. } | Fact::BuildRerun { build, .. } if build == id);
    let newest = run.facts.iter().rev().map(|learned| &learned.fact).find(is_newest);
    matches!(newest, Some(Fact::BuildCancelled { .. }))
}

/// The limit of failed starts that this release raised and did not put back.
fn limit(run: &RunView) -> Option<String> {
    let before = limit_before(run)?;
    Some(format!(
        "AWS has a higher limit of failed starts for {}; before this release it was {} {}.",
        run.profile.aws.service, before.kind, before.value
    ))
}

/// The state in which the migration left the database. `None` while it certainly did not start.
fn database(run: &RunView) -> Option<String> {
    let version = &run.version;
    let step = fold::step(run, StepId::RunMigration)?;
    match &step.state {
        StepState::InDoubt { .. } => doubt(run, step),
        StepState::Running => Some(format!("The migration of {version} is under way ({}).", origin(run, step))),
        StepState::Failed { ended_at, failure } if failure.retry == Retry::No => {
            Some(failed_migration(run, failure, &time::in_words(*ended_at)))
        }
        StepState::Succeeded { how: Completion::SaidBy { note } | Completion::ByHand { note }, .. } => Some(format!(
            "The production database is migrated for {version}, as a person said: \u{201c}{note}\u{201d}."
        )),
        StepState::Succeeded { .. } | StepState::Warned { .. } => {
            Some(format!("The production database is migrated for {version}."))
        }
        StepState::NotStarted | StepState::AwaitingOperator | StepState::Failed { .. }
            if !step.undone_jobs.is_empty() =>
        {
            Some("The migration was undone: a person reported that the database is as it was before it.".to_owned())
        }
        StepState::Skipped { .. } => step.left_out(),
        StepState::NotStarted | StepState::AwaitingOperator | StepState::Failed { .. } | StepState::Stopped { .. } => {
            None
        }
    }
}

fn failed_migration(run: &RunView, failure: &Failure, at: &str) -> String {
    let version = &run.version;
    if failure.params.contains_key("restored") {
        return format!("The production database was restored after the migration of {version}, as a person said.");
    }
    let end = match (failure.params.get("exit"), failure.params.get("person")) {
        (_, Some(person)) => format!("a migration of {version} that did not come to its end, as {person} said at {at}"),
        (Some(exit), None) if exit == "0" => format!("a migration of {version} that ended without error at {at}"),
        (Some(exit), None) => format!("a migration of {version} that ended with error {exit} at {at}"),
        (None, None) => format!("a migration of {version} that failed at {at}"),
    };
    let known = if failure.changed == Changed::Partly { "was" } else { "may have been" };
    let said = failure.params.get("database").map(|said| format!(" The database says: {said}.")).unwrap_or_default();
    format!("The production database {known} changed by {end}.{said}")
}

/// A step in doubt in one sentence: the open question, and the origin of the attempt.
fn doubt(run: &RunView, step: &StepView) -> Option<String> {
    let (version, origin) = (&run.version, origin(run, step));
    let open = match step.definition.id {
        StepId::RunMigration => format!("the migration of {version} changed the production database"),
        StepId::BackUp => "the backup of the production database came to its end".to_owned(),
        StepId::DispatchBuild => format!("GitHub got the order to build {version}"),
        StepId::CheckSite | StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout => return None,
        StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::PushBranch
        | StepId::PushTag
        | StepId::RegisterTaskDefinition
        | StepId::RaiseFailureLimit
        | StepId::RestoreFailureLimit
        | StepId::StopRollout
        | StepId::DeployAgain
        | StepId::RollBack
        | StepId::RerunBuild
        | StepId::CancelBuild
        | StepId::FollowOtherBuild
        | StepId::OpenPullRequest => format!("\u{201c}{}\u{201d} happened", step.definition.title),
    };
    Some(format!("It is not known whether {open} ({origin})."))
}

/// When, where and by whom an attempt was started.
fn origin(run: &RunView, step: &StepView) -> String {
    let at = step.started_at.map(|at| format!(" {}", time::in_words(at))).unwrap_or_default();
    let has_job = step.plan.as_ref().is_some_and(|plan| plan.inputs.job().is_some());
    let machine = run.staging.as_ref().filter(|_| has_job);
    let place = machine.map(|machine| format!(" on {}", machine.address)).unwrap_or_default();
    let by = step.started_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("started{at}{place}{by}")
}

/// A branch that was published for a pull request, which is not known to be there.
fn branch_alone(run: &RunView) -> Option<String> {
    let step = fold::step(run, StepId::OpenPullRequest).filter(|step| step.attempt > 0)?;
    let PlanInputs::OpenPullRequest(inputs) = &step.plan.as_ref()?.inputs else { return None };
    let is_opened = |learned: &LearnedFact| matches!(&learned.fact, Fact::PullRequestOpened { branch, .. } if *branch == inputs.branch);
    // An attempt before may have published it.
    let has_sent_nothing =
        step.attempt == 1 && step.failure().is_some_and(|failure| failure.changed == Changed::Nothing);
    (!has_sent_nothing && !run.facts.iter().any(is_opened))
        .then(|| format!("The branch {} may be on GitHub, without a pull request.", inputs.branch))
}

/// A pull request whose merge this run has not recorded.
fn pull_request(run: &RunView, number: u32, url: &str, branch: &str) -> Option<String> {
    (!fold::is_known(run, FactKind::MainPublished)).then(|| {
        format!(
            "The branch {branch} is on GitHub, and its pull request {number} may be open or merged: {url}. Once it is merged, {} \
             is {}.",
            run.profile.git.main, run.names.version_value
        )
    })
}

/// The effect that a fact proves and that stays. The database has its own sentence.
fn effect(run: &RunView, fact: &Fact) -> Option<String> {
    let status = |step| fold::step(run, step).map_or(Status::NotStarted, |step| step.status());
    let (build, rollout) = (status(StepId::FollowBuild), status(StepId::AwaitRollout));
    match fact {
        Fact::PullRequestOpened { number, url, branch, .. } => pull_request(run, *number, url, branch),
        Fact::MainPublished { commit } => Some(format!(
            "{} on GitHub is {} (commit {}); whatever is built from it is {}.",
            run.profile.git.main,
            run.names.version_value,
            commit.get(..7).unwrap_or(commit),
            run.version
        )),
        Fact::TagPublished { .. } => Some(format!("The label {} is on GitHub.", run.names.tag)),
        Fact::RevisionSaved { revision, .. } => {
            Some(format!("Start-up settings {revision} are saved on AWS; nothing uses them unless a build does."))
        }
        Fact::RevisionAccepted { arn, person } => {
            Some(format!("Start-up settings {} of the build are in use, as {person} accepted.", revision_name(arn)))
        }
        Fact::BackupProved { file, .. } => Some(match &run.machine_given_up {
            Some(gone) => {
                format!("The backup {file} was on the staging machine, which is gone, as {} said.", gone.person)
            }
            None => format!("The backup {file} is on the staging machine."),
        }),
        Fact::BackupFound { file, .. } if fold::newest(run, FactKind::BackupProved).is_none() => {
            Some(format!("The backup {file} is on the staging machine; no person confirmed it."))
        }
        Fact::BuildStarted { .. } if build.is_done() => None,
        Fact::BuildStarted { build: id, .. } if is_cancelled(run, id) => None,
        Fact::BuildCancelled { url, .. } => Some(format!("The build was cancelled on GitHub: {url}.")),
        Fact::BuildStarted { url, .. } if build == Status::Failed => {
            Some(format!("The build was not followed to a good end; look at it on GitHub: {url}."))
        }
        Fact::BuildStarted { url, .. } => Some(format!("The build goes on, on GitHub: {url}.")),
        Fact::DeployPhaseBegan { .. } if has_rolled_back(run) => {
            Some(format!("AWS put the version before {} back on every server.", run.version))
        }
        Fact::DeployPhaseBegan { .. } if is_lost(run) => {
            Some(format!("AWS ran {} on every server, and does not any more; look at what serves now.", run.version))
        }
        Fact::DeployPhaseBegan { .. } if rollout.is_done() && !is_rolling_out(run) => {
            Some(format!("AWS runs {} on every server.", run.version))
        }
        Fact::DeployPhaseBegan { .. } if rollout == Status::Failed => {
            Some(format!("AWS did not put {} in place on every server; look at what serves now.", run.version))
        }
        Fact::DeployPhaseBegan { .. } => Some(format!("AWS goes on putting {} in place.", run.version)),
        Fact::MigrationFinished { .. }
        | Fact::BackupFound { .. }
        | Fact::Merged { .. }
        | Fact::VersionSet { .. }
        | Fact::TagMade { .. }
        | Fact::PullRequestMerged { .. }
        | Fact::PackageReady { .. }
        | Fact::BuildEnded { .. }
        | Fact::ServerBecameNew { .. }
        | Fact::RolledOut { .. }
        | Fact::StartFailed { .. }
        | Fact::RolloutLost { .. }
        | Fact::FailureLimitRaised { .. }
        | Fact::FailureLimitRestored { .. }
        | Fact::RolloutStopped { .. }
        | Fact::RolledBack { .. }
        | Fact::BuildRerun { .. }
        | Fact::SiteAnswered { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Event, LearnedFact, Timestamp};

    use super::*;

    /// The release whose migration failed during its rollout.
    fn stopped() -> RunView {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/golden/fold/stopped-after-a-failed-migration.json"))
                .unwrap();
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).unwrap();
        fold::fold(&events).unwrap()
    }

    fn with(build: StepState, rollout: StepState) -> String {
        let (mut run, mut build, mut rollout) = (stopped(), Some(build), Some(rollout));
        if matches!(rollout, Some(StepState::Succeeded { .. })) {
            let fact = Fact::RolledOut { deployment: "ecs-svc/1".to_owned(), servers: 2 };
            run.facts.push(LearnedFact { at: Timestamp::EPOCH, fact });
        }
        for step in &mut run.steps {
            if step.definition.id == StepId::FollowBuild {
                step.state = build.take().expect("one build");
            } else if step.definition.id == StepId::AwaitRollout {
                step.state = rollout.take().expect("one rollout");
            }
        }
        left_behind(&run, &[]).join("\n")
    }

    #[test]
    fn the_database_after_a_migration_that_did_not_finish_is_named() {
        let at = |state: StepState| {
            let mut run = stopped();
            run.steps.iter_mut().find(|step| step.definition.id == StepId::RunMigration).expect("a step").state = state;
            left_behind(&run, &[]).join("\n")
        };
        let ended_at = Timestamp::EPOCH;
        let failed = |changed| {
            let failure = Failure::new(ErrorCode::ScriptFailed, "migrate").changed(changed).retry(Retry::No);
            StepState::Failed { ended_at, failure }
        };
        assert!(at(failed(Changed::Partly)).contains("database was changed"));
        assert!(at(failed(Changed::Unknown)).contains("database may have been changed"));
        let (person, warning) = ("Lena".to_owned(), "only texts".to_owned());
        let skipped = at(StepState::Skipped { ended_at, person, warning });
        assert!(skipped.contains("Lena: this release has no migration. only texts"), "{skipped}");
    }

    #[test]
    fn a_build_of_another_commit_stays_behind() {
        let mut run = stopped();
        let failure = Failure::new(ErrorCode::WrongCommit, "build").with("number", "412").with("url", "https://x");
        let failure = failure.with("commit", "0123456789").retry(Retry::No);
        let dispatch = run.steps.iter_mut().find(|step| step.definition.id == StepId::DispatchBuild).expect("a step");
        dispatch.state = StepState::Failed { ended_at: Timestamp::EPOCH, failure };
        let left = left_behind(&run, &[]).join("\n");
        assert!(left.contains("a build of another commit, 0123456, and may put it in place: run 412"), "{left}");
    }

    #[test]
    fn ended_build_and_rollout_are_not_called_under_way() {
        let ended_at = Timestamp::EPOCH;
        let failed = || StepState::Failed { ended_at, failure: Failure::new(ErrorCode::BuildFailed, "build") };
        let done = || StepState::Succeeded { ended_at, how: Completion::Did, evidence: Vec::new() };
        let under_way = with(StepState::Running, StepState::Running);
        assert!(under_way.contains("The build goes on") && under_way.contains("AWS goes on"), "{under_way}");
        let failed = with(failed(), failed());
        assert!(!failed.contains("goes on") && failed.contains("AWS did not put 2.1.0 in place"), "{failed}");
        let done = with(done(), done());
        assert!(!done.contains("The build") && done.contains("AWS runs 2.1.0 on every server"), "{done}");
    }

    #[test]
    fn another_deployment_of_ours_is_not_called_complete() {
        let mut run = stopped();
        let began = || Fact::DeployPhaseBegan {
            deployment: "ecs-svc/2".to_owned(),
            previous_arn: String::new(),
            at: Timestamp::EPOCH,
        };
        let done = StepState::Succeeded { ended_at: Timestamp::EPOCH, how: Completion::Did, evidence: Vec::new() };
        run.steps.iter_mut().find(|step| step.definition.id == StepId::AwaitRollout).expect("a step").state = done;
        run.facts.extend([began(), began()].map(|fact| LearnedFact { at: Timestamp::EPOCH, fact }));
        let left = left_behind(&run, &[]);
        assert_eq!(left.iter().filter(|line| line.contains("AWS goes on putting 2.1.0")).count(), 1, "{left:?}");
        assert!(left.iter().all(|line| !line.contains("on every server")), "{left:?}");
    }

    fn with_migration(state: StepState) -> String {
        let (mut run, mut state) = (stopped(), Some(state));
        for step in run.steps.iter_mut().filter(|step| step.definition.id == StepId::RunMigration) {
            step.state = state.take().unwrap();
        }
        left_behind(&run, &[]).remove(0)
    }

    #[test]
    fn the_database_comes_first_in_words_that_are_known() {
        let first = left_behind(&stopped(), &[]).remove(0);
        assert!(first.starts_with("The production database may have been changed by a migration of 2.1.0"), "{first}");
        assert!(first.contains("error 3"), "{first}");
        let failure =
            |failure: Failure| StepState::Failed { ended_at: Timestamp::EPOCH, failure: failure.retry(Retry::No) };
        let half = Failure::new(ErrorCode::ScriptFailed, "finish").with("exit", "3").changed(Changed::Partly);
        let half = with_migration(failure(half));
        assert!(half.starts_with("The production database was changed by a migration"), "{half}");
        let said = Failure::new(ErrorCode::SaidFailed, "see").with("person", "Lena").changed(Changed::Unknown);
        assert!(with_migration(failure(said)).contains("as Lena said"));
        let open = with_migration(StepState::InDoubt { doubt: String::new() });
        assert!(open.starts_with("It is not known whether the migration of 2.1.0 changed the production database"));
        let ended_at = Timestamp::EPOCH;
        let done = StepState::Succeeded { ended_at, how: Completion::Did, evidence: Vec::new() };
        assert_eq!(with_migration(done), "The production database is migrated for 2.1.0.");
        let refused = Failure::new(ErrorCode::PreconditionFailed, "start").retry(Retry::Safe);
        let nothing = with_migration(StepState::Failed { ended_at, failure: refused });
        assert!(!nothing.contains("database"), "{nothing}");
    }
}
