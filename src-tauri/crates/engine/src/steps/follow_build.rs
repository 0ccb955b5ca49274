//! Watches the build to its end.
//!
//! The package is ready when the build job succeeded and the registry has an image that was pushed
//! after the dispatch and while that job ran. If the build ends red after that, AWS decides
//! (TRAP-W8).

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use greenlight_types::{
    BuildJobView, BuildView, Effect, ErrorCode, Fact, FactKind, Failure, LiveUpdate, Observation, PersonNeed,
    PlanInputs, Retry, Role, RunView, Status, StepId, StepPlan, WayBack,
};

use super::{
    build_wait,
    known_builds::{SKEW, is_built, was_building},
    production::is_put_in_place,
    run_facts::{FollowedBuild, followed_build, package_of_build, used_package},
    shown_builds::named,
    unproved_package::{self, Judged},
    watch,
};
use crate::{
    fold,
    ports::{BuildJob, BuildRun},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct FollowBuild;

const POLL: Duration = Duration::from_secs(10);
/// Polls in a row without the build, after which it counts as gone. Five minutes.
const MISSED_MAX: u32 = 30;

#[async_trait]
impl Step for FollowBuild {
    fn id(&self) -> StepId {
        StepId::FollowBuild
    }
    fn effect(&self) -> Effect {
        Effect::None
    }
    fn role(&self) -> Role {
        Role::Watching
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::BuildStarted]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let url = followed_build(run).ok().map(|build| build.url);
        Outline::reads_only(PersonNeed::AppWatches)
            .setting("Package (image)", &run.names.image_tag)
            .setting("Job that builds it", &run.profile.github.build_job)
            .setting("Registry", &run.profile.aws.image_repository)
            .known_later("Build", url, "known after the build is started")
    }

    fn watches_again_after(&self) -> &'static [FactKind] {
        &[FactKind::RolledOut, FactKind::BuildRerun]
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let build = followed_build(&run)?;
        let question =
            if unproved_package::has_failed(&run) { unproved_package::question(cx, &run, &build).await? } else { None };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::FollowBuild,
            "Watch the build",
            "Watches the build on GitHub to its end. Nothing is changed by watching.",
        )
        .line("Build", build.url.clone())
        .by_hand(vec!["Look at the build on GitHub".into()], Some(build.url));
        Ok(question.into_iter().fold(draft, PlanDraft::question).finish())
    }

    async fn run(&self, cx: &StepContext, _plan: &StepPlan, _entry: Entry) -> Outcome {
        let run = cx.run();
        if let Err(failure) = followed_build(&run) {
            return Outcome::Failed(failure);
        }
        if used_package(&run).is_some() {
            let evidence = vec!["Nothing is built: this release uses the package that was there.".to_owned()];
            return Outcome::Succeeded { evidence, facts: Vec::new() };
        }
        let late = Failure::new(ErrorCode::TimedOut, "see the end of the build: it did not end within six hours")
            .hint("Watch again, or cancel the build.")
            .retry(Retry::Safe);
        let polls = PollCounts::default();
        watch::watch(cx, self.id(), POLL, late, || look_at_newest(cx, &polls)).await
    }

    async fn observe(&self, _cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        watch::observation_of_watch()
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// Polls of one watch in a row that show the same.
#[derive(Default)]
struct PollCounts {
    /// GitHub does not know the build.
    missed: AtomicU32,
    /// GitHub has not started the build.
    queued: AtomicU32,
}

/// Polls the newest attempt of the build once.
async fn look_at_newest(cx: &StepContext, polls: &PollCounts) -> Result<Option<Outcome>, Failure> {
    let build = followed_build(&cx.run())?;
    let Some(seen) = cx.ports.builds.run(&build.id).await? else {
        let is_gone = polls.missed.fetch_add(1, Ordering::Relaxed) >= MISSED_MAX;
        return Ok(is_gone.then(|| Outcome::Failed(gone(&build))));
    };
    polls.missed.store(0, Ordering::Relaxed);
    let is_queued = build_wait::is_unstarted(&seen);
    let queued = if is_queued { polls.queued.fetch_add(1, Ordering::Relaxed) } else { 0 };
    if !is_queued {
        polls.queued.store(0, Ordering::Relaxed);
    }
    look(cx, &build, seen, POLL * queued).await
}

/// Judges the build as GitHub shows it. Returns an outcome when it has ended. An attempt that a
/// person started on GitHub is recorded first. `queued` is the time for which the build has not
/// started.
async fn look(
    cx: &StepContext,
    build: &FollowedBuild,
    seen: BuildRun,
    queued: Duration,
) -> Result<Option<Outcome>, Failure> {
    // An answer about an earlier attempt is late (TRAP-W9).
    if seen.attempt < build.attempt {
        return Ok(None);
    }
    let jobs = cx.ports.builds.jobs(&build.id).await?;
    let waits_for = build_wait::waits_for(cx, &seen, queued).await;
    if let Some(text) = &waits_for {
        cx.activity(StepId::FollowBuild, text.as_str());
    }
    cx.sink.show(LiveUpdate::Build(view(&seen, &jobs, waits_for)));
    if seen.head_sha != build.commit {
        return Ok(Some(Outcome::Failed(wrong_commit(&seen, build))));
    }
    if seen.attempt > build.attempt {
        let (build, url) = (seen.id.clone(), seen.url.clone());
        cx.sink.learn(StepId::FollowBuild, Fact::BuildRerun { build, url, attempt: seen.attempt }).await?;
    }
    let run = cx.run();
    if package_of_build(&run).is_none()
        && let Some(failure) = package(cx, &run, build, &seen, &jobs).await?
    {
        return Ok(Some(Outcome::Failed(failure)));
    }
    let run = cx.run();
    let is_ready = package_of_build(&run).is_some();
    let Some(conclusion) = seen.conclusion.clone().filter(|_| seen.status == "completed") else { return Ok(None) };
    let ended = Fact::BuildEnded { conclusion: conclusion.clone(), url: seen.url.clone() };
    let evidence = vec![format!("GitHub run {} ended: {conclusion}.", seen.number)];
    match (conclusion == "success", is_ready) {
        (true, true) => Ok(Some(Outcome::Succeeded { evidence, facts: vec![ended] })),
        (true, false) | (false, false) => Ok(Some(Outcome::Failed(no_package(&seen, &jobs, &conclusion)))),
        (false, true) => judged_by_aws(cx, &run, evidence, ended, &conclusion).await,
    }
}

/// Records that the package is ready, once it is. Returns a failure while only a person can say
/// whether this build made the package.
async fn package(
    cx: &StepContext,
    run: &RunView,
    build: &FollowedBuild,
    seen: &BuildRun,
    jobs: &[BuildJob],
) -> Result<Option<Failure>, Failure> {
    let is_built = is_built(jobs, &run.profile.github.build_job);
    if !is_built && !unproved_package::may_have_built(run, jobs) {
        return Ok(None);
    }
    let Some(image) = cx.ports.images.find(&run.names.image_tag).await? else { return Ok(None) };
    if image.pushed_at < build.sent_at.minus(SKEW) {
        return Ok(None);
    }
    if unproved_package::is_denied(run, &build.id, &image) {
        return Ok(None);
    }
    if !is_built || !was_building(jobs, &run.profile.github.build_job, build.sent_at, image.pushed_at) {
        match unproved_package::judge(run, seen, &image, jobs) {
            Judged::Made => {}
            Judged::Open(failure) => return Ok(Some(failure)),
            Judged::NotMade => return Ok(None),
        }
    }
    let fact = Fact::PackageReady {
        image: run.names.image.clone(),
        digest: image.digest,
        pushed_at: image.pushed_at,
        commit: build.commit.clone(),
    };
    cx.sink.learn(StepId::FollowBuild, fact).await.map(|()| None)
}

/// Judges a build that ended red after the package was built. AWS decides.
async fn judged_by_aws(
    cx: &StepContext,
    run: &RunView,
    evidence: Vec<String>,
    ended: Fact,
    conclusion: &str,
) -> Result<Option<Outcome>, Failure> {
    let rollout = fold::step(run, StepId::AwaitRollout).map(|step| step.status());
    if fold::newest(run, FactKind::RolledOut).is_some() {
        let warning = format!("GitHub says {conclusion}, but AWS runs the new version on every server.");
        return Ok(Some(Outcome::Warned { evidence, facts: vec![ended], warning }));
    }
    // The first poll of an ended build may come before this run has recorded the deployment that
    // AWS began.
    let has_begun = fold::newest(run, FactKind::DeployPhaseBegan).is_some() || is_put_in_place(cx, run).await?;
    if rollout == Some(Status::Failed) {
        return Ok(Some(Outcome::Failed(
            Failure::new(ErrorCode::RolloutFailed, format!("finish the build: GitHub says {conclusion}"))
                .with("conclusion", conclusion)
                .hint("The package was built, and AWS did not put it in place. What serves now, the servers say.")
                .hint("Once every server runs it, look at the build again.")
                .retry(Retry::Safe),
        )));
    }
    if !has_begun {
        return Ok(Some(Outcome::Failed(
            Failure::new(ErrorCode::BuildFailed, format!("finish the build: GitHub says {conclusion}"))
                .with("conclusion", conclusion)
                .hint("The package was built, but AWS does not run it. Ask a developer to look at the build.")
                .hint("Run the failed part again, or watch again once a developer did: looking changes nothing.")
                .retry(Retry::Safe),
        )));
    }
    Ok(None)
}

fn wrong_commit(seen: &BuildRun, build: &FollowedBuild) -> Failure {
    named(Failure::new(ErrorCode::WrongCommit, "accept this build: GitHub builds another commit"), seen)
        .with("expected", build.commit.clone())
        .hint("Cancel the build now, before AWS starts putting it in place.")
        .hint("The way on is a new version number.")
        .retry(Retry::No)
}

/// GitHub does not know the build any more: a person deleted it.
fn gone(build: &FollowedBuild) -> Failure {
    Failure::new(ErrorCode::BuildFailed, "find the build on GitHub: it does not show this run any more")
        .with("url", build.url.clone())
        .hint("Follow another build of this commit, or ask a developer to look at the builds of this workflow.")
        .retry(Retry::Safe)
}

fn no_package(seen: &BuildRun, jobs: &[BuildJob], conclusion: &str) -> Failure {
    let broken =
        jobs.iter().find(|job| job.conclusion.as_deref().is_some_and(|end| end != "success" && end != "skipped"));
    let failure = Failure::new(ErrorCode::BuildFailed, format!("build the package: GitHub says {conclusion}"))
        .with("conclusion", conclusion)
        .with("url", seen.url.clone())
        .hint("The database was not changed. Ask a developer to look at the build.")
        .hint("Run the failed part again, or watch again once a developer did: looking changes nothing.")
        .retry(Retry::Safe);
    match broken {
        Some(job) => {
            failure.because(format!("job {} ended with {}", job.name, job.conclusion.clone().unwrap_or_default()))
        }
        None => failure.because("the build job or the package was not seen"),
    }
}

fn view(seen: &BuildRun, jobs: &[BuildJob], waits_for: Option<String>) -> BuildView {
    BuildView {
        status: seen.status.clone(),
        conclusion: seen.conclusion.clone(),
        url: seen.url.clone(),
        waits_for,
        jobs: jobs
            .iter()
            .map(|job| BuildJobView {
                name: job.name.clone(),
                state: job.conclusion.clone().unwrap_or_else(|| job.status.clone()),
                current: job.steps.iter().find(|step| step.status == "in_progress").map(|step| step.name.clone()),
                done: count(job.steps.iter().filter(|step| step.status == "completed").count()),
                total: count(job.steps.len()),
            })
            .collect(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
