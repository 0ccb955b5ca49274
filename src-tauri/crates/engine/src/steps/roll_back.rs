//! Sets the service to the newest revision before ours whose deployment was completed, and follows
//! it until it serves on every server. The database stays as it is (TRAP-E10).

use async_trait::async_trait;
use greenlight_types::{
    DeploymentInputs, Effect, Fact, FactKind, Failure, Observation, PlanInputs, Precondition, Role, RunView, StepId,
    StepPlan, WayBack,
};

use super::{
    production::Production,
    refusals::foreign_plan,
    register_task_definition::check_account,
    run_facts::{our_revision, recorded_rollback_target, rollback_target},
    service_change::{Rollback, check_again, database_stays, follow_rollback, not_shown, previous_is_known, service},
};
use crate::{
    fold,
    ports::{Deployment, revision_name},
    rollout::Verdict,
    rollout_facts::has_rolled_back,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct RollBack;

#[async_trait]
impl Step for RollBack {
    fn id(&self) -> StepId {
        StepId::RollBack
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::DeployPhaseBegan]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let previous = recorded_rollback_target(run);
        let known = Some(revision_name(&previous).to_owned()).filter(|name| !name.is_empty());
        Outline::changes("AWS puts the version before this one back on every server. The database does not change.")
            .confirmed()
            .needs_stay()
            .known_later("AWS puts back", known, "known after AWS begins")
            .setting("Service", &run.profile.aws.service)
            .setting("Cluster", &run.profile.aws.cluster)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let production = Production::read(cx, &run).await?;
        let previous = rollback_target(&production.service, &run, &our_revision(&run)?);
        let name = revision_name(&previous);
        let primary = production.service.primary();
        let action = choose_action(&production, &run, &previous)?;
        // A deployment that is followed is not the one from before.
        let before =
            primary.filter(|_| action != RollbackAction::Follow).map(|primary| primary.id.clone()).unwrap_or_default();
        let inputs = DeploymentInputs { revision: previous.clone(), deployment_before: before };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RollBack(inputs),
            "Roll back",
            format!(
                "AWS puts the version before {} back on every server. It starts the old servers first and ends the new ones \
                 then.",
                run.version
            ),
        )
        .irreversible()
        .line("In charge now", primary.map_or("nothing", |primary| revision_name(&primary.task_definition)))
        .line("AWS puts back", name)
        .preconditions(
            release_serves(&production, &run, &previous)?.into_iter().chain([previous_is_known(cx, &previous).await?]).collect(),
        );
        let draft = database_stays(&run).into_iter().fold(draft, PlanDraft::notice);
        Ok(match action {
            RollbackAction::Done => draft.already(format!("{name} serves on every server already.")).finish(),
            RollbackAction::Follow => {
                draft.follows(format!("AWS is putting {name} back already."), "Follow the way back").finish()
            }
            RollbackAction::StartAgain => {
                draft.notice(format!("AWS gave up putting {name} back. This starts it once more.")).finish()
            }
            RollbackAction::Start => draft.finish(),
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::RollBack(inputs) = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Start && plan.already.is_none() {
            if let Err(failure) = check_again(cx, self, plan).await {
                return Outcome::Failed(failure);
            }
            if let Err(failure) = send(cx, &inputs.revision).await {
                return failure.into();
            }
        }
        let DeploymentInputs { revision, deployment_before } = inputs;
        follow_rollback(cx, Rollback { step: self.id(), revision, deployment_before, facts: Vec::new() }).await
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::RollBack(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "Nothing was rolled back.".into() };
        };
        let service = match service(cx, &cx.run()).await {
            Ok(service) => service,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        let is_followed = plan.is_some_and(|plan| plan.already.is_some());
        match service.primary() {
            Some(primary) if primary.id == inputs.deployment_before && !is_followed => {
                not_shown(cx, self.id(), "AWS shows no way back.".into())
            }
            Some(primary) if primary.task_definition == inputs.revision => Observation::InProgress {
                evidence: format!("AWS is putting {} back.", revision_name(&inputs.revision)),
            },
            Some(primary) => Observation::Conflict {
                what: format!("AWS is putting {} in place", revision_name(&primary.task_definition)),
            },
            None => not_shown(cx, self.id(), "AWS shows no way back.".into()),
        }
    }

    fn way_back(&self, run: &RunView) -> WayBack {
        WayBack::Harmless {
            why: match &run.rolls_back {
                Some(_) => "A new release puts a new version in place again.".to_owned(),
                None => "“Start a new deployment” puts the new version in place once more.".to_owned(),
            },
        }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        fold::newest(run, FactKind::DeployPhaseBegan).is_some() && !has_rolled_back(run)
    }

    fn may_repeat(&self, run: &RunView) -> bool {
        run.rolls_back.is_some() && self.may_choose(run)
    }
}

/// Checks that the version before still serves on every server, before a run ends as rolled back.
/// Otherwise records that it was lost. Returns the open condition in words.
pub(crate) async fn check_before_end(cx: &StepContext) -> Result<Option<String>, Failure> {
    let run = cx.run();
    let Some(Fact::RolledBack { arn, .. }) = fold::newest(&run, FactKind::RolledBack) else { return Ok(None) };
    let production = Production::read(cx, &run).await?;
    if matches!(production.assess_rollback(&run, arn)?.verdict, Verdict::Done { .. }) {
        return Ok(None);
    }
    let now = production.service.primary().map(|primary| primary.task_definition.clone()).unwrap_or_default();
    let reason = format!("AWS has {} in charge, or not yet on every server", revision_name(&now));
    cx.sink.learn(StepId::RollBack, Fact::RolloutLost { arn: now, reason: reason.clone() }).await?;
    Ok(Some(reason))
}

/// The precondition of a run that rolls an ended release back: no later version is in charge. A
/// release that is under way has none, because its own steps watch the servers.
fn release_serves(production: &Production, run: &RunView, previous: &str) -> Result<Option<Precondition>, Failure> {
    if run.rolls_back.is_none() {
        return Ok(None);
    }
    let (ours, primary) = (our_revision(run)?, production.service.primary());
    let is_either = |one: &Deployment| one.task_definition == ours || one.task_definition == previous;
    Ok(Some(Precondition {
        id: "releaseServes".into(),
        passed: primary.is_some_and(is_either),
        text: format!("AWS has {} in charge, or the version before it", run.version),
        detail: primary.map_or("no deployment", |primary| revision_name(&primary.task_definition)).to_owned(),
    }))
}

/// How the version before comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RollbackAction {
    /// Another version is in charge.
    Start,
    /// AWS gave the version before up, so that it needs a new deployment.
    StartAgain,
    /// AWS is putting it back.
    Follow,
    /// It serves on every server.
    Done,
}

fn choose_action(production: &Production, run: &RunView, previous: &str) -> Result<RollbackAction, Failure> {
    if production.service.primary().is_none_or(|primary| primary.task_definition != previous) {
        return Ok(RollbackAction::Start);
    }
    Ok(match production.assess_rollback(run, previous)?.verdict {
        Verdict::Done { .. } => RollbackAction::Done,
        Verdict::Failed { .. } | Verdict::Stopped { .. } => RollbackAction::StartAgain,
        Verdict::Waiting { .. }
        | Verdict::Began { .. }
        | Verdict::OtherImage { .. }
        | Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::RolledBack { .. } => RollbackAction::Follow,
    })
}

/// Sends the order. The revision that is set already gets a new deployment: AWS starts nothing when
/// the same revision is set again.
async fn send(cx: &StepContext, revision: &str) -> Result<(), Failure> {
    let is_set = service(cx, &cx.run()).await?.task_definition == revision;
    if is_set {
        cx.ports.services.force_new_deployment(revision).await?;
    } else {
        cx.ports.services.roll_back_to(revision).await?;
    }
    Ok(())
}
