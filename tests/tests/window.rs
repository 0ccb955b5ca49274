//! Every test in the real window, in one program. A module is a suite and can run alone:
//! `cargo test --workspace --test window troubles::`.

#[path = "window/first_release.rs"]
mod first_release;
#[path = "window/kills.rs"]
mod kills;
#[path = "window/places.rs"]
mod places;
#[path = "window/practice.rs"]
mod practice;
#[path = "window/push_troubles.rs"]
mod push_troubles;
#[path = "window/release.rs"]
mod release;
#[path = "window/rollout_troubles.rs"]
mod rollout_troubles;
#[path = "window/script_troubles.rs"]
mod script_troubles;
#[path = "window/start_over.rs"]
mod start_over;
#[path = "window/takeover.rs"]
mod takeover;
#[path = "window/troubles.rs"]
mod troubles;

use tokio::sync::RwLock;

/// The turn of a test. Whole releases hold it alone, because two are too much for a small machine
/// and parts of them take real seconds. The short takeovers share it.
static TURN: RwLock<()> = RwLock::const_new(());
