//! The environment lock on the product's git remote: a ref whose newest commit is the entry. Each
//! change is a compare-and-swap push of a commit on top of the entry before, so the ref keeps its
//! history.

use std::time::Duration;

use greenlight_types::{Actor, Difference, ErrorCode, Failure, LockOwner, Retry, RunId, RunView};

use super::entry::LockEntry;
use crate::{
    ports::{EnvLock, LockClaim, PushRef, PushResult, Signature},
    step::StepContext,
};

/// Seconds before each read that follows a push without success. A push of another computer may be
/// in progress.
const PAUSES_S: [u64; 4] = [0, 1, 2, 4];

/// Full name of the ref: `refs/greenlight/<product>/<environment>`.
pub(crate) fn name(run: &RunView) -> String {
    let product = &run.profile.product;
    format!("refs/greenlight/{}/{}", product.id, product.environment)
}

/// The difference of a run whose remote refused the lock.
pub(crate) fn refused_difference(run: &RunView) -> Option<Difference> {
    let refusal = run.lock_refusal.as_ref()?;
    let (name, place) = (name(run), &run.profile.product.environment_name);
    let rest = if run.is_rollback() {
        format!("A rollback takes no lock on a staging machine, so nothing keeps another release away from {place}.")
    } else {
        format!(
            "Only the lock on the staging machine guards {place}; it does not stop a person who works with another staging \
             machine."
        )
    };
    let text = format!("GitHub refuses the lock of {place} ({name}): \u{201c}{}\u{201d}. {rest}", refusal.reason);
    Some(Difference::new("lockRefused", name, text))
}

/// The ref as the remote has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefState {
    /// Id of the commit. `None` without a ref.
    id: Option<String>,
    /// Owner of the lock. `None` when the lock is free, or without a ref.
    owner: Option<LockOwner>,
}

impl RefState {
    pub fn owner(&self) -> Option<&LockOwner> {
        self.owner.as_ref()
    }

    pub fn is_owned_by(&self, run: &RunId) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.run == *run)
    }
}

/// Result of a change of the ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefMove {
    /// The ref has our entry.
    Done,
    /// Another run changed the ref first. Its owner now; `None` when the lock is free.
    Lost(Option<LockOwner>),
    /// The server refuses the ref. Nothing changed.
    Refused {
        /// Text of the server.
        reason: String,
    },
}

/// Reads the ref.
///
/// # Errors
/// `UnreadableAnswer` when the entry cannot be parsed; the failure of the remote.
pub(crate) async fn read(cx: &StepContext) -> Result<RefState, Failure> {
    let run = cx.run();
    let name = name(&run);
    let Some(commit) = cx.ports.git.ref_commit(&name).await? else { return Ok(RefState::default()) };
    let environment = EnvLock::of(&run).environment;
    let entry = LockEntry::parse(&environment, &commit.message).ok_or_else(|| unreadable(&name, &commit.id))?;
    let owner = entry.is_held.then(|| entry.owner()).map(|mut owner| {
        let redactor = cx.ports.redactor();
        redactor.clean(&mut owner.person);
        redactor.clean(&mut owner.reason);
        owner
    });
    Ok(RefState { id: Some(commit.id), owner })
}

fn unreadable(name: &str, id: &str) -> Failure {
    Failure::new(ErrorCode::UnreadableAnswer, "read who holds the environment on GitHub")
        .with("name", name)
        .with("commit", id)
        .because(format!("the newest entry of {name} ({id}) is none that this app writes"))
        .hint("Another person or a newer app wrote it. Nothing goes on while it is unknown who holds the environment.")
        .hint("Update the app, or ask a developer to look at the entry with `git log` and to remove it.")
        .retry(Retry::Safe)
}

/// Takes the lock for the run. `found` is the state that the decision rests on.
///
/// # Errors
/// The failure of the remote. The ref may have our entry if the answer was lost.
pub(crate) async fn acquire(
    cx: &StepContext,
    by: &Actor,
    found: &RefState,
    claim: &LockClaim,
) -> Result<RefMove, Failure> {
    if found.is_owned_by(&cx.run().id) {
        return Ok(RefMove::Done);
    }
    let entry = entry(cx, by, true, &claim.reason);
    push(cx, by, found, &entry).await
}

/// Makes a free entry if the remote has no ref. Returns the reason if the server refuses it.
///
/// # Errors
/// The failure of the remote.
pub(crate) async fn create(cx: &StepContext, by: &Actor) -> Result<Option<String>, Failure> {
    let found = read(cx).await?;
    if found.id.is_some() {
        return Ok(None);
    }
    match push(cx, by, &found, &entry(cx, by, false, "")).await? {
        RefMove::Refused { reason } => Ok(Some(reason)),
        RefMove::Done | RefMove::Lost(_) => Ok(None),
    }
}

/// Releases the lock. Changes nothing when the run does not own it.
///
/// # Errors
/// The failure of the remote, or its refusal.
pub(crate) async fn release(cx: &StepContext, by: &Actor) -> Result<(), Failure> {
    let found = read(cx).await?;
    if !found.is_owned_by(&cx.run().id) {
        return Ok(());
    }
    let reason = format!("The {} has ended.", cx.run().kind());
    match push(cx, by, &found, &entry(cx, by, false, &reason)).await? {
        RefMove::Done | RefMove::Lost(_) => Ok(()),
        RefMove::Refused { reason } => {
            Err(Failure::new(ErrorCode::PushRefused, "release the environment on GitHub").because(reason))
        }
    }
}

fn entry(cx: &StepContext, by: &Actor, is_held: bool, reason: &str) -> LockEntry {
    let run = cx.run();
    LockEntry {
        environment: EnvLock::of(&run).environment,
        is_held,
        run: run.id.clone(),
        person: by.person.clone(),
        computer: by.computer.clone(),
        version: run.version.to_string(),
        is_rollback: run.is_rollback(),
        reason: reason.to_owned(),
        since: cx.ports.clock.now(),
    }
}

async fn push(cx: &StepContext, by: &Actor, found: &RefState, entry: &LockEntry) -> Result<RefMove, Failure> {
    let (git, run) = (&cx.ports.git, cx.run());
    let keep = format!("refs/greenlight/{}/lock", run.id.0);
    let signature = Signature::of(by, entry.since);
    let id = git.commit_message(found.id.as_deref(), &entry.message(), &signature, &keep).await?;
    let push = PushRef { id: id.clone(), name: name(&run), expect: found.id.clone() };
    let answer = match git.push(&push).await {
        Ok(PushResult::Accepted) => return Ok(RefMove::Done),
        Ok(answer) => Ok(answer),
        Err(failure) if failure.is_lost_reply() => Err(failure),
        Err(failure) => return Err(failure),
    };
    // The ref decides. A refusal may only say that another push was faster.
    for pause in PAUSES_S {
        cx.wait(Duration::from_secs(pause)).await;
        let now = match (read(cx).await, &answer) {
            (Ok(now), _) => now,
            (Err(_), Err(lost)) => return Err(lost.clone()),
            (Err(failure), Ok(_)) => return Err(failure),
        };
        if now.id.as_ref() == Some(&id) || entry.is_held && now.is_owned_by(&run.id) {
            return Ok(RefMove::Done);
        }
        if now.id != found.id {
            return Ok(RefMove::Lost(now.owner));
        }
    }
    match answer {
        Ok(PushResult::Refused { reason }) => Ok(RefMove::Refused { reason }),
        Ok(PushResult::Accepted | PushResult::Moved { .. }) => Ok(RefMove::Lost(found.owner.clone())),
        Err(lost) => Err(lost),
    }
}
