//! A careful operator, who continues the release after every restart of the app.

use std::{sync::Arc, time::Duration};

use greenlight_engine::{
    ports::Clock,
    release::{Act, Answer, Release},
};
use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, FactKind, Failure, Retry, Role, RunResult, RunState, RunView, Status, StepId,
};
use serde_json::{Value, json};

use crate::link::Link;

/// Largest number of acts in one process.
const ACTS_MAX: u32 = 2_000;
/// Reads without a change after which the release makes no progress: about twenty minutes.
const STILL_MAX: u32 = 120;
/// Time between two reads.
const LOOK: Duration = Duration::from_secs(10);
/// Time between a change and the operator's act.
const REACTS: Duration = Duration::from_millis(300);

/// End of a session of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sitting {
    /// The run has a result.
    Ended,
    /// The run continues but makes no progress.
    Idle,
}

pub struct Operator<'a> {
    pub release: &'a Release,
    pub clock: Arc<dyn Clock>,
    /// Link that reports the view.
    pub link: &'a Link,
    /// Person and computer.
    pub by: Actor,
}

impl Operator<'_> {
    /// Acts until the run has ended or makes no progress.
    pub async fn sit(self) -> Sitting {
        let (mut still, mut seq) = (0, 0);
        for _ in 0..ACTS_MAX {
            let view = Arc::clone(&self.release.watch().borrow());
            if view.seq != seq {
                self.link.tell(&json!({ "kind": "shown", "shown": shown(&view) }));
            }
            if view.state == RunState::Ended {
                return Sitting::Ended;
            }
            still = if view.seq == seq { still + 1 } else { 0 };
            seq = view.seq;
            if still > STILL_MAX {
                return Sitting::Idle;
            }
            // A refusal changes nothing. The next round reads the view again.
            let _refused = self.act_upon(&view).await;
            let mut changes = self.release.watch();
            changes.mark_unchanged();
            if self.release.view().seq == seq {
                tokio::select! {
                    biased;
                    _ = changes.changed() => self.clock.sleep(REACTS).await,
                    () = self.clock.sleep(LOOK) => {}
                }
            }
        }
        Sitting::Idle
    }

    async fn act(&self, act: Act) -> Result<Answer, Failure> {
        self.release.act(self.by.clone(), act).await
    }

    async fn act_upon(&self, view: &RunView) -> Result<(), Failure> {
        match view.state {
            RunState::Draft => {
                let statement = "Testing of 2.1.0 is finished".to_owned();
                self.act(Act::StartPrepare { statement }).await.map(drop)
            }
            RunState::Prepared => self.start_deploy(view).await,
            RunState::Preparing | RunState::Deploying | RunState::Checking => self.next_step(view).await,
            RunState::Ended => Ok(()),
        }
    }

    async fn start_deploy(&self, view: &RunView) -> Result<(), Failure> {
        let differences = self.release.deploy_differences().await?;
        let request = DeployRequest {
            address: "192.0.2.10".to_owned(),
            port: 22,
            // The operator learned this fingerprint elsewhere.
            fingerprint: crate::production::fingerprint(),
            told: "the support team".to_owned(),
            typed_version: view.version.to_string(),
            accepted_differences: differences.into_iter().map(|one| one.id).collect(),
            take_over: None,
        };
        self.act(Act::StartDeploy(request)).await.map(drop)
    }

    async fn next_step(&self, view: &RunView) -> Result<(), Failure> {
        if let Some(doubt) = view.steps.iter().find(|step| step.status() == Status::InDoubt) {
            return self.release.observe(self.by.clone(), doubt.definition.id).await.map(drop);
        }
        let has_answered = view.facts.iter().any(|learned| learned.fact.kind() == FactKind::SiteAnswered);
        if view.state == RunState::Checking && has_answered && self.check_site(view).await? {
            return Ok(());
        }
        let is_busy =
            view.steps.iter().any(|step| step.definition.role == Role::Changing && step.status() == Status::Running);
        if is_busy {
            return Ok(());
        }
        let hopeless = view.steps.iter().find(|step| {
            let is_final = step.failure().is_some_and(|failure| failure.retry == Retry::No);
            step.status() == Status::Failed && (is_final || step.definition.role == Role::Watching)
        });
        if let Some(step) = hopeless {
            let note = format!("{} failed", step.definition.title);
            return self.act(Act::End { result: RunResult::Stopped, note }).await.map(drop);
        }
        let is_next = |status| matches!(status, Status::AwaitingOperator | Status::Failed);
        match view.steps.iter().find(|step| is_next(step.status())) {
            Some(step) => self.press(step.definition.id).await,
            None => Ok(()),
        }
    }

    /// Reads the plan, answers its question, confirms and starts the step.
    async fn press(&self, step: StepId) -> Result<(), Failure> {
        let mut plan = self.release.plan(step).await?;
        for _ in 0..4 {
            let Some(question) = plan.question.clone() else { break };
            let Some(option) = question.options.first() else { break };
            let (question, answer) = (question.id, option.id.clone());
            self.act(Act::Answer { step, question, answer, note: "I looked".to_owned() }).await?;
            plan = self.release.plan(step).await?;
        }
        let plan_hash = plan.hash.clone();
        let mut token = None;
        if plan.irreversible
            && plan.already.is_none()
            && let Answer::Token(given) = self.act(Act::Confirm { step, plan_hash: plan_hash.clone() }).await?
        {
            token = Some(given);
        }
        self.act(Act::Run { step, plan_hash, token }).await.map(drop)
    }

    /// Answers the next open check. Returns whether one was open.
    async fn check_site(&self, view: &RunView) -> Result<bool, Failure> {
        let open =
            view.profile.site.checks.iter().find(|check| view.checks.iter().all(|known| known.check != check.id));
        let Some(check) = open else { return Ok(false) };
        let act = Act::AnswerCheck { check: check.id.clone(), answer: CheckAnswer::Passed, note: String::new() };
        self.act(act).await.map(|_| true)
    }
}

/// The view of a run in the checker's shape.
fn shown(view: &RunView) -> Value {
    let steps: Vec<Value> = view
        .steps
        .iter()
        .map(|step| {
            let retry = step.failure().map(|failure| failure.retry);
            json!({ "id": step.definition.id, "status": step.status(), "attempt": step.attempt, "retry": retry })
        })
        .collect();
    json!({ "run": view.id, "seq": view.seq, "state": view.state, "result": view.result, "steps": steps, "offers": [] })
}
