//! Opens a run: makes its view, context and runner.

use std::sync::Arc;

use futures::stream::FuturesUnordered;
use greenlight_types::{Actor, Failure, PlanInputs, Retry, RunId, RunResult, RunState, RunView, StepId, StepState};
use tokio::sync::{mpsc, watch};

use super::{Runner, sink::RunnerSink};
use crate::{
    act::order::{Message, PlanDesk, refuse},
    fold,
    journal::Journal,
    parts::Parts,
    ports::Ports,
    step::{Doubts, Earlier, EarlierStart, StepContext},
};

/// Most messages that may wait. More than a person can press.
const QUEUE: usize = 256;
/// Most earlier runs whose migrations are looked up.
const EARLIER_RUNS: usize = 200;

pub(crate) struct Opened {
    pub messages: mpsc::Sender<Message>,
    pub view: watch::Receiver<Arc<RunView>>,
    pub context: StepContext,
    pub runner: Runner,
}

pub(crate) async fn open(parts: Parts, ports: Ports, run: &RunId, by: Actor) -> Result<Opened, Failure> {
    let view = fold::fold(&parts.journal.events(run, 0).await?)?;
    if view.state == RunState::Ended {
        return Err(refuse("go on with this run: it has ended"));
    }
    let earlier = earlier(parts.journal.as_ref(), &view).await?;
    // Before the first question, which would otherwise count from the start of the attempt.
    let doubts = Arc::new(Doubts::default());
    let now = parts.clock.now();
    for step in view.steps.iter().filter(|step| step.status().is_open()) {
        doubts.begin(step.definition.id, &now);
    }
    let (view, watched) = watch::channel(Arc::new(view));
    let (messages, inbox) = mpsc::channel(QUEUE);
    let sink = Arc::new(RunnerSink::new(parts.clone(), run.clone(), messages.downgrade()));
    let context = StepContext { view: watched.clone(), ports, by: by.clone(), earlier, sink, doubts };
    let runner = Runner {
        parts,
        context: context.clone(),
        view,
        messages: inbox,
        work: FuturesUnordered::new(),
        plans: PlanDesk::default(),
        by,
        watches: false,
        has_left: false,
    };
    Ok(Opened { messages, view: watched, context, runner })
}

/// The migrations before this run, from the journal of this computer.
async fn earlier(journal: &dyn Journal, view: &RunView) -> Result<Earlier, Failure> {
    let mut known = Earlier::default();
    for run in journal.runs().await?.into_iter().take(EARLIER_RUNS).filter(|run| *run != view.id) {
        // A run that this app cannot read is not compared.
        let Ok(earlier) = journal.events(&run, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        if earlier.profile.product != view.profile.product || earlier.realm != view.realm {
            continue;
        }
        if earlier.version == view.version {
            known.started = known.started.or_else(|| started(&earlier));
        } else if known.released.is_none() {
            known.released = released(&earlier);
        }
        if known.started.is_some() && known.released.is_some() {
            break;
        }
    }
    Ok(known)
}

/// Version and migration folder hash, if the run released that version.
fn released(earlier: &RunView) -> Option<(String, String)> {
    let is_release = matches!(earlier.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck));
    let step = fold::step(earlier, StepId::RunMigration).filter(|_| is_release)?;
    let PlanInputs::RunMigration(inputs) = &step.plan.as_ref()?.inputs else { return None };
    Some((earlier.version.to_string(), inputs.folder_hash.clone()?))
}

/// The migration of a run, if it may have started or was done by hand.
fn started(earlier: &RunView) -> Option<EarlierStart> {
    let step = fold::step(earlier, StepId::RunMigration)?;
    let may_have_started = match &step.state {
        StepState::Running
        | StepState::InDoubt { .. }
        | StepState::Succeeded { .. }
        | StepState::Warned { .. }
        | StepState::Stopped { .. } => true,
        StepState::Failed { failure, .. } => failure.retry == Retry::No,
        StepState::NotStarted | StepState::AwaitingOperator | StepState::Skipped { .. } => false,
    };
    let staging = earlier.staging.as_ref().filter(|_| may_have_started)?;
    Some(EarlierStart {
        address: staging.address.clone(),
        machine_id: staging.machine_id.clone(),
        at: step.started_at.or(step.ended_at()),
        by: step.started_by.clone().unwrap_or_default(),
    })
}
