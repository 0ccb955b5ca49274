//! The engine as a surface, and the presses of an operator on it: plan, question, confirmation,
//! start. Every test that presses a button of the engine does it here.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use greenlight_engine::{
    ports::Clock,
    release::{Act, Answer, Release},
};
use greenlight_rehearsal::world::World;
use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, Difference, FactKind, Failure, FingerprintSource, Question, Retry, Role,
    RunResult, RunView, Status, StepId, StepPlan, StepView, StopScriptRequest,
};

use super::{SeenRun, SeenStep, Surface, Task};

/// Most questions that one step asks in sequence.
const QUESTIONS_MAX: u32 = 4;
/// Time between two reads.
const LOOK: Duration = Duration::from_secs(10);
/// Time between a change and the operator's act.
const REACTS: Duration = Duration::from_millis(300);

/// One computer's engine with an operator.
pub struct Engine<'a> {
    pub release: &'a Release,
    pub clock: Arc<dyn Clock>,
    /// Person and computer.
    pub by: Actor,
    /// Fingerprint of the host, as the operator learned it.
    pub fingerprint: String,
}

impl Engine<'_> {
    async fn act(&self, act: Act) -> Result<Answer, Failure> {
        self.release.act(self.by.clone(), act).await
    }

    /// Performs an act and returns the refusal, if any.
    async fn try_perform(&self, task: Task) -> Result<(), Failure> {
        match task {
            Task::StartPrepare => {
                let statement = format!("Testing of {} is finished", self.release.view().version);
                self.act(Act::StartPrepare { statement }).await.map(drop)
            }
            Task::StartDeploy => {
                let differences = self.release.deploy_differences().await?;
                let request = deploy_request(&self.release.view(), &self.fingerprint, differences);
                self.act(Act::StartDeploy(request)).await.map(drop)
            }
            Task::Press(step) => press(self.release, &self.by, step).await,
            Task::AskAgain(step) => self.release.observe(self.by.clone(), step).await.map(drop),
            Task::PassCheck => match open_check(&self.release.view()) {
                Some(check) => {
                    let act = Act::AnswerCheck { check, answer: CheckAnswer::Passed, note: String::new() };
                    self.act(act).await.map(drop)
                }
                None => Ok(()),
            },
            Task::ConfirmBackup => {
                let note = "As large as the one before, and as old as the job".to_owned();
                self.act(Act::ReportDone { step: StepId::BackUp, note }).await.map(drop)
            }
            Task::Stop(step) => {
                let note = format!("{} failed", step.name());
                self.act(Act::EndRun { result: RunResult::Stopped, note }).await.map(drop)
            }
        }
    }
}

impl Surface for Engine<'_> {
    async fn run(&self) -> Result<SeenRun> {
        let view = Arc::clone(&self.release.watch().borrow());
        Ok(seen_run(&view))
    }

    async fn perform(&self, task: Task) -> Result<()> {
        let _refused = self.try_perform(task).await;
        Ok(())
    }

    async fn wait_for_change(&self, seen: &SeenRun) {
        let mut changes = self.release.watch();
        changes.mark_unchanged();
        if self.release.view().seq != seen.seq {
            return;
        }
        tokio::select! {
            biased;
            _ = changes.changed() => self.clock.sleep(REACTS).await,
            () = self.clock.sleep(LOOK) => {}
        }
    }
}

/// The release as the engine shows it.
#[must_use]
pub fn seen_run(view: &RunView) -> SeenRun {
    let step = |step: &greenlight_types::StepView| {
        let (status, role) = (step.status(), step.definition.role);
        let is_final = role == Role::Watching || step.failure().is_some_and(|failure| failure.retry == Retry::No);
        SeenStep { id: step.definition.id, status, role, has_failed_for_good: status == Status::Failed && is_final }
    };
    let has_answered = view.facts.iter().any(|learned| learned.fact.kind() == FactKind::SiteAnswered);
    SeenRun {
        seq: view.seq,
        state: view.state,
        steps: view.steps.iter().map(step).collect(),
        has_open_check: has_answered && open_check(view).is_some(),
        has_unconfirmed_backup: view.steps.iter().any(|step| step.options.may_confirm),
    }
}

/// The first check of the site without an answer.
#[must_use]
pub fn open_check(view: &RunView) -> Option<String> {
    let is_open = |id: &String| view.checks.iter().all(|known| known.check != *id);
    view.profile.site.checks.iter().map(|check| &check.id).find(|id| is_open(id)).cloned()
}

/// The order to stop the script of a step.
#[must_use]
pub fn order_to_stop(view: &RunView, step: &StepView, is_forced: bool) -> StopScriptRequest {
    StopScriptRequest {
        step: step.definition.id,
        attempt: step.attempt,
        is_forced,
        typed: view.version.to_string(),
        note: "It prints nothing; the developer on call agrees".to_owned(),
    }
}

/// Ends a script that the machine does not let the app stop, as its developer does by hand.
pub fn end_foreign_script(world: &mut World, step: &StepView, refusal: Option<&Failure>) {
    let is_foreign = refusal.is_some_and(|failure| failure.params.contains_key("group"));
    let job = step.plan.as_ref().and_then(|plan| plan.inputs.job());
    if let Some(job) = job.filter(|_| is_foreign) {
        world.end_by_signal(job.id(), 137);
    }
}

/// A request to deploy to the host of the simulated releases that accepts these differences.
#[must_use]
pub fn deploy_request(view: &RunView, fingerprint: &str, differences: Vec<Difference>) -> DeployRequest {
    DeployRequest {
        address: "192.0.2.10".to_owned(),
        port: 22,
        fingerprint: fingerprint.to_owned(),
        known_by: FingerprintSource::Given,
        told: "the support team".to_owned(),
        typed_version: view.version.to_string(),
        accepted_differences: differences.into_iter().map(|one| one.id).collect(),
        take_over: None,
    }
}

/// Answers the questions of a step with their first choices, and returns the last plan.
///
/// # Errors
/// The refusal.
pub async fn read(release: &Release, by: &Actor, step: StepId) -> Result<StepPlan, Failure> {
    let first = |question: &Question| question.options.first().map(|option| option.id.clone());
    read_choosing(release, by, step, first).await
}

/// Answers the questions of a step by `choose`, and returns the last plan. A question without a
/// choice stays open.
///
/// # Errors
/// The refusal.
pub async fn read_choosing(
    release: &Release,
    by: &Actor,
    step: StepId,
    mut choose: impl FnMut(&Question) -> Option<String>,
) -> Result<StepPlan, Failure> {
    let mut plan = release.plan(step).await?;
    for _ in 0..QUESTIONS_MAX {
        let Some(question) = plan.question.clone() else { break };
        let Some(answer) = choose(&question) else { break };
        let act = Act::AnswerQuestion { step, question: question.id, answer, note: "as agreed".to_owned() };
        release.act(by.clone(), act).await?;
        plan = release.plan(step).await?;
    }
    Ok(plan)
}

/// Starts a step as a person does: plan, question, confirmation, start.
///
/// # Errors
/// The refusal.
pub async fn press(release: &Release, by: &Actor, step: StepId) -> Result<(), Failure> {
    let plan = read(release, by, step).await?;
    start(release, by, plan).await
}

/// Confirms a plan if that is required, and starts it.
///
/// # Errors
/// The refusal.
pub async fn start(release: &Release, by: &Actor, plan: StepPlan) -> Result<(), Failure> {
    let token = confirm(release, by, &plan).await?;
    release.act(by.clone(), Act::StartStep { step: plan.step, plan_hash: plan.hash, token }).await.map(drop)
}

/// Confirms a plan if that is required, and returns the token for its start.
///
/// # Errors
/// The refusal.
pub async fn confirm(release: &Release, by: &Actor, plan: &StepPlan) -> Result<Option<String>, Failure> {
    if !plan.irreversible || plan.already.is_some() {
        return Ok(None);
    }
    let confirmed = release.act(by.clone(), Act::ConfirmPlan { step: plan.step, plan_hash: plan.hash.clone() }).await?;
    Ok(match confirmed {
        Answer::Token(token) => Some(token),
        Answer::Done => None,
    })
}
