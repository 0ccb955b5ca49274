//! Follows another build of the labelled commit in place of one that failed, was cancelled or is
//! gone. It may be a build that a developer started. Nothing is started; the record changes.

use async_trait::async_trait;
use greenlight_types::{
    Effect, ErrorCode, ExistingBuild, FactKind, Failure, Observation, PersonNeed, PlanInputs, Question, Role, RunView,
    StepId, StepPlan, WayBack,
};

use super::{
    git_objects::short_id,
    known_builds::{answered, build_choice, known_runs},
    refusals::foreign_plan,
    run_facts::{FollowedBuild, followed_build, known_commit, release_commit},
    service_change::check_again,
    shown_builds::started,
};
use crate::{
    fold,
    ports::BuildRun,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct FollowOtherBuild;

#[async_trait]
impl Step for FollowOtherBuild {
    fn id(&self) -> StepId {
        StepId::FollowOtherBuild
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
        Outline::reads_only(PersonNeed::Starts).known_later(
            "Commit",
            known_commit(run),
            "known after the version number is set",
        )
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let followed = followed_build(&run)?;
        cx.activity(self.id(), "Asking GitHub for other builds of this commit");
        let others = others(cx, &run, &followed).await?;
        let question = which_other(&others);
        let chosen = answered(&run, &question.id).and_then(|id| others.iter().find(|one| one.id == id));
        let build =
            chosen.map(|one| ExistingBuild { build: one.id.clone(), url: one.url.clone(), sent_at: one.created_at });
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::FollowOtherBuild(build),
            "Follow this build",
            "Nothing is started. The release goes on with another build of the same commit that GitHub has already.",
        )
        .line("Commit", short_id(&followed.commit))
        .line("Followed until now", followed.url)
        .precondition(
            "hasOtherBuild",
            !others.is_empty(),
            "GitHub has another build of this commit that runs or succeeded",
            "asked GitHub just now",
        );
        Ok(match chosen {
            Some(one) => draft.line("Followed from now on", format!("GitHub run {}, {}", one.number, one.url)).finish(),
            None if others.is_empty() => draft.finish(),
            None => draft.question(question).finish(),
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::FollowOtherBuild(Some(build)) = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Attach {
            return Outcome::Unknown("a choice is never followed, only made".into());
        }
        if let Err(failure) = check_again(cx, self, plan).await {
            return Outcome::Failed(failure);
        }
        match release_commit(&cx.run()) {
            Ok(commit) => Outcome::Succeeded {
                evidence: vec![format!("GitHub shows the build: {}", build.url)],
                facts: vec![started(&build.build, &build.url, build.sent_at, &commit)],
            },
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn observe(&self, _cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        Observation::NotDone { evidence: "No other build was recorded, and nothing was started.".into() }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "Nothing changes on GitHub. Another build may be chosen again.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        let failure = fold::step(run, StepId::FollowBuild).and_then(|step| step.failure());
        let is_lost = |failure: &Failure| {
            matches!(failure.code, ErrorCode::BuildFailed | ErrorCode::WrongCommit | ErrorCode::TimedOut)
        };
        failure.is_some_and(is_lost) && !fold::is_known(run, FactKind::DeployPhaseBegan)
    }
}

/// Builds of the commit that run or succeeded, without the one that is followed.
async fn others(cx: &StepContext, run: &RunView, followed: &FollowedBuild) -> Result<Vec<BuildRun>, Failure> {
    let mut known = known_runs(cx, run, &followed.commit).await?;
    known.retain(|one| one.id != followed.id && one.conclusion.as_deref().is_none_or(|end| end == "success"));
    Ok(known)
}

/// Asks which of the builds this release follows from now on. Another list is another question.
fn which_other(others: &[BuildRun]) -> Question {
    let mut ids: Vec<&str> = others.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    Question {
        id: format!("otherBuild:{}", ids.join(":")),
        text: "Which build of this commit does the release follow from now on?".into(),
        options: others.iter().map(build_choice).collect(),
        needs_note: true,
    }
}
