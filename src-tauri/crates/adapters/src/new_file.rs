//! Files that a person saves. None is ever written over.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use greenlight_types::{ErrorCode, Failure};

/// Writes a text to a new file, and waits until the disk has it. `summary` completes "failed to".
///
/// # Errors
/// `BadInput` with param `field` `path` when a file has this name, or it cannot be written.
pub fn write(path: &Path, text: &str, summary: &str) -> Result<(), Failure> {
    let refuse = |problem: String| {
        Failure::new(ErrorCode::BadInput, summary).because(&problem).with("field", "path").with("problem", problem)
    };
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            refuse("A file of this name is there already; it is left as it is.".to_owned())
        } else {
            refuse(error.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_never_replaces_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rally.toml");
        write(&path, "schema = 1\n", "save").expect("written");
        let refused = write(&path, "other", "save").expect_err("it is there");
        assert_eq!(refused.params["field"], "path");
        assert_eq!(std::fs::read_to_string(&path).expect("a text"), "schema = 1\n");
        assert!(write(&folder.path().join("no/rally.toml"), "x", "save").is_err());
    }
}
