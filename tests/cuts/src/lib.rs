//! Jobs of about ten seconds over real OpenSSH, each machine in a network namespace of its own, while the connection, the
//! session or the app is taken away (RELIABILITY.md, TEST-T8).
//!
//! Here: what a case is, and how many are played at a time. A case is played in `case.rs`, its machine is made in
//! `lane.rs`, the app is `bin/cut_child.rs`, and `report.rs` adds up. It knows nothing of how a connection is made again.

pub mod case;
pub mod lane;
pub mod report;

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use case::{Case, Kind, Played};
use lane::Lane;
use parking_lot::Mutex;

/// The life of a job from before it is put on the machine until after its end, in ms.
pub const LIFE_MS: u64 = 13_500;

/// `points` cuts of each kind, spread over the life of a job, the kinds in turn.
#[must_use]
pub fn cases(points: u64) -> Vec<Case> {
    let each = (0..points).flat_map(|point| Kind::ALL.map(|kind| (point, kind)));
    (0_usize..).zip(each).map(|(number, (point, kind))| Case::of(number, kind, point, points)).collect()
}

/// Plays all of them, so many at a time; `tell` hears of each one that has been played.
pub fn play(cases: &[Case], lanes: usize, child: &Path, tell: impl Fn(&Played) + Sync) -> Vec<Played> {
    lane::sweep();
    let (next, played) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(cases.len())));
    std::thread::scope(|scope| {
        for number in 0..lanes {
            let (next, played, tell) = (&next, &played, &tell);
            scope.spawn(move || {
                let mut lane = None;
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = on_lane(&mut lane, number, case, child);
                    tell(&done);
                    played.lock().push(done);
                }
            });
        }
    });
    played.into_inner()
}

/// Plays a case; a lane on which something broke is made again for the next one.
fn on_lane(lane: &mut Option<Lane>, number: usize, case: &Case, child: &Path) -> Played {
    let done = Lane::take(lane, number).and_then(|lane| case::play(lane, case, child));
    done.unwrap_or_else(|error| {
        *lane = None;
        Played::broken(case, &format!("{error:#}"))
    })
}
