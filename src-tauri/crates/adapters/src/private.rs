//! Files and folders that only this person can read. On Windows the profile folder of the person
//! gives these permissions.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a folder with its parents (0700). Removes the permissions of others from a folder that
/// exists.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)?;
    close(path, 0o700)
}

/// Opens a file for reading and writing (0600). Makes it when it is missing, and keeps its content.
pub(crate) fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    close(path, 0o600)?;
    Ok(file)
}

#[cfg(unix)]
fn close(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = fs::metadata(path)?.permissions().mode() & 0o777;
    // Narrower permissions stay: a person may have set them.
    if found & !mode == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(found & mode)) }
}

#[cfg(not(unix))]
fn close(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
