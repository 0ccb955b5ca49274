//! INV-O1: the environment lock on the git remote has one owner, and only that run changes
//! production, also on another staging machine.

use crate::{
    Found,
    known::{Known, LockSeen},
    records::{Actor, Body, Entry, Event, OPTIONAL_STEPS, Op, Status, Step},
};

/// Longest time from a confirmed lock to the change that follows: one slow answer.
const SLACK_MS: i64 = 60_000;

/// Deploy and each changing step of it start only while the run owns the lock. INV-J2: a refusal
/// has a refused push.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    let lock = &known.world.lock;
    if let Body::LockRefused { .. } = &event.body
        && !lock.was_refused
    {
        found.add("INV-J2", "the lock is called refused, and the remote refused no push of it");
    }
    if let Body::DeployStarted { differences, .. } = &event.body
        && known.lock_refusal.is_some()
        && !differences.iter().any(|one| one["id"].as_str().is_some_and(|id| id.starts_with("lockRefused:")))
    {
        found.add("INV-O1", "Deploy starts without the lock on the remote, and no person accepted that");
    }
    let what = if let Body::DeployStarted { .. } = &event.body {
        "Deploy".to_owned()
    } else if let Body::StepStarted { step, .. } = &event.body
        && is_change_of_production(*step)
    {
        format!("{step:?}")
    } else {
        return;
    };
    // A stop names the deployment of the run, and the remote may be silent.
    if matches!(event.body, Body::StepStarted { step: Step::StopRollout, .. }) {
        return;
    }
    let is_fresh = crate::known::ms(&event.at).is_some_and(|at| at - lock.at < SLACK_MS);
    if !is_fresh && !may_change(known) {
        found.add("INV-O1", format!("{what} starts while {} owns the lock on the remote", owner(lock)));
    }
}

fn is_change_of_production(step: Step) -> bool {
    let is_of_prepare = step == Step::OpenPullRequest;
    matches!(step, Step::BackUp | Step::DispatchBuild | Step::RunMigration)
        || OPTIONAL_STEPS.contains(&step) && !is_of_prepare
}

/// Whether the run owns the lock, or a person accepted that the remote refuses it.
fn may_change(known: &Known) -> bool {
    let owner = known.world.lock.owner.as_ref();
    if owner == Some(&known.run) {
        return true;
    }
    match &known.lock_refusal {
        Some((kept_by, true)) => owner.is_none() || owner == kept_by.as_ref(),
        Some((_, false)) | None => false,
    }
}

fn owner(lock: &LockSeen) -> &str {
    lock.owner.as_deref().unwrap_or("no run")
}

/// Changes of production come from the owner only, and an entry replaces no owner without an order.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if entry.actor != Actor::App || entry.late || !entry.applied {
        return;
    }
    let lock = &known.world.lock;
    if let Op::PushRef { name, message, .. } = &entry.op
        && *name == known.lock()
    {
        let new = LockSeen::after(message.as_deref().unwrap_or_default(), entry.at);
        return change_of_lock(known, lock, &new, found);
    }
    // A stop names the deployment of the run, and the remote may be silent.
    let is_own_stop = matches!(entry.op, Op::StopDeployment { .. })
        && matches!(known.step(Step::StopRollout).status, Status::Running | Status::InDoubt);
    let changes = matches!(
        entry.op,
        Op::Dispatch { .. }
            | Op::RerunBuild { .. }
            | Op::UpdateService { .. }
            | Op::StopDeployment { .. }
            | Op::LaunchJob { .. }
    );
    if changes && !is_own_stop && entry.at - lock.at >= SLACK_MS && !may_change(known) {
        found.add("INV-O1", format!("production was changed while {} owns the lock on the remote", owner(lock)));
    }
}

fn change_of_lock(known: &Known, old: &LockSeen, new: &LockSeen, found: &mut Found) {
    let is_other = |owner: &&String| **owner != known.run;
    if new.is_strange {
        found.add("INV-O1", "an entry of the lock on the remote cannot be read");
    }
    if old.is_strange {
        found.add("INV-O1", "the lock on the remote was changed while its owner is unknown");
    }
    if let Some(run) = &new.owner {
        let Some(taking) = known.taking.as_ref().filter(|_| *run == known.run && !known.has_ended) else {
            found.add("INV-J1", format!("the lock on the remote was taken for {run}, and no event says so"));
            return;
        };
        if let Some(other) = old.owner.as_ref().filter(is_other).filter(|other| !taking.contains(other)) {
            found.add("INV-O1", format!("the lock on the remote was taken from {other}, and no event says so"));
        }
    } else if let Some(other) = old.owner.as_ref().filter(is_other) {
        found.add("INV-O1", format!("the lock on the remote was released for {other}"));
    } else if old.owner.is_some() && !known.has_ended {
        found.add("INV-J1", "the lock on the remote was released before the end of the run");
    } else if old.owner.is_none() && (old.exists || !known.has_started) {
        found.add("INV-J1", "a free entry of the lock on the remote was written without need");
    }
}
