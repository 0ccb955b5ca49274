//! Profile files on this computer: read with a limit, and kept for this person only.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
};

use greenlight_types::{ErrorCode, Failure};
use sha2::{Digest as _, Sha256};

use crate::private;

/// Maximum size of a profile file, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Addition to the name of a file that is not complete yet.
const UNFINISHED: &str = "new";

/// The text of a profile file, and its SHA-256 in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText {
    pub text: String,
    pub sha256: String,
}

/// Reads a profile file.
///
/// # Errors
/// `BadProfile` with params `file` and `problem` when it is no file, too large or no text.
pub fn read(path: &Path) -> Result<ProfileText, Failure> {
    let name = path.display().to_string();
    let refuse = |problem: &str| {
        Failure::new(ErrorCode::BadProfile, "read a profile file")
            .because(problem)
            .with("file", name.clone())
            .with("problem", problem)
            .hint("Choose another file.")
    };
    // A pipe has no end, so only a file is opened.
    if !path.is_file() {
        return Err(refuse("no file has this name"));
    }
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    opened.map_err(|error| refuse(&format!("it cannot be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refuse("it is larger than 256 KiB"));
    }
    let sha256 = sha256(&bytes);
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not a text in UTF-8"))?;
    Ok(ProfileText { text, sha256 })
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A file that is complete on disk, but does not have its name yet.
#[derive(Debug)]
pub struct Prepared<'a> {
    path: &'a Path,
}

/// Writes a text beside `path`, readable by this person only. [`Prepared::put`] gives it the name.
///
/// # Errors
/// The error of the file system. The file at `path` is as before.
pub fn prepare<'a>(path: &'a Path, text: &str) -> io::Result<Prepared<'a>> {
    let mut file = private::file(&path.with_extension(UNFINISHED))?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(Prepared { path })
}

impl Prepared<'_> {
    /// Replaces the file at the path in one step.
    ///
    /// # Errors
    /// The error of the file system. The file at the path is as before.
    pub fn put(self) -> io::Result<()> {
        std::fs::rename(self.path.with_extension(UNFINISHED), self.path)?;
        sync_folder_of(self.path)
    }
}

/// Removes a kept file. An absent one is no error.
///
/// # Errors
/// The error of the file system.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a rename or removal last through a power cut.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_replaces_the_one_before_in_one_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("profile.toml");
        prepare(&path, "schema = 1\n").expect("prepared").put().expect("kept");
        let unfinished = prepare(&path, "schema = 2\n").expect("prepared");
        assert_eq!(read(&path).expect("a text").text, "schema = 1\n");
        unfinished.put().expect("kept");
        let kept = read(&path).expect("a text");
        assert_eq!(kept.text, "schema = 2\n");
        assert_eq!(kept.sha256, sha256(b"schema = 2\n"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o077, 0);
        }
        remove(&path).expect("removed");
        remove(&path).expect("it is gone already");
    }

    #[test]
    fn refuses_a_folder_a_large_file_and_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.toml");
        let problem = |path: &Path| {
            let refused = read(path).expect_err("refused");
            assert_eq!(refused.code, ErrorCode::BadProfile);
            refused.params["problem"].clone()
        };
        assert!(problem(folder.path()).contains("no file"));
        assert!(problem(&path).contains("no file"));
        std::fs::write(&path, vec![b' '; 256 * 1024 + 1]).expect("written");
        assert!(problem(&path).contains("larger"));
        std::fs::write(&path, [0xff, 0xfe, 0]).expect("written");
        assert!(problem(&path).contains("UTF-8"));
    }

    #[test]
    fn the_hash_is_sha256_in_small_digits() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
