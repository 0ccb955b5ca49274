//! Values that several steps read from the run: facts of earlier steps, ref names, people to call.

use greenlight_types::{BuildInputs, ErrorCode, ExistingPackage, Fact, FactKind, Failure, RunView, StepId, Timestamp};
use regex::Regex;

use super::{git_objects::short_id, known_builds::SKEW};
use crate::{
    fold,
    ports::{ServiceSnapshot, revision_name},
    rollout::EarlierDeployments,
    step::Outline,
};

/// Returns the newest fact of a kind.
///
/// # Errors
/// `NotAllowedNow` while no step has learned it.
pub(super) fn required_fact<T>(run: &RunView, kind: FactKind, pick: impl Fn(&Fact) -> Option<T>) -> Result<T, Failure> {
    fold::newest(run, kind).and_then(pick).ok_or_else(|| {
        Failure::new(ErrorCode::NotAllowedNow, format!("go on: this step still waits for {kind:?}"))
            .hint("Finish the steps before it first.")
    })
}

/// Id of the commit that this run releases: its version commit, or the commit of main that a pull
/// request with it became.
///
/// # Errors
/// As [`required_fact`].
pub(crate) fn release_commit(run: &RunView) -> Result<String, Failure> {
    if let Some(Fact::PullRequestMerged { commit, .. }) = fold::newest(run, FactKind::PullRequestMerged) {
        return Ok(commit.clone());
    }
    required_fact(run, FactKind::VersionSet, |fact| {
        if let Fact::VersionSet { commit, .. } = fact { Some(commit.clone()) } else { None }
    })
}

/// ARN of the task definition revision of this run: the one that it registered, or one of the build
/// that a person accepted.
///
/// # Errors
/// As [`required_fact`].
pub(crate) fn our_revision(run: &RunView) -> Result<String, Failure> {
    let accepted = fold::newest(run, FactKind::RevisionAccepted);
    if let Some(Fact::RevisionAccepted { arn, .. }) = accepted {
        return Ok(arn.clone());
    }
    required_fact(run, FactKind::RevisionSaved, |fact| {
        if let Fact::RevisionSaved { arn, .. } = fact { Some(arn.clone()) } else { None }
    })
}

/// Short id of [`release_commit`]. `None` while no step has learned it.
pub(super) fn known_commit(run: &RunView) -> Option<String> {
    release_commit(run).ok().map(|commit| short_id(&commit).to_owned())
}

/// Name of [`our_revision`]. `None` while no step has learned it.
pub(super) fn known_revision(run: &RunView) -> Option<String> {
    our_revision(run).ok().map(|arn| revision_name(&arn).to_owned())
}

/// Adds the staging machine to the outline of a step. It is confirmed at Deploy.
pub(super) fn on_machine(outline: Outline, run: &RunView) -> Outline {
    let host = &run.profile.host;
    let confirmed = run.staging.as_ref().map(|machine| machine.address.clone());
    let when = match host.address.as_str() {
        "" => "asked at Deploy".to_owned(),
        proposed => format!("asked at Deploy; {proposed} is proposed"),
    };
    outline
        .known_later("Address", confirmed, &when)
        .setting("Machine", &run.names.staging_machine)
        .setting("User", &host.user)
}

/// ARN of the revision that the service was set to when the build was started. Its rollout may have
/// been under way. Empty when unknown.
pub(super) fn configured_before(run: &RunView) -> String {
    build_inputs(run).map(|inputs| inputs.serving_before.clone()).unwrap_or_default()
}

/// The deployments from before the build. `build_sent` is the start of the build.
pub(super) fn earlier_deployments(run: &RunView, build_sent: Option<Timestamp>) -> EarlierDeployments<'_> {
    match build_inputs(run) {
        // The deployments that were listed may be of the build that was found.
        Some(inputs) if inputs.existing.is_some() && inputs.package.is_none() => {
            EarlierDeployments { ids: &[], until: build_sent.map(|at| at.minus(SKEW)) }
        }
        Some(inputs) => EarlierDeployments { ids: &inputs.deployments_before, until: None },
        None => EarlierDeployments::default(),
    }
}

/// ARN of the revision that served when the build was started, where the service was set to another
/// one.
pub(super) fn served_before(run: &RunView) -> Option<&str> {
    build_inputs(run)?.completed_before.as_deref()
}

/// ARN of the revision that a rollback puts back: the newest completed one that our deployment
/// replaces. While ours is not in charge, it is the recorded one. Empty when unknown.
pub(super) fn rollback_target(service: &ServiceSnapshot, run: &RunView, ours: &str) -> String {
    // After the end of a release, a later version may be listed as completed.
    let is_in_charge =
        run.rolls_back.is_none() && service.primary().is_some_and(|primary| primary.task_definition == ours);
    let completed = service.completed_besides(ours).filter(|_| is_in_charge);
    completed.map_or_else(|| recorded_rollback_target(run), str::to_owned)
}

/// As [`rollback_target`], by the journal alone, without AWS.
pub(crate) fn recorded_rollback_target(run: &RunView) -> String {
    let begun = fold::newest(run, FactKind::DeployPhaseBegan);
    if let Some(Fact::DeployPhaseBegan { previous_arn, .. }) = begun
        && !previous_arn.is_empty()
    {
        return previous_arn.clone();
    }
    served_before(run).map_or_else(|| configured_before(run), str::to_owned)
}

/// The start of a deployment of our revision.
pub(super) fn deploy_phase_began(
    service: &ServiceSnapshot,
    run: &RunView,
    ours: &str,
    deployment: String,
    at: Timestamp,
) -> Fact {
    Fact::DeployPhaseBegan { deployment, previous_arn: rollback_target(service, run, ours), at }
}

fn build_inputs(run: &RunView) -> Option<&BuildInputs> {
    fold::step(run, StepId::DispatchBuild)?.plan.as_ref()?.inputs.build()
}

/// The workflow run that this release follows.
pub(super) struct FollowedBuild {
    pub id: String,
    pub url: String,
    pub sent_at: Timestamp,
    pub commit: String,
    /// Newest attempt that this run knows.
    pub attempt: u32,
}

/// The workflow run that this release follows.
///
/// # Errors
/// As [`required_fact`].
pub(super) fn followed_build(run: &RunView) -> Result<FollowedBuild, Failure> {
    let mut followed = required_fact(run, FactKind::BuildStarted, |fact| {
        let Fact::BuildStarted { build, url, sent_at, commit } = fact else { return None };
        let (id, url, commit) = (build.clone(), url.clone(), commit.clone());
        Some(FollowedBuild { id, url, sent_at: *sent_at, commit, attempt: 1 })
    })?;
    for learned in &run.facts {
        if let Fact::BuildRerun { build, attempt, .. } = &learned.fact
            && *build == followed.id
        {
            followed.attempt = followed.attempt.max(*attempt);
        }
    }
    Ok(followed)
}

/// Digest of the package of the followed build. A package of a build that was followed before does
/// not count.
pub(super) fn package_of_build(run: &RunView) -> Option<&str> {
    let later = run.facts.iter().rev().map(|learned| &learned.fact);
    let is_either = |fact: &&Fact| matches!(fact.kind(), FactKind::PackageReady | FactKind::BuildStarted);
    let newest = later.into_iter().find(is_either)?;
    if let Fact::PackageReady { digest, .. } = newest { Some(digest) } else { None }
}

/// The package that this release uses in place of a build, once a person decided so.
pub(super) fn used_package(run: &RunView) -> Option<&ExistingPackage> {
    let step = fold::step(run, StepId::DispatchBuild).filter(|step| step.status().is_done())?;
    step.plan.as_ref()?.inputs.build()?.package.as_ref()
}

/// Whether a person has to start the deployment, because no workflow does.
pub(super) fn needs_deployment(run: &RunView) -> bool {
    used_package(run).is_some() && !fold::is_known(run, FactKind::DeployPhaseBegan)
}

/// Patterns of failures that are expected before the migration. The profile was checked when it was
/// read, so every pattern compiles.
pub(super) fn expected_failures(run: &RunView) -> Vec<Regex> {
    run.profile.logs.expected_failures.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// Full name of the main branch.
pub(crate) fn main_ref(run: &RunView) -> String {
    format!("refs/heads/{}", run.profile.git.main)
}

/// Full name of the tag.
pub(crate) fn tag_ref(run: &RunView) -> String {
    format!("refs/tags/{}", run.names.tag)
}

/// People whom the profile names for a step.
pub(super) fn who_to_call(run: &RunView, id: StepId) -> String {
    run.profile.who_to_call.get(&id).filter(|who| !who.is_empty()).cloned().unwrap_or_else(|| "a developer".into())
}
