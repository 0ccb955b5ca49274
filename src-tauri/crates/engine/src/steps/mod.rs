//! The thirteen steps, one file each, in the order of the runbook. What two of them share stands in `job` (detached
//! scripts), `database` (what it says before and after), `publish` (pushes) and `watch` (the loop of those that only
//! watch).

mod await_deploy_phase;
mod await_rollout;
mod back_up;
mod check_site;
mod create_tag;
mod database;
mod dispatch_build;
mod follow_build;
pub(crate) mod job;
mod merge_branch;
mod publish;
mod push_branch;
mod push_tag;
mod register_task_definition;
mod run_migration;
mod set_version;
mod watch;

use greenlight_types::{
    Changed, CommitInputs, ErrorCode, Fact, FactKind, Failure, Profile, Retry, RunView, StepDefinition, StepId,
    StepPlan, Version,
};

use crate::{
    fold,
    ports::{RemoteRef, Signature},
    step::{Outcome, Step, StepContext},
};

/// The step of an id.
#[must_use]
pub fn get(id: StepId) -> &'static dyn Step {
    match id {
        StepId::MergeBranch => &merge_branch::MergeBranch,
        StepId::SetVersion => &set_version::SetVersion,
        StepId::CreateTag => &create_tag::CreateTag,
        StepId::PushBranch => &push_branch::PushBranch,
        StepId::PushTag => &push_tag::PushTag,
        StepId::RegisterTaskDefinition => &register_task_definition::RegisterTaskDefinition,
        StepId::BackUp => &back_up::BackUp,
        StepId::DispatchBuild => &dispatch_build::DispatchBuild,
        StepId::FollowBuild => &follow_build::FollowBuild,
        StepId::AwaitDeployPhase => &await_deploy_phase::AwaitDeployPhase,
        StepId::RunMigration => &run_migration::RunMigration,
        StepId::AwaitRollout => &await_rollout::AwaitRollout,
        StepId::CheckSite => &check_site::CheckSite,
    }
}

/// Title and short title of a step.
#[must_use]
pub fn titles(id: StepId, profile: &Profile, version: &Version) -> (String, String) {
    let names = profile.names(version);
    let (main, tag) = (&profile.git.main, &names.tag);
    let (title, short) = match id {
        StepId::MergeBranch => {
            (format!("Merge branch {} into {main}", names.branch), format!("Merge branch into {main}"))
        }
        StepId::SetVersion => {
            (format!("Set the version number to {}", names.version_value), "Set version number".into())
        }
        StepId::CreateTag => (format!("Label this state as {tag}"), format!("Tag {tag}")),
        StepId::PushBranch => (format!("Push {main} to GitHub"), format!("Push {main}")),
        StepId::PushTag => (format!("Push the label {tag} to GitHub"), format!("Push tag {tag}")),
        StepId::RegisterTaskDefinition => {
            (format!("Save the start-up settings for {version}"), "Save start-up settings".into())
        }
        StepId::BackUp => ("Back up the production database".into(), "Back up database".into()),
        StepId::DispatchBuild => (format!("Start the build of {version}"), "Start the build".into()),
        StepId::FollowBuild => (format!("GitHub builds {version}"), "Build the package".into()),
        StepId::AwaitDeployPhase => {
            (format!("AWS starts putting {version} in place"), format!("AWS puts {version} in place"))
        }
        StepId::RunMigration => ("Migrate the production database".into(), "Migrate database".into()),
        StepId::AwaitRollout => (format!("All servers run {version}"), format!("Servers on {version}")),
        StepId::CheckSite => ("Check the site".into(), "Check the site".into()),
    };
    (title, short)
}

/// The definitions that a new run freezes.
#[must_use]
pub fn definitions(profile: &Profile, version: &Version) -> Vec<StepDefinition> {
    StepId::ALL
        .into_iter()
        .map(|id| {
            let (title, short_title) = titles(id, profile, version);
            let step = get(id);
            StepDefinition {
                id,
                phase: id.phase(),
                title,
                short_title,
                effect: step.effect(),
                role: step.role(),
                usual_minutes: profile.durations.get(&id).copied(),
                who_to_call: profile.who_to_call.get(&id).cloned().unwrap_or_default(),
            }
        })
        .collect()
}

/// Refuses to do what was planned on another production than there is now.
fn moved_on(what: &str) -> Failure {
    Failure::new(ErrorCode::PlanChanged, format!("{what}: production is another one now"))
        .hint("Nothing was changed. Read the plan again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// What a run has learned, or a clear refusal when a step is asked too early.
fn need<T>(run: &RunView, kind: FactKind, pick: impl Fn(&Fact) -> Option<T>) -> Result<T, Failure> {
    fold::newest(run, kind).and_then(pick).ok_or_else(|| {
        Failure::new(ErrorCode::NotAllowedNow, format!("go on: this step still waits for {kind:?}"))
            .hint("Finish the steps before it first.")
    })
}

/// The version commit of this run.
fn version_commit(run: &RunView) -> Result<String, Failure> {
    need(run, FactKind::VersionSet, |fact| {
        if let Fact::VersionSet { commit, .. } = fact { Some(commit.clone()) } else { None }
    })
}

/// Full name of the main branch.
fn main_ref(run: &RunView) -> String {
    format!("refs/heads/{}", run.profile.git.main)
}

/// Full name of the tag.
fn tag_ref(run: &RunView) -> String {
    format!("refs/tags/{}", run.names.tag)
}

/// One ref of a listing.
fn find<'a>(refs: &'a [RemoteRef], name: &str) -> Option<&'a RemoteRef> {
    refs.iter().find(|one| one.name == name)
}

/// Author of what this run writes. The time is the run's, so that a repeat gives the same ids.
fn signature(cx: &StepContext) -> Result<Signature, Failure> {
    let run = cx.run();
    let at = run
        .commit_time
        .ok_or_else(|| Failure::new(ErrorCode::NotAllowedNow, "write a commit before Prepare has started"))?;
    let mailbox: String = cx.by.person.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let email = match &cx.by.github_login {
        Some(login) => format!("{login}@users.noreply.github.com"),
        None => format!("{}@greenlight.invalid", if mailbox.is_empty() { "operator" } else { &mailbox }),
    };
    Ok(Signature { name: cx.by.person.clone(), email, at })
}

/// The git object that a step writes. Its author and time are part of the plan, so that an attempt that is
/// repeated after a crash, even by another person, writes the same object id.
fn commit_inputs(cx: &StepContext, message: String) -> Result<CommitInputs, Failure> {
    let Signature { name: author, email, at: time } = signature(cx)?;
    Ok(CommitInputs { message, author, email, time })
}

fn signature_of(commit: &CommitInputs) -> Signature {
    Signature { name: commit.author.clone(), email: commit.email.clone(), at: commit.time }
}

/// A step was given a plan that it did not make.
fn foreign_plan(plan: &StepPlan) -> Outcome {
    Outcome::Failed(Failure::new(
        ErrorCode::Internal,
        format!("act on this plan of {}: its inputs are of another kind", plan.step.name()),
    ))
}

/// First seven characters of an id, as people read it.
fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

/// Quotes a text for a POSIX shell.
#[must_use]
pub fn shell_quote(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b':' | b'=' | b'@'));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Who the profile names for a step.
fn who_to_call(run: &RunView, id: StepId) -> String {
    run.profile.who_to_call.get(&id).filter(|who| !who.is_empty()).cloned().unwrap_or_else(|| "a developer".into())
}

/// ARN of the revision that this run saved, once it did.
pub(crate) fn saved_revision(run: &RunView) -> Option<String> {
    run_migration::saved_arn(run).ok()
}
