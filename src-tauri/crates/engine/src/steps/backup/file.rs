//! The file of a backup on the staging machine: finds it, proves it, and checks later that it is
//! unchanged.

use std::time::Duration;

use greenlight_types::{Changed, ErrorCode, Failure, Retry, RunView, Timestamp};

use crate::{
    ports::{HostAddress, ReadOutput},
    shell,
    step::StepContext,
};

/// Time for one read on the staging machine.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(20);
/// Most files that are listed, newest first.
const FILES: u32 = 50;
/// Difference between two clocks that is ignored, in seconds.
pub(super) const CLOCK_SLACK: i64 = 2;
/// Deadline of a proof, which may have to read the whole file.
const PROOF_DEADLINE: Duration = Duration::from_secs(900);

/// A file that was proved.
pub(super) struct Proof {
    pub file: String,
    /// Size in words, for example `4.1 GB`.
    pub size: String,
    /// Result of the proof, as a sentence.
    pub proof: String,
    /// End of the backup, by the clock of this computer, which also measures its age.
    pub finished_at: Timestamp,
}

/// Finds the newest file that was written by the end of the job, checks its size and time, and runs
/// the profile's proof on it.
///
/// # Errors
/// `BackupUnproved`; the failure that prevented the end of the proof.
pub(super) async fn prove(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    started_at: Timestamp,
    finished_at: Timestamp,
) -> Result<Proof, Failure> {
    let backup = &run.profile.backup;
    let folder = folder(cx, run, host).await?;
    // A file written after the end of the job belongs to a later backup, or to another person.
    let ended = finished_at.as_second();
    let Some(FolderEntry { name, bytes: size, written }) = folder.files.iter().find(|seen| seen.written <= ended + 1)
    else {
        return Err(unproved("there is no backup file", &folder.complaint));
    };
    let size = *size;
    let started = started_at.as_second();
    if written + 1 < started {
        return Err(unproved("the newest file is older than this backup", name));
    }
    if size < u64::from(backup.artifact_min_mib) * 1024 * 1024 {
        return Err(unproved(&format!("the file is too small ({})", in_words(size)), name));
    }
    let file = format!("{}/{name}", backup.artifact_directory.trim_end_matches('/'));
    let proved = |proof: &str| Proof {
        file: file.clone(),
        size: in_words(size),
        proof: proof.to_owned(),
        finished_at: by_our_clock(finished_at, folder.ahead),
    };
    if backup.artifact_probe.is_empty() {
        return Ok(proved("Name, size and time are plausible."));
    }
    let probe = backup.artifact_probe.replace("{file}", &shell::quote(&file));
    let answer = cx.ports.host.read(host, &probe, PROOF_DEADLINE).await?;
    match answer.exit {
        Some(0) => Ok(proved("Proved readable to its end.")),
        Some(code) => Err(unproved(&format!("the proof ended with code {code}"), answer.err.trim())),
        None => Err(Failure::new(ErrorCode::Unreachable, "prove the backup: the proof did not come to its end")),
    }
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
    let Some(seen) = folder.files.iter().find(|seen| Some(seen.name.as_str()) == name) else {
        return Some(format!("{path} is not among the newest {FILES} files any more"));
    };
    let proved_by = finished_at.as_second();
    if in_words(seen.bytes) != size {
        return Some(format!("{path} had {size}, and has {}", in_words(seen.bytes)));
    }
    (seen.written - folder.ahead > proved_by + CLOCK_SLACK).then(|| format!("{path} was written again after its proof"))
}

/// A file in the folder of the backups.
struct FolderEntry {
    name: String,
    bytes: u64,
    /// Time of the last write, by the clock of the machine, in seconds since 1970.
    written: i64,
}

/// A listing of the folder of the backups.
pub(super) struct Folder {
    /// The newest files first, at most [`FILES`].
    files: Vec<FolderEntry>,
    /// How far the clock of the machine is ahead of the clock of this computer, in seconds.
    ahead: i64,
    /// Error output of the shell.
    complaint: String,
}

/// Lists the folder.
///
/// # Errors
/// `Unreachable` when the answer was cut off; the failure of the request.
pub(super) async fn folder(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Folder, Failure> {
    let backup = &run.profile.backup;
    // The pattern is unquoted on purpose: the shell expands it.
    let list = format!(
        "date +%s; cd {} && ls -1t -- {} 2>/dev/null | head -n {FILES} | while IFS= read -r f; do stat -c '%n|%s|%Y' -- \"$f\"; done",
        shell::quote(&backup.artifact_directory),
        backup.artifact_pattern
    );
    let asked_at = cx.ports.clock.now();
    let answer = complete(cx.ports.host.read(host, &list, READ_DEADLINE).await?)?;
    let told_at = cx.ports.clock.now();
    let mut lines = answer.out.lines().map(str::trim);
    let now = lines.next().and_then(|line| line.parse().ok());
    let ahead = now.map_or(0, |now| ahead(now, asked_at.as_second(), told_at.as_second()));
    let seen = |line: &str| {
        let mut fields = line.rsplitn(3, '|');
        let (written, bytes, name) = (fields.next()?, fields.next()?, fields.next()?);
        Some(FolderEntry { name: name.to_owned(), bytes: bytes.parse().ok()?, written: written.parse().ok()? })
    };
    Ok(Folder { files: lines.filter_map(seen).collect(), ahead, complaint: answer.err.trim().to_owned() })
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
    fn converts_the_end_of_a_backup_to_our_clock() {
        let at: Timestamp = "2026-11-23T12:12:00.000Z".parse().expect("a time");
        assert_eq!(by_our_clock(at, 3 * 3_600).to_string(), "2026-11-23T09:12:00.000Z");
        assert_eq!(by_our_clock(at, -60).to_string(), "2026-11-23T12:13:00.000Z");
        assert_eq!(by_our_clock(at, 0), at);
    }

    #[test]
    fn a_file_counts_while_unchanged_since_its_proof() {
        let proved_at = "1970-01-01T01:00:00.000Z".parse().expect("a time");
        let seen = |name: &str, bytes, written| FolderEntry { name: name.into(), bytes, written };
        let changed = |files: Vec<FolderEntry>, ahead| {
            let folder = Folder { files, ahead, complaint: String::new() };
            changed_since(&folder, "/dumps/", "/dumps/a.dump", "4.1 GB", proved_at)
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
    }
}
