//! Compares the output of a process about its journal with the file that it left, opened without
//! faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::ExitStatus,
};

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::journal::Journal as _;
use greenlight_types::{Actor, Event, EventBody, RunEvent, RunId};

use super::{Effect, Start};

const SIGKILL: i32 = 9;

/// The run that the process writes.
pub fn run() -> RunId {
    RunId("01b00000-0000-7000-8000-000000000000".to_owned())
}

/// The output of the process, line by line.
#[derive(Debug, Default)]
pub struct Said {
    /// The operation in which a call failed.
    pub hit: Option<String>,
    /// Successful appends: batch, first and last number.
    appended: Vec<(u32, u32, u32)>,
    /// Batches of failed appends.
    failed: BTreeSet<u32>,
    /// Events that a read returned: number, and the batch and place in it.
    shown: Vec<(u32, String)>,
    /// Events of a failed append that a read returned without reopening the journal.
    shown_as_done: Vec<String>,
}

impl Said {
    pub fn of(printed: &str) -> Self {
        let mut said = Self::default();
        let (mut operation, mut is_again) = ("", false);
        for line in printed.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
            match (words[0], number(1)) {
                ("doing", _) => {
                    operation = words.get(1).copied().unwrap_or_default();
                    is_again |= operation == "open-again";
                }
                ("fault", _) => said.hit = Some(operation.to_owned()),
                ("appended", Some(batch)) => {
                    said.appended.push((batch, number(2).unwrap_or(0), number(3).unwrap_or(0)));
                }
                ("failed", Some(batch)) => drop(said.failed.insert(batch)),
                ("shown", Some(seq)) => {
                    let note = words.get(2).copied().unwrap_or_default().to_owned();
                    // After the file was reopened, a failed append may be in it: the file decides.
                    if said.failed.contains(&batch_of(&note)) && !is_again {
                        said.shown_as_done.push(note.clone());
                    }
                    said.shown.push((seq, note));
                }
                _ => {}
            }
        }
        said
    }
}

/// The violations, and the number of failed appends that the file has.
#[derive(Debug, Default)]
pub struct Found {
    pub violations: Vec<String>,
    pub left: usize,
}

/// Checks the end of the process. It ends normally unless it was killed, and a fault that passes
/// costs at most one append.
pub fn judge_end(ended: ExitStatus, errors: &str, said: &Said, effect: Effect, found: &mut Found) {
    let was_killed = effect == Effect::Kills && said.hit.is_some() && ended.signal() == Some(SIGKILL);
    if errors.contains("panicked") || !(ended.success() || was_killed) {
        found.violations.push(format!("it ended with {ended}"));
    }
    for note in &said.shown_as_done {
        found.violations.push(format!("{note} was refused, and shown as done"));
    }
    if effect == Effect::Passes && said.failed.len() > 1 {
        found.violations.push(format!("the appends {:?} were refused, although only one call failed", said.failed));
    }
    let is_complete = said.appended.len() + said.failed.len() == 5;
    if said.hit.is_none() && !(is_complete && said.failed.is_empty()) {
        found.violations.push("no call failed, and yet something was refused".to_owned());
    }
}

/// Checks that the copy from before the migration has every run unchanged.
pub async fn judge_copy(file: &Path, untouched: &BTreeMap<RunId, Vec<Event>>, found: &mut Found) {
    let copy = file.with_file_name("journal.sqlite.schema-1.bak");
    let journal = match SqliteJournal::open_to_read(&copy).await {
        Ok(Some(journal)) => journal,
        Ok(None) => return found.violations.push("it was migrated without a copy".to_owned()),
        Err(failure) => return found.violations.push(format!("the copy does not open: {failure}")),
    };
    for (run, events) in untouched {
        if journal.events(run, 0).await.as_ref() != Ok(events) {
            found.violations.push(format!("the copy does not hold run {run} as it was"));
        }
    }
    journal.close().await;
}

/// Checks the file: it opens, its chain is intact, it has every confirmed event, and it accepts new
/// ones.
pub async fn judge_file(file: &Path, said: &Said, untouched: &BTreeMap<RunId, Vec<Event>>, found: &mut Found) {
    let journal = match SqliteJournal::open(file).await {
        Ok(journal) => journal,
        Err(failure) => return found.violations.push(format!("the file does not open: {failure}")),
    };
    for (run, events) in untouched {
        if journal.events(run, 0).await.as_ref() != Ok(events) {
            found.violations.push(format!("run {run}, which nobody touched, is not what it was"));
        }
    }
    let run = run();
    match journal.events(&run, 0).await {
        Ok(events) => {
            judge_events(&events, said, found);
            judge_adding(&journal, &run, &events, found).await;
        }
        Err(failure) => found.violations.push(format!("the run cannot be read: {failure}")),
    }
    journal.close().await;
}

fn judge_events(events: &[Event], said: &Said, found: &mut Found) {
    let notes: BTreeMap<u32, String> = events.iter().map(|event| (event.seq, note_of(event))).collect();
    for (batch, first, last) in &said.appended {
        for seq in *first..=*last {
            let is_there = notes.get(&seq).is_some_and(|note| batch_of(note) == *batch);
            if !is_there {
                found.violations.push(format!("entry {seq} of append {batch} was said to be stored, and is not"));
            }
        }
    }
    for (seq, note) in &said.shown {
        if notes.get(seq).is_none_or(|stored| stored != note) {
            found.violations.push(format!("entry {seq} was shown as {note}, and the file has {:?}", notes.get(seq)));
        }
    }
    // The events are in the order of their appends, and each append is complete.
    let mut expected = notes.values();
    let mut batches = BTreeSet::new();
    while let Some(first) = expected.next() {
        let (batch, count) = (batch_of(first), count_of(first));
        let rest: Vec<&String> = (2..=count).filter_map(|_| expected.next()).collect();
        let places = std::iter::once(first).chain(rest).cloned();
        let whole = (1..=count).map(|index| format!("{batch}/{index}/{count}"));
        if !places.eq(whole) || batches.last().is_some_and(|last| *last >= batch) || !batches.insert(batch) {
            found.violations.push(format!("append {batch} is in the file in part, twice, or out of order"));
        }
    }
    found.left = batches.intersection(&said.failed).count();
}

/// Checks that the run can continue with any content of the file.
async fn judge_adding(journal: &SqliteJournal, run: &RunId, events: &[Event], found: &mut Found) {
    let after = events.last().map_or(0, |event| event.seq);
    let by = Actor {
        person: "Marc".to_owned(),
        computer: "test".to_owned(),
        app_version: "0.1.0".to_owned(),
        github_login: None,
        aws_identity: None,
    };
    let bodies = vec![EventBody::Run(RunEvent::TookOver { from: "6/1/1".to_owned() })];
    let added = journal.append(run, after, &"2026-11-23T10:00:00.000Z".parse().expect("a time"), &by, bodies).await;
    let is_right = match added {
        Ok(added) => journal.events(run, 0).await.is_ok_and(|all| all == [events, &added].concat()),
        Err(_) => false,
    };
    if !is_right {
        found.violations.push("nothing can be added to the run afterwards".to_owned());
    }
}

/// Runs that are in the file at the start. The process does not change them.
pub async fn runs_of(folder: &Path, start: Start) -> BTreeMap<RunId, Vec<Event>> {
    fs_err::create_dir_all(folder).expect("a folder");
    let file = folder.join("journal.sqlite");
    start.lay_out(&file);
    let journal = SqliteJournal::open(&file).await.expect("a journal");
    let mut found = BTreeMap::new();
    for run in journal.runs().await.expect("its runs") {
        let events = journal.events(&run, 0).await.expect("its events");
        found.insert(run, events);
    }
    journal.close().await;
    found
}

fn note_of(event: &Event) -> String {
    let EventBody::Run(RunEvent::TookOver { from }) = &event.body else { return String::new() };
    from.split(' ').next().unwrap_or_default().to_owned()
}

/// The batch of `batch/place/count`, or 0 for another text.
fn batch_of(note: &str) -> u32 {
    note.split('/').next().and_then(|part| part.parse().ok()).unwrap_or(0)
}

fn count_of(note: &str) -> u32 {
    note.split('/').nth(2).and_then(|part| part.parse().ok()).unwrap_or(0)
}
