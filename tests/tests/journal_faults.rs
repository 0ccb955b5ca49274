//! Fails every file call of the journal once (TEST-T3, and the migration to schema 2 of TEST-T20).
//!
//! A separate process (`src/bin/journal_child.rs`) opens a journal, appends to it, reads it, closes
//! it and repeats that. A shim (`support/io_faults.c`) makes the N-th file call fail, for each N
//! and each fault. `judge.rs` then compares the output of the process with the file.
//!
//! `cargo test` tries each N with one fault and changes the fault from N to N. `make test-journal`
//! tries all of them.
#![cfg(target_os = "linux")]

#[path = "journal_faults/judge.rs"]
mod judge;
#[path = "journal_faults/lies.rs"]
mod lies;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use greenlight_tests::support::{
    folder::support_file,
    process::{program, run},
};

/// The faults: name in `support/io_faults.c`, description, and effect on later calls.
const FAULTS: [(&str, &str, Effect); 9] = [
    ("full", "ENOSPC once", Effect::Passes),
    ("stays-full", "ENOSPC from then on", Effect::Stays),
    ("broken", "EIO once", Effect::Passes),
    ("stays-broken", "EIO from then on", Effect::Stays),
    ("read-only", "EROFS once", Effect::Passes),
    ("interrupted", "EINTR once", Effect::Passes),
    ("short", "half of a write", Effect::Passes),
    ("short-then-full", "half of a write, then ENOSPC", Effect::Stays),
    ("killed", "SIGKILL before it", Effect::Kills),
];
/// The operations of the process, as its output names them.
const OPERATIONS: [&str; 5] = ["open", "append", "read", "close", "open-again"];
/// More calls than the process makes. Ends the search when a fault is never met.
const MOST_CALLS: u32 = 1_000;
/// A case takes some hundredths of a second, and five seconds more where SQLite waits for a lock.
const PATIENCE: Duration = Duration::from_secs(60);

/// The effect of the failed call on later calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Every later call succeeds.
    Passes,
    /// Every later call fails too.
    Stays,
    /// The process ends, so there is no later call.
    Kills,
}

/// The initial state: no file, or a file of schema 1 that has to be migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Fresh,
    Schema1,
}

impl Start {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "a new file",
            Self::Schema1 => "a file of schema 1",
        }
    }

    fn lay_out(self, file: &Path) {
        match self {
            Self::Fresh => {}
            Self::Schema1 => {
                let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/journal/schema-1.sqlite");
                fs_err::copy(kept, file).map(drop).expect("a copy of the kept file");
            }
        }
    }
}

/// Counts for one line of the table. The line is a start, an operation with the failed call, and a
/// fault.
#[derive(Default)]
struct Tally {
    cases: usize,
    /// Cases in which the file has all events of a failed append.
    left: usize,
    violations: Vec<String>,
}

type Table = BTreeMap<(Start, usize, usize), Tally>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_file_call_loses_no_confirmed_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = fs_err::canonicalize(folder.path()).expect("its true path");
    let shim = base.join("io_faults.so");
    let mut compile = Command::new(program("journal faults", "cc", "gcc").expect("a C compiler"));
    compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&shim).arg(support_file("io_faults.c"));
    run(compile.arg("-ldl")).expect("the shim compiles");
    // One search per fault, or one search that takes the faults in turn.
    let ways: Vec<Vec<usize>> = match std::env::var_os("GREENLIGHT_WHOLE") {
        Some(_) => (0..FAULTS.len()).map(|fault| vec![fault]).collect(),
        None => vec![(0..FAULTS.len()).collect()],
    };
    let searches = ways.into_iter().flat_map(|faults| [(Start::Schema1, faults.clone()), (Start::Fresh, faults)]);
    let searches = searches.map(|(start, faults)| tokio::spawn(search(base.clone(), start, faults)));
    let tables: Vec<Table> =
        stream::iter(searches).buffer_unordered(2).map(|table| table.expect("it ends")).collect().await;
    let mut all = Table::new();
    for (line, tally) in tables.into_iter().flatten() {
        let sum = all.entry(line).or_default();
        sum.cases += tally.cases;
        sum.left += tally.left;
        sum.violations.extend(tally.violations);
    }
    print(&all);
    let violations: Vec<&str> = all.values().flat_map(|tally| &tally.violations).map(String::as_str).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    for start in [Start::Fresh, Start::Schema1] {
        let reached = |operation: usize| all.keys().any(|(of, reached, _)| (*of, *reached) == (start, operation));
        // A read makes no call that the shim counts.
        assert!([0, 1, 3, 4].into_iter().all(reached), "a call failed in every operation on {}", start.name());
    }
}

/// Fails the N-th call with the N-th of these faults in turn, until the process ends without
/// meeting the fault.
async fn search(base: PathBuf, start: Start, faults: Vec<usize>) -> Table {
    let folder = base.join(format!("{start:?}-{}", FAULTS[faults[0]].0));
    let untouched = judge::runs_of(&folder.join("untouched"), start).await;
    let mut table = Table::new();
    let mut missed = 0;
    for (number, fault) in (1..=MOST_CALLS).zip(faults.iter().copied().cycle()) {
        let place = folder.join("case");
        fs_err::create_dir_all(&place).expect("a folder");
        let file = place.join("journal.sqlite");
        start.lay_out(&file);
        let (ended, printed, errors) = play(&base, &file, FAULTS[fault].0, number).await;
        let said = judge::Said::of(&printed);
        let mut found = judge::Found::default();
        judge::judge_end(ended, &errors, &said, FAULTS[fault].2, &mut found);
        judge::judge_file(&file, &said, &untouched, &mut found).await;
        if start == Start::Schema1 {
            judge::judge_copy(&file, &untouched, &mut found).await;
        }
        fs_err::remove_dir_all(&place).expect("removed");
        let what = format!("{}, call {number}, {}", start.name(), FAULTS[fault].1);
        let violations = found.violations.iter().map(|words| format!("{what}: {words}\n{printed}{errors}"));
        let operation = said.hit.as_ref().and_then(|hit| OPERATIONS.iter().position(|name| name == hit));
        missed = if said.hit.is_some() { 0 } else { missed + 1 };
        // A case without a fault has to be correct too. It counts where the process ended.
        let tally = table.entry((start, operation.unwrap_or(OPERATIONS.len()), fault)).or_default();
        tally.cases += 1;
        tally.left += usize::from(found.left > 0);
        tally.violations.extend(violations);
        if missed == faults.len() {
            return table;
        }
    }
    panic!("the process makes more than {MOST_CALLS} calls");
}

/// Runs one case to its end. Returns the exit status and both outputs of the process.
async fn play(base: &Path, file: &Path, fault: &str, number: u32) -> (ExitStatus, String, String) {
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_journal_child"));
    child
        .arg(file)
        .env("LD_PRELOAD", base.join("io_faults.so"))
        .env("IO_FAULT", fault)
        .env("IO_FAULT_AT", number.to_string())
        .env("IO_FAULT_FOLDER", file.parent().expect("a folder"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, child.output()).await.expect("the process ends").expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, text(&output.stdout), text(&output.stderr))
}

#[expect(clippy::print_stdout, reason = "the table is what `make test-journal` is run for")]
fn print(table: &Table) {
    println!(
        "| file at the start | operation | fault | cases | of them with a failed append in the file | violations |"
    );
    println!("|---|---|---|---:|---:|---:|");
    for ((start, operation, fault), tally) in table {
        let operation = OPERATIONS.get(*operation).copied().unwrap_or("no call left to fail");
        let violations = tally.violations.len();
        println!(
            "| {} | {operation} | {} | {} | {} | {violations} |",
            start.name(),
            FAULTS[*fault].1,
            tally.cases,
            tally.left
        );
    }
    let sum = |count: fn(&Tally) -> usize| table.values().map(count).sum::<usize>();
    println!(
        "| all | | | {} | {} | {} |",
        sum(|tally| tally.cases),
        sum(|tally| tally.left),
        sum(|tally| tally.violations.len())
    );
}
