//! The step that owns an operation of the world's record or a job.

use crate::{
    known::Known,
    records::{Op, Status, Step},
};

/// Name of the push before a pull request.
pub const BRANCH_OF_PULL_REQUEST: &str = "push of the branch of a pull request";
/// Prefix of the branches that are published for a pull request.
pub const PULL_REQUESTS: &str = "refs/heads/greenlight/";

/// The step of a job id: `<product>.<environment>.<kind>.<version>.a<k>`
/// (docs/remote-jobs.md#job-ids).
pub fn step_of_job(id: &str) -> Option<Step> {
    match id.split('.').nth(2)? {
        "backup" => Some(Step::BackUp),
        "migrate" => Some(Step::RunMigration),
        _ => None,
    }
}

/// Step and name of a request of the app, or `None` when the request changes nothing. Two steps set
/// the limit of failed starts: the one that is open owns the request.
pub fn owner(op: &Op, known: &Known) -> Option<(Option<Step>, &'static str)> {
    match op {
        // It belongs to the run. `rules/lock.rs` judges it.
        Op::PushRef { name, .. } if *name == known.lock() => None,
        Op::PushRef { name, .. } if name.starts_with("refs/tags/") => Some((Some(Step::PushTag), "push of a tag")),
        Op::PushRef { name, .. } if name.starts_with(PULL_REQUESTS) => {
            Some((Some(Step::OpenPullRequest), BRANCH_OF_PULL_REQUEST))
        }
        Op::PushRef { .. } => Some((Some(Step::PushBranch), "push of a branch")),
        Op::DeleteRef { .. } => Some((None, "deletion of a ref")),
        Op::Dispatch { .. } => Some((Some(Step::DispatchBuild), "dispatch")),
        Op::RerunBuild { .. } => Some((Some(Step::RerunBuild), "re-run of the build")),
        Op::PullRequestOpened { .. } => Some((Some(Step::OpenPullRequest), "pull request")),
        Op::CancelBuild { .. } => Some((Some(Step::CancelBuild), "cancellation of the build")),
        Op::RegisterTaskDefinition { .. } => Some((Some(Step::RegisterTaskDefinition), "registration")),
        Op::SubmitJob { id, .. } => Some((step_of_job(id), "job")),
        Op::LaunchJob { id } => Some((step_of_job(id), "launch")),
        Op::RevokeJob { id } => Some((step_of_job(id), "revoke")),
        // A request sends one member of the service (INV-E1).
        Op::UpdateService { arn: None, forced: false, threshold: Some(_) } => {
            let is_restored = matches!(known.step(Step::RestoreFailureLimit).status, Status::Running | Status::InDoubt);
            let step = if is_restored { Step::RestoreFailureLimit } else { Step::RaiseFailureLimit };
            Some((Some(step), "change of the limit"))
        }
        // The way back forces a deployment where AWS gave the first one up.
        Op::UpdateService { arn: Some(_), forced: true, threshold: None } => {
            let is_back = matches!(known.step(Step::RollBack).status, Status::Running | Status::InDoubt);
            Some((Some(if is_back { Step::RollBack } else { Step::DeployAgain }), "new deployment"))
        }
        Op::UpdateService { arn: Some(_), forced: false, threshold: None } => Some((Some(Step::RollBack), "way back")),
        Op::UpdateService { .. } => Some((None, "update of several members of the service")),
        Op::StopDeployment { .. } => Some((Some(Step::StopRollout), "stop of a deployment")),
        // It belongs to the run. `rules/database.rs` judges it.
        Op::StopScript { .. } => None,
        // These requests belong to the run. `rules/host.rs` judges them.
        Op::PullRequestMerged { .. }
        | Op::EnvironmentTaken { .. }
        | Op::EnvironmentLeft { .. }
        | Op::HostReplaced { .. }
        | Op::PayloadStarted { .. }
        | Op::PayloadEnded { .. }
        | Op::DumpWritten { .. }
        | Op::SchemaChanged { .. }
        | Op::DatabaseRestored
        | Op::HostRebooted
        | Op::ImagePushed { .. }
        | Op::RunEnded { .. }
        | Op::DeploymentStarted
        | Op::DeploymentEnded
        | Op::TaskBecameHealthy
        | Op::TaskStopped { .. }
        | Op::Listing { .. }
        | Op::Described { .. }
        | Op::ServiceSeen { .. }
        | Op::SiteAnswered { .. }
        | Op::JobSeen { .. }
        | Op::RunSeen { .. }
        | Op::ImageSeen { .. }
        | Op::DatabaseSeen { .. } => None,
    }
}

/// The version in the id of a migration's job.
pub fn version_of_job(id: &str) -> Option<&str> {
    let (name, _) = id.splitn(4, '.').nth(3)?.rsplit_once(".a")?;
    Some(name)
}

/// The settings that an answer agrees to use as they are: `rally-prod:144`.
pub fn agreed_revision(question: &str, answer: &str) -> Option<String> {
    let other =
        question.strip_prefix("otherRevision:").filter(|_| answer == "use").and_then(|arn| arn.rsplit('/').next());
    let saved = question.strip_prefix("saved:").filter(|_| answer == "newest");
    other.or_else(|| saved?.rsplitn(3, ':').nth(2)).map(str::to_owned)
}
