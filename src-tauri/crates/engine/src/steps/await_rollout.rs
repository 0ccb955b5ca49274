//! Watches until every server runs our revision: our deployment is primary and COMPLETED, and no
//! other deployment is left (TRAP-E6, TRAP-E7).
//!
//! The watch starts with the deployment, so a server that becomes new during the migration is
//! recorded at its true time.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, Observation, PersonNeed, PlanInputs, Role, RunView, StepId, StepPlan, WayBack,
};
use regex::Regex;

use super::{
    production::{Production, named_failure, show_and_record, show_condition, too_late},
    run_facts::{expected_failures, known_revision},
    watch,
};
use crate::{
    rollout::Verdict,
    rollout_facts::count_turns,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct AwaitRollout;

const POLL: Duration = Duration::from_secs(5);

#[async_trait]
impl Step for AwaitRollout {
    fn id(&self) -> StepId {
        StepId::AwaitRollout
    }
    fn effect(&self) -> Effect {
        Effect::None
    }
    fn role(&self) -> Role {
        Role::Watching
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::DeployPhaseBegan]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let aws = &run.profile.aws;
        Outline::reads_only(PersonNeed::AppWatches)
            .setting("Service", &aws.service)
            .setting("Cluster", &aws.cluster)
            .known_later("Start-up settings", known_revision(run), "known after they are saved")
    }

    fn watches_again_after(&self) -> &'static [FactKind] {
        &[FactKind::DeployPhaseBegan]
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        Ok(PlanDraft::new(
            self,
            &run,
            PlanInputs::AwaitRollout,
            "Watch the servers",
            format!("Watches the servers until all of them run {}. Nothing is changed by watching.", run.version),
        )
        .finish())
    }

    async fn run(&self, cx: &StepContext, _plan: &StepPlan, _entry: Entry) -> Outcome {
        let late = too_late(&cx.run());
        let expected = expected_failures(&cx.run());
        watch::watch(cx, self.id(), POLL, late, || look(cx, &expected)).await
    }

    async fn observe(&self, _cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        watch::observation_of_watch()
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

async fn look(cx: &StepContext, expected: &[Regex]) -> Result<Option<Outcome>, Failure> {
    let run = cx.run();
    let production = Production::read(cx, &run).await?;
    let seen = production.assess(&run, expected)?;
    show_and_record(cx, StepId::AwaitRollout, &run, &seen).await?;
    learn_new_servers(cx, &run, &seen.became_new, production.service.desired).await?;
    let failure = named_failure(cx, &seen.verdict, &run).await;
    // The answer is older than a new deployment or a way back.
    if count_turns(&cx.run()) != count_turns(&run) {
        return Ok(None);
    }
    Ok(match seen.verdict {
        Verdict::Waiting { waits_for } | Verdict::Began { waits_for, .. } => {
            show_condition(cx, StepId::AwaitRollout, &waits_for);
            None
        }
        Verdict::Done { deployment, servers } => Some(Outcome::Succeeded {
            evidence: vec![format!("{servers} of {servers} servers run {}; nothing else is left.", run.version)],
            facts: vec![Fact::RolledOut { deployment, servers }],
        }),
        Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::Stopped { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Failed { .. }
        | Verdict::OtherImage { .. } => failure.map(Outcome::Failed),
    })
}

/// Records each new server once, with the number of new servers at that moment. A server that
/// replaces an ended one does not raise the number.
async fn learn_new_servers(cx: &StepContext, run: &RunView, healthy: &[String], of: u32) -> Result<(), Failure> {
    let mut known: BTreeSet<&str> = run
        .facts
        .iter()
        .filter_map(
            |learned| if let Fact::ServerBecameNew { task, .. } = &learned.fact { Some(task.as_str()) } else { None },
        )
        .collect();
    let (unseen, seen): (Vec<&String>, Vec<&String>) = healthy.iter().partition(|task| !known.contains(task.as_str()));
    for (index, task) in unseen.into_iter().enumerate() {
        if known.insert(task) {
            let count = u32::try_from(seen.len() + index + 1).unwrap_or(u32::MAX);
            cx.sink.learn(StepId::AwaitRollout, Fact::ServerBecameNew { task: task.clone(), count, of }).await?;
        }
    }
    Ok(())
}
