//! The rows of the table: kills at points, at file calls and at random moments.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use parking_lot::Mutex;

use crate::{
    child::Tempo,
    point::{Kill, Killed, Moment, Point},
    release::{Played, Stage},
    report::Row,
};

/// Largest number of kills at random moments in one release.
const KILLS_MAX: u32 = 12;

/// Programs and concurrency of all rows.
pub struct Bench {
    /// Path of the app without a window.
    pub program: PathBuf,
    /// Shim that kills before a file call.
    pub shim: PathBuf,
    /// Releases that are played in parallel.
    pub lanes: usize,
    _folder: tempfile::TempDir,
}

/// Number of a release and the point of its kill.
pub type Case = (u64, Point);

/// An undisturbed release.
pub struct Calm {
    /// Number of the release.
    pub seed: u64,
    /// Points in their order.
    pub points: Vec<Point>,
    /// Number of file calls.
    pub file_calls: u32,
}

impl Calm {
    /// One case per point.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        self.points.iter().map(|point| (self.seed, point.clone())).collect()
    }
}

impl Bench {
    /// Compiles the shim and finds the app in this program's folder or the one above.
    ///
    /// # Errors
    /// When the C compiler or the app is missing.
    pub fn set_up() -> Result<Self> {
        let own = std::env::current_exe()?;
        let found =
            own.ancestors().skip(1).take(2).map(|folder| folder.join("crash_child")).find(|file| file.is_file());
        let program = found.context("crash_child is not built: run `cargo build --workspace --bins` first")?;
        let folder = tempfile::tempdir()?;
        let shim = folder.path().join("io_faults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../support/io_faults.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl");
        let compiled = compile.output().context("a C compiler is needed: cc")?;
        ensure!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let lanes = 1 + std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Ok(Self { program, shim, lanes, _folder: folder })
    }

    fn stage<'a>(&'a self, tempo: Tempo, defect: &'a str) -> Stage<'a> {
        Stage { program: &self.program, shim: &self.shim, tempo, defect }
    }

    /// Plays a release twice without a kill. Both must reach the same points.
    ///
    /// # Errors
    /// When the release fails, breaks a rule or reaches other points.
    pub fn calm(&self, seed: u64) -> Result<Calm> {
        let once = || -> Result<Calm> {
            let played = self.stage(Tempo::Exact, "").play(seed, true, |_| Kill::Never);
            ensure!(played.violations.is_empty(), "undisturbed: {:?}", played.violations);
            ensure!(played.ending.as_ref().is_some_and(|(result, _)| result == "released"), "{:?}", played.ending);
            let first = played.first.context("no process")?;
            let file_calls = first.file_calls.context("the calls on files were not counted")?;
            Ok(Calm { seed, points: first.points, file_calls })
        };
        let (one, other) = (once()?, once()?);
        let differs = one.points.iter().zip(&other.points).find(|(one, other)| one != other);
        ensure!(differs.is_none(), "two undisturbed releases differ: {differs:?}");
        ensure!(one.points.len() == other.points.len() && one.file_calls == other.file_calls, "they differ in length");
        Ok(one)
    }

    /// Kills at each of these points in its own release, and once more during the recovery. With a
    /// defect the rows are expected to have violations.
    #[must_use]
    pub fn at_points(&self, cases: &[Case], defect: &str) -> Vec<Row> {
        let stage = self.stage(Tempo::Exact, defect);
        let played = self.all(cases, |(seed, point)| {
            let mut rng = Rng::with_seed(seed ^ (u64::from(point.index) << 8) ^ point.moment as u64);
            let again = Kill::At(Moment::ALL[rng.usize(..Moment::ALL.len())], rng.u32(..40));
            stage.play(*seed, false, |process| match process {
                1 => Kill::At(point.moment, point.index),
                2 => again,
                _ => Kill::Never,
            })
        });
        // A moment without a point also has a row, which then proves nothing.
        let mut rows: BTreeMap<Moment, Row> = Moment::ALL.map(|moment| (moment, Row::new(moment.words()))).into();
        let mut reached = BTreeSet::new();
        let mut recovering = Row::new("any of these, while a release recovers");
        for (case @ (seed, point), mut played) in cases.iter().zip(played) {
            let row = rows.entry(point.moment).or_insert_with(|| Row::new(point.moment.words()));
            let again = played.kills.split_off(played.kills.len().min(1));
            let is_there = played.kills.first() == Some(&Killed::At(point.clone()));
            let what = format!("release {seed}, {} {} {}", point.moment.words(), point.index, point.name);
            if is_there {
                reached.insert(case.clone());
            } else {
                row.violations.push(format!("{what}: not reached, but {:?}", played.kills));
            }
            row.count(&what, &played);
            if !again.is_empty() {
                let places = played.places.split_off(1);
                recovering.count(&what, &Played { kills: again, places, violations: Vec::new(), ..played });
            }
        }
        for (moment, row) in &mut rows {
            let of_moment =
                |cases: &mut dyn Iterator<Item = &Case>| cases.filter(|case| case.1.moment == *moment).count();
            row.points = Some((of_moment(&mut cases.iter()), of_moment(&mut reached.iter())));
        }
        rows.into_values().chain([recovering]).collect()
    }

    /// Kills before each of these file calls in its own release.
    #[must_use]
    pub fn at_file_calls(&self, numbers: &[u32]) -> Vec<Row> {
        let stage = self.stage(Tempo::Exact, "");
        let played = self.all(numbers, |number| {
            stage.play(0, true, |process| if process == 1 { Kill::AtFileCall(*number) } else { Kill::Never })
        });
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (number, played) in numbers.iter().zip(played) {
            let (call, is_there) = match played.kills.first() {
                Some(Killed::AtFileCall(at, call)) if at == number => (call.clone(), true),
                Some(_) | None => ("a call".to_owned(), false),
            };
            let row = rows.entry(call.clone()).or_insert_with(|| Row::new(format!("files: before {call}")));
            let (all, reached) = row.points.unwrap_or_default();
            row.points = Some((all + 1, reached + usize::from(is_there)));
            row.count(&format!("before file call {number}, {call}"), &played);
        }
        rows.into_values().collect()
    }

    /// Kills at random moments until the number is reached.
    #[must_use]
    pub fn anywhere(&self, tempo: Tempo, kills: usize) -> Row {
        let name = match tempo {
            Tempo::Exact => "any moment, one thing at a time",
            Tempo::Busy => "any moment, everything at once",
        };
        // Some kills come during the app's start, and most during its work.
        let longest_ms = match tempo {
            Tempo::Exact => 150,
            Tempo::Busy => 600,
        };
        let (stage, row) = (self.stage(tempo, ""), Mutex::new(Row::new(name)));
        let lock = || row.lock();
        let seeds: Vec<u64> = (1..=u64::try_from(kills).unwrap_or(u64::MAX)).collect();
        self.all(&seeds, |seed| {
            if lock().kills >= kills {
                return;
            }
            let mut rng = Rng::with_seed(*seed);
            let played = stage.play(*seed, false, |process| {
                if process > KILLS_MAX {
                    return Kill::Never;
                }
                // One third of the lives are short. The others leave time for a step or two.
                let longest_ms = if rng.u8(..3) == 0 { longest_ms / 5 } else { longest_ms };
                Kill::After(Duration::from_micros(rng.u64(..longest_ms * 1_000)))
            });
            lock().count(&format!("seed {seed}"), &played);
        });
        let mut row = row.into_inner();
        if row.kills < kills {
            row.violations.push(format!("only {} of {kills} kills", row.kills));
        }
        row
    }

    /// Works on all cases with several threads. Returns the results in the order of the cases.
    fn all<C: Sync, T: Send>(&self, cases: &[C], work: impl Fn(&C) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(cases.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.lanes {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        let Some(case) = cases.get(number) else { return };
                        let came = work(case);
                        done.lock().push((number, came));
                    }
                });
            }
        });
        let mut done = done.into_inner();
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, came)| came).collect()
    }
}
