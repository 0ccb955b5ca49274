//! Reads from the clone. Never calls the remote.

use std::path::Path;

use git2::{Commit, FileMode, ObjectType, Oid, Repository, Sort, Tree, TreeEntry};
use greenlight_engine::ports::{ChangedPaths, CommitInfo, PortResult, TagInfo};
use greenlight_types::{ErrorCode, Failure, Timestamp};

use super::{names, trouble};

/// Maximum number of commits that are counted.
const COUNT_LIMIT: usize = 10_000;
/// Maximum size of a file that is read, in bytes.
const FILE_LIMIT: usize = 1024 * 1024;
/// Maximum size of a Git LFS pointer file. Its specification says less than 1024 bytes.
const POINTER_LIMIT: usize = 1024;
const POINTER_START: &[u8] = b"version https://git-lfs";

pub(super) fn commit(repo: &Repository, id: &str) -> PortResult<Option<CommitInfo>> {
    match repo.find_commit(names::object_id(id)?) {
        Ok(commit) => Ok(Some(info(&commit))),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(trouble::local("look up a commit", &error)),
    }
}

pub(super) fn tag(repo: &Repository, id: &str) -> PortResult<Option<TagInfo>> {
    let tag = match repo.find_tag(names::object_id(id)?) {
        Ok(tag) => tag,
        Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(trouble::local("look up a tag", &error)),
    };
    let tagger = tag.tagger();
    Ok(Some(TagInfo {
        message: String::from_utf8_lossy(tag.message_bytes().unwrap_or_default()).into_owned(),
        tagger: tagger.as_ref().map(|one| String::from_utf8_lossy(one.name_bytes()).into_owned()).unwrap_or_default(),
        at: tagger.map_or(Timestamp::EPOCH, |one| timestamp(one.when().seconds())),
    }))
}

pub(super) fn commits_between(
    repo: &Repository,
    base: &str,
    head: &str,
    limit: usize,
) -> PortResult<(Vec<CommitInfo>, u32)> {
    let failed = |error: git2::Error| trouble::local("list the commits between two points", &error);
    let mut walk = repo.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(failed)?;
    walk.push(names::object_id(head)?).map_err(failed)?;
    walk.hide(names::object_id(base)?).map_err(failed)?;
    let mut commits = Vec::new();
    let mut total = 0_u32;
    for id in walk.take(COUNT_LIMIT) {
        let id = id.map_err(failed)?;
        total += 1;
        if commits.len() < limit {
            commits.push(info(&repo.find_commit(id).map_err(failed)?));
        }
    }
    Ok((commits, total))
}

pub(super) fn is_ancestor(repo: &Repository, ancestor: &str, commit: &str) -> PortResult<bool> {
    let (ancestor, commit) = (names::object_id(ancestor)?, names::object_id(commit)?);
    let summary = "compare two commits";
    for id in [ancestor, commit] {
        repo.find_commit(id).map_err(|error| trouble::local(summary, &error))?;
    }
    Ok(ancestor == commit
        || repo.graph_descendant_of(commit, ancestor).map_err(|error| trouble::local(summary, &error))?)
}

pub(super) fn changed_paths(repo: &Repository, from: &str, to: &str) -> PortResult<ChangedPaths> {
    let failed = |error: git2::Error| trouble::local("compare two commits", &error);
    let (old, new) = (tree(repo, from)?, tree(repo, to)?);
    let diff = repo.diff_tree_to_tree(Some(&old), Some(&new), None).map_err(failed)?;
    let odb = repo.odb().map_err(failed)?;
    let mut changed = ChangedPaths::default();
    for delta in diff.deltas() {
        let (before, after) = (delta.old_file(), delta.new_file());
        let Some(path) = after.path_bytes().or_else(|| before.path_bytes()) else { continue };
        let path = String::from_utf8_lossy(path).into_owned();
        if is_lfs_pointer(&odb, after.id()) {
            changed.lfs_pointers.push(path.clone());
        }
        changed.paths.push(path);
    }
    changed.paths.sort();
    changed.lfs_pointers.sort();
    Ok(changed)
}

pub(super) fn read_file(repo: &Repository, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
    let summary = "read a file of the repository";
    let Some(entry) = plain_file(&tree(repo, commit)?, path)? else { return Ok(None) };
    let odb = repo.odb().map_err(|error| trouble::local(summary, &error))?;
    let (size, _) = odb.read_header(entry.id()).map_err(|error| trouble::local(summary, &error))?;
    if size > FILE_LIMIT {
        return Err(Failure::new(ErrorCode::VersionFileUnclear, summary)
            .with("path", path)
            .because(format!("it has {size} bytes; the limit is {FILE_LIMIT}")));
    }
    let blob = repo.find_blob(entry.id()).map_err(|error| trouble::local(summary, &error))?;
    Ok(Some(blob.content().to_vec()))
}

/// The tree of a commit.
pub(super) fn tree<'r>(repo: &'r Repository, commit: &str) -> PortResult<Tree<'r>> {
    let failed = |error: git2::Error| trouble::local("look into a commit", &error).with("commit", commit);
    repo.find_commit(names::object_id(commit)?).and_then(|commit| commit.tree()).map_err(failed)
}

/// A plain file of a tree. `None` when the path is absent.
///
/// # Errors
/// `VersionFileUnclear` when a folder, a link or a submodule has this name: writing a file there
/// would break it.
pub(super) fn plain_file(tree: &Tree<'_>, path: &str) -> PortResult<Option<TreeEntry<'static>>> {
    let summary = "read a file of the repository";
    let entry = match tree.get_path(Path::new(path)) {
        Ok(entry) => entry,
        Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(trouble::local(summary, &error).with("path", path)),
    };
    let is_plain = [FileMode::Blob, FileMode::BlobExecutable, FileMode::BlobGroupWritable]
        .into_iter()
        .any(|mode| i32::from(mode) == entry.filemode());
    if entry.kind() == Some(ObjectType::Blob) && is_plain {
        return Ok(Some(entry));
    }
    Err(Failure::new(ErrorCode::VersionFileUnclear, summary)
        .with("path", path)
        .because("it is not a plain file")
        .hint("Ask a developer what became of this file."))
}

fn is_lfs_pointer(odb: &git2::Odb<'_>, id: Oid) -> bool {
    // Absent for a deleted file, no blob for a submodule.
    let small = odb.read_header(id).is_ok_and(|(size, kind)| kind == ObjectType::Blob && size < POINTER_LIMIT);
    small && odb.read(id).is_ok_and(|blob| blob.data().starts_with(POINTER_START))
}

fn info(commit: &Commit<'_>) -> CommitInfo {
    let author = commit.author();
    CommitInfo {
        id: commit.id().to_string(),
        parents: commit.parent_ids().map(|id| id.to_string()).collect(),
        summary: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
        author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
        at: timestamp(author.when().seconds()),
    }
}

/// A commit may claim any time. A time out of range becomes 1970.
fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::EPOCH)
}
