//! One look at the service, its tasks and its deployments, judged against the revision of the run.

use greenlight_types::{
    Changed, ErrorCode, Fact, FactKind, Failure, LiveUpdate, Profile, Retry, RunView, Status, StepId, Timestamp,
};
use regex::Regex;

use super::{
    refusals::missing_on_aws,
    run_facts::{
        configured_before, deploy_phase_began, earlier_deployments, expected_failures, our_revision, package_of_build,
        served_before, used_package,
    },
};
use crate::{
    fold,
    ports::{
        BreakerThreshold, Deployment, ServiceDeployment, ServiceDeploymentStatus, ServiceDeployments, ServiceSnapshot,
        TaskSnapshot, revision_name,
    },
    rollout::{self, Condition, EarlierDeployments, Patience, Rollout, RolloutGoal, Snapshot, Verdict},
    rollout_facts::{count_turns, has_rolled_back, is_lost, is_rolled_out, is_rolling_out},
    step::StepContext,
    time,
};

/// One look at AWS.
pub(super) struct Production {
    pub(super) service: ServiceSnapshot,
    pub(super) tasks: Vec<TaskSnapshot>,
    deployments: ServiceDeployments,
}

impl Production {
    /// Reads the service. Asks for the service deployments only if one of another revision than the
    /// one that served before, or a newer one than the build, is listed.
    pub(super) async fn read(cx: &StepContext, run: &RunView) -> Result<Self, Failure> {
        let services = &cx.ports.services;
        let missing = || missing_on_aws(&run.profile.aws.service);
        let mut service = services.describe().await?.ok_or_else(missing)?;
        check_account(&run.profile, &service)?;
        if let Some(since) = run.deploy_started_at {
            cx.sink.service_events(&service.events, since);
        }
        let tasks = services.tasks().await?;
        let (previous, since) = (configured_before(run), build_not_before(run));
        let has_moved = service
            .deployments
            .iter()
            .any(|one| one.task_definition != previous || since.is_some_and(|since| one.created_at >= since));
        let deployments =
            if has_moved { services.deployments().await? } else { ServiceDeployments::Listed(Vec::new()) };
        // The deployment that stopped this one may have begun after the service was described and
        // the deployments were listed (TRAP-E7).
        let has_stopped = service
            .primary()
            .and_then(|primary| rollout::record_of(primary, &deployments))
            .is_some_and(|record| record.status == ServiceDeploymentStatus::Stopped);
        if has_stopped {
            service = services.describe().await?.ok_or_else(missing)?;
        }
        Ok(Self { service, tasks, deployments })
    }

    /// Judges the look.
    pub(super) fn assess(&self, run: &RunView, expected: &[Regex]) -> Result<Rollout, Failure> {
        self.judge(run, expected, rollout::assess)
    }

    /// How long AWS waits for our deployment while starts fail.
    pub(super) fn patience(&self, run: &RunView) -> Result<Patience, Failure> {
        self.judge(run, &[], rollout::patience)
    }

    /// The limit of failed starts that gives enough time.
    pub(super) fn raised_limit(&self, run: &RunView) -> Result<BreakerThreshold, Failure> {
        self.judge(run, &[], rollout::raised_limit)
    }

    /// AWS's record of the deployment in charge.
    pub(super) fn record_of_primary(&self) -> Option<&ServiceDeployment> {
        rollout::record_of(self.service.primary()?, &self.deployments)
    }

    /// Judges whether a revision serves in place of ours.
    pub(super) fn assess_rollback(&self, run: &RunView, revision: &str) -> Result<Rollout, Failure> {
        let ours = our_revision(run)?;
        let wanted = RolloutGoal {
            ours: revision,
            previous: &ours,
            deployment: None,
            earlier: EarlierDeployments::default(),
            completed: None,
            since: None,
            // A server of that version needs no migration.
            migrated_at: build_not_before(run),
            undone_at: None,
            digest: None,
            expected: &[],
        };
        Ok(rollout::assess(self.snapshot(), &wanted))
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { service: &self.service, tasks: &self.tasks, deployments: &self.deployments }
    }

    fn judge<T>(
        &self,
        run: &RunView,
        expected: &[Regex],
        rule: impl FnOnce(Snapshot<'_>, &RolloutGoal<'_>) -> T,
    ) -> Result<T, Failure> {
        let (ours, previous) = (our_revision(run)?, configured_before(run));
        let wanted = RolloutGoal {
            ours: &ours,
            previous: &previous,
            deployment: begun(run),
            earlier: earlier_deployments(run, build_not_before(run)),
            completed: served_before(run),
            since: deploys_since(run),
            migrated_at: migrated_at(run),
            undone_at: fold::step(run, StepId::RunMigration).and_then(|step| step.undone_at),
            digest: package_of_build(run),
            expected,
        };
        Ok(rule(self.snapshot(), &wanted))
    }
}

/// Refuses the service of another account. A credential may be replaced while a step follows AWS.
pub(crate) fn check_account(profile: &Profile, service: &ServiceSnapshot) -> Result<(), Failure> {
    let account = service.task_definition.split(':').nth(4).unwrap_or_default();
    if account == profile.aws.account {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::WrongAccount, "look at production with this AWS key: it belongs to another account")
        .with("account", account)
        .with("expected", profile.aws.account.clone())
        .hint("Open Access and save the key of the right account.")
        .retry(Retry::Safe))
}

/// Whether AWS has a deployment with our revision that began after the build.
///
/// # Errors
/// AWS does not answer.
pub(super) async fn is_put_in_place(cx: &StepContext, run: &RunView) -> Result<bool, Failure> {
    let (ours, service) = (our_revision(run).ok(), cx.ports.services.describe().await?);
    service.iter().try_for_each(|service| check_account(&run.profile, service))?;
    let deployments = service.map(|one| one.deployments).unwrap_or_default();
    let earlier = earlier_deployments(run, build_not_before(run));
    let is_new = |one: &Deployment| !earlier.contain(&one.id, one.created_at);
    Ok(deployments.iter().any(|one| Some(&one.task_definition) == ours.as_ref() && is_new(one)))
}

/// Most reasons of failed starts that a run keeps. A reason may hold an address or a time.
const REASONS_MAX: usize = 50;

/// Shows the servers, and records each new reason for which a server did not start.
pub(super) async fn show_and_record(
    cx: &StepContext,
    step: StepId,
    run: &RunView,
    seen: &Rollout,
) -> Result<(), Failure> {
    cx.sink.show(LiveUpdate::Servers(seen.view.clone()));
    let Some(deployment) = begun(run) else { return Ok(()) };
    let known = || {
        run.facts.iter().filter_map(|learned| {
            if let Fact::StartFailed { deployment, reason, .. } = &learned.fact {
                Some((deployment, reason))
            } else {
                None
            }
        })
    };
    let room = REASONS_MAX.saturating_sub(known().count());
    let is_new = |reason: &String| !known().any(|(of, told)| of == deployment && told == reason);
    for (reason, task) in seen.failed_starts.iter().filter(|(reason, _)| is_new(reason)).take(room) {
        let (deployment, task, reason) = (deployment.to_owned(), task.clone(), reason.clone());
        cx.sink.learn(step, Fact::StartFailed { deployment, task, reason }).await?;
    }
    Ok(())
}

/// Looks at the servers between and after the steps that watch them. Records when another revision
/// takes over from ours, when another deployment of ours is under way, and when ours is back.
/// Returns the open condition in words, or `None` if every server runs ours.
pub(crate) async fn check_servers(cx: &StepContext) -> Result<Option<String>, Failure> {
    look(cx, false).await
}

/// As [`check_servers`], before a person ends the run as released. With an open condition, our
/// deployment is recorded as under way again, so that the end is offered once it is complete.
pub(crate) async fn check_servers_before_end(cx: &StepContext) -> Result<Option<String>, Failure> {
    look(cx, true).await
}

async fn look(cx: &StepContext, is_before_end: bool) -> Result<Option<String>, Failure> {
    let run = cx.run();
    let step = StepId::AwaitRollout;
    let is_watched = [StepId::AwaitDeployPhase, step]
        .into_iter()
        .any(|id| fold::step(&run, id).is_some_and(|step| step.status() == Status::Running));
    if is_watched || build_not_before(&run).is_none() {
        return Ok(Some("A step watches the servers.".to_owned()));
    }
    let known = count_turns(&run);
    let production = Production::read(cx, &run).await?;
    let seen = production.assess(&run, &expected_failures(&run))?;
    show_and_record(cx, step, &run, &seen).await?;
    let failure = named_failure(cx, &seen.verdict, &run).await;
    let run = cx.run();
    if count_turns(&run) != known {
        return Ok(Some("The servers changed while AWS was asked.".to_owned()));
    }
    let open = open_condition(&seen.verdict, &run);
    if !fold::step(&run, step).is_some_and(|step| step.status().is_done()) {
        return Ok(open);
    }
    let fact = match &seen.verdict {
        Verdict::Done { deployment, servers } if !is_rolled_out(&run) => {
            Some(Fact::RolledOut { deployment: deployment.clone(), servers: *servers })
        }
        Verdict::Began { .. } | Verdict::OtherImage { .. } if is_rolled_out(&run) || is_lost(&run) => {
            let is_other = |one: &Deployment| begun(&run) != Some(one.id.as_str());
            let primary = production.service.primary();
            let under_way = primary.filter(|one| is_before_end || is_lost(&run) || is_other(one));
            let ours = our_revision(&run)?;
            under_way.map(|one| deploy_phase_began(&production.service, &run, &ours, one.id.clone(), one.created_at))
        }
        Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::Stopped { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Failed { .. }
            if is_rolled_out(&run) || is_rolling_out(&run) && is_after_begin(&production, &run) =>
        {
            let arn = production.service.primary().map(|one| one.task_definition.clone()).unwrap_or_default();
            let reason = failure.map(|failure| failure.to_string()).unwrap_or_default();
            Some(Fact::RolloutLost { arn, reason })
        }
        Verdict::Waiting { .. }
        | Verdict::Began { .. }
        | Verdict::Done { .. }
        | Verdict::OtherImage { .. }
        | Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::Stopped { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Failed { .. } => None,
    };
    if let Some(fact) = fact {
        cx.sink.learn(step, fact).await?;
    }
    Ok(open)
}

/// Whether the primary deployment is our newest one or began after it. An answer of AWS may be
/// older than its answer to our order.
fn is_after_begin(production: &Production, run: &RunView) -> bool {
    let begun = fold::newest(run, FactKind::DeployPhaseBegan);
    let begun_at = begun.and_then(|fact| if let Fact::DeployPhaseBegan { at, .. } = fact { Some(*at) } else { None });
    production.service.primary().is_some_and(|primary| begun_at.is_none_or(|at| primary.created_at >= at))
}

/// The open condition of a verdict in words. `None` if every server runs our revision.
fn open_condition(verdict: &Verdict, run: &RunView) -> Option<String> {
    match verdict {
        Verdict::Done { .. } => None,
        Verdict::Waiting { waits_for } | Verdict::Began { waits_for, .. } => Some(waits_for.words()),
        Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::Stopped { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Failed { .. }
        | Verdict::OtherImage { .. } => failure_of(verdict, run).map(|failure| failure.to_string()),
    }
}

/// Shows the condition that a step waits for.
pub(super) fn show_condition(cx: &StepContext, step: StepId, waits_for: &Condition) {
    cx.activity(step, waits_for.words());
}

/// The failure of a verdict that ends a watch; `None` for one that goes on or is done.
fn failure_of(verdict: &Verdict, run: &RunView) -> Option<Failure> {
    let is_migrated = migrated_at(run).is_some();
    Some(match verdict {
        Verdict::Waiting { .. } | Verdict::Began { .. } | Verdict::Done { .. } => return None,
        Verdict::Superseded { .. } | Verdict::Stopped { .. } | Verdict::RolledBack { .. } if is_taken_back(run) => {
            taken_back(run)
        }
        Verdict::WrongRevision { arn } => wrong_revision(arn, run),
        Verdict::Superseded { deployment, arn, since, reason } => superseded(run, deployment, arn, *since, reason),
        Verdict::Stopped { reason } => {
            advised(ErrorCode::RolloutStopped, "somebody or something stopped the deployment", reason, is_migrated)
        }
        Verdict::RolledBack { reason } => {
            advised(ErrorCode::RolloutFailed, "AWS put another revision back", reason, is_migrated)
        }
        Verdict::Failed { reason } => {
            advised(ErrorCode::RolloutFailed, "AWS gave the deployment up", reason, is_migrated)
        }
        Verdict::OtherImage { task, digest } => other_image(task, digest),
    })
}

/// As [`failure_of`], with the person who saved the settings of somebody else, where AWS names one.
/// AWS does not keep who started a deployment.
pub(super) async fn named_failure(cx: &StepContext, verdict: &Verdict, run: &RunView) -> Option<Failure> {
    let failure = failure_of(verdict, run)?;
    let is_foreign = matches!(failure.code, ErrorCode::WrongRevision | ErrorCode::RolloutSuperseded);
    let (true, Verdict::WrongRevision { arn } | Verdict::Superseded { arn, .. }) = (is_foreign, verdict) else {
        return Some(failure);
    };
    Some(with_author(cx, failure, arn).await)
}

/// Adds the person who saved a revision, and when, if AWS answers and names one.
pub(super) async fn with_author(cx: &StepContext, failure: Failure, arn: &str) -> Failure {
    let described = cx.ports.task_definitions.describe(arn).await.ok().flatten();
    match described.and_then(|definition| definition.registered) {
        Some((by, at)) => failure
            .because(format!("{} was saved by {by} on {}", revision_name(arn), time::in_words(at)))
            .with("savedBy", by),
        None => failure,
    }
}

/// The watch took too long.
pub(super) fn too_late(run: &RunView) -> Failure {
    let reason = "the servers were not ready within six hours";
    advised(ErrorCode::RolloutFailed, "it takes too long", reason, migrated_at(run).is_some())
}

fn wrong_revision(arn: &str, run: &RunView) -> Failure {
    Failure::new(ErrorCode::WrongRevision, "go on: AWS is putting other start-up settings in place than ours")
        .with("seen", revision_name(arn))
        .with("expected", our_revision(run).map(|arn| revision_name(&arn).to_owned()).unwrap_or_default())
        .hint("Do not migrate. Ask a developer which settings the build uses.")
        .hint("If the build makes its own settings with our package, watch again: the app asks whether to go on with them.")
        .retry(Retry::Safe)
}

/// AWS does not keep who started a deployment, so only revision and time can be told.
fn superseded(run: &RunView, deployment: &str, arn: &str, since: Timestamp, reason: &str) -> Failure {
    let failure = Failure::new(ErrorCode::RolloutSuperseded, "see every server on the new version")
        .with("seen", revision_name(arn))
        .with("expected", our_revision(run).map(|arn| revision_name(&arn).to_owned()).unwrap_or_default())
        .with("since", since.to_string())
        .because(format!("{deployment} with {} is in charge since {since}", revision_name(arn)))
        .because(format!("AWS says about it: {reason}"))
        .hint("AWS does not name who started a deployment. Ask the person who saved these settings, or the team.");
    with_advice(failure, migrated_at(run).is_some())
}

fn other_image(task: &str, digest: &str) -> Failure {
    Failure::new(ErrorCode::OtherImage, "see every server run the package that was built")
        .with("task", task)
        .with("digest", digest)
        .because(format!("server {task} runs the image {digest}"))
        .hint("Somebody may have built the version again. Ask a developer which image has to run.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// Whether a person has this release stopped or rolled back.
pub(crate) fn is_taken_back(run: &RunView) -> bool {
    let is_begun = |step| fold::step(run, step).is_some_and(|step| step.status().is_open());
    is_begun(StepId::StopRollout) || is_begun(StepId::RollBack) || has_rolled_back(run)
}

fn taken_back(run: &RunView) -> Failure {
    Failure::new(ErrorCode::RolloutStopped, format!("see every server on {}: it is taken back", run.version))
        .because("a person chose to put the version before it back")
        .hint("Watch again after a new deployment of this version.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// Watching changes nothing and may be repeated after a person has put the version in place.
fn advised(code: ErrorCode, event: &str, reason: &str, is_migrated: bool) -> Failure {
    let summary = format!("see every server on the new version: {event}");
    with_advice(Failure::new(code, summary).because(reason), is_migrated)
}

fn with_advice(failure: Failure, is_migrated: bool) -> Failure {
    let (look, way_on) = if is_migrated {
        (
            "Look at production: an old version may serve on the migrated database. Call the people named for this step.",
            "Start a new deployment to put the new version in place again, or roll back; the database stays migrated.",
        )
    } else {
        (
            "The database is not migrated for this release, so the old version can go on serving.",
            "Start a new deployment to put the new version in place again. If AWS gave up, let AWS wait longer first.",
        )
    };
    failure.hint(look).hint(way_on).hint("Watching again changes nothing.").retry(Retry::Safe)
}

/// Id of the deployment that began with our revision.
fn begun(run: &RunView) -> Option<&str> {
    fold::newest(run, FactKind::DeployPhaseBegan).and_then(|fact| {
        if let Fact::DeployPhaseBegan { deployment, .. } = fact { Some(deployment.as_str()) } else { None }
    })
}

/// Lower bound for the start of the build.
fn build_not_before(run: &RunView) -> Option<Timestamp> {
    fold::newest(run, FactKind::BuildStarted)
        .and_then(|fact| if let Fact::BuildStarted { sent_at, .. } = fact { Some(*sent_at) } else { None })
}

/// The time from which on a deployment may be of this release. No workflow deploys a package that
/// is used in place of a build.
fn deploys_since(run: &RunView) -> Option<Timestamp> {
    let is_used = used_package(run).is_some();
    let chosen = fold::step(run, StepId::DispatchBuild).filter(|_| is_used).and_then(|step| step.started_at);
    chosen.or_else(|| build_not_before(run))
}

/// When the end of the migration was learned, or when a person said that there is none. A release
/// that ended has nothing left to migrate.
pub(super) fn migrated_at(run: &RunView) -> Option<Timestamp> {
    let learned = run.facts.iter().rev().find(|learned| learned.fact.kind() == FactKind::MigrationFinished);
    let left_out = fold::step(run, StepId::RunMigration).filter(|step| step.status() == Status::Skipped);
    let ended = run.rolls_back.as_ref().map(|_| run.drafted_at);
    learned.map(|learned| learned.at).or_else(|| left_out?.ended_at()).or(ended)
}
