//! Builds merges, commits and tags in the clone, without a working tree. Never calls the remote.
//!
//! The same inputs and the same time give the same ids, so a repeat after a crash finds the objects
//! of the first attempt.

use std::collections::BTreeSet;

use git2::{Commit, FileMode, MergeOptions, Oid, Reference, Repository, Time, build::TreeUpdateBuilder};
use greenlight_engine::ports::{MergeResult, PortResult, Signature};
use greenlight_types::{ErrorCode, Failure, Retry};

use super::{names, read, trouble};

/// Message, author and protecting ref of a new object.
pub(super) struct Note {
    message: String,
    name: String,
    email: String,
    /// Seconds since 1970.
    at: i64,
    keep: String,
}

impl Note {
    pub(super) fn new(message: &str, by: &Signature, keep: &str) -> PortResult<Self> {
        let failed = |error: String| Failure::new(ErrorCode::Internal, "sign a commit").because(error);
        let message = git2::message_prettify(message, None).map_err(|error| failed(error.message().to_owned()))?;
        let keep = names::ref_name(keep, &[names::OWN])?;
        Ok(Self { message, name: by.name.clone(), email: by.email.clone(), at: by.at.as_second(), keep })
    }

    fn signature(&self) -> PortResult<git2::Signature<'static>> {
        git2::Signature::new(&self.name, &self.email, &Time::new(self.at, 0))
            .map_err(|error| trouble::local("sign a commit", &error))
    }

    /// Points a ref at the object, so that garbage collection keeps it.
    fn keep(&self, repo: &Repository, id: Oid) -> PortResult<String> {
        repo.reference(&self.keep, id, true, "")
            .map_err(|error| trouble::local("keep a new commit", &error).with("name", &self.keep))?;
        Ok(id.to_string())
    }
}

pub(super) fn merge(repo: &Repository, base: &str, head: &str, note: &Note) -> PortResult<MergeResult> {
    let summary = "merge the branch";
    let failed = |error: git2::Error| trouble::local(summary, &error);
    let (ours, theirs) = (find(repo, base)?, find(repo, head)?);
    if common(repo, summary, &ours, &theirs)? == theirs.id() {
        return Err(Failure::new(ErrorCode::NotAllowedNow, summary)
            .because("it is merged already: everything on it is part of the main branch"));
    }
    let mut index = repo.merge_commits(&ours, &theirs, Some(&MergeOptions::new())).map_err(failed)?;
    if index.has_conflicts() {
        return conflicts(&index).map(MergeResult::Conflict).map_err(failed);
    }
    let tree = index.write_tree_to(repo).and_then(|id| repo.find_tree(id)).map_err(failed)?;
    let by = note.signature()?;
    let id = repo.commit(None, &by, &by, &note.message, &tree, &[&ours, &theirs]).map_err(failed)?;
    note.keep(repo, id).map(MergeResult::Merged)
}

/// The paths that conflict in a merge of which nothing is kept.
pub(super) fn merge_conflicts(repo: &Repository, base: &str, head: &str) -> PortResult<Vec<String>> {
    let summary = "try the merge";
    let (ours, theirs) = (find(repo, base)?, find(repo, head)?);
    if common(repo, summary, &ours, &theirs)? == theirs.id() {
        return Ok(Vec::new());
    }
    let tried = repo.merge_commits(&ours, &theirs, Some(&MergeOptions::new()));
    tried.and_then(|index| conflicts(&index)).map_err(|error| trouble::local(summary, &error))
}

/// The commit at which two branches parted.
///
/// # Errors
/// `MergeConflict` when there is none.
fn common(repo: &Repository, summary: &str, ours: &Commit<'_>, theirs: &Commit<'_>) -> PortResult<Oid> {
    repo.merge_base(ours.id(), theirs.id()).map_err(|error| {
        if error.code() != git2::ErrorCode::NotFound {
            return trouble::local(summary, &error);
        }
        Failure::new(ErrorCode::MergeConflict, summary)
            .because("the two branches have no commit in common")
            .hint("Ask a developer: one of the branches was started anew.")
            .retry(Retry::No)
    })
}

/// Every path with a conflict, with each of its names on the three sides.
fn conflicts(index: &git2::Index) -> Result<Vec<String>, git2::Error> {
    let mut paths = BTreeSet::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        for side in [conflict.ancestor, conflict.our, conflict.their].into_iter().flatten() {
            paths.insert(String::from_utf8_lossy(&side.path).into_owned());
        }
    }
    Ok(paths.into_iter().collect())
}

pub(super) fn commit_file(
    repo: &Repository,
    parent: &str,
    path: &str,
    bytes: &[u8],
    note: &Note,
) -> PortResult<String> {
    let summary = "commit a changed file";
    let failed = |error: git2::Error| trouble::local(summary, &error).with("path", path);
    let parent = find(repo, parent)?;
    let tree = parent.tree().map_err(failed)?;
    let Some(entry) = read::plain_file(&tree, path)? else {
        return Err(Failure::new(ErrorCode::GitMissing, summary)
            .with("path", path)
            .because("the file is not in the repository at this commit")
            .hint("Ask a developer where the file went."));
    };
    let mode =
        if entry.filemode() == i32::from(FileMode::BlobExecutable) { FileMode::BlobExecutable } else { FileMode::Blob };
    let blob = repo.blob(bytes).map_err(failed)?;
    let new = TreeUpdateBuilder::new().upsert(path, blob, mode).create_updated(repo, &tree).map_err(failed)?;
    let new = repo.find_tree(new).map_err(failed)?;
    let by = note.signature()?;
    let id = repo.commit(None, &by, &by, &note.message, &new, &[&parent]).map_err(failed)?;
    note.keep(repo, id)
}

/// A commit whose tree has no file. Only its message counts.
pub(super) fn commit_message(repo: &Repository, parent: Option<&str>, note: &Note) -> PortResult<String> {
    let failed = |error: git2::Error| trouble::local("commit a message", &error);
    let parent = parent.map(|id| find(repo, id)).transpose()?;
    let tree = repo.treebuilder(None).and_then(|empty| empty.write()).and_then(|id| repo.find_tree(id));
    let (tree, by) = (tree.map_err(failed)?, note.signature()?);
    let parents: Vec<&Commit<'_>> = parent.iter().collect();
    let id = repo.commit(None, &by, &by, &note.message, &tree, &parents).map_err(failed)?;
    note.keep(repo, id)
}

/// Makes the tag object only: a ref below `refs/tags` of the clone would make the branch of the
/// same name ambiguous (TRAP-G1).
pub(super) fn make_tag(repo: &Repository, commit: &str, name: &str, note: &Note) -> PortResult<String> {
    let summary = "make the tag";
    if !Reference::is_valid_name(&format!("refs/tags/{name}")) {
        return Err(Failure::new(ErrorCode::BadInput, summary)
            .with("name", name)
            .because("it is not a name for a tag"));
    }
    let commit = find(repo, commit)?;
    let id = repo
        .tag_annotation_create(name, commit.as_object(), &note.signature()?, &note.message)
        .map_err(|error| trouble::local(summary, &error))?;
    note.keep(repo, id)
}

fn find<'r>(repo: &'r Repository, id: &str) -> PortResult<Commit<'r>> {
    repo.find_commit(names::object_id(id)?)
        .map_err(|error| trouble::local("look up a commit", &error).with("commit", id))
}
