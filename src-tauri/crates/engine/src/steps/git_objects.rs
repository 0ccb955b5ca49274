//! Git values that several steps share: refs of a listing, authors, commits.

use greenlight_types::{CommitInputs, CommitLine, ErrorCode, Failure};

use crate::{
    ports::{CommitInfo, RemoteRef, Signature},
    step::StepContext,
};

/// Returns the ref with this full name.
pub(super) fn find_ref<'a>(refs: &'a [RemoteRef], name: &str) -> Option<&'a RemoteRef> {
    refs.iter().find(|one| one.name == name)
}

/// First seven characters of an object id, as people read it.
pub(super) fn short_id(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

/// A commit as a plan shows it.
pub(super) fn commit_line(commit: CommitInfo) -> CommitLine {
    CommitLine { id: commit.id, summary: commit.summary, author: commit.author, at: commit.at }
}

/// Inputs of the git object that a step writes. Author and time are part of the plan, so a retry
/// after a crash, even by another person, writes the same object id.
pub(super) fn commit_inputs(cx: &StepContext, message: String) -> Result<CommitInputs, Failure> {
    let Signature { name: author, email, at: time } = signature(cx)?;
    Ok(CommitInputs { message, author, email, time })
}

/// Author of a planned object.
pub(super) fn signature_of(commit: &CommitInputs) -> Signature {
    Signature { name: commit.author.clone(), email: commit.email.clone(), at: commit.time }
}

/// Author of the objects of this run. The time is the run's, so a retry gives the same ids.
fn signature(cx: &StepContext) -> Result<Signature, Failure> {
    let run = cx.run();
    let at = run
        .commit_time
        .ok_or_else(|| Failure::new(ErrorCode::NotAllowedNow, "write a commit before Prepare has started"))?;
    Ok(Signature::of(&cx.by, at))
}
