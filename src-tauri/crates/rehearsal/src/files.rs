//! Writing small files whole: a reader sees the old content or the new one, never a part.

use std::{io::Write, path::Path};

/// Replaces a file in one step; readable for everybody who may read the folder.
///
/// # Errors
/// When the folder is missing or not writable.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace(path, bytes, 0o644)
}

/// Replaces a file in one step; only its owner may read it.
///
/// # Errors
/// When the folder is missing or not writable.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace(path, bytes, 0o600)
}

/// Replaces a program in one step.
///
/// # Errors
/// When the folder is missing or not writable.
pub fn write_program(path: &Path, text: &str) -> std::io::Result<()> {
    replace(path, text.as_bytes(), 0o755)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
