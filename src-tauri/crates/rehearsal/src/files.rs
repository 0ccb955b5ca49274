//! Writes small files atomically: a reader sees the old content or the new one, never a part.

use std::{io::Write, path::Path};

/// Replaces a file atomically. Every user with access to the folder may read it.
///
/// # Errors
/// When the folder is missing or not writable.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace(path, bytes, 0o644)
}

/// Replaces a file atomically. Only its owner may read it.
///
/// # Errors
/// When the folder is missing or not writable.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace(path, bytes, 0o600)
}

/// Replaces an executable file atomically.
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
