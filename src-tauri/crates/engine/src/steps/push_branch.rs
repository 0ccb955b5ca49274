//! Pushes the main branch with merge and version commit, as a compare-and-swap on the planned base.

use async_trait::async_trait;
use greenlight_types::{
    Change, Effect, Fact, FactKind, Failure, Observation, PlanInputs, Role, RunView, StepId, StepPlan, WayBack,
};

use super::{
    git_objects::{commit_line, find_ref, short_id},
    publish,
    refusals::foreign_plan,
    run_facts::{main_ref, required_fact, version_commit, who_to_call},
};
use crate::{
    ports::PushRef,
    step::{Entry, Outcome, PlanDraft, Step, StepContext},
};

pub struct PushBranch;

#[async_trait]
impl Step for PushBranch {
    fn id(&self) -> StepId {
        StepId::PushBranch
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::VersionSet, FactKind::TagMade]
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let (commit, base) = (version_commit(&run)?, base(&run)?);
        let main = &run.profile.git.main;
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::PushBranch { base: base.clone(), commit: commit.clone() },
            format!("Push {main}").as_str(),
            format!(
                "Publishes the merge and the new version number. From then on everything that is built from {main} is {}. \
                 Production does not change yet.",
                run.version
            ),
        )
        .by_hand(vec![format!("git push origin refs/heads/{main}")], None)
        .irreversible();
        let refs = cx.ports.git.remote_refs().await?;
        let now = find_ref(&refs, &main_ref(&run)).map(|one| one.id.clone()).unwrap_or_default();
        if now == commit {
            return Ok(draft.already(format!("GitHub's {main} is {} already.", short_id(&commit))).finish());
        }
        // In a continued release main may have moved on since. The build checks that.
        if run.begun.is_some() && cx.ports.git.is_ancestor(&commit, &now).await? {
            return Ok(draft.already(format!("GitHub's {main} contains {} already.", short_id(&commit))).finish());
        }
        let (commits, total) = cx.ports.git.commits_between(&base, &commit, 50).await?;
        Ok(draft
            .line(format!("{main} on GitHub now"), base.clone())
            .line(format!("{main} on GitHub after"), commit)
            .change(Change::Commits {
                title: "Commits that are published".into(),
                commits: commits.into_iter().map(commit_line).collect(),
                total,
            })
            .precondition(
                "mainUnmoved",
                now == base,
                format!("Nobody has pushed to {main} since the merge"),
                if now == base { "asked GitHub just now".into() } else { format!("it is {} now", short_id(&now)) },
            )
            .finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let run = cx.run();
        let PlanInputs::PushBranch { base, commit } = &plan.inputs else { return foreign_plan(plan) };
        let publication = publication(&run, commit.clone(), base.clone());
        if let Some(evidence) = &plan.already {
            return Outcome::Already { evidence: vec![evidence.clone()], facts: vec![publication.fact] };
        }
        match entry {
            Entry::Start => publish::publish(cx, publication).await,
            Entry::Attach => Outcome::Unknown("a push is never followed, only asked about".into()),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        match plan.map(|plan| &plan.inputs) {
            Some(PlanInputs::PushBranch { base, commit }) => {
                publish::look(cx, &publication(&run, commit.clone(), base.clone())).await
            }
            Some(_) | None => match (version_commit(&run), base(&run)) {
                (Ok(commit), Ok(base)) => publish::look(cx, &publication(&run, commit, base)).await,
                (Err(failure), _) | (_, Err(failure)) => Observation::Unknown { why: failure.to_string() },
            },
        }
    }

    fn way_back(&self, run: &RunView) -> WayBack {
        WayBack::Irreversible {
            way_back: format!("A developer can revert the merge on {} with a new commit.", run.profile.git.main),
            minutes: None,
            who: who_to_call(run, StepId::PushBranch),
        }
    }
}

fn base(run: &RunView) -> Result<String, Failure> {
    required_fact(
        run,
        FactKind::Merged,
        |fact| if let Fact::Merged { base, .. } = fact { Some(base.clone()) } else { None },
    )
}

fn publication(run: &RunView, commit: String, base: String) -> publish::Publication {
    publish::Publication {
        push: PushRef { id: commit.clone(), name: main_ref(run), expect: Some(base) },
        fact: Fact::MainPublished { commit: commit.clone() },
        commit,
        shown: run.profile.git.main.clone(),
        is_branch: true,
    }
}
