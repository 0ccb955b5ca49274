//! Pushes the tag, after the remote shows the branch. Never moves a tag, not even forward.

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, Observation, PlanInputs, Role, RunView, StepId, StepPlan, WayBack,
};

use super::{
    git_objects::{find_ref, short_id},
    publish,
    refusals::foreign_plan,
    run_facts::{known_commit, main_ref, required_fact, tag_ref, who_to_call},
};
use crate::{
    ports::PushRef,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct PushTag;

#[async_trait]
impl Step for PushTag {
    fn id(&self) -> StepId {
        StepId::PushTag
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::TagMade, FactKind::MainPublished]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("Publishes the label. A published label is never moved.")
            .confirmed()
            .setting("Label (tag)", &run.names.tag)
            .setting("Repository", &run.profile.github.repository)
            .known_later("Commit", known_commit(run), "known after the version number is set")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let (object, commit) = tag(&run)?;
        let name = &run.names.tag;
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::PushTag { object: object.clone(), commit: commit.clone() },
            "Push the label",
            format!("Publishes the label {name}, so that everyone finds exactly the state that is released. A published label is never moved."),
        )
        .by_hand(vec![format!("git push origin refs/tags/{name}")], None)
        .irreversible()
        .line("Label", name.clone())
        .line("On commit", commit.clone());
        let refs = cx.ports.git.remote_refs().await?;
        let main = find_ref(&refs, &main_ref(&run)).map(|one| one.id.clone()).unwrap_or_default();
        let draft = draft.precondition(
            "mainPublished",
            main == commit,
            format!("GitHub's {} is the commit with this label", run.profile.git.main),
            short_id(&main),
        );
        Ok(match find_ref(&refs, &tag_ref(&run)) {
            None => draft
                .precondition("tagFree", true, format!("The label {name} is free"), "asked GitHub just now")
                .finish(),
            Some(there) if there.commit() == commit => {
                draft.already(format!("GitHub has {name} at {} already.", short_id(&commit))).finish()
            }
            Some(there) => draft
                .precondition(
                    "tagFree",
                    false,
                    format!("The label {name} exists at another commit and is never moved"),
                    format!("it stands at {}", short_id(there.commit())),
                )
                .finish(),
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let run = cx.run();
        let PlanInputs::PushTag { object, commit } = &plan.inputs else { return foreign_plan(plan) };
        let publication = publication(&run, object, commit);
        if let Some(evidence) = &plan.already {
            return Outcome::Already { evidence: vec![evidence.clone()], facts: vec![publication.fact] };
        }
        match entry {
            Entry::Start => publish::publish(cx, publication).await,
            Entry::Attach => Outcome::Unknown("a push is never followed, only asked about".into()),
        }
    }

    async fn observe(&self, cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        match tag(&run) {
            Ok((object, commit)) => publish::look(cx, &publication(&run, &object, &commit)).await,
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, run: &RunView) -> WayBack {
        WayBack::Irreversible {
            way_back: "A published label stays. The way on is a new version number.".into(),
            minutes: None,
            who: who_to_call(run, StepId::PushTag),
        }
    }
}

fn tag(run: &RunView) -> Result<(String, String), Failure> {
    required_fact(run, FactKind::TagMade, |fact| {
        if let Fact::TagMade { object, commit, .. } = fact { Some((object.clone(), commit.clone())) } else { None }
    })
}

fn publication(run: &RunView, object: &str, commit: &str) -> publish::Publication {
    publish::Publication {
        push: PushRef { id: object.to_owned(), name: tag_ref(run), expect: None },
        commit: commit.to_owned(),
        fact: Fact::TagPublished { object: object.to_owned(), commit: commit.to_owned() },
        shown: run.names.tag.clone(),
        is_branch: false,
    }
}
