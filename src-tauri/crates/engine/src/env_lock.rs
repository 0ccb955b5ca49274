//! One operator at a time: from Deploy on, a run owns the environment lock on the staging machine,
//! where every other computer finds it (docs/remote-jobs.md#environment-lock). The lock is released
//! at the end of the run, or taken over by a named person with a reason. No time limit ends it.
//!
//! The machine itself keeps a second computer out: the verbs for jobs compare the owner. The checks
//! here refuse a press that the machine would refuse, and protect the changing steps that are not
//! jobs.

use std::collections::BTreeSet;

use futures::future::join_all;
use greenlight_types::{
    Difference, ErrorCode, Failure, LockOwner, Retry, RunId, RunState, RunView, StagingMachine, TakeOver,
};

use crate::{
    fold,
    journal::Journal,
    ports::{EnvLock, HostAddress, Ownership, RemoteHost},
    step::StepContext,
    time,
};

/// Most earlier runs whose staging machines are looked up, newest first.
const EARLIER_RUNS: usize = 200;
/// Most machines that are asked, newest first.
const MOST_MACHINES: usize = 5;

/// A request for the environment lock.
pub(crate) struct LockRequest {
    /// The machine, with the machine id and boot id that it reported.
    pub staging: StagingMachine,
    /// The current owner, if it is another run.
    pub from: Option<LockOwner>,
    /// Why the lock is taken from that owner. Empty without an owner.
    pub reason: String,
}

/// Asks the machine for the owner of the lock, and decides whether this run may acquire it.
///
/// # Errors
/// `EnvironmentHeld` when a run that has not ended owns the lock, unless a person ordered to take
/// it from exactly that run; `BadInput` without a reason; the failure of the machine.
pub(crate) async fn request(
    cx: &StepContext,
    journal: &dyn Journal,
    staging: StagingMachine,
    over: Option<TakeOver>,
) -> Result<LockRequest, Failure> {
    let run = cx.run();
    let found = cx.ports.host.environment(&HostAddress::of(&staging), &EnvLock::of(&run).environment).await?;
    let staging = StagingMachine { machine_id: found.machine_id, boot_id: found.boot_id, ..staging };
    let Some(owner) = found.owner.filter(|owner| owner.run != run.id) else {
        return Ok(LockRequest { staging, from: None, reason: String::new() });
    };
    if has_ended(journal, &owner.run).await {
        let reason = "That release has ended on this computer.".to_owned();
        return Ok(LockRequest { staging, from: Some(owner), reason });
    }
    match over {
        Some(over) if over.from == owner.run => match over.reason.trim() {
            "" => Err(Failure::new(ErrorCode::BadInput, "take the environment over without a reason")
                .hint("Write down why, and with whom you spoke; it is kept with your name.")),
            reason => Ok(LockRequest { staging, from: Some(owner), reason: reason.to_owned() }),
        },
        Some(_) | None => Err(not_owned(Some(&owner))),
    }
}

/// Whether a run has ended in the journal of this computer. Such a run owns nothing any more.
async fn has_ended(journal: &dyn Journal, run: &RunId) -> bool {
    let known = journal.events(run, 0).await.ok().filter(|events| !events.is_empty());
    known.and_then(|events| fold::fold(&events).ok()).is_some_and(|view| view.state == RunState::Ended)
}

/// Refuses when the run does not own the environment lock any more.
///
/// # Errors
/// `EnvironmentHeld`; the failure of the machine.
pub(crate) async fn ensure_owned(cx: &StepContext) -> Result<(), Failure> {
    match cx.ports.host.check_lock(&cx.host()?, &EnvLock::of(&cx.run())).await? {
        Ownership::Ours => Ok(()),
        Ownership::NotOurs(owner) => Err(not_owned(owner.as_ref())),
    }
}

/// The refusal, with everything that a person needs to speak with the owner.
pub(crate) fn not_owned(owner: Option<&LockOwner>) -> Failure {
    let failure = |words: String| Failure::new(ErrorCode::EnvironmentHeld, words).retry(Retry::Safe);
    let Some(owner) = owner else {
        return failure("go on: this release does not hold the environment any more".to_owned())
            .hint("Somebody took it over and gave it back. Look at what they did, then take it again.");
    };
    let who = if owner.person.is_empty() { "Somebody" } else { &owner.person };
    let seen = owner.seen.map(|at| at.to_string()).unwrap_or_default();
    failure(format!("go on: {who} is releasing {} since {}", owner.version, time::in_words(owner.since)))
        .with("run", owner.run.0.clone())
        .with("person", who)
        .with("computer", owner.computer.clone())
        .with("version", owner.version.clone())
        .with("reason", owner.reason.clone())
        .with("since", owner.since.to_string())
        .with("seen", seen)
        .hint(format!("Speak with {who}. When that release cannot go on there, take over and write down why."))
}

/// Asks the staging machines of earlier runs, so that a job that still runs on one of them is not
/// overlooked. A machine that does not answer, or is another one by now, gives a difference that a
/// person accepts.
///
/// # Errors
/// The refusal when a job runs on one of them; `JournalFailed`.
pub(crate) async fn ask_known_machines(cx: &StepContext, journal: &dyn Journal) -> Result<Vec<Difference>, Failure> {
    let (run, mut found) = (cx.run(), Vec::new());
    let known = known_machines(journal, &run).await?;
    // All at once: for a machine that is gone, the answer takes as long as a connection may take.
    let asked = join_all(known.iter().map(|(_, staging)| ask_machine(&*cx.ports.host, &run, staging))).await;
    for ((earlier, staging), told) in known.into_iter().zip(asked) {
        match told {
            Ok(None) => {}
            Ok(Some(job)) => {
                return Err(Failure::new(
                    ErrorCode::PreconditionFailed,
                    format!("start Deploy: {job} runs on the staging machine of {} right now", earlier.version),
                )
                .with("job", job)
                .hint("Wait for its end, or ask the people who started it."));
            }
            Err(failure) => {
                tracing::info!(%failure, "an earlier staging machine cannot be asked");
                let is_another = matches!(failure.code, ErrorCode::HostReplaced | ErrorCode::HostChanged);
                let (kind, why) = if is_another {
                    ("machineReplaced", "is another machine by now")
                } else {
                    ("machineSilent", "does not answer")
                };
                let (version, address) = (&earlier.version, &staging.address);
                let text = format!(
                    "The staging machine of {version} ({address}) {why}: nobody can see whether one of its jobs still runs."
                );
                found.push(Difference::new(kind, format!("{version}@{address}"), text));
            }
        }
    }
    Ok(found)
}

/// The newest machines of earlier runs of the same product and realm, each once.
async fn known_machines(journal: &dyn Journal, run: &RunView) -> Result<Vec<(RunView, StagingMachine)>, Failure> {
    let (mut known, mut seen) = (Vec::new(), BTreeSet::new());
    for id in journal.runs().await?.into_iter().take(EARLIER_RUNS).filter(|id| *id != run.id) {
        // A run that this app cannot read names no machine.
        let Ok(earlier) = journal.events(&id, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        if earlier.profile.product != run.profile.product || earlier.realm != run.realm {
            continue;
        }
        let Some(staging) = earlier.staging.clone() else { continue };
        if seen.insert((staging.address.clone(), staging.port)) && known.len() < MOST_MACHINES {
            known.push((earlier, staging));
        }
    }
    Ok(known)
}

/// A job of the environment that runs on the machine.
async fn ask_machine(
    host: &dyn RemoteHost,
    run: &RunView,
    staging: &StagingMachine,
) -> Result<Option<String>, Failure> {
    let prefix = format!("{}.", EnvLock::of(run).environment);
    let jobs = host.jobs(&HostAddress::of(staging), &prefix).await?;
    Ok(jobs.into_iter().find(|job| job.state.is_alive()).map(|job| job.id))
}
