//! `journal_child FILE`: opens a journal, appends to it, reads it, closes it, repeats all of that,
//! and prints the result of each operation. `tests/tests/journal_faults.rs` makes file calls of
//! this process fail and compares the file with the printed results.
//!
//! Lines: `doing OPERATION` before each operation, then `appended BATCH FIRST LAST` or `failed
//! BATCH WORDS`, `shown SEQ NOTE` for each entry that a read returned, and `failed OPERATION
//! WORDS`. The process continues after a failure, as the app does.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::path::Path;

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::journal::Journal as _;
use greenlight_types::{Actor, EventBody, RunEvent, RunId};

/// The number of entries of each append, and the size of the text in each: within a page of the
/// file, over several pages, and over many pages.
const BATCHES: [(u32, usize); 4] = [(1, 10), (3, 700), (2, 9_000), (1, 0)];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(file) = std::env::args_os().nth(1) else {
        println!("failed usage: journal_child FILE");
        return;
    };
    let file = Path::new(&file);
    let run = RunId("01b00000-0000-7000-8000-000000000000".to_owned());
    if let Some(journal) = open("open", file).await {
        let mut after = 0;
        for (batch, (count, padding)) in (1..).zip(BATCHES) {
            after = append(&journal, &run, after, batch, count, padding).await;
        }
        show(&journal, &run).await;
        close(journal).await;
    }
    if let Some(journal) = open("open-again", file).await {
        let after = show(&journal, &run).await.unwrap_or(0);
        append(&journal, &run, after, 5, 2, 100).await;
        show(&journal, &run).await;
        close(journal).await;
    }
}

async fn open(operation: &str, file: &Path) -> Option<SqliteJournal> {
    println!("doing {operation}");
    SqliteJournal::open(file).await.inspect_err(|failure| println!("failed {operation} {failure}")).ok()
}

/// Returns the number of the newest entry, as far as the process knows it.
async fn append(journal: &SqliteJournal, run: &RunId, after: u32, batch: u32, count: u32, padding: usize) -> u32 {
    println!("doing append");
    let by = Actor {
        person: "Anna".to_owned(),
        computer: "test".to_owned(),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        github_login: None,
        aws_identity: None,
    };
    let note = |index: u32| format!("{batch}/{index}/{count} {}", "x".repeat(padding));
    let bodies = (1..=count).map(|index| EventBody::Run(RunEvent::TookOver { from: note(index) })).collect();
    match journal.append(run, after, &"2026-11-23T09:02:11.000Z".parse().expect("a time"), &by, bodies).await {
        Ok(events) => {
            let last = events.last().map_or(after, |event| event.seq);
            println!("appended {batch} {} {last}", after + 1);
            last
        }
        Err(failure) => {
            println!("failed {batch} {failure}");
            show(journal, run).await.unwrap_or(after)
        }
    }
}

/// Reads the run and returns the number of its newest entry.
async fn show(journal: &SqliteJournal, run: &RunId) -> Option<u32> {
    println!("doing read");
    match journal.events(run, 0).await {
        Ok(events) => {
            for event in &events {
                if let EventBody::Run(RunEvent::TookOver { from }) = &event.body {
                    println!("shown {} {}", event.seq, from.split(' ').next().unwrap_or_default());
                }
            }
            Some(events.last().map_or(0, |event| event.seq))
        }
        Err(failure) => {
            println!("failed read {failure}");
            None
        }
    }
}

async fn close(journal: SqliteJournal) {
    println!("doing close");
    journal.close().await;
}
