//! One release over several processes of the app.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::journal::Journal as _;
use serde_json::Value;

use crate::{
    child::Tempo,
    life::{Lived, Setting, live},
    point::{Kill, Killed},
    production::Production,
};

/// Largest number of processes of one release.
const STARTS_MAX: u32 = 60;
/// Largest number of processes that exit without ending the release.
const IDLE_MAX: u32 = 3;
/// Largest number of characters of the app's error output in a violation.
const WORDS_MAX: usize = 400;

/// Configuration of all releases of a row.
pub struct Stage<'a> {
    /// Path of the app without a window.
    pub program: &'a Path,
    /// Shim that kills before a file call.
    pub shim: &'a Path,
    /// Speed of the app.
    pub tempo: Tempo,
    /// Name of the seeded defect, or an empty text.
    pub defect: &'a str,
}

/// Result of a release.
#[derive(Default)]
pub struct Played {
    /// Kills in their order.
    pub kills: Vec<Killed>,
    /// Newest step at each kill.
    pub places: Vec<String>,
    /// Number of processes.
    pub starts: u32,
    /// Result and note, or `None` when the release did not end.
    pub ending: Option<(String, String)>,
    /// Broken rules and other violations.
    pub violations: Vec<String>,
    /// The first process.
    pub first: Option<Lived>,
}

impl Stage<'_> {
    /// Plays the release of a number. `plan` gives the end of each process, from 1. A release that
    /// cannot be played is a violation.
    pub fn play(&self, seed: u64, counts_files: bool, plan: impl FnMut(u32) -> Kill) -> Played {
        let mut played = Played::default();
        if let Err(error) = self.play_into(&mut played, seed, counts_files, plan) {
            played.violations.push(format!("the release could not be played: {error:#}"));
        }
        played
    }

    fn play_into(
        &self,
        played: &mut Played,
        seed: u64,
        counts_files: bool,
        mut plan: impl FnMut(u32) -> Kill,
    ) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("greenlight-crash-").tempdir()?;
        // The shim compares canonical paths.
        let folder = fs_err::canonicalize(folder.path()).map(|path| (folder, path))?;
        let setting = Setting {
            program: self.program,
            shim: self.shim,
            folder: &folder.1,
            tempo: self.tempo,
            defect: self.defect,
            counts_files,
        };
        let production = Arc::new(Production::new(seed));
        let mut rng = Rng::with_seed(seed ^ 0xAFAF);
        let (mut healed_ms, mut idle) = (production.now_ms(), 0);
        for process in 1..=STARTS_MAX {
            let kill = plan(process);
            played.starts = process;
            let mut lived = live(&setting, &production, process, kill)?;
            let on_disk = read(&folder.1)?;
            if let Err(words) = production.ended(&on_disk) {
                played.violations.push(words);
            }
            let (killed, code) = (lived.killed.take(), lived.code);
            let words = std::mem::take(&mut lived.words);
            if process == 1 {
                played.first = Some(lived);
            }
            match (killed, code) {
                (Some(killed), _) => {
                    played.kills.push(killed);
                    played.places.push(production.place());
                    production.pass(rng.i64(1_000..60_000));
                    healed_ms = production.now_ms();
                    continue;
                }
                (None, Some(0)) => break,
                (None, Some(3)) => {}
                (None, code) => {
                    let words: String = words.chars().take(WORDS_MAX).collect();
                    played.violations.push(format!("the app ended with {code:?}: {words}"));
                }
            }
            idle += 1;
            if idle >= IDLE_MAX {
                break;
            }
            production.pass(rng.i64(60_000..600_000));
        }
        played.violations.extend(production.judge(healed_ms, idle > 0));
        played.ending = production.result();
        let (result, migrations) = (played.ending.as_ref().map(|(result, _)| result.as_str()), production.migrations());
        match result {
            None => {
                let entries = production.entries();
                played.violations.push(format!("the release did not end: {entries} entries, {} starts", played.starts));
            }
            Some("released") if migrations == 1 => {}
            Some("stopped") if migrations <= 1 => {}
            Some(result) => played.violations.push(format!("{result}, and a migration began {migrations} times")),
        }
        Ok(())
    }
}

/// Reads the journal from a copy, so that the app opens the file as the kill left it.
pub(crate) fn read(folder: &Path) -> Result<Vec<Value>> {
    let (data, copy) = (folder.join("data"), folder.join("copy"));
    if !data.join("journal.sqlite").exists() {
        return Ok(Vec::new());
    }
    if copy.exists() {
        fs_err::remove_dir_all(&copy)?;
    }
    fs_err::create_dir(&copy)?;
    // The shared memory file belongs to living processes and is not copied.
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-journal"] {
        if data.join(name).exists() {
            fs_err::copy(data.join(name), copy.join(name))?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let journal = SqliteJournal::open(&copy.join("journal.sqlite")).await.context("the record does not open")?;
        let runs = journal.runs().await?;
        anyhow::ensure!(runs.len() <= 1, "{} releases are in the record", runs.len());
        let mut events = Vec::new();
        for run in runs {
            events = journal.events(&run, 0).await?.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        }
        journal.close().await;
        Ok(events)
    })
}
