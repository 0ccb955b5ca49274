//! The folder of the backups on the staging machine. The login user lists it, and the user of the
//! backup script if the login user may not.

use std::time::Duration;

use greenlight_types::{BackupProfile, ErrorCode, Failure, RunView};

use crate::{
    ports::{HostAddress, ReadOutput},
    shell,
    step::StepContext,
};

/// Time for one read on the staging machine.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(20);
/// Most entries that are listed, newest first.
pub(super) const FILES: u32 = 50;
/// Difference between two clocks that is ignored, in seconds.
pub(super) const CLOCK_SLACK: i64 = 2;

/// The user who reads on the staging machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    LoginUser,
    /// The user of the backup script: root, through sudo.
    BackupUser,
}

impl Rights {
    /// The command for the login user that runs `command` with these rights.
    pub(super) fn command(self, run: &RunView, command: &str) -> String {
        match self {
            Self::LoginUser => command.to_owned(),
            Self::BackupUser => format!("{} sh -c {}", run.profile.backup.become_root.trim(), shell::quote(command)),
        }
    }
}

/// Whether the backup script runs as another user than the login user.
pub(super) fn has_backup_user(run: &RunView) -> bool {
    !run.profile.backup.become_root.trim().is_empty()
}

/// Whether the folder could be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Listed,
    /// There is no such folder.
    Missing,
    /// The folder, or one above it, may not be read. It proves nothing about its files.
    Denied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    /// A link, or a device. It is no backup of its own.
    Other,
}

/// An entry of the folder of the backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderEntry {
    pub name: String,
    pub bytes: u64,
    /// Time of the last write, by the clock of the machine, in seconds since 1970.
    pub written: i64,
    pub kind: EntryKind,
    /// Whether the user who listed the folder may read the entry.
    pub is_readable: bool,
}

/// A listing of the folder of the backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub access: Access,
    pub rights: Rights,
    /// The newest entries first, at most [`FILES`].
    pub entries: Vec<FolderEntry>,
    /// How far the clock of the machine is ahead of the clock of this computer, in seconds.
    pub ahead: i64,
    /// Error output of the shell.
    pub complaint: String,
}

/// Lists the folder.
///
/// # Errors
/// `Unreachable` when the answer was cut off; the failure of the request.
pub(super) async fn folder(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Folder, Failure> {
    let own = listed(cx, run, host, Rights::LoginUser).await?;
    if own.access != Access::Denied || !has_backup_user(run) {
        return Ok(own);
    }
    listed(cx, run, host, Rights::BackupUser).await
}

async fn listed(cx: &StepContext, run: &RunView, host: &HostAddress, rights: Rights) -> Result<Folder, Failure> {
    let backup = &run.profile.backup;
    let command = rights.command(run, &script(&backup.artifact_directory, &backup.artifact_pattern));
    let asked_at = cx.ports.clock.now().as_second();
    let answer = complete(cx.ports.host.read(host, &command, READ_DEADLINE).await?)?;
    Ok(parse(&answer, rights, asked_at, cx.ports.clock.now().as_second()))
}

/// The script prints the time, then `listed`, `missing` or `denied`, then one line for each entry:
/// `name|bytes|written|mode in hex|r or -`. `find` matches the pattern, so the shell reads it as
/// one word.
fn script(directory: &str, pattern: &str) -> String {
    format!(
        "d={}; date +%s\n\
         if [ -d \"$d\" ] && [ -r \"$d\" ] && [ -x \"$d\" ]; then\n\
         echo listed; cd \"$d\" && {} 2>/dev/null | head -n {FILES} | while IFS= read -r f; do\n\
         f=${{f#./}}; r=-; [ -r \"$f\" ] && r=r; stat -c \"%n|%s|%Y|%f|$r\" -- \"$f\"; done\n\
         else\n\
         p=$d; while ! [ -d \"$p\" ]; do p=$(dirname -- \"$p\"); done\n\
         if [ \"$p\" != \"$d\" ] && [ -x \"$p\" ]; then echo missing; else echo denied; fi\n\
         fi",
        shell::quote(directory),
        listing(pattern)
    )
}

/// The command that lists the entries whose names match the pattern, newest first. Hidden entries
/// match no pattern, as in a shell.
fn listing(pattern: &str) -> String {
    format!("find . -maxdepth 1 ! -name '.*' -name {} -exec ls -1td -- {{}} +", shell::quote(pattern))
}

/// The commands that look for the file of a backup and prove it, for the plan of a step. Empty
/// without a folder.
pub(in crate::steps) fn shown_reads(backup: &BackupProfile) -> Vec<String> {
    if backup.artifact_directory.is_empty() {
        return Vec::new();
    }
    let look = format!("cd {} && {}", shell::quote(&backup.artifact_directory), listing(&backup.artifact_pattern));
    let proof = Some(backup.artifact_probe.clone()).filter(|probe| !probe.is_empty());
    std::iter::once(look).chain(proof).collect()
}

/// Parses the answer of the script. One without any line comes from a sudo that refuses.
fn parse(answer: &ReadOutput, rights: Rights, asked_at: i64, told_at: i64) -> Folder {
    let mut lines = answer.out.lines().map(str::trim);
    let now = lines.next().and_then(|line| line.parse().ok());
    let access = match lines.next() {
        Some("listed") => Access::Listed,
        Some("missing") => Access::Missing,
        Some(_) | None => Access::Denied,
    };
    Folder {
        access,
        rights,
        entries: lines.filter_map(entry).collect(),
        ahead: now.map_or(0, |now| ahead(now, asked_at, told_at)),
        complaint: answer.err.trim().to_owned(),
    }
}

fn entry(line: &str) -> Option<FolderEntry> {
    let mut fields = line.rsplitn(5, '|');
    let (readable, mode) = (fields.next()?, u32::from_str_radix(fields.next()?, 16).ok()?);
    let (written, bytes, name) = (fields.next()?, fields.next()?, fields.next()?);
    // The file type of `st_mode` (inode(7)).
    let kind = match mode & 0o170_000 {
        0o100_000 => EntryKind::File,
        0o040_000 => EntryKind::Folder,
        _ => EntryKind::Other,
    };
    Some(FolderEntry {
        name: name.to_owned(),
        bytes: bytes.parse().ok()?,
        written: written.parse().ok()?,
        kind,
        is_readable: readable == "r",
    })
}

/// Refuses an answer that was cut off: it proves nothing about its missing part.
pub(super) fn complete(answer: ReadOutput) -> Result<ReadOutput, Failure> {
    match answer.exit {
        Some(_) => Ok(answer),
        None => Err(Failure::new(ErrorCode::Unreachable, "ask the staging machine: its answer was cut off")),
    }
}

/// How far another clock is ahead of ours, in seconds. It read `now` at some moment between `asked`
/// and `told` on our clock. The result is the smallest difference that fits, or 0 within the slack.
fn ahead(now: i64, asked: i64, told: i64) -> i64 {
    let least = now - now.min(told).max(asked);
    if least.abs() > CLOCK_SLACK { least } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_by_the_smallest_fitting_difference() {
        for (now, asked, told, wanted) in [
            (100, 100, 100, 0),
            (105, 100, 110, 0),
            (112, 100, 110, 0),
            (98, 100, 110, 0),
            (10_900, 100, 110, 10_790),
            (40, 100, 110, -60),
            // Our own clock was set back between question and answer.
            (100, 110, 100, -10),
        ] {
            assert_eq!(ahead(now, asked, told), wanted, "{now} between {asked} and {told}");
        }
    }

    #[test]
    fn an_answer_of_a_refusing_sudo_proves_no_missing_file() {
        let said =
            |out: &str| ReadOutput { exit: Some(1), out: out.into(), err: "sudo: a password is required".into() };
        for (out, access) in [
            ("", Access::Denied),
            ("100\ndenied\n", Access::Denied),
            ("100\nmissing\n", Access::Missing),
            ("100\nlisted\n", Access::Listed),
        ] {
            assert_eq!(parse(&said(out), Rights::BackupUser, 100, 100).access, access, "{out:?}");
        }
        let line = "a|b.dump|4100000000|90|81a4|r";
        let found =
            parse(&said(&format!("100\nlisted\n{line}\nsomething else\n")), Rights::LoginUser, 100, 100).entries;
        let wanted = FolderEntry {
            name: "a|b.dump".into(),
            bytes: 4_100_000_000,
            written: 90,
            kind: EntryKind::File,
            is_readable: true,
        };
        assert_eq!(found, [wanted]);
    }

    /// A folder of this computer, listed by a real shell. Root may read everything, so root becomes
    /// another user.
    #[cfg(target_os = "linux")]
    mod listed_by_a_shell {
        use std::{
            fs,
            os::unix::{
                fs::{PermissionsExt as _, symlink},
                process::CommandExt as _,
            },
            path::{Path, PathBuf},
            process::Command,
        };

        use super::*;

        const NOBODY: u32 = 65_534;

        struct Dumps(PathBuf);

        impl Dumps {
            fn new(name: &str) -> Self {
                let at = std::env::temp_dir().join(format!("greenlight-{name}-{}", std::process::id()));
                let folder = Self(at);
                fs::create_dir_all(folder.path()).expect("a folder");
                for part in [&folder.0, &folder.path()] {
                    set_mode(part, 0o755);
                }
                folder
            }

            fn path(&self) -> PathBuf {
                self.0.join("dumps")
            }

            fn list(&self, directory: &str) -> Folder {
                self.list_matching(directory, "*.dump")
            }

            fn list_matching(&self, directory: &str, pattern: &str) -> Folder {
                let mut shell = Command::new("sh");
                shell.args(["-c", &script(&self.0.join(directory).to_string_lossy(), pattern)]);
                if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
                    shell.uid(NOBODY).gid(NOBODY);
                }
                let ran = shell.output().expect("sh");
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let answer = ReadOutput { exit: ran.status.code(), out: text(&ran.stdout), err: text(&ran.stderr) };
                parse(&answer, Rights::LoginUser, 0, i64::MAX)
            }
        }

        impl Drop for Dumps {
            fn drop(&mut self) {
                set_mode(&self.0, 0o755);
                drop(fs::remove_dir_all(&self.0));
            }
        }

        fn set_mode(path: &Path, mode: u32) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
        }

        #[test]
        fn tells_files_folders_and_links_apart() {
            let dumps = Dumps::new("kinds");
            let at = dumps.path();
            fs::write(at.join("monday.dump"), "12345").expect("a file");
            fs::write(at.join("root.dump"), "1").expect("a file");
            fs::write(at.join("notes.txt"), "").expect("a file of another name");
            fs::create_dir(at.join("folder.dump")).expect("a folder");
            fs::write(at.join("folder.dump/toc.dat"), "1").expect("a file in it");
            symlink("monday.dump", at.join("latest.dump")).expect("a link");
            symlink("gone", at.join("broken.dump")).expect("a link");
            set_mode(&at.join("root.dump"), 0o000);
            let found = dumps.list("dumps");
            let mut kinds: Vec<(&str, EntryKind, bool)> =
                found.entries.iter().map(|one| (one.name.as_str(), one.kind, one.is_readable)).collect();
            kinds.sort_by_key(|one| one.0);
            assert_eq!(
                kinds,
                [
                    ("broken.dump", EntryKind::Other, false),
                    ("folder.dump", EntryKind::Folder, true),
                    ("latest.dump", EntryKind::Other, true),
                    ("monday.dump", EntryKind::File, true),
                    ("root.dump", EntryKind::File, false),
                ],
                "{found:?}"
            );
            let monday = found.entries.iter().find(|one| one.name == "monday.dump").expect("the file");
            assert_eq!(monday.bytes, 5);
        }

        #[test]
        fn a_pattern_is_one_word_for_the_shell() {
            let dumps = Dumps::new("pattern");
            set_mode(&dumps.path(), 0o777);
            for name in ["rally 1.dump", "it's.dump", ".hidden.dump"] {
                fs::write(dumps.path().join(name), "1").expect("a file");
            }
            for (pattern, wanted) in [
                ("rally *.dump", vec!["rally 1.dump"]),
                ("it's*", vec!["it's.dump"]),
                ("*.dump", vec!["it's.dump", "rally 1.dump"]),
                ("$(touch made).dump", vec![]),
                ("*; touch made; #", vec![]),
                ("`touch made`", vec![]),
            ] {
                let mut names: Vec<String> =
                    dumps.list_matching("dumps", pattern).entries.into_iter().map(|one| one.name).collect();
                names.sort();
                assert_eq!(names, wanted, "{pattern}");
                assert!(!dumps.path().join("made").exists(), "{pattern} ran a command");
            }
        }

        #[test]
        fn entries_come_newest_first() {
            let dumps = Dumps::new("order");
            for (name, written) in [("b.dump", 200), ("a.dump", 300), ("c.dump", 100)] {
                let file = fs::File::create(dumps.path().join(name)).expect("a file");
                let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(written);
                file.set_modified(at).expect("a time");
            }
            let found = dumps.list("dumps").entries;
            let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["a.dump", "b.dump", "c.dump"]);
        }

        #[test]
        fn a_folder_that_may_not_be_read_is_not_missing() {
            let dumps = Dumps::new("rights");
            assert_eq!(dumps.list("dumps").access, Access::Listed);
            assert_eq!(dumps.list("other/dumps").access, Access::Missing);
            for mode in [0o000, 0o311, 0o644] {
                set_mode(&dumps.path(), mode);
                assert_eq!(dumps.list("dumps").access, Access::Denied, "{mode:o}");
            }
            set_mode(&dumps.path(), 0o755);
            set_mode(&dumps.0, 0o000);
            for directory in ["dumps", "other"] {
                assert_eq!(dumps.list(directory).access, Access::Denied, "{directory}");
            }
        }
    }
}
