//! Makes the annotated tag on the version commit, in the app's own clone. Publishes nothing. Never
//! moves a tag.

use async_trait::async_trait;
use greenlight_types::{
    Effect, ErrorCode, Fact, FactKind, Failure, Observation, PlanInputs, Retry, Role, RunView, StepId, StepPlan,
    TagAction, TagInputs, WayBack,
};

use super::{
    git_objects::{commit_inputs, find_ref, short_id, signature_of},
    refusals::foreign_plan,
    run_facts::{known_commit, release_commit, tag_ref},
};
use crate::{
    handover,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct CreateTag;

#[async_trait]
impl Step for CreateTag {
    fn id(&self) -> StepId {
        StepId::CreateTag
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
        Outline::changes("Nothing outside. The label is made on this computer and published later.")
            .setting("Label (tag)", &run.names.tag)
            .known_later("Commit", known_commit(run), "known after the version number is set")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let commit = release_commit(&run)?;
        let tag = &run.names.tag;
        let refs = cx.ports.git.remote_refs().await?;
        let there = find_ref(&refs, &tag_ref(&run));
        let action = match there {
            None => TagAction::Create(commit_inputs(cx, message(&run, &cx.by.person))?),
            Some(there) if there.commit() == commit => TagAction::Exists { object: there.id.clone() },
            Some(_) => TagAction::Taken,
        };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::CreateTag(TagInputs { commit: commit.clone(), action }),
            "Make the label",
            format!(
                "Labels the commit that says {} as {tag}, so that everyone can find exactly this state. The label is made \
                 on this computer; you publish it after the branch.",
                run.names.version_value
            ),
        )
        .by_hand(vec![format!("git tag -a {tag} -m '{} {}'", run.profile.product.name, run.version)], None)
        .line("Label", tag.clone())
        .line("On commit", commit.clone());
        Ok(match there {
            None => draft
                .precondition("tagFree", true, format!("The label {tag} is free"), "asked GitHub just now")
                .finish(),
            Some(there) if there.commit() == commit => {
                draft.already(format!("GitHub has {tag} at {} already.", short_id(&commit))).finish()
            }
            Some(there) => draft
                .precondition(
                    "tagFree",
                    false,
                    format!("The label {tag} exists at another commit and is never moved"),
                    format!("it stands at {}, not at {}", short_id(there.commit()), short_id(&commit)),
                )
                .finish(),
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, _entry: Entry) -> Outcome {
        let run = cx.run();
        let PlanInputs::CreateTag(TagInputs { commit, action }) = &plan.inputs else { return foreign_plan(plan) };
        let commit = commit.clone();
        let tag = match (action, &plan.already) {
            (TagAction::Exists { object }, Some(evidence)) => {
                let facts = vec![Fact::TagMade { object: object.clone(), commit, already: true }];
                return Outcome::Already { evidence: vec![evidence.clone()], facts };
            }
            (TagAction::Create(tag), None) => tag,
            (TagAction::Taken, _) => return Outcome::Failed(tag_elsewhere(&run)),
            (TagAction::Exists { .. }, None) | (TagAction::Create(_), Some(_)) => return foreign_plan(plan),
        };
        let keep = format!("refs/greenlight/{}/tag", run.id);
        match cx.ports.git.make_tag(&commit, &run.names.tag, &tag.message, &signature_of(tag), &keep).await {
            Ok(object) => Outcome::Succeeded {
                evidence: vec![format!(
                    "Labelled {} as {}. Ready on this computer, nothing published.",
                    short_id(&commit),
                    run.names.tag
                )],
                facts: vec![Fact::TagMade { object, commit, already: false }],
            },
            Err(failure) => failure.into(),
        }
    }

    async fn observe(&self, cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let commit = match release_commit(&run) {
            Ok(commit) => commit,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        match cx.ports.git.remote_refs().await {
            Ok(refs) => match find_ref(&refs, &tag_ref(&run)) {
                Some(there) if there.commit() == commit => Observation::Done {
                    evidence: vec![format!("GitHub has {} at {}.", run.names.tag, short_id(&commit))],
                    facts: vec![Fact::TagMade { object: there.id.clone(), commit, already: true }],
                },
                Some(there) => Observation::Conflict {
                    what: format!("{} stands at {} on GitHub", run.names.tag, short_id(there.commit())),
                },
                None => Observation::NotDone {
                    evidence: "GitHub has no such label. On this computer it can be made again and gives the same one."
                        .into(),
                },
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// Message of the tag. Another computer parses the run id and the person from it.
fn message(run: &RunView, person: &str) -> String {
    let (product, version) = (&run.profile.product.name, &run.version);
    format!("{product} {version}\n\n{}{}\n{}{person}\n", handover::RUN, run.id, handover::PERSON)
}

/// The tag exists at another commit.
pub(super) fn tag_elsewhere(run: &RunView) -> Failure {
    Failure::new(ErrorCode::TagElsewhere, format!("use the label {}: it stands at another commit", run.names.tag))
        .with("tag", run.names.tag.clone())
        .hint("Somebody may have released this version already: look at the history.")
        .hint("The way on is a new version number, never a moved label.")
        .retry(Retry::No)
}
