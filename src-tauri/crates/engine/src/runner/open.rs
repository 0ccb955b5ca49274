//! Opening a run: fold, context, runner.

use std::{collections::BTreeMap, sync::Arc};

use futures::stream::FuturesUnordered;
use greenlight_types::{Actor, Failure, RunId, RunResult, RunState, RunView, StepId};
use tokio::sync::{mpsc, watch};

use super::{Message, Runner, refuse, sink::RunnerSink};
use crate::{
    fold,
    journal::Journal,
    ports::Ports,
    release::Parts,
    step::{Doubts, StepContext},
};

/// Messages that may wait; more than a person can press.
const QUEUE: usize = 256;
/// Earlier runs that are looked at for the last released migration.
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
    let last_migration = last_migration(parts.journal.as_ref(), &view).await?;
    // Before anybody can ask: whoever asks first would count from the start of the attempt instead.
    let doubts = Arc::new(Doubts::default());
    let now = parts.clock.now();
    for step in view.steps.iter().filter(|step| step.status.is_open()) {
        doubts.begin(step.definition.id, &now);
    }
    let (view, watched) = watch::channel(Arc::new(view));
    let (messages, inbox) = mpsc::channel(QUEUE);
    let sink = Arc::new(RunnerSink::new(parts.clone(), run.clone(), messages.downgrade()));
    let context = StepContext { view: watched.clone(), ports, by: by.clone(), last_migration, sink, doubts };
    let runner = Runner {
        parts,
        context: context.clone(),
        view,
        messages: inbox,
        work: FuturesUnordered::new(),
        shown: BTreeMap::new(),
        tokens: BTreeMap::new(),
        by,
        watches: false,
        has_left: false,
    };
    Ok(Opened { messages, view: watched, context, runner })
}

/// Version and migration folder hash of the last release of the same product and environment.
async fn last_migration(journal: &dyn Journal, view: &RunView) -> Result<Option<(String, String)>, Failure> {
    for run in journal.runs().await?.into_iter().take(EARLIER_RUNS) {
        // A run that this app cannot read cannot be compared with.
        let Ok(earlier) = journal.events(&run, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        let is_release = matches!(earlier.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck));
        let is_same = earlier.profile.product == view.profile.product && earlier.realm == view.realm;
        if !is_release || !is_same || earlier.version == view.version {
            continue;
        }
        let hash = fold::step(&earlier, StepId::RunMigration)
            .and_then(|step| step.plan.as_ref())
            .map(|plan| plan.input("folder_hash").to_owned())
            .filter(|hash| !hash.is_empty());
        if let Some(hash) = hash {
            return Ok(Some((earlier.version.to_string(), hash)));
        }
    }
    Ok(None)
}
