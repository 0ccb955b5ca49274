//! Cancels the build while AWS has not begun to put it in place: the one that this release follows,
//! or one of another commit that GitHub runs in place of it (TRAP-G4).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    Change, Effect, ErrorCode, Fact, FactKind, Failure, Observation, PlanInputs, Role, RunView, Status, StepId,
    StepPlan, WayBack,
};

use super::{
    git_objects::short_id,
    production::is_put_in_place,
    refusals::foreign_plan,
    run_facts::{followed_build, release_commit, used_package},
    service_change::{check_again, not_shown},
};
use crate::{
    fold,
    ports::BuildRun,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct CancelBuild;

/// Pause between two looks for the end of the build. GitHub first lets jobs with `always()` end,
/// for at most five minutes (GitHub, "Canceling a workflow run").
const PAUSE: Duration = Duration::from_secs(10);
const LOOKS: u32 = 60;

#[async_trait]
impl Step for CancelBuild {
    fn id(&self) -> StepId {
        StepId::CancelBuild
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let url = followed_build(run).ok().map(|build| build.url);
        Outline::changes("GitHub ends the build.").known_later("Build", url, "known after the build is started")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let Some(id) = wrong_build(&run).or_else(|| followed(&run)) else { return Err(no_build()) };
        cx.activity(self.id(), "Asking GitHub and AWS");
        let Some(build) = cx.ports.builds.run(&id).await? else { return Err(no_build()) };
        let has_begun = is_put_in_place(cx, &run).await?;
        let commit = if release_commit(&run)? == build.head_sha { "the labelled one" } else { "another one" };
        Ok(PlanDraft::new(
            self,
            &run,
            PlanInputs::CancelBuild { build: build.id.clone(), attempt: build.attempt },
            "Cancel the build",
            "GitHub ends the build. The database and the servers stay as they are.",
        )
        .by_hand(vec!["Press \u{201c}Cancel workflow\u{201d} on the page of the build".into()], Some(build.url.clone()))
        .line("Build", format!("GitHub run {}, started by {}", build.number, build.actor))
        .line("Commit", format!("{}, {commit}", short_id(&build.head_sha)))
        .change(Change::Request {
            title: format!("Sent once to GitHub: cancel run {}", build.number),
            body: format!("run: {}", build.id),
        })
        .precondition(
            "buildRuns",
            build.conclusion.is_none(),
            "The build has not ended",
            build.conclusion.as_ref().unwrap_or(&build.status).as_str(),
        )
        .precondition(
            "notInPlace",
            !has_begun,
            format!("AWS has not begun to put {} in place", run.version),
            if has_begun { "AWS has begun: use \u{201c}Stop the rollout\u{201d}" } else { "asked AWS just now" },
        )
        .finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::CancelBuild { build, attempt } = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Attach {
            return Outcome::Unknown("a cancellation is never followed, only asked about".into());
        }
        if let Err(failure) = check_again(cx, self, plan).await {
            return Outcome::Failed(failure);
        }
        if let Err(failure) = cx.ports.builds.cancel(build).await {
            return failure.into();
        }
        for _ in 0..LOOKS {
            if let Ok(Some(seen)) = cx.ports.builds.run(build).await
                && (seen.conclusion.is_some() || seen.attempt > *attempt)
            {
                return ended(&seen, *attempt);
            }
            cx.wait(PAUSE).await;
        }
        Outcome::Unknown("GitHub accepted the order, and the build has not ended yet".into())
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::CancelBuild { build, attempt }) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "Nothing was cancelled.".into() };
        };
        match cx.ports.builds.run(build).await {
            Ok(Some(seen)) if is_cancelled(&seen, *attempt) => {
                Observation::Done { evidence: vec![evidence(&seen)], facts: vec![cancelled(&seen)] }
            }
            Ok(Some(seen)) if seen.conclusion.is_some() => Observation::NotDone { evidence: evidence(&seen) },
            Ok(_) => not_shown(cx, self.id(), "GitHub does not show the build as cancelled.".into()),
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "\u{201c}Run the failed part again\u{201d} runs a cancelled build again.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        let is_open = match wrong_build(run) {
            Some(id) => !is_known_as_cancelled(run, &id, 1),
            None => may_run(run),
        };
        is_open && !fold::is_known(run, FactKind::DeployPhaseBegan)
    }
}

/// The build of another commit that GitHub started on our dispatch.
fn wrong_build(run: &RunView) -> Option<String> {
    let failure = fold::step(run, StepId::DispatchBuild)?.failure()?;
    failure.params.get("run").filter(|_| failure.code == ErrorCode::WrongCommit).cloned()
}

/// The build that this release follows. `None` where a package of before is used.
fn followed(run: &RunView) -> Option<String> {
    followed_build(run).ok().filter(|_| used_package(run).is_none()).map(|build| build.id)
}

/// Whether the followed build may still run. A watch that ended because of the commit or after six
/// hours says nothing about the end of the build.
fn may_run(run: &RunView) -> bool {
    let (Some(_), Ok(build)) = (followed(run), followed_build(run)) else { return false };
    let Some(watch) = fold::step(run, StepId::FollowBuild) else { return false };
    let has_lost_it =
        watch.failure().is_some_and(|failure| matches!(failure.code, ErrorCode::WrongCommit | ErrorCode::TimedOut));
    (watch.status() == Status::Running || has_lost_it) && !is_known_as_cancelled(run, &build.id, build.attempt)
}

fn is_known_as_cancelled(run: &RunView, id: &str, least: u32) -> bool {
    let is_it =
        |fact: &Fact| matches!(fact, Fact::BuildCancelled { build, attempt, .. } if build == id && *attempt >= least);
    run.facts.iter().any(|learned| is_it(&learned.fact))
}

fn is_cancelled(seen: &BuildRun, attempt: u32) -> bool {
    seen.attempt == attempt && seen.conclusion.as_deref() == Some("cancelled")
}

/// The outcome once GitHub shows the end. The build may have ended before the order arrived.
fn ended(seen: &BuildRun, attempt: u32) -> Outcome {
    let evidence = vec![evidence(seen)];
    if is_cancelled(seen, attempt) {
        return Outcome::Succeeded { evidence, facts: vec![cancelled(seen)] };
    }
    let warning = "GitHub accepted the order, and the build came to another end.".to_owned();
    Outcome::Warned { evidence, facts: Vec::new(), warning }
}

fn evidence(seen: &BuildRun) -> String {
    let end = seen.conclusion.as_ref().unwrap_or(&seen.status);
    format!("GitHub says about attempt {} of run {}: {end}.", seen.attempt, seen.number)
}

fn cancelled(seen: &BuildRun) -> Fact {
    Fact::BuildCancelled { build: seen.id.clone(), url: seen.url.clone(), attempt: seen.attempt }
}

fn no_build() -> Failure {
    Failure::new(ErrorCode::PreconditionFailed, "find a build of this release on GitHub")
        .hint("Ask a developer to look at the builds of this workflow.")
}
