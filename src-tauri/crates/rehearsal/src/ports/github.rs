//! Port to GitHub's workflow runs.

use async_trait::async_trait;
use greenlight_engine::ports::{
    BuildEnvironment, BuildJob, BuildRun, BuildStep, Builds, CommitCheck, CommitCheckState, Dispatch, GithubIdentity,
    PendingDeployment, PortResult,
};
use greenlight_types::{ErrorCode, Failure, Timestamp};
use serde_json::json;

use super::{InProcess, stamp};
use crate::world::{
    Build, WORKFLOW, World,
    build::{CommitReport, Conclusion, ENVIRONMENT, REVIEWERS},
    git::MAIN,
    record::Op,
};

/// Login of the token's owner.
const LOGIN: &str = "practice-person";

/// Refuses an expired token.
pub(super) fn refuse_expired(world: &World) -> PortResult<()> {
    if world.rules.token_expires_at.is_none_or(|at| world.now_ms() < at) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::CredentialRefused, "use the GitHub token").because("Bad credentials"))
}

#[async_trait]
impl Builds for InProcess {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        self.read("builds.whoami", |world| {
            refuse_expired(world)?;
            Ok(GithubIdentity {
                login: LOGIN.to_owned(),
                expires_at: world.rules.token_expires_at.map(stamp),
                answered_at: Some(stamp(world.now_ms()).whole_seconds()),
            })
        })
        .await
    }

    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>> {
        let is_known = workflow == WORKFLOW;
        self.read("builds.workflow", |world| {
            refuse_expired(world)?;
            Ok(is_known.then(|| "build-deploy".to_owned()))
        })
        .await
    }

    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>> {
        let (git_ref, inputs) = (dispatch.git_ref.clone(), json!(dispatch.inputs));
        self.change("builds.dispatch", |world| {
            refuse_expired(world)?;
            if git_ref != MAIN {
                return Err(Failure::new(ErrorCode::GitMissing, format!("find {git_ref}")));
            }
            let id = world.dispatch(&git_ref, inputs);
            Ok(world.rules.tells_run.then(|| id.to_string()))
        })
        .await
    }

    async fn dispatched_runs(
        &self,
        _workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        self.read("builds.dispatched_runs", |world| listed(world, true, head_sha, since)).await
    }

    async fn all_runs(&self, _workflow: &str, head_sha: Option<&str>, since: &Timestamp) -> PortResult<Vec<BuildRun>> {
        self.read("builds.all_runs", |world| listed(world, false, head_sha, since)).await
    }

    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>> {
        self.read("builds.run", |world| {
            refuse_expired(world)?;
            let found = world.builds().iter().find(|build| build.id.to_string() == id).cloned();
            Ok(found.map(|build| told(world, &build)))
        })
        .await
    }

    async fn rerun_failed_jobs(&self, run: &str) -> PortResult<()> {
        let run = run.to_owned();
        self.change("builds.rerun_failed_jobs", move |world| {
            refuse_expired(world)?;
            world.rerun_failed_jobs(&run).map_err(|why| {
                Failure::new(ErrorCode::PermissionMissing, "run the failed part of the build again").because(why)
            })
        })
        .await
    }

    async fn cancel(&self, run: &str) -> PortResult<()> {
        let run = run.to_owned();
        self.change("builds.cancel", move |world| {
            refuse_expired(world)?;
            world
                .cancel_build(&run)
                .map_err(|why| Failure::new(ErrorCode::PreconditionFailed, "cancel the build").because(why))
        })
        .await
    }

    async fn pending_deployments(&self, run: &str) -> PortResult<Vec<PendingDeployment>> {
        self.read("builds.pending_deployments", |world| {
            refuse_expired(world)?;
            let found = world.builds().iter().find(|build| build.id.to_string() == run);
            let is_waiting = found.is_some_and(|build| world.awaits_approval(build));
            let pending =
                || PendingDeployment { environment: ENVIRONMENT.to_owned(), reviewers: vec![REVIEWERS.to_owned()] };
            Ok(is_waiting.then(pending).into_iter().collect())
        })
        .await
    }

    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>> {
        self.read("builds.jobs", |world| {
            refuse_expired(world)?;
            let found = world.builds().iter().find(|build| build.id.to_string() == run);
            Ok(found.map(|build| jobs(world, build)).unwrap_or_default())
        })
        .await
    }

    async fn check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.read("builds.check_runs", |world| {
            refuse_expired(world)?;
            if !world.git.objects.commits.contains_key(sha) {
                return Err(Failure::new(ErrorCode::GitMissing, "read the checks of the commit").with("name", sha));
            }
            let told = |report: CommitReport| CommitCheck {
                name: report.name.to_owned(),
                state: match report.conclusion {
                    Some(Conclusion::Success) => CommitCheckState::Passed,
                    Some(Conclusion::Failure | Conclusion::Cancelled) => CommitCheckState::Failed,
                    None => CommitCheckState::Running,
                },
            };
            Ok(world.reports_of(sha).into_iter().map(told).collect())
        })
        .await
    }

    async fn commit_statuses(&self, _sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.read("builds.commit_statuses", |world| {
            refuse_expired(world)?;
            Ok(Vec::new())
        })
        .await
    }

    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.read("builds.environments", |world| {
            refuse_expired(world)?;
            let reviewers = world.rules.approval.map(|_| REVIEWERS.to_owned()).into_iter().collect();
            Ok(vec![BuildEnvironment { name: ENVIRONMENT.to_owned(), reviewers, wait_minutes: 0 }])
        })
        .await
    }
}

/// The runs that a list shows, newest first.
fn listed(
    world: &mut World,
    is_dispatched: bool,
    head_sha: Option<&str>,
    since: &Timestamp,
) -> PortResult<Vec<BuildRun>> {
    refuse_expired(world)?;
    let since_ms = since.as_millisecond();
    let shown: Vec<Build> = world
        .builds()
        .iter()
        .rev()
        .filter(|build| head_sha.is_none_or(|head_sha| build.commit.id == head_sha) && build.created_ms >= since_ms)
        .filter(|build| world.lists(build) && (!is_dispatched || !build.is_by_push))
        .cloned()
        .collect();
    Ok(shown.iter().map(|build| told(world, build)).collect())
}

/// Status of a run: `queued`, `in_progress`, `waiting` or `completed`.
fn status(world: &World, build: &Build) -> &'static str {
    if build.ended.is_some() {
        "completed"
    } else if world.now_ms() - build.started_ms() < world.rules.pace.queued {
        "queued"
    } else if world.awaits_approval(build) {
        "waiting"
    } else {
        "in_progress"
    }
}

fn told(world: &mut World, build: &Build) -> BuildRun {
    let (at, status) = (world.now_ms(), status(world, build));
    let conclusion = build.ended.map(|(_, conclusion)| conclusion.word().to_owned());
    if world.record.is_on() {
        let op = Op::RunSeen {
            run: build.id.to_string(),
            status: status.to_owned(),
            conclusion: conclusion.clone(),
            head_sha: build.commit.id.clone(),
            created: build.created_ms,
            attempt: build.attempt(),
        };
        world.record.told(at, op);
    }
    BuildRun {
        id: build.id.to_string(),
        number: build.number,
        status: status.to_owned(),
        conclusion,
        head_sha: build.commit.id.clone(),
        head_branch: "master".to_owned(),
        event: build.event().to_owned(),
        actor: if build.is_ours { LOGIN.to_owned() } else { "colleague".to_owned() },
        // GitHub reports whole seconds.
        created_at: stamp(build.created_ms / 1_000 * 1_000),
        attempt: build.attempt(),
        url: format!("https://github.invalid/actions/runs/{}", build.id),
    }
}

fn jobs(world: &World, build: &Build) -> Vec<BuildJob> {
    let pace = world.rules.pace;
    let age = world.now_ms() - build.started_ms();
    if age < pace.queued {
        return Vec::new();
    }
    let failed_early = build.ended.filter(|(at, _)| at - build.started_ms() < pace.built);
    let (status, conclusion) = match failed_early {
        Some((_, conclusion)) => ("completed", Some(conclusion.word())),
        None if age >= pace.built => ("completed", Some("success")),
        None => ("in_progress", None),
    };
    let step = |name: &str, conclusion: Option<&str>| BuildStep {
        name: name.to_owned(),
        status: status.to_owned(),
        conclusion: conclusion.map(str::to_owned),
    };
    let started = Some(stamp(build.started_ms() + pace.queued));
    let completed = (status == "completed").then(|| stamp(build.started_ms() + pace.built.min(age)));
    let mut jobs = vec![BuildJob {
        id: format!("{}1", build.id),
        name: world.rules.build_job().to_owned(),
        status: status.to_owned(),
        conclusion: conclusion.map(str::to_owned),
        started_at: started,
        completed_at: completed,
        steps: vec![step("Build and push image", conclusion)],
    }];
    if build.deployment.is_some() {
        let conclusion = build.ended.map(|(_, conclusion)| conclusion.word().to_owned());
        jobs.push(BuildJob {
            id: format!("{}2", build.id),
            name: "deploy".to_owned(),
            status: if conclusion.is_some() { "completed" } else { "in_progress" }.to_owned(),
            conclusion,
            started_at: Some(stamp(build.started_ms() + pace.built)),
            completed_at: build.ended.map(|(at, _)| stamp(at)),
            steps: Vec::new(),
        });
    }
    jobs
}
