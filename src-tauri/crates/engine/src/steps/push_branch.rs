//! Pushes the main branch with merge and version commit, as a compare-and-swap on the planned base.
//! Once this run has a pull request, the step waits for its merge and pushes nothing.

use async_trait::async_trait;
use greenlight_types::{
    Change, Effect, Fact, FactKind, Failure, Observation, PlanInputs, Role, RunView, StepId, StepPlan, WayBack,
};

use super::{
    git_objects::{commit_line, find_ref, short_id},
    publish,
    publish::push_rules,
    pull_request,
    pull_request::{Merged, Opened, Seen},
    refusals::{foreign_plan, plan_closed},
    run_facts::{known_commit, main_ref, release_commit, required_fact, who_to_call},
};
use crate::{
    ports::PushRef,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
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
    fn outline(&self, run: &RunView) -> Outline {
        let (main, repository) = (&run.profile.git.main, &run.profile.github.repository);
        Outline::changes(format!(
            "Publishes the merge and the version number on {main}. Everything that is built from {main} is {} then.",
            run.version
        ))
        .confirmed()
        .setting("Branch", main)
        .setting("Repository", repository)
        .known_later("Commit", known_commit(run), "known after the version number is set")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        if let Some(opened) = pull_request::opened(&run) {
            return self.plan_merged(cx, &run, &opened).await;
        }
        let (commit, base) = (release_commit(&run)?, base(&run)?);
        let main = &run.profile.git.main;
        let draft = PlanDraft::new(
            self,
            &run,
            push_inputs(&run)?,
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
        let forbidding = push_rules::forbidding(cx, &run).await;
        let draft = if forbidding.are_met_by_pull_request {
            draft.notice(format!(
                "The way on is \u{201c}Open a pull request\u{201d}: a reviewer merges this release into {main} on GitHub."
            ))
        } else {
            draft
        };
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
            .precondition(
                "mayPush",
                forbidding.problems.is_empty(),
                format!("No rule of GitHub forbids a push to {main}"),
                forbidding.problems.join("; "),
            )
            .finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let run = cx.run();
        if let Some(opened) = pull_request::opened(&run) {
            return record_merge(cx, &run, plan, &opened).await;
        }
        let Some(publication) = publication(&run, &plan.inputs) else { return foreign_plan(plan) };
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
        // A push that was refused before the pull request says nothing about it.
        if let Some(opened) = pull_request::opened(&run) {
            return observe_merge(cx, &run, &opened).await;
        }
        let inputs = plan.map_or_else(|| push_inputs(&run), |plan| Ok(plan.inputs.clone()));
        match inputs.map(|inputs| publication(&run, &inputs)) {
            Ok(Some(publication)) => publish::look(cx, &publication).await,
            Ok(None) => Observation::Unknown { why: "the plan of this attempt has no push".into() },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
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

/// Inputs of the push of this run.
fn push_inputs(run: &RunView) -> Result<PlanInputs, Failure> {
    Ok(PlanInputs::PushBranch { base: base(run)?, commit: release_commit(run)?, pull_request: None })
}

/// The push of a plan. `None` for a plan that pushes nothing.
fn publication(run: &RunView, inputs: &PlanInputs) -> Option<publish::Publication> {
    let PlanInputs::PushBranch { base, commit, pull_request: None } = inputs else { return None };
    Some(publish::Publication {
        push: PushRef { id: commit.clone(), name: main_ref(run), expect: Some(base.clone()) },
        fact: Fact::MainPublished { commit: commit.clone() },
        commit: commit.clone(),
        shown: run.profile.git.main.clone(),
        is_branch: true,
    })
}

async fn observe_merge(cx: &StepContext, run: &RunView, opened: &Opened) -> Observation {
    match pull_request::look(cx, run, opened).await {
        Ok(Seen::Merged(merged)) if merged.says_version => {
            let facts = merged_facts(opened.number, &merged.commit);
            Observation::Done { facts, evidence: vec![merged.evidence] }
        }
        Ok(Seen::Merged(merged)) => Observation::Conflict { what: merged.evidence },
        Ok(Seen::NotMerged(why) | Seen::Closed(why)) => {
            Observation::NotDone { evidence: format!("Pull request {} is not merged: {why}.", opened.number) }
        }
        Err(failure) => Observation::Unknown { why: failure.to_string() },
    }
}

/// Records the merge of the pull request, if main is still the commit that was shown.
async fn record_merge(cx: &StepContext, run: &RunView, plan: &StepPlan, opened: &Opened) -> Outcome {
    let seen = match pull_request::look(cx, run, opened).await {
        Ok(seen) => seen,
        Err(failure) => return failure.into(),
    };
    match (&plan.inputs, seen) {
        (PlanInputs::PushBranch { commit, pull_request: Some(number), .. }, Seen::Merged(merged))
            if merged.says_version && merged.commit == *commit =>
        {
            Outcome::Already { evidence: vec![merged.evidence], facts: merged_facts(*number, commit) }
        }
        _ => Outcome::Failed(plan_closed(plan)),
    }
}

fn merged_facts(number: u32, commit: &str) -> Vec<Fact> {
    let commit = commit.to_owned();
    vec![Fact::PullRequestMerged { number, commit: commit.clone() }, Fact::MainPublished { commit }]
}

impl PushBranch {
    /// The plan while this run has a pull request: closed until it is merged.
    async fn plan_merged(&self, cx: &StepContext, run: &RunView, opened: &Opened) -> Result<StepPlan, Failure> {
        let (number, base, main) = (opened.number, base(run)?, &run.profile.git.main);
        cx.activity(self.id(), "Asking GitHub about the pull request");
        let draft = |commit: &str| {
            PlanDraft::new(
                self,
                run,
                PlanInputs::PushBranch { base, commit: commit.to_owned(), pull_request: Some(number) },
                "Go on after the merge",
                format!(
                    "A reviewer merges pull request {number} on GitHub. From then on everything that is built from {main} is \
                     {}. Production does not change yet.",
                    run.version
                ),
            )
            .by_hand(vec![format!("Merge pull request {number} into {main}")], Some(opened.url.clone()))
            .line("Pull request", opened.url.clone())
        };
        let text = format!("Pull request {number} is merged into {main}");
        let merged = match pull_request::look(cx, run, opened).await? {
            Seen::Merged(merged) => merged,
            Seen::NotMerged(why) => {
                return Ok(draft(&opened.commit).precondition("pullRequestMerged", false, text, why).finish());
            }
            Seen::Closed(why) => {
                let open = format!("Pull request {number} is open or merged");
                return Ok(draft(&opened.commit).precondition("pullRequestIsOpen", false, open, why).finish());
            }
        };
        let Merged { commit, says_version, evidence, difference } = merged;
        let draft = draft(&commit).line(format!("{main} on GitHub now"), commit);
        let draft = match difference {
            Some(paths) => draft.notice(format!(
                "{main} differs from what this release prepared, and is released as it is on GitHub: {paths}."
            )),
            None => draft,
        };
        if says_version {
            return Ok(draft
                .notice(format!("The label {} is made again, on that commit of {main}.", run.names.tag))
                .already(evidence)
                .finish());
        }
        Ok(draft
            .precondition("pullRequestMerged", true, text, evidence)
            .precondition(
                "mainSaysVersion",
                false,
                format!("{main} says {}", run.names.version_value),
                "it says another version now: somebody changed it after the merge",
            )
            .finish())
    }
}
