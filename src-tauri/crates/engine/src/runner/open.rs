//! Opens a run: makes its view, context and runner.

use std::{collections::BTreeMap, sync::Arc};

use futures::stream::FuturesUnordered;
use greenlight_types::{Actor, Failure, RunId, RunState, RunView};
use tokio::sync::{mpsc, watch};

use super::{Runner, sink::RunnerSink, trouble::ServersNotice};
use crate::{
    act::{Message, PlanDesk, refuse},
    earlier_runs::EarlierRuns,
    fold,
    parts::Parts,
    ports::Ports,
    step::{Doubts, StepContext},
};

/// Most messages that may wait. More than a person can press.
const QUEUE: usize = 256;

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
    let earlier = Arc::new(EarlierRuns::new(parts.journal.clone()));
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
        attempts: BTreeMap::new(),
        plans: PlanDesk::default(),
        operator: by,
        are_watchers_started: false,
        servers_notice: ServersNotice::new(),
        is_final_check_running: false,
        is_releasing_lock: false,
    };
    Ok(Opened { messages, view: watched, context, runner })
}
