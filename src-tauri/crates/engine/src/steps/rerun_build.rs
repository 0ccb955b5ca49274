//! Runs the failed part of the build again. GitHub keeps the run and its commit, and counts another
//! attempt (TRAP-W9).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    Change, Effect, ErrorCode, Fact, FactKind, Failure, Observation, PlanInputs, Precondition, Role, RunView, StepId,
    StepPlan, WayBack,
};

use super::{
    aws_patience,
    git_objects::{find_ref, short_id},
    known_builds::is_built,
    production::Production,
    refusals::foreign_plan,
    run_facts::{FollowedBuild, followed_build, main_ref},
    service_change::{check_again, not_shown},
};
use crate::{
    fold,
    ports::{BuildJob, BuildRun},
    rollout::build_needs,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct RerunBuild;

/// Pause between two looks for the new attempt.
const PAUSE: Duration = Duration::from_secs(5);
const LOOKS: u32 = 12;

#[async_trait]
impl Step for RerunBuild {
    fn id(&self) -> StepId {
        StepId::RerunBuild
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::BuildStarted]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let url = followed_build(run).ok().map(|build| build.url);
        Outline::changes("GitHub runs the failed jobs of the build again.").known_later(
            "Build",
            url,
            "known after the build is started",
        )
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let followed = followed_build(&run)?;
        cx.activity(self.id(), "Asking GitHub and AWS");
        let Some(build) = cx.ports.builds.run(&followed.id).await? else { return Err(unknown_run(&followed)) };
        let jobs = cx.ports.builds.jobs(&followed.id).await?;
        let production = Production::read(cx, &run).await?;
        let (waits, question) = aws_patience::judge(&run, &production, build_needs(&run.profile), self.id())?;
        let refs = cx.ports.git.remote_refs().await?;
        let main = find_ref(&refs, &main_ref(&run)).map(|one| one.id.clone()).unwrap_or_default();
        let is_main =
            if main == followed.commit { "still this commit" } else { "another commit; GitHub keeps this one" };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RerunBuild { build: build.id.clone(), attempt: build.attempt },
            "Run the failed part again",
            format!(
                "GitHub runs the failed jobs of the build again, from the same commit, and then asks AWS to put {} in place. \
                 Someone must stay for the migration.",
                run.version
            ),
        )
        .by_hand(vec!["Press \u{201c}Re-run failed jobs\u{201d} on the page of the build".into()], Some(build.url.clone()))
        .line("Build", format!("GitHub run {}, attempt {}", build.number, build.attempt))
        .line("Runs again", failed_jobs(&jobs))
        .line("Commit", short_id(&build.head_sha))
        .line(run.profile.git.main.as_str(), is_main)
        .change(Change::Request {
            title: format!("Sent once to GitHub: run the failed jobs of run {} again", build.number),
            body: format!("run: {}", build.id),
        })
        .preconditions(vec![has_failed(&build), is_ours(&build, &followed), may_push(cx, &run, &jobs).await?, waits]);
        Ok(question.into_iter().fold(draft, PlanDraft::question).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::RerunBuild { build, attempt } = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Attach {
            return Outcome::Unknown("a new attempt is never followed here, only asked about".into());
        }
        if let Err(failure) = check_again(cx, self, plan).await {
            return Outcome::Failed(failure);
        }
        if let Err(failure) = cx.ports.builds.rerun_failed_jobs(build).await {
            return failure.into();
        }
        for _ in 0..LOOKS {
            if let Ok(Some(seen)) = cx.ports.builds.run(build).await
                && seen.attempt > *attempt
            {
                return Outcome::Succeeded { evidence: vec![evidence(&seen)], facts: vec![began(&seen)] };
            }
            cx.wait(PAUSE).await;
        }
        Outcome::Unknown("GitHub accepted the order and shows no new attempt yet".into())
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::RerunBuild { build, attempt }) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "Nothing was run again.".into() };
        };
        match cx.ports.builds.run(build).await {
            Ok(Some(seen)) if seen.attempt > *attempt => {
                Observation::Done { evidence: vec![evidence(&seen)], facts: vec![began(&seen)] }
            }
            Ok(_) => not_shown(cx, self.id(), "GitHub shows no new attempt.".into()),
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless {
            why: "A build can be cancelled on GitHub until AWS starts putting the new version in place.".into(),
        }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        let failure = fold::step(run, StepId::FollowBuild).and_then(|step| step.failure());
        failure.is_some_and(|failure| failure.code == ErrorCode::BuildFailed)
            && !fold::is_known(run, FactKind::DeployPhaseBegan)
    }
}

fn evidence(seen: &BuildRun) -> String {
    format!("GitHub runs attempt {} of run {}.", seen.attempt, seen.number)
}

fn began(seen: &BuildRun) -> Fact {
    Fact::BuildRerun { build: seen.id.clone(), url: seen.url.clone(), attempt: seen.attempt }
}

fn failed_jobs(jobs: &[BuildJob]) -> String {
    let is_failed =
        |job: &&BuildJob| job.conclusion.as_deref().is_some_and(|end| !matches!(end, "success" | "skipped"));
    let names: Vec<&str> = jobs.iter().filter(is_failed).map(|job| job.name.as_str()).collect();
    if names.is_empty() { "every job that did not run".to_owned() } else { names.join(", ") }
}

fn has_failed(build: &BuildRun) -> Precondition {
    let conclusion = build.conclusion.as_deref();
    Precondition {
        id: "buildFailed".into(),
        passed: build.status == "completed" && conclusion.is_some_and(|end| end != "success"),
        text: "The build has ended without success".into(),
        detail: conclusion.unwrap_or(&build.status).to_owned(),
    }
}

fn is_ours(build: &BuildRun, followed: &FollowedBuild) -> Precondition {
    Precondition {
        id: "buildIsOurs".into(),
        passed: build.head_sha == followed.commit,
        text: "The build is of the labelled commit".into(),
        detail: short_id(&build.head_sha).to_owned(),
    }
}

/// Whether the new attempt may push its package. A build job that succeeded is not run again.
async fn may_push(cx: &StepContext, run: &RunView, jobs: &[BuildJob]) -> Result<Precondition, Failure> {
    let image = cx.ports.images.find(&run.names.image_tag).await?;
    let (passed, detail) = match image {
        _ if is_built(jobs, &run.profile.github.build_job) => (true, "the package is built, and is not built again"),
        None => (true, "the name is free"),
        Some(_) => match cx.ports.images.tags_may_be_overwritten().await? {
            Some(true) => (true, "a package is there, and may be overwritten"),
            Some(false) => (false, "a package is there, and cannot be overwritten"),
            None => (true, "a package is there; AWS does not say whether it may be overwritten"),
        },
    };
    Ok(Precondition {
        id: "packageMayBePushed".into(),
        passed,
        text: format!("The package {} may be pushed", run.names.image_tag),
        detail: detail.to_owned(),
    })
}

fn unknown_run(followed: &FollowedBuild) -> Failure {
    Failure::new(ErrorCode::PreconditionFailed, "find the build on GitHub: it does not show this run any more")
        .with("url", followed.url.clone())
        .hint("Ask a developer to look at the builds of this workflow.")
}
