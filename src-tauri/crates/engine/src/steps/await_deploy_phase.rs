//! Waits until AWS starts a deployment with our revision. A deployment with another revision fails
//! the step (TRAP-T9).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    Effect, ErrorCode, FactKind, Failure, Observation, PersonNeed, PlanInputs, Retry, Role, RunView, StepId, StepPlan,
    WayBack,
};
use regex::Regex;

use super::{
    other_revision,
    production::{Production, named_failure, show_and_record, show_condition},
    run_facts::{deploy_phase_began, expected_failures, known_revision, our_revision},
    watch,
};
use crate::{
    fold,
    ports::revision_name,
    rollout::Verdict,
    rollout_facts::count_turns,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct AwaitDeployPhase;

const POLL: Duration = Duration::from_secs(10);

#[async_trait]
impl Step for AwaitDeployPhase {
    fn id(&self) -> StepId {
        StepId::AwaitDeployPhase
    }
    fn effect(&self) -> Effect {
        Effect::None
    }
    fn role(&self) -> Role {
        Role::Watching
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::BuildStarted]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let aws = &run.profile.aws;
        Outline::reads_only(PersonNeed::AppWatches)
            .setting("Service", &aws.service)
            .setting("Cluster", &aws.cluster)
            .known_later("Start-up settings", known_revision(run), "known after they are saved")
            .setting("Log group", &aws.log_group)
    }

    fn watches_again_after(&self) -> &'static [FactKind] {
        &[FactKind::DeployPhaseBegan]
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let question = if other_revision::has_failed(&run) { other_revision::question(cx, &run).await? } else { None };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::AwaitDeployPhase,
            "Watch AWS",
            format!(
                "Waits until AWS starts putting {} in place. It will fail to start until the database is migrated; that is \
                 expected, and the old version keeps serving.",
                run.version
            ),
        )
        .by_hand(vec![format!("saw watch --raw {}", run.profile.aws.log_group)], None);
        Ok(question.into_iter().fold(draft, PlanDraft::question).finish())
    }

    async fn run(&self, cx: &StepContext, _plan: &StepPlan, _entry: Entry) -> Outcome {
        if let Err(failure) = other_revision::learn_accepted(cx).await {
            return Outcome::Failed(failure);
        }
        let late = Failure::new(ErrorCode::TimedOut, "see AWS start the new version within six hours");
        let expected = expected_failures(&cx.run());
        watch::watch(cx, self.id(), POLL, late, || look_while_it_builds(cx, &expected)).await
    }

    async fn observe(&self, _cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        watch::observation_of_watch()
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// As [`look`]. A failed build also ends the wait, unless AWS already shows a result.
async fn look_while_it_builds(cx: &StepContext, expected: &[Regex]) -> Result<Option<Outcome>, Failure> {
    let looked = look(cx, expected).await;
    // A build whose watch timed out may still succeed. One whose package a person has to judge goes
    // on.
    let is_over = |code| !matches!(code, ErrorCode::TimedOut | ErrorCode::PackageUnproved);
    let has_failed = fold::step(&cx.run(), StepId::FollowBuild)
        .is_some_and(|step| step.failure().is_some_and(|failure| is_over(failure.code)));
    if has_failed && !matches!(looked, Ok(Some(_))) {
        return Ok(Some(Outcome::Failed(
            Failure::new(ErrorCode::BuildFailed, "see AWS start: the build ended before")
                .hint("The database was not changed, and the old version serves.")
                .retry(Retry::Safe),
        )));
    }
    looked
}

async fn look(cx: &StepContext, expected: &[Regex]) -> Result<Option<Outcome>, Failure> {
    let run = cx.run();
    let ours = our_revision(&run)?;
    let production = Production::read(cx, &run).await?;
    let seen = production.assess(&run, expected)?;
    show_and_record(cx, StepId::AwaitDeployPhase, &run, &seen).await?;
    let began = |deployment: String| {
        let at = production.service.deployments.iter().find(|one| one.id == deployment).map(|one| one.created_at);
        Outcome::Succeeded {
            evidence: vec![format!("AWS started deployment {deployment} with {}.", revision_name(&ours))],
            facts: vec![deploy_phase_began(
                &production.service,
                &run,
                &ours,
                deployment,
                at.unwrap_or_else(|| cx.ports.clock.now()),
            )],
        }
    };
    let failure = named_failure(cx, &seen.verdict, &run).await;
    // The answer is older than a new deployment or a way back.
    if count_turns(&cx.run()) != count_turns(&run) {
        return Ok(None);
    }
    Ok(match seen.verdict {
        Verdict::Waiting { waits_for } => {
            show_condition(cx, StepId::AwaitDeployPhase, &waits_for);
            None
        }
        Verdict::Began { deployment, .. } | Verdict::Done { deployment, .. } => Some(began(deployment)),
        // The deployment began. AwaitRollout reports the other image.
        Verdict::OtherImage { .. } => production.service.primary().map(|primary| began(primary.id.clone())),
        Verdict::WrongRevision { ref arn }
            if is_watched_again(&run) && !other_revision::has_our_image(cx, arn).await? =>
        {
            let name = revision_name(arn);
            cx.activity(
                StepId::AwaitDeployPhase,
                format!("{name} of somebody else is in charge. Waiting until ours is."),
            );
            None
        }
        Verdict::WrongRevision { .. }
        | Verdict::Superseded { .. }
        | Verdict::Stopped { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Failed { .. } => failure.map(Outcome::Failed),
    })
}

/// Whether a person let this watch go on after it had failed. It then waits until another
/// deployment is over.
fn is_watched_again(run: &RunView) -> bool {
    fold::step(run, StepId::AwaitDeployPhase).is_some_and(|step| step.attempt > 1)
}
