//! Slows the virtual clock while the machine is busy. The app has deadlines in virtual time, so a
//! fast clock on a slow machine would let them pass.

use std::{thread::available_parallelism, time::Duration};

use greenlight_rehearsal::handle::Handle;

/// Lowest speed. Slower releases would take too long.
const SLOWEST: u32 = 6;
/// Time between two measurements.
const EVERY: Duration = Duration::from_millis(100);
/// The clock is slow until so many measurements in a row allow a higher speed.
const CALM: u32 = 20;

/// Adjusts the speed of the clock until the simulator ends.
pub async fn keep_pace(handle: Handle, full_speed: u32) {
    let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let (mut speed, mut calm) = (full_speed, 0);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(running) = runnable_threads() else { return };
        let wanted = allowed_speed(full_speed, running, cores);
        calm = if wanted > speed { calm + 1 } else { 0 };
        if wanted < speed || calm > CALM {
            if handle.set_speed(wanted).await.is_err() {
                return;
            }
            (speed, calm) = (wanted, 0);
        }
    }
}

/// The full speed while each core has at most two runnable threads. Above, the speed falls with the
/// square of the number of threads.
fn allowed_speed(full_speed: u32, running: u32, cores: u32) -> u32 {
    let (full, running, usual) = (u64::from(full_speed), u64::from(running.max(2 * cores)), u64::from(2 * cores));
    u32::try_from(full * usual * usual / (running * running)).unwrap_or(full_speed).max(SLOWEST)
}

/// `procs_running` of `/proc/stat`: threads that run or wait for a core.
fn runnable_threads() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("procs_running "))?.trim().parse().ok()
}

#[test]
fn a_busy_machine_gets_a_slower_clock() {
    for (running, speed) in [(1, 120), (4, 120), (8, 30), (40, SLOWEST)] {
        assert_eq!(allowed_speed(120, running, 2), speed, "{running} threads on two cores");
    }
}
