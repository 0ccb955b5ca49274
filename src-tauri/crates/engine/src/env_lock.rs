//! One operator at a time: from Deploy on, a run owns the environment lock
//! (docs/remote-jobs.md#environment-lock). The lock is a ref on the git remote, where every other
//! computer finds it, and an owner on the staging machine. Both are released at the end of the run,
//! or taken over by a named person with a reason. No time limit ends them.
//!
//! Each version has its own staging machine, so only the ref stops an operator with another
//! machine. The machine protects its jobs: their verbs compare the owner. The checks here protect
//! the changing steps that are not jobs, and refuse a press that the machine would refuse.

mod entry;
pub(crate) mod git_ref;

use std::collections::BTreeSet;

use futures::future::{join, join_all};
use greenlight_types::{
    Actor, Difference, ErrorCode, Failure, LockOwner, Retry, RunId, RunState, RunView, StagingMachine, StepId, TakeOver,
};

use self::git_ref::RefState;
use crate::{
    fold,
    journal::Journal,
    other_runs,
    ports::{EnvLock, HostAddress, Ownership, RemoteHost},
    step::StepContext,
    time,
};

/// Most machines that are asked, newest first.
const MOST_MACHINES: usize = 5;

/// A request for the environment lock.
pub(crate) struct LockRequest {
    /// The machine, with the machine id and boot id that it reported.
    pub staging: StagingMachine,
    /// The current owner, if it is another run: that of the ref, or else that of the machine.
    pub from: Option<LockOwner>,
    /// The owner on the machine, if it is a third run.
    pub on_machine: Option<LockOwner>,
    /// Why the lock is taken from that owner. Empty without an owner.
    pub reason: String,
}

/// A request, and the states that it rests on.
pub(crate) struct LockPlan {
    pub request: LockRequest,
    /// The ref on the remote.
    pub found: RefState,
    /// The run to take the lock on the machine from. `None` when the machine has no other owner, or
    /// when its owner must be asked about first.
    pub machine_from: Option<RunId>,
}

/// Asks machine and remote for the owner of the lock, and decides whether this run may acquire it.
///
/// # Errors
/// `EnvironmentHeld` when a run that has not ended owns the lock, unless a person ordered to take
/// it from exactly that run; `BadInput` without a reason; the failure of machine or remote.
pub(crate) async fn request(
    cx: &StepContext,
    journal: &dyn Journal,
    staging: StagingMachine,
    over: Option<TakeOver>,
) -> Result<LockPlan, Failure> {
    let run = cx.run();
    let (staging, owner) = if run.is_rollback() { (staging, None) } else { ask_owner(cx, staging).await? };
    let found = git_ref::read(cx).await?;
    let on_machine = owner.filter(|owner| owner.run != run.id);
    let on_remote = found.owner().filter(|owner| owner.run != run.id).map(|owner| {
        // Only the machine keeps signs of life.
        let seen = on_machine.as_ref().filter(|one| one.run == owner.run).and_then(|one| one.seen);
        LockOwner { seen, ..owner.clone() }
    });
    let Some(from) = on_remote.or_else(|| on_machine.clone()) else {
        let request = LockRequest { staging, from: None, on_machine: None, reason: String::new() };
        return Ok(LockPlan { request, found, machine_from: None });
    };
    let reason = reason_to_take(journal, &run, &from, over.as_ref()).await?;
    // The owner on the machine may be a third run. Without an order to take the lock from that run,
    // the machine refuses and names it.
    let mut third = on_machine.clone().filter(|owner| owner.run != from.run);
    if let Some(owner) = &third
        && reason_to_take(journal, &run, owner, over.as_ref()).await.is_err()
    {
        third = None;
    }
    let machine_from = third.clone().or_else(|| on_machine.filter(|owner| owner.run == from.run));
    let machine_from = machine_from.map(|owner| owner.run);
    Ok(LockPlan { request: LockRequest { staging, from: Some(from), on_machine: third, reason }, found, machine_from })
}

/// The machine as it answers now, and the owner of the lock on it.
async fn ask_owner(cx: &StepContext, staging: StagingMachine) -> Result<(StagingMachine, Option<LockOwner>), Failure> {
    let environment = EnvLock::of(&cx.run()).environment;
    let machine = cx.ports.host.environment(&HostAddress::of(&staging), &environment).await?;
    Ok((StagingMachine { machine_id: machine.machine_id, boot_id: machine.boot_id, ..staging }, machine.owner))
}

/// Why this run may take the lock from its owner.
async fn reason_to_take(
    journal: &dyn Journal,
    run: &RunView,
    owner: &LockOwner,
    over: Option<&TakeOver>,
) -> Result<String, Failure> {
    if has_ended(journal, &owner.run).await {
        return Ok(format!("That {} has ended on this computer.", kind_of(owner)));
    }
    match over {
        Some(over) if over.from == owner.run => match over.reason.trim() {
            "" => Err(Failure::new(ErrorCode::BadInput, "take the environment over without a reason")
                .hint("Write down why, and with whom you spoke; it is kept with your name.")),
            reason => Ok(reason.to_owned()),
        },
        Some(_) | None => Err(not_owned(run, Some(owner))),
    }
}

/// Whether a run has ended in the journal of this computer. Such a run owns nothing any more.
async fn has_ended(journal: &dyn Journal, run: &RunId) -> bool {
    let known = journal.events(run, 0).await.ok().filter(|events| !events.is_empty());
    known.and_then(|events| fold::fold(&events).ok()).is_some_and(|view| view.state == RunState::Ended)
}

/// Refuses when the run does not own the environment lock any more, on the remote or on the
/// machine.
///
/// # Errors
/// `EnvironmentHeld`; the failure of remote or machine.
pub(crate) async fn ensure_owned(cx: &StepContext) -> Result<(), Failure> {
    ensure_owned_on_remote(cx).await?;
    ensure_owned_on_machine(cx).await
}

/// As [`ensure_owned`], for a step. A stop of the rollout names the deployment of this run, so it
/// cannot harm another one: while the git remote does not answer, the lock on the machine decides.
///
/// # Errors
/// `EnvironmentHeld`; the failure of the machine or of the git remote.
pub(crate) async fn ensure_owned_for(cx: &StepContext, step: StepId) -> Result<(), Failure> {
    match ensure_owned_on_remote(cx).await {
        Err(failure) if step == StepId::StopRollout && is_silence(&failure) => {
            tracing::warn!(%failure, "the rollout is stopped without an answer of the git remote");
        }
        answer => answer?,
    }
    if is_lock_of_machine_gone(&cx.run(), step) { Ok(()) } else { ensure_owned_on_machine(cx).await }
}

/// Whether the lock on the machine counts no more. A machine that is gone keeps none, and the
/// remote decides alone. If the remote refuses the lock, nothing is left that decides. Then only a
/// stop of the rollout goes on, because it names the deployment of this run. A rollback of an ended
/// release never takes the lock on a machine.
fn is_lock_of_machine_gone(run: &RunView, step: StepId) -> bool {
    let is_refused = run.lock_refusal.as_ref().is_some_and(|refusal| refusal.is_accepted);
    run.is_rollback() || run.machine_given_up.is_some() && (!is_refused || step == StepId::StopRollout)
}

/// Whether the failure says nothing about the owner.
fn is_silence(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::Unreachable | ErrorCode::TimedOut | ErrorCode::Throttled)
}

async fn ensure_owned_on_machine(cx: &StepContext) -> Result<(), Failure> {
    match cx.ports.host.check_lock(&cx.host()?, &EnvLock::of(&cx.run())).await? {
        Ownership::Ours => Ok(()),
        Ownership::NotOurs(owner) => Err(not_owned(&cx.run(), owner.as_ref())),
    }
}

/// Refuses when the run does not own the lock on the remote any more.
///
/// # Errors
/// `EnvironmentHeld`; the failure of the remote.
pub(crate) async fn ensure_owned_on_remote(cx: &StepContext) -> Result<(), Failure> {
    let run = cx.run();
    let found = git_ref::read(cx).await?;
    may_change(&run, found.owner())
}

/// Whether a run may change the environment while the ref has this owner. If the remote refuses the
/// ref and a person accepted that, the ref must have no owner that this run did not ask about.
fn may_change(run: &RunView, owner: Option<&LockOwner>) -> Result<(), Failure> {
    let accepted = run.lock_refusal.as_ref().filter(|refusal| refusal.is_accepted);
    match (owner, accepted) {
        (Some(owner), _) if owner.run == run.id => Ok(()),
        (Some(owner), Some(refusal)) if refusal.from.as_ref() == Some(&owner.run) => Ok(()),
        (None, Some(_)) => Ok(()),
        (owner, _) => Err(not_owned(run, owner)),
    }
}

/// Releases the lock of a run that has ended, on the machine and on the remote. If one of them
/// cannot be reached now, the next release on this computer takes the lock without a question, and
/// a person at another computer sees who owned it.
pub(crate) async fn release(cx: &StepContext, by: &Actor) {
    // Without a machine, the run never tried to acquire the lock.
    let Ok(host) = cx.host() else { return };
    let (run, lock) = (cx.run(), EnvLock::of(&cx.run()));
    let release_on_machine =
        async { if run.is_rollback() { Ok(()) } else { cx.ports.host.release_lock(&host, &lock).await } };
    let (machine, remote) = join(release_on_machine, git_ref::release(cx, by)).await;
    for failure in [machine, remote].into_iter().filter_map(Result::err) {
        tracing::warn!(%failure, "the environment was not given back");
    }
}

/// The kind of the owner's run in a sentence: `release` or `rollback`.
fn kind_of(owner: &LockOwner) -> &'static str {
    if owner.is_rollback { "rollback" } else { "release" }
}

/// The refusal of `run`, with everything that a person needs to speak with the owner.
pub(crate) fn not_owned(run: &RunView, owner: Option<&LockOwner>) -> Failure {
    let failure =
        |words: String| Failure::new(ErrorCode::EnvironmentHeld, words).with("kind", run.kind()).retry(Retry::Safe);
    let Some(owner) = owner else {
        return failure(format!("go on: this {} does not hold the environment any more", run.kind()))
            .hint("Somebody may have taken it over and given it back. Look at what they did, then take it again.");
    };
    let who = if owner.person.is_empty() { "Somebody" } else { &owner.person };
    let seen = owner.seen.map(|at| at.to_string()).unwrap_or_default();
    failure(format!("go on: {who} holds it for {} since {}", owner.purpose(), time::in_words(owner.since)))
        .with("run", owner.run.0.clone())
        .with("owner_kind", kind_of(owner))
        .with("person", who)
        .with("computer", owner.computer.clone())
        .with("version", owner.version.clone())
        .with("reason", owner.reason.clone())
        .with("since", owner.since.to_string())
        .with("seen", seen)
        .hint(format!(
            "Speak with {who}. When that {} cannot go on there, take over and write down why.",
            kind_of(owner)
        ))
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
    for earlier in other_runs::read(journal, run).await? {
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

#[cfg(test)]
mod tests {
    use greenlight_types::{LockRefusal, MachineGivenUp, Timestamp};

    use super::*;
    use crate::act::test_support::{deploying, rollback};

    /// The run `ours`, with this refusal of the remote.
    fn ours(lock_refusal: Option<LockRefusal>) -> RunView {
        RunView { id: RunId("ours".into()), lock_refusal, ..deploying() }
    }

    fn owner(run: &str) -> LockOwner {
        let text = String::new;
        LockOwner {
            run: RunId(run.into()),
            person: text(),
            computer: text(),
            version: text(),
            is_rollback: false,
            reason: text(),
            since: Timestamp::EPOCH,
            seen: None,
        }
    }

    fn refusal(is_accepted: bool, from: Option<&str>) -> LockRefusal {
        LockRefusal { reason: "GH013".into(), from: from.map(|run| RunId(run.into())), is_accepted }
    }

    #[test]
    fn only_the_owner_of_the_ref_changes_the_environment() {
        for (owner_of_ref, expected) in [(Some("ours"), true), (Some("other"), false), (None, false)] {
            let owner = owner_of_ref.map(owner);
            assert_eq!(may_change(&ours(None), owner.as_ref()).is_ok(), expected, "{owner_of_ref:?}");
        }
    }

    #[test]
    fn a_refusal_names_both_runs_by_their_kind() {
        let lost = |rolls_back: bool, owner: Option<LockOwner>| {
            let run = if rolls_back { rollback() } else { deploying() };
            may_change(&run, owner.as_ref()).expect_err("it is not ours")
        };
        let other = || LockOwner { person: "Bob".into(), version: "2.1.0".into(), ..owner("other") };
        let back = || LockOwner { is_rollback: true, ..other() };
        let release = lost(true, Some(other()));
        assert!(release.summary.contains("Bob holds it for 2.1.0 since"), "{release}");
        assert_eq!((release.params["kind"].as_str(), release.params["owner_kind"].as_str()), ("rollback", "release"));
        let rollback = lost(false, Some(back()));
        assert!(rollback.summary.contains("Bob holds it for the rollback of 2.1.0"), "{rollback}");
        assert!(rollback.hints[0].contains("When that rollback cannot go on"), "{:?}", rollback.hints);
        assert_eq!((rollback.params["kind"].as_str(), rollback.params["owner_kind"].as_str()), ("release", "rollback"));
        assert!(lost(true, None).summary.contains("this rollback does not hold"), "{}", lost(true, None));
    }

    #[test]
    fn a_machine_that_is_gone_leaves_the_decision_to_the_remote() {
        let gone = MachineGivenUp { person: "Ann".into(), note: "gone".into(), at: Timestamp::EPOCH };
        let mut view = deploying();
        assert!(!is_lock_of_machine_gone(&view, StepId::StopRollout), "the machine is there");
        view.machine_given_up = Some(gone);
        assert!(is_lock_of_machine_gone(&view, StepId::RollBack));
        view.lock_refusal = Some(refusal(true, None));
        assert!(!is_lock_of_machine_gone(&view, StepId::RollBack), "nothing decides");
        assert!(is_lock_of_machine_gone(&view, StepId::StopRollout));
    }

    #[test]
    fn an_accepted_refusal_counts_for_no_other_owner() {
        let cases = [
            (refusal(true, None), None, true),
            (refusal(true, None), Some("other"), false),
            (refusal(true, Some("other")), Some("other"), true),
            (refusal(true, Some("other")), Some("third"), false),
            (refusal(false, None), None, false),
            (refusal(false, Some("other")), Some("other"), false),
        ];
        for (refusal, owner_of_ref, expected) in cases {
            let owner = owner_of_ref.map(owner);
            let may = may_change(&ours(Some(refusal.clone())), owner.as_ref()).is_ok();
            assert_eq!(may, expected, "{refusal:?} {owner_of_ref:?}");
        }
    }
}
