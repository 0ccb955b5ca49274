//! Jobs of about ten seconds over real OpenSSH in network namespaces. A cut takes away the
//! connection, the session or the app (TEST-T8).
//!
//! This file makes the cases and plays several at a time. `case.rs` plays one, `lane.rs` makes its
//! host, `bin/network_child.rs` is the app, and `report.rs` adds up. Nothing here knows how the app
//! reconnects.

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

/// Time from before the submission of a job until after its end, in milliseconds.
pub const LIFE_MS: u64 = 13_500;

/// `points` cuts of each kind, spread over the life of a job. The kinds take turns.
#[must_use]
pub fn cases(points: u64) -> Vec<Case> {
    let each = (0..points).flat_map(|point| Kind::ALL.map(|kind| (point, kind)));
    (0_usize..).zip(each).map(|(number, (point, kind))| Case::of(number, kind, point, points)).collect()
}

/// Plays all cases on several lanes. `tell` receives each result.
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

/// Plays a case. After a failure the next case gets a new lane.
fn on_lane(lane: &mut Option<Lane>, number: usize, case: &Case, child: &Path) -> Played {
    let done = Lane::take(lane, number).and_then(|lane| case::play(lane, case, child));
    done.unwrap_or_else(|error| {
        *lane = None;
        Played::broken(case, &format!("{error:#}"))
    })
}
