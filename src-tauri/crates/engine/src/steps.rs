//! The thirteen steps of the runbook in its order, and the steps that a person may choose, one file
//! each.
//!
//! Below the steps:
//! - `job` starts and follows a detached script, `publish` pushes a ref, `pull_request` reads the
//!   pull request of this run, `watch` is the loop of the steps that change nothing;
//! - `production` is one look at the service, `service_change` changes it, `aws_patience` judges
//!   whether AWS gives up too early, `other_revision` asks about settings that the build made;
//! - `known_builds` lists the builds of the commit, `shown_builds` judges those after a dispatch in
//!   doubt, `existing_package` judges a package that is there before the build, `unproved_package`
//!   one that the build job did not push, and `build_wait` says for whom a build waits;
//! - `run_facts`, `git_objects` and `refusals` hold values that several steps use.

mod await_deploy_phase;
mod await_rollout;
mod aws_patience;
pub(crate) mod backup;
mod build_wait;
mod cancel_build;
mod check_site;
mod create_tag;
mod deploy_again;
mod dispatch_build;
mod existing_package;
mod follow_build;
mod follow_other_build;
mod git_objects;
pub(crate) mod job;
mod known_builds;
mod merge_branch;
pub(crate) mod migration;
mod open_pull_request;
mod other_revision;
pub(crate) mod production;
mod publish;
pub(crate) mod pull_request;
mod push_branch;
mod push_tag;
mod raise_failure_limit;
mod refusals;
mod register_task_definition;
mod rerun_build;
mod restore_failure_limit;
pub(crate) mod roll_back;
pub(crate) mod run_facts;
mod service_change;
pub(crate) mod set_version;
mod shown_builds;
mod stop_rollout;
mod unproved_package;
mod watch;

pub(crate) use backup::sudo_question;
pub(crate) use known_builds::build_jobs;
pub(crate) use production::check_account;
pub(crate) use publish::in_the_way;
pub(crate) use refusals::missing_on_aws;
pub(crate) use register_task_definition::image_of;

use greenlight_types::{Profile, StepDefinition, StepId, Version};

use crate::step::Step;

/// The step with this id.
#[must_use]
pub fn get(id: StepId) -> &'static dyn Step {
    match id {
        StepId::MergeBranch => &merge_branch::MergeBranch,
        StepId::SetVersion => &set_version::SetVersion,
        StepId::CreateTag => &create_tag::CreateTag,
        StepId::PushBranch => &push_branch::PushBranch,
        StepId::PushTag => &push_tag::PushTag,
        StepId::RegisterTaskDefinition => &register_task_definition::RegisterTaskDefinition,
        StepId::BackUp => &backup::BackUp,
        StepId::DispatchBuild => &dispatch_build::DispatchBuild,
        StepId::FollowBuild => &follow_build::FollowBuild,
        StepId::AwaitDeployPhase => &await_deploy_phase::AwaitDeployPhase,
        StepId::RunMigration => &migration::RunMigration,
        StepId::AwaitRollout => &await_rollout::AwaitRollout,
        StepId::CheckSite => &check_site::CheckSite,
        StepId::RaiseFailureLimit => &raise_failure_limit::RaiseFailureLimit,
        StepId::RestoreFailureLimit => &restore_failure_limit::RestoreFailureLimit,
        StepId::StopRollout => &stop_rollout::StopRollout,
        StepId::DeployAgain => &deploy_again::DeployAgain,
        StepId::RollBack => &roll_back::RollBack,
        StepId::RerunBuild => &rerun_build::RerunBuild,
        StepId::CancelBuild => &cancel_build::CancelBuild,
        StepId::FollowOtherBuild => &follow_other_build::FollowOtherBuild,
        StepId::OpenPullRequest => &open_pull_request::OpenPullRequest,
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
        StepId::RaiseFailureLimit => ("Let AWS wait longer".into(), "Let AWS wait longer".into()),
        StepId::RestoreFailureLimit => ("Put the limit of failed starts back".into(), "Put the limit back".into()),
        StepId::StopRollout => (format!("Stop putting {version} in place"), "Stop the rollout".into()),
        StepId::DeployAgain => (format!("Put {version} in place once more"), "Start a new deployment".into()),
        StepId::RollBack => (format!("Put the version before {version} back"), "Roll back".into()),
        StepId::RerunBuild => ("Run the failed part of the build again".into(), "Run the failed part again".into()),
        StepId::CancelBuild => ("Cancel the build on GitHub".into(), "Cancel the build".into()),
        StepId::FollowOtherBuild => ("Follow another build of this commit".into(), "Follow another build".into()),
        StepId::OpenPullRequest => (format!("Open a pull request into {main}"), "Open a pull request".into()),
    };
    (title, short)
}

/// The definitions that a new run freezes (docs/releases.md#frozen-values).
#[must_use]
pub fn definitions(profile: &Profile, version: &Version) -> Vec<StepDefinition> {
    StepId::ALL.into_iter().chain(StepId::OPTIONAL).map(|id| definition(id, profile, version)).collect()
}

/// The definitions of a run that rolls a release back.
#[must_use]
pub fn rollback_definitions(profile: &Profile, version: &Version) -> Vec<StepDefinition> {
    vec![StepDefinition { is_optional: false, ..definition(StepId::RollBack, profile, version) }]
}

fn definition(id: StepId, profile: &Profile, version: &Version) -> StepDefinition {
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
        is_optional: StepId::OPTIONAL.contains(&id),
    }
}
