//! Publishes the version commit on a branch of its own and opens a pull request into the main
//! branch, for a main branch that takes no pushes (TRAP-G5). A reviewer merges it on GitHub.

use async_trait::async_trait;
use greenlight_types::{
    Change, Changed, Effect, Fact, FactKind, Failure, Observation, PlanInputs, PullRequestInputs, Role, RunView,
    Status, StepId, StepPlan, WayBack,
};

use super::{
    git_objects::{find_ref, short_id},
    publish::{needs_pull_request, refused},
    pull_request::BRANCHES,
    refusals::{foreign_plan, plan_closed},
    run_facts::{known_commit, release_commit},
    service_change::not_shown,
};
use crate::{
    fold,
    ports::{NewPullRequest, PullRequest, PullRequestState, PushRef, PushResult, RemoteRef},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct OpenPullRequest;

/// Most other branches that a plan names.
const SHOWN: usize = 5;

#[async_trait]
impl Step for OpenPullRequest {
    fn id(&self) -> StepId {
        StepId::OpenPullRequest
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::VersionSet]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("Publishes the merge on a branch of its own, and asks for a review on GitHub.")
            .setting("Into", &run.profile.git.main)
            .setting("Repository", &run.profile.github.repository)
            .known_later("Commit", known_commit(run), "known after the version number is set")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let (commit, main) = (release_commit(&run)?, &run.profile.git.main);
        let branch = branch_name(&run, &commit);
        let known = cx.ports.pull_requests.of_branch(&branch, main).await?;
        let refs = cx.ports.git.remote_refs().await?;
        let there = find_ref(&refs, &full_name(&branch)).map(|one| one.id.clone());
        let title = format!("Release {} {}", run.profile.product.name, run.version);
        // Without a name: another person may press the button of this plan.
        let body = format!(
            "Release {} of {}, prepared with Greenlight.\n\nPlease merge it into {main}. Do not change {}.\n",
            run.version, run.profile.product.name, run.profile.git.version_file
        );
        let inputs = PullRequestInputs {
            branch: branch.clone(),
            commit: commit.clone(),
            title: title.clone(),
            body: body.clone(),
            newest: newest_number(&known),
        };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::OpenPullRequest(inputs),
            "Open the pull request",
            format!(
                "Publishes the merge and the new version number on a branch of their own, and asks for a review. A reviewer \
                 merges it into {main} on GitHub; then this release goes on. Production does not change."
            ),
        )
        .by_hand(vec![format!("git push origin {commit}:{}", full_name(&branch))], None)
        .line("Branch on GitHub", branch.clone())
        .line("Its commit", commit.clone())
        .change(Change::Request {
            title: format!("Sent once to GitHub: a pull request from {branch} into {main}"),
            body: format!("{title}\n\n{body}"),
        });
        if let Some(one) = known.iter().find(|one| one.state != PullRequestState::Closed) {
            return Ok(draft.already(evidence(one)).finish());
        }
        let others = other_branches(&refs, &run, &branch);
        let draft = if others.is_empty() {
            draft
        } else {
            draft.notice(format!(
                "GitHub has another branch of this version: {}. Look whether its pull request is still open.",
                others.join(", ")
            ))
        };
        Ok(draft
            .precondition(
                "branchIsOurs",
                there.as_ref().is_none_or(|there| *there == commit),
                format!("The branch {branch} is free, or is this commit"),
                there.as_deref().map_or("asked GitHub just now", short_id),
            )
            .finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::OpenPullRequest(inputs) = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Attach {
            return Outcome::Unknown("a pull request is never followed here, only asked about".into());
        }
        match open(cx, self, plan, inputs).await {
            Ok(outcome) => outcome,
            Err(failure) => failure.into(),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::OpenPullRequest(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "No pull request was opened.".into() };
        };
        let main = cx.run().profile.git.main.clone();
        match cx.ports.pull_requests.of_branch(&inputs.branch, &main).await {
            Ok(known) => match known.iter().find(|one| counts(one, inputs)) {
                Some(one) => Observation::Done { evidence: vec![evidence(one)], facts: vec![opened(one, inputs)] },
                None => not_shown(cx, self.id(), "GitHub shows no new pull request.".into()),
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "A pull request can be closed on GitHub until somebody merges it.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        let is_pushed =
            fold::step(run, StepId::PushBranch).is_none_or(|push| push.status().is_open() || push.status().is_done());
        run.begun.is_none() && !is_pushed && !fold::is_known(run, FactKind::MainPublished)
    }

    fn is_due(&self, run: &RunView) -> bool {
        let push = fold::step(run, StepId::PushBranch).filter(|push| push.status() == Status::Failed);
        push.and_then(|push| push.failure()).is_some_and(needs_pull_request) && self.may_choose(run)
    }
}

/// Publishes the branch, then opens the pull request unless there is one.
async fn open(
    cx: &StepContext,
    step: &OpenPullRequest,
    plan: &StepPlan,
    inputs: &PullRequestInputs,
) -> Result<Outcome, Failure> {
    let main = cx.run().profile.git.main.clone();
    let known = cx.ports.pull_requests.of_branch(&inputs.branch, &main).await?;
    if let Some(one) = known.iter().find(|one| one.state != PullRequestState::Closed) {
        return Ok(Outcome::Already { evidence: vec![evidence(one)], facts: vec![opened(one, inputs)] });
    }
    let fresh = step.plan(cx).await?;
    let is_shown = fresh.inputs == plan.inputs && fresh.is_open() && plan.already.is_none();
    if !is_shown || !step.may_choose(&cx.run()) {
        return Err(plan_closed(&fresh));
    }
    let name = full_name(&inputs.branch);
    let refs = cx.ports.git.remote_refs().await?;
    if find_ref(&refs, &name).is_none() {
        let push = PushRef { id: inputs.commit.clone(), name: name.clone(), expect: None };
        match cx.ports.git.push(&push).await? {
            PushResult::Accepted => {}
            PushResult::Refused { reason } => return Err(refused(&inputs.branch, &reason)),
            PushResult::Moved { .. } => return Err(plan_closed(&step.plan(cx).await?)),
        }
    }
    // The branch is on GitHub by now.
    let partly = |failure: Failure| {
        if failure.changed == Changed::Nothing { failure.changed(Changed::Partly) } else { failure }
    };
    let one = cx.ports.pull_requests.open_pull_request(&new(inputs, &main)).await.map_err(partly)?;
    Ok(Outcome::Succeeded { evidence: vec![evidence(&one)], facts: vec![opened(&one, inputs)] })
}

fn new(inputs: &PullRequestInputs, main: &str) -> NewPullRequest {
    NewPullRequest {
        title: inputs.title.clone(),
        body: inputs.body.clone(),
        head: inputs.branch.clone(),
        base: main.to_owned(),
    }
}

/// Other branches that were published for a pull request of this version.
fn other_branches(refs: &[RemoteRef], run: &RunView, ours: &str) -> Vec<String> {
    let prefix = format!("{BRANCHES}{}-", run.names.tag);
    let names = refs.iter().filter_map(|one| one.name.strip_prefix("refs/heads/"));
    names.filter(|name| name.starts_with(&prefix) && *name != ours).take(SHOWN).map(str::to_owned).collect()
}

/// Name of the branch. It is of one commit, so an earlier merge of this version has another one.
fn branch_name(run: &RunView, commit: &str) -> String {
    format!("{BRANCHES}{}-{}", run.names.tag, short_id(commit))
}

fn full_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn newest_number(known: &[PullRequest]) -> u32 {
    known.iter().map(|one| one.number).max().unwrap_or(0)
}

/// Whether a pull request is the one of an attempt: it is newer than those of the plan, or it was
/// not closed.
fn counts(one: &PullRequest, inputs: &PullRequestInputs) -> bool {
    one.number > inputs.newest || one.state != PullRequestState::Closed
}

fn evidence(one: &PullRequest) -> String {
    let state = match one.state {
        PullRequestState::Open => "is open",
        PullRequestState::Closed => "was closed without a merge",
        PullRequestState::Merged => "is merged",
    };
    format!("Pull request {} {state}: {}.", one.number, one.url)
}

fn opened(one: &PullRequest, inputs: &PullRequestInputs) -> Fact {
    Fact::PullRequestOpened {
        number: one.number,
        url: one.url.clone(),
        branch: inputs.branch.clone(),
        commit: inputs.commit.clone(),
    }
}
