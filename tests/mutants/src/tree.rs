//! The copy of the tree, with every defect behind its switch. A file whose content is as before is
//! not written, so that cargo compiles little.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Permissions,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    defect::{self, FOLDER},
    edit,
};

/// Suffix of the version of every package in the copy. Cargo identifies a package of a workspace
/// by name, version and its path inside the workspace. Without the suffix, a build of the original
/// tree could reuse the compiled defects of the copy.
const VERSION_SUFFIX: &str = "-seeded";

/// A file of the copy.
pub struct Content {
    /// Bytes of the file.
    pub bytes: Vec<u8>,
    /// Permission bits of the original file.
    pub permissions: Permissions,
}

/// Creates or refreshes the copy. Returns the number of changed files.
///
/// # Errors
/// When an edit does not apply, git does not list the files, or a file cannot be written.
pub fn apply(root: &Path, copy: &Path) -> Result<usize> {
    let mut edited = edit::edited_files(root, &defect::wiring(root)?, &defect::defects(root)?)?;
    let manifest = fs_err::read_to_string(root.join("Cargo.toml"))?;
    edited.insert("Cargo.toml".to_owned(), with_marked_version(&manifest)?);
    let mut files = BTreeMap::new();
    for path in tracked(root)? {
        let source = root.join(&path);
        // A file that was deleted and is not committed.
        let Ok(metadata) = fs_err::metadata(&source) else { continue };
        if !metadata.is_file() {
            continue;
        }
        let bytes = match edited.remove(&path) {
            Some(text) => text.into_bytes(),
            None => fs_err::read(&source)?,
        };
        let added = path.strip_prefix(&format!("{FOLDER}/added/")).map(PathBuf::from);
        files.insert(added.unwrap_or(path.into()), Content { bytes, permissions: metadata.permissions() });
    }
    ensure!(edited.is_empty(), "git does not list the edited files {:?}", edited.keys());
    refresh(copy, &files)
}

/// The manifest of the workspace with the suffix after its version.
///
/// # Errors
/// When the manifest does not begin `[workspace.package]` with its version.
pub fn with_marked_version(manifest: &str) -> Result<String> {
    let start = "[workspace.package]\nversion = \"";
    let (before, rest) = manifest.split_once(start).context("Cargo.toml has no version of the workspace")?;
    let (version, after) = rest.split_once('"').context("the version of the workspace has no end")?;
    Ok(format!("{before}{start}{version}{VERSION_SUFFIX}\"{after}"))
}

/// Files that git tracks or would add.
fn tracked(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().context("git is needed to list the files of the tree")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Makes the copy equal to `files`. Returns the number of files that were written or removed.
///
/// # Errors
/// When a file cannot be read, written or removed.
pub fn refresh(copy: &Path, files: &BTreeMap<PathBuf, Content>) -> Result<usize> {
    let mut changed = 0;
    for (path, content) in files {
        let target = copy.join(path);
        if fs_err::read(&target).is_ok_and(|bytes| bytes == content.bytes) {
            continue;
        }
        if let Some(folder) = target.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::write(&target, &content.bytes)?;
        fs_err::set_permissions(&target, content.permissions.clone())?;
        changed += 1;
    }
    let expected: BTreeSet<PathBuf> = files.keys().map(|path| copy.join(path)).collect();
    Ok(changed + remove_others(copy, &expected)?)
}

fn remove_others(folder: &Path, expected: &BTreeSet<PathBuf>) -> Result<usize> {
    let mut removed = 0;
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            removed += remove_others(&path, expected)?;
        } else if !expected.contains(&path) {
            fs_err::remove_file(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}
