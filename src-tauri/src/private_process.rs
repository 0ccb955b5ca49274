//! Keeps the memory of the app, which holds secrets, from other processes of the same person and
//! from core files, and its new files from other accounts.

/// Forbids core files, and reads of the memory by other processes. Only this account may read files
/// that the app and the programs that it starts make; a browser is one of them. Starting another
/// program resets all but the last.
#[cfg(target_os = "linux")]
pub fn protect() {
    use rustix::{
        fs::Mode,
        process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask},
    };
    umask(Mode::RWXG | Mode::RWXO);
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let protected = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    for error in [limited.err(), protected.err()].into_iter().flatten() {
        crate::complain(&format!("failed to keep secrets out of core files: {error}"));
    }
}

#[cfg(not(target_os = "linux"))]
pub fn protect() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn forbids_core_files_reads_of_memory_and_reads_of_new_files() {
        protect();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().expect("the kernel's answer"), DumpableBehavior::NotDumpable);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new");
        std::fs::write(&file, "text").expect("written");
        assert_eq!(std::fs::metadata(&file).expect("its mode").permissions().mode() & 0o777, 0o600);
    }
}
