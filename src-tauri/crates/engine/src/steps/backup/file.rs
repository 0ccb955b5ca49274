//! The file of a backup on the staging machine: chooses it, proves it, and checks later that it is
//! unchanged.

use std::time::Duration;

use greenlight_types::{BackupFile, Changed, ErrorCode, Failure, Retry, RunView, Timestamp};

use super::folder::{Access, CLOCK_SLACK, EntryKind, FILES, Folder, FolderEntry, Rights, folder, has_backup_user};
use crate::{ports::HostAddress, shell, step::StepContext};

/// Deadline of a proof, which may have to read the whole file.
const PROOF_DEADLINE: Duration = Duration::from_secs(900);
/// Printed before a proof with the rights of the backup script. Without it, sudo refused.
const ALLOWED: &str = "allowed";

/// The file of a backup.
pub(super) struct FoundFile {
    pub file: String,
    /// Size in words, for example `4.1 GB`.
    pub size: String,
    /// End of the backup, by the clock of this computer, which also measures its age.
    pub finished_at: Timestamp,
    /// The newest file that is older than the job.
    pub previous: Option<BackupFile>,
}

/// Why a backup is not proved.
pub(super) enum Unproved {
    /// The profile has no command that proves the file. Its name, size and time are plausible.
    Plausible(Box<FoundFile>),
    /// The app cannot judge the backup, for this reason in words. A person can.
    ByPerson(String),
    /// `BackupUnproved`, or the failure that prevented the end of the proof.
    Failed(Failure),
}

impl From<Failure> for Unproved {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Chooses the file of the job and runs the profile's proof on it. Without a proof, a person has to
/// confirm the file.
pub(super) async fn prove(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    started_at: Timestamp,
    finished_at: Timestamp,
) -> Result<FoundFile, Unproved> {
    let backup = &run.profile.backup;
    let folder = folder(cx, run, host).await?;
    let directory = backup.artifact_directory.trim_end_matches('/');
    if folder.access == Access::Denied {
        return Err(may_not(run, &format!("look into {directory}"), &folder.complaint));
    }
    let least = u64::from(backup.artifact_min_mib) * 1024 * 1024;
    let entry = choose(&folder, directory, started_at.as_second(), finished_at.as_second(), least)?;
    let file = format!("{directory}/{}", entry.name);
    let found = FoundFile {
        size: in_words(entry.bytes),
        finished_at: by_our_clock(finished_at, folder.ahead),
        previous: previous(&folder, started_at.as_second()),
        file,
    };
    if backup.artifact_probe.is_empty() {
        return Err(Unproved::Plausible(Box::new(found)));
    }
    run_probe(cx, run, host, &found.file, if entry.is_readable { folder.rights } else { Rights::BackupUser }).await?;
    Ok(found)
}

/// The newest file from before the job, which a person compares with the new one.
fn previous(folder: &Folder, started: i64) -> Option<BackupFile> {
    let is_older = |one: &&FolderEntry| one.kind == EntryKind::File && one.written + 1 < started;
    let newest = folder.entries.iter().filter(is_older).max_by_key(|one| one.written)?;
    Some(BackupFile {
        name: newest.name.clone(),
        size: in_words(newest.bytes),
        written_at: by_our_clock(Timestamp::from_second(newest.written)?, folder.ahead),
    })
}

/// The file of a job: the newest one of its time that is large enough. A checksum that the script
/// writes beside the file is not.
fn choose<'a>(
    folder: &'a Folder,
    directory: &str,
    started: i64,
    ended: i64,
    least: u64,
) -> Result<&'a FolderEntry, Unproved> {
    if folder.access == Access::Missing {
        return Err(unproved(&format!("there is no folder {directory}"), &folder.complaint).into());
    }
    // A file written after the end of the job belongs to a later backup, or to another person.
    let mut known =
        folder.entries.iter().filter(|one| one.kind != EntryKind::Other && one.written <= ended + 1).peekable();
    let Some(newest) = known.peek().map(|one| one.name.clone()) else {
        let problem = if folder.entries.iter().any(|one| one.kind == EntryKind::Other) {
            "only links have the name of a backup file"
        } else {
            "there is no backup file"
        };
        return Err(unproved(problem, &folder.complaint).into());
    };
    let own: Vec<&FolderEntry> = known.filter(|one| one.written + 1 >= started).collect();
    let is_file = |one: &&&FolderEntry| one.kind == EntryKind::File;
    if let Some(large) = own.iter().filter(is_file).find(|one| one.bytes >= least) {
        return Ok(large);
    }
    if let Some(one) = own.iter().find(|one| one.kind == EntryKind::Folder) {
        return Err(Unproved::ByPerson(format!(
            "{directory}/{} is a folder, as pg_dump writes it with --format=directory. The app proves single files only.",
            one.name
        )));
    }
    Err(match own.iter().max_by_key(|one| one.bytes) {
        Some(one) => unproved(&format!("the file is too small ({})", in_words(one.bytes)), &one.name),
        None => unproved("the newest file is older than this backup", &newest),
    }
    .into())
}

/// Runs the profile's proof on a file.
async fn run_probe(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    file: &str,
    rights: Rights,
) -> Result<(), Unproved> {
    let probe = run.profile.backup.artifact_probe.replace("{file}", &shell::quote(file));
    let command = match rights {
        Rights::LoginUser => probe,
        Rights::BackupUser if has_backup_user(run) => rights.command(run, &format!("echo {ALLOWED}; {probe}")),
        Rights::BackupUser => return Err(may_not(run, &format!("read {file}"), "")),
    };
    let answer = cx.ports.host.read(host, &command, PROOF_DEADLINE).await?;
    let is_refused = rights == Rights::BackupUser && !answer.out.starts_with(ALLOWED);
    match answer.exit {
        Some(_) if is_refused => Err(may_not(run, &format!("read {file}"), answer.err.trim())),
        Some(0) => Ok(()),
        Some(code) => Err(unproved(&format!("the proof ended with code {code}"), answer.err.trim()).into()),
        None => Err(Failure::new(ErrorCode::Unreachable, "prove the backup: the proof did not come to its end").into()),
    }
}

/// The app lacks a right. This proves nothing about the backup.
fn may_not(run: &RunView, act: &str, complaint: &str) -> Unproved {
    let through = if has_backup_user(run) { " or through sudo" } else { "" };
    let said = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
    Unproved::ByPerson(format!("The app may not {act} as {}{through}{said}.", run.profile.host.user))
}

/// The change of a file since its proof, in words. `None` while the file is the same. A script that
/// always writes one name, or clears the folder first, destroys the previous backup when it fails.
pub(super) fn changed_since(
    folder: &Folder,
    directory: &str,
    path: &str,
    size: &str,
    finished_at: Timestamp,
) -> Option<String> {
    let name = path.strip_prefix(directory.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    if folder.access == Access::Denied {
        return Some(format!("the app may not look into {directory} any more"));
    }
    let Some(seen) = folder.entries.iter().find(|seen| Some(seen.name.as_str()) == name) else {
        return Some(format!("{path} is not among the newest {FILES} files any more"));
    };
    let proved_by = finished_at.as_second();
    if in_words(seen.bytes) != size {
        return Some(format!("{path} had {size}, and has {}", in_words(seen.bytes)));
    }
    (seen.written - folder.ahead > proved_by + CLOCK_SLACK).then(|| format!("{path} was written again after its proof"))
}

/// Converts a time of a clock that is ahead of ours to our clock.
fn by_our_clock(at: Timestamp, ahead: i64) -> Timestamp {
    let span = Duration::from_secs(ahead.unsigned_abs());
    match ahead {
        0 => at,
        1.. => at.minus(span),
        ..0 => at.plus(span),
    }
}

/// Failure of a backup that does not count. The database was not changed.
pub(super) fn unproved(problem: &str, detail: &str) -> Failure {
    Failure::new(ErrorCode::BackupUnproved, format!("prove the backup: {problem}"))
        .because(detail)
        .hint("The database was not changed. Look at the output, then take the backup again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// Size in words: `4.1 GB`.
fn in_words(bytes: u64) -> String {
    let mut rest = bytes;
    let mut tenths = 0;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if rest < 1000 {
            return if unit == "bytes" { format!("{rest} {unit}") } else { format!("{rest}.{tenths} {unit}") };
        }
        tenths = rest % 1000 / 100;
        rest /= 1000;
    }
    format!("{rest}.{tenths} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, bytes: u64, written: i64) -> FolderEntry {
        FolderEntry { name: name.into(), bytes, written, kind: EntryKind::File, is_readable: true }
    }

    fn listed(entries: Vec<FolderEntry>) -> Folder {
        let (access, rights) = (Access::Listed, Rights::LoginUser);
        Folder { access, rights, entries, ahead: 0, complaint: String::new() }
    }

    /// The name of the chosen file, or the reason for none, of a job that ran from 100 to 200.
    fn chosen(folder: &Folder) -> String {
        match choose(folder, "/dumps", 100, 200, 50) {
            Ok(one) => one.name.clone(),
            Err(Unproved::ByPerson(why)) => format!("a person: {why}"),
            Err(Unproved::Plausible(found)) => format!("plausible: {}", found.file),
            Err(Unproved::Failed(failure)) => failure.to_string(),
        }
    }

    #[test]
    fn chooses_the_newest_large_file_of_the_job() {
        let kind = |kind, one: FolderEntry| FolderEntry { kind, ..one };
        let link = |one| kind(EntryKind::Other, one);
        let dump = || seen("x.dump", 4_000, 150);
        for (entries, wanted) in [
            (vec![dump(), seen("w.dump", 5_000, 120)], "x.dump"),
            (vec![seen("y.dump", 9_000, 300), dump()], "x.dump"),
            (vec![seen("x.dump.sha256", 40, 151), dump()], "x.dump"),
            (vec![link(seen("latest.dump", 6, 152)), dump()], "x.dump"),
            (vec![link(seen("latest.dump", 6, 152))], "only links"),
            (vec![], "there is no backup file"),
            (vec![seen("old.dump", 9_000, 20)], "older than this backup: old.dump"),
            (vec![seen("x.dump", 7, 150), seen("old.dump", 9_000, 20)], "too small (7 bytes): x.dump"),
            (vec![kind(EntryKind::Folder, seen("x.dir", 4_096, 150))], "a person: /dumps/x.dir is a folder"),
            (vec![kind(EntryKind::Folder, seen("old.dir", 4_096, 20))], "older than this backup: old.dir"),
        ] {
            let folder = listed(entries);
            let found = chosen(&folder);
            assert!(found.contains(wanted), "{found:?} of {folder:?}");
        }
        let missing = Folder { access: Access::Missing, ..listed(Vec::new()) };
        assert!(chosen(&missing).contains("there is no folder /dumps"));
    }

    #[test]
    fn the_backup_before_is_the_newest_older_file() {
        let before = |entries: Vec<FolderEntry>| previous(&listed(entries), 100).map(|one| (one.name, one.size));
        let (old, older) = (seen("old.dump", 4_000, 20), seen("older.dump", 9_000, 10));
        assert_eq!(before(vec![seen("x.dump", 5_000, 150), old, older]), Some(("old.dump".into(), "4.0 kB".into())));
        assert_eq!(before(vec![seen("x.dump", 5_000, 150)]), None);
        assert_eq!(before(vec![FolderEntry { kind: EntryKind::Other, ..seen("latest.dump", 6, 20) }]), None);
    }

    #[test]
    fn converts_the_end_of_a_backup_to_our_clock() {
        let at: Timestamp = "2026-11-23T12:12:00.000Z".parse().expect("a time");
        assert_eq!(by_our_clock(at, 3 * 3_600).to_string(), "2026-11-23T09:12:00.000Z");
        assert_eq!(by_our_clock(at, -60).to_string(), "2026-11-23T12:13:00.000Z");
        assert_eq!(by_our_clock(at, 0), at);
    }

    #[test]
    fn a_file_counts_while_unchanged_since_its_proof() {
        let proved_at = "1970-01-01T01:00:00.000Z".parse().expect("a time");
        let changed = |entries: Vec<FolderEntry>, ahead| {
            changed_since(&Folder { ahead, ..listed(entries) }, "/dumps/", "/dumps/a.dump", "4.1 GB", proved_at)
        };
        assert_eq!(changed(vec![seen("b.dump", 1, 3_700), seen("a.dump", 4_100_000_000, 3_590)], 0), None);
        assert_eq!(changed(vec![seen("a.dump", 4_100_000_000, 7_190)], 3_600), None, "its clock is an hour ahead");
        for (files, words) in [
            (vec![seen("b.dump", 4_100_000_000, 3_590)], "not among the newest"),
            (vec![seen("a.dump", 12, 3_590)], "had 4.1 GB, and has 12 bytes"),
            (vec![seen("a.dump", 4_100_000_000, 3_900)], "written again"),
        ] {
            let told = changed(files, 0).unwrap_or_default();
            assert!(told.contains(words), "{told:?}");
        }
        let denied = Folder { access: Access::Denied, ..listed(Vec::new()) };
        let told = changed_since(&denied, "/dumps/", "/dumps/a.dump", "4.1 GB", proved_at);
        assert_eq!(told.as_deref(), Some("the app may not look into /dumps/ any more"));
    }
}
