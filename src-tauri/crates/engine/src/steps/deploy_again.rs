//! Starts a deployment of our revision: after AWS gave one up, when AWS waits long before the next
//! start (TRAP-E4), or when a package that is there is used and no workflow deploys it.

use async_trait::async_trait;
use greenlight_types::{
    DeploymentInputs, Effect, FactKind, Failure, Observation, PlanInputs, Role, RunView, Status, StepId, StepPlan,
    WayBack,
};

use super::{
    aws_patience,
    production::Production,
    refusals::foreign_plan,
    register_task_definition::check_account,
    run_facts::{deploy_phase_began, needs_deployment, our_revision},
    service_change::{check_again, new_primary, not_shown, service},
};
use crate::{
    fold,
    ports::revision_name,
    rollout::migration_needs,
    rollout_facts::{has_rolled_back, is_lost, is_rolling_out},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct DeployAgain;

#[async_trait]
impl Step for DeployAgain {
    fn id(&self) -> StepId {
        StepId::DeployAgain
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::RevisionSaved, FactKind::PackageReady]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("AWS starts another deployment of the start-up settings of this release.")
            .setting("Service", &run.profile.aws.service)
            .setting("Cluster", &run.profile.aws.cluster)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let ours = our_revision(&run)?;
        let production = Production::read(cx, &run).await?;
        let (waits, question) = aws_patience::judge(&run, &production, migration_needs(&run.profile), self.id())?;
        let primary = production.service.primary();
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::DeployAgain(DeploymentInputs {
                revision: ours.clone(),
                deployment_before: primary.map(|primary| primary.id.clone()).unwrap_or_default(),
            }),
            "Start a new deployment",
            format!(
                "Asks AWS to put {} in place with our start-up settings once more. AWS then tries at once, and counts failed \
                 starts from zero.",
                run.version
            ),
        )
        .line("Start-up settings", revision_name(&ours))
        .line("In charge now", primary.map_or("nothing", |primary| revision_name(&primary.task_definition)))
        .preconditions(vec![waits]);
        Ok(question.into_iter().fold(draft, PlanDraft::question).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::DeployAgain(inputs) = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Attach {
            return Outcome::Unknown("a new deployment is never followed here, only asked about".into());
        }
        if let Err(failure) = check_again(cx, self, plan).await {
            return Outcome::Failed(failure);
        }
        match cx.ports.services.force_new_deployment(&inputs.revision).await {
            Ok(service) => match new_primary(&service, &inputs.revision, &inputs.deployment_before) {
                Some((deployment, at)) => Outcome::Succeeded {
                    evidence: vec![started(&deployment)],
                    facts: vec![deploy_phase_began(&service, &cx.run(), &inputs.revision, deployment, at)],
                },
                None => Outcome::Unknown("AWS accepted the order and shows no new deployment yet".into()),
            },
            Err(failure) => failure.into(),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::DeployAgain(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "No new deployment was asked for.".into() };
        };
        let run = cx.run();
        let service = match service(cx, &run).await {
            Ok(service) => service,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        if let Some((deployment, at)) = new_primary(&service, &inputs.revision, &inputs.deployment_before) {
            let fact = deploy_phase_began(&service, &run, &inputs.revision, deployment.clone(), at);
            return Observation::Done { evidence: vec![started(&deployment)], facts: vec![fact] };
        }
        match service.primary() {
            Some(primary) if primary.id != inputs.deployment_before => Observation::Conflict {
                what: format!("AWS is putting {} in place", revision_name(&primary.task_definition)),
            },
            Some(_) | None => not_shown(cx, self.id(), "AWS shows no new deployment.".into()),
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "“Stop the rollout” puts the version before it back.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        // The build may end without a deployment of our revision, or with one of another.
        let has_failed = fold::step(run, StepId::AwaitDeployPhase).is_some_and(|step| step.status() == Status::Failed);
        let has_not_begun = fold::newest(run, FactKind::DeployPhaseBegan).is_none()
            && fold::newest(run, FactKind::BuildEnded).is_some();
        is_rolling_out(run)
            || has_rolled_back(run)
            || is_lost(run)
            || has_failed
            || has_not_begun
            || needs_deployment(run)
    }

    fn is_due(&self, run: &RunView) -> bool {
        needs_deployment(run)
    }
}

fn started(deployment: &str) -> String {
    format!("AWS started deployment {deployment} with our start-up settings.")
}
