//! Merges the release branch into the main branch, in the app's own clone. Publishes nothing.

use async_trait::async_trait;
use greenlight_types::{
    Change, Effect, ErrorCode, Fact, FactKind, Failure, Handover, MergeInputs, Observation, PlanInputs, Retry, Role,
    RunView, StepId, StepPlan, WayBack,
};

use super::{
    git_objects::{commit_inputs, commit_line, find_ref, short_id, signature_of},
    publish::push_rules,
    refusals::foreign_plan,
    run_facts::main_ref,
};
use crate::{
    fold,
    ports::{MergeResult, RemoteRef},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct MergeBranch;

const SHOWN_COMMITS: usize = 50;

#[async_trait]
impl Step for MergeBranch {
    fn id(&self) -> StepId {
        StepId::MergeBranch
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
        let git = &run.profile.git;
        let commit = fold::newest(run, FactKind::Merged).and_then(|fact| {
            if let Fact::Merged { commit, .. } = fact { Some(short_id(commit).to_owned()) } else { None }
        });
        Outline::changes("Nothing outside. The merge is made on this computer and published later.")
            .setting("Branch", &run.names.branch)
            .setting("Into", &git.main)
            .setting("Repository", &run.profile.github.repository)
            .known_later("Merge commit", commit, "known after the merge")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        cx.activity(self.id(), "Reading the repository");
        cx.ports.git.refresh().await?;
        if let Some(begun) = &run.begun {
            return Ok(of_label(self, &run, begun));
        }
        let refs = cx.ports.git.remote_refs().await?;
        let (base, head) = ends(&run, &refs)?;
        let (branch, main) = (&run.names.branch, &run.profile.git.main);
        let is_merged = cx.ports.git.is_ancestor(head, base).await?;
        let message = format!("Merge branch '{branch}' into {main}");
        let commit = if is_merged { None } else { Some(commit_inputs(cx, message)?) };
        let inputs = MergeInputs { base: base.to_owned(), head: head.to_owned(), commit };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::MergeBranch(inputs),
            "Merge the branch",
            format!(
                "Brings the finished work of branch {branch} together with {main}. This happens on this computer only; \
                 nothing is published before you push."
            ),
        )
        .by_hand(vec![format!("git checkout {main}"), format!("git merge refs/heads/{branch}")], None);
        if is_merged {
            return Ok(draft
                .already(format!("Branch {branch} ({}) is part of {main} already.", short_id(head)))
                .finish());
        }
        let (commits, total) = cx.ports.git.commits_between(base, head, SHOWN_COMMITS).await?;
        let changed = cx.ports.git.changed_paths(base, head).await?;
        let draft = draft
            .line(format!("{main} now"), base)
            .line(format!("{branch} now"), head)
            .change(Change::Commits {
                title: format!("Commits of {branch} that {main} does not have"),
                commits: commits.into_iter().map(commit_line).collect(),
                total,
            })
            .notice("Hooks of the repository are not run by the app.")
            .precondition(
                "noLargeFiles",
                changed.lfs_pointers.is_empty(),
                "No large files (Git LFS) take part",
                changed.lfs_pointers.join(", "),
            );
        let forbidding = push_rules::forbidding(cx, &run).await;
        let draft = if forbidding.problems.is_empty() {
            draft
        } else {
            let way_on = if forbidding.are_met_by_pull_request {
                "This release needs a pull request, which a reviewer merges."
            } else {
                "Ask a developer before you go on."
            };
            let problems = forbidding.problems.join("; ");
            draft.notice(format!("GitHub does not take a push to {main} from this account: {problems}. {way_on}"))
        };
        let draft = if changed.paths.iter().any(|path| path.starts_with(".github/workflows/")) {
            draft.notice(
                "This merge changes build workflows: GitHub accepts the push only from a token that may change them.",
            )
        } else {
            draft
        };
        Ok(draft.finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, _entry: Entry) -> Outcome {
        let PlanInputs::MergeBranch(MergeInputs { base, head, commit }) = &plan.inputs else {
            return foreign_plan(plan);
        };
        let (base, head) = (base.clone(), head.clone());
        if let Some(evidence) = &plan.already {
            let facts = vec![Fact::Merged { commit: base.clone(), base, head, already: true }];
            return Outcome::Already { evidence: vec![evidence.clone()], facts };
        }
        let run = cx.run();
        let keep = format!("refs/greenlight/{}/merge", run.id);
        let Some(commit) = commit else { return foreign_plan(plan) };
        let merged = cx.ports.git.merge(&base, &head, &commit.message, &signature_of(commit), &keep).await;
        match merged {
            Ok(MergeResult::Merged(commit)) => Outcome::Succeeded {
                evidence: vec![format!(
                    "Merged {} into {} as {}. Ready on this computer, nothing published.",
                    run.names.branch,
                    run.profile.git.main,
                    short_id(&commit)
                )],
                facts: vec![Fact::Merged { base, head, commit, already: false }],
            },
            Ok(MergeResult::Conflict(files)) => Outcome::Failed(conflict(&run, &files)),
            Err(failure) => failure.into(),
        }
    }

    async fn observe(&self, cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let asked = async {
            cx.ports.git.refresh().await?;
            let refs = cx.ports.git.remote_refs().await?;
            let (base, head) = ends(&run, &refs)?;
            let is_merged = cx.ports.git.is_ancestor(head, base).await?;
            Ok::<_, Failure>((base.to_owned(), head.to_owned(), is_merged))
        };
        match asked.await {
            Ok((base, head, true)) => Observation::Done {
                evidence: vec![format!("GitHub's {} contains {}.", run.profile.git.main, short_id(&head))],
                facts: vec![Fact::Merged { commit: base.clone(), base, head, already: true }],
            },
            Ok((_, _, false)) => Observation::NotDone {
                evidence: "GitHub has no such merge. On this computer it can be made again and gives the same commit."
                    .into(),
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// The plan for a continued release: the commit of its tag counts as the merge, also if either
/// branch has moved since.
fn of_label(step: &MergeBranch, run: &RunView, begun: &Handover) -> StepPlan {
    let (tag, branch) = (&run.names.tag, &run.names.branch);
    let lede = format!("Takes what {begun_by} labelled as {tag} for the merge of {branch}.", begun_by = begun.person);
    let inputs = MergeInputs { base: begun.commit.clone(), head: begun.commit.clone(), commit: None };
    PlanDraft::new(step, run, PlanInputs::MergeBranch(inputs), "", lede)
        .already(format!("The label {tag} on GitHub stands at {}: it was merged before that.", short_id(&begun.commit)))
        .finish()
}

/// Heads of the main branch and the release branch on the remote.
fn ends<'a>(run: &RunView, refs: &'a [RemoteRef]) -> Result<(&'a str, &'a str), Failure> {
    let missing = |what: &str, name: &str| {
        Failure::new(ErrorCode::GitMissing, format!("find {what} {name} on GitHub"))
            .with("name", name)
            .hint(format!("Ask a developer whether {name} was pushed."))
            .retry(Retry::Safe)
    };
    let main = find_ref(refs, &main_ref(run)).ok_or_else(|| missing("the branch", &run.profile.git.main))?;
    let branch = find_ref(refs, &format!("refs/heads/{}", run.names.branch))
        .ok_or_else(|| missing("the release branch", &run.names.branch))?;
    Ok((&main.id, &branch.id))
}

fn conflict(run: &RunView, files: &[String]) -> Failure {
    let list = files.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
    Failure::new(
        ErrorCode::MergeConflict,
        format!("merge {} into {}: both changed the same lines", run.names.branch, run.profile.git.main),
    )
    .with("files", list)
    .with("branch", run.names.branch.clone())
    .with("main", run.profile.git.main.clone())
    .hint(format!("Ask a developer to merge {} into {} first.", run.profile.git.main, run.names.branch))
    .retry(Retry::Safe)
}
