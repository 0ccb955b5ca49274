//! One operator at a time: from Deploy on, a run holds its environment on the staging machine, where every other computer
//! finds it. It is given back at the end of the run, or a named person takes it with a reason; no time ends it.
//!
//! What keeps a second computer out is the machine itself: job verbs compare the holder. What is asked here keeps a person
//! from pressing a button in vain, and stands before every changing step that is not a job.

use std::collections::BTreeSet;

use futures::future::join_all;
use greenlight_types::{
    Difference, ErrorCode, Failure, Holder, Retry, RunId, RunState, RunView, StagingMachine, TakeOver,
};

use crate::{
    fold,
    journal::Journal,
    ports::{Held, Hold, HostAddress, RemoteHost},
    step::StepContext,
    time,
};

/// Earlier runs that are looked at for their staging machines, newest first.
const EARLIER_RUNS: usize = 200;
/// Machines that are asked, newest first.
const MOST_MACHINES: usize = 5;

/// What stands in the way of taking an environment, and whose it is.
pub(crate) struct Taking {
    /// The machine as it was found, with its machine and boot id.
    pub staging: StagingMachine,
    /// Who holds it now.
    pub from: Option<Holder>,
    /// Why it is taken from that one; empty when nobody holds it.
    pub reason: String,
}

/// Looks who holds the environment of a run on this machine, and whether it may be taken.
///
/// # Errors
/// `EnvironmentHeld` when somebody holds it and nobody ordered to take it from exactly that run; `BadInput` without a reason.
pub(crate) async fn look(
    cx: &StepContext,
    journal: &dyn Journal,
    staging: StagingMachine,
    over: Option<TakeOver>,
) -> Result<Taking, Failure> {
    let run = cx.run();
    let found = cx.ports.host.environment(&HostAddress::of(&staging), &Hold::of(&run).environment).await?;
    let staging = StagingMachine { machine_id: found.machine_id, boot_id: found.boot_id, ..staging };
    let Some(holder) = found.holder.filter(|holder| holder.run != run.id) else {
        return Ok(Taking { staging, from: None, reason: String::new() });
    };
    if has_ended(journal, &holder.run).await {
        let reason = "That release has ended on this computer.".to_owned();
        return Ok(Taking { staging, from: Some(holder), reason });
    }
    match over {
        Some(over) if over.from == holder.run => match over.reason.trim() {
            "" => Err(Failure::new(ErrorCode::BadInput, "take the environment over without a reason")
                .hint("Write down why, and with whom you spoke; it is kept with your name.")),
            reason => Ok(Taking { staging, from: Some(holder), reason: reason.to_owned() }),
        },
        Some(_) | None => Err(not_held(Some(&holder))),
    }
}

/// Whether this computer's own record shows that a run has ended: it then holds nothing any more.
async fn has_ended(journal: &dyn Journal, run: &RunId) -> bool {
    let known = journal.events(run, 0).await.ok().filter(|events| !events.is_empty());
    known.and_then(|events| fold::fold(&events).ok()).is_some_and(|view| view.state == RunState::Ended)
}

/// Refuses when the run does not hold its environment any more.
///
/// # Errors
/// `EnvironmentHeld`; whatever kept us from looking.
pub(crate) async fn still_held(cx: &StepContext) -> Result<(), Failure> {
    match cx.ports.host.still_holds(&cx.host()?, &Hold::of(&cx.run())).await? {
        Held::Ours => Ok(()),
        Held::NotOurs(holder) => Err(not_held(holder.as_ref())),
    }
}

/// The refusal, with everything that a person needs to speak with the other one.
pub(crate) fn not_held(holder: Option<&Holder>) -> Failure {
    let failure = |words: String| Failure::new(ErrorCode::EnvironmentHeld, words).retry(Retry::Safe);
    let Some(holder) = holder else {
        return failure("go on: this release does not hold the environment any more".to_owned())
            .hint("Somebody took it over and gave it back. Look at what they did, then take it again.");
    };
    let who = if holder.person.is_empty() { "Somebody" } else { &holder.person };
    let seen = holder.seen.map(|at| at.to_string()).unwrap_or_default();
    failure(format!("go on: {who} is releasing {} since {}", holder.version, time::in_words(holder.since)))
        .with("run", holder.run.0.clone())
        .with("person", who)
        .with("computer", holder.computer.clone())
        .with("version", holder.version.clone())
        .with("reason", holder.reason.clone())
        .with("since", holder.since.to_string())
        .with("seen", seen)
        .hint(format!("Speak with {who}. When that release cannot go on there, take over and write down why."))
}

/// What the staging machines of earlier releases say, so that a job that still runs on one of them is not overlooked. A
/// machine that does not answer, or is another one by now, is a sentence that a person accepts.
///
/// # Errors
/// `GateClosed` when a job runs on one of them; `JournalFailed`.
pub(crate) async fn ask_known_machines(cx: &StepContext, journal: &dyn Journal) -> Result<Vec<Difference>, Failure> {
    let (run, mut found) = (cx.run(), Vec::new());
    let known = known_machines(journal, &run).await?;
    // At once: a machine that is gone takes as long as a connection may take.
    let asked = join_all(known.iter().map(|(_, staging)| ask_machine(&*cx.ports.host, &run, staging))).await;
    for ((earlier, staging), told) in known.into_iter().zip(asked) {
        match told {
            Ok(None) => {}
            Ok(Some(job)) => {
                return Err(Failure::new(
                    ErrorCode::GateClosed,
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

/// The newest machines of earlier runs of the same product, each once.
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

/// A job of the environment that runs there.
async fn ask_machine(
    host: &dyn RemoteHost,
    run: &RunView,
    staging: &StagingMachine,
) -> Result<Option<String>, Failure> {
    let prefix = format!("{}.", Hold::of(run).environment);
    let jobs = host.jobs(&HostAddress::of(staging), &prefix).await?;
    Ok(jobs.into_iter().find(|job| job.state.is_alive()).map(|job| job.id))
}
