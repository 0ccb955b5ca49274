//! The temporary folder of a peer, and the scripts of `tests/support`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A temporary folder that other users of this computer can enter. Some peers run as a user of
/// their own.
///
/// # Errors
/// When the folder cannot be created.
pub fn open_folder(peer: &str) -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("greenlight-{peer}-"))
        .tempdir()
        .context("failed to make a temporary folder")?;
    set_mode(folder.path(), 0o755)?;
    Ok(folder)
}

/// Path of a file in `tests/support`.
#[must_use]
pub fn support_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("support").join(name)
}

/// Copies a script of `tests/support` to `to`, replaces each `@NAME@` by its value, and makes the
/// copy executable.
///
/// # Errors
/// When the script cannot be read or written.
pub fn place_script(name: &str, to: &Path, values: &[(&str, &str)]) -> Result<()> {
    let mut text = fs_err::read_to_string(support_file(name))?;
    for (key, value) in values {
        text = text.replace(key, value);
    }
    fs_err::write(to, text)?;
    set_mode(to, 0o755)
}

/// Sets the permission bits of a file or folder.
///
/// # Errors
/// When the file system refuses.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// The non-empty lines of a file. Empty when the file does not exist.
#[must_use]
pub fn lines_of(path: &Path) -> Vec<String> {
    let bytes = fs_err::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The folder for screenshots of the window tests: `target/troubles`.
///
/// # Errors
/// When the folder cannot be created.
pub fn picture_folder() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.ancestors().find(|folder| folder.join("debug").is_dir() || folder.join("release").is_dir());
    let folder = target.unwrap_or(Path::new("target")).join("troubles");
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}
