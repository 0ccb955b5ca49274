//! `bench_memory APP OUT`: plays a whole release in the window, as `practise` does, and prints the
//! memory of the app before the release and at its peak. It counts the app's own process and its
//! web view, but not the process of the simulator. The unit is the proportional share (`Pss` of
//! `/proc/PID/smaps_rollup`) in MiB. The web view draws as it does for a person: without layers on
//! a graphics device. A driver otherwise requests those layers, and a machine without such a device
//! keeps them in the web view's own memory.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// Pause between two measurements.
const PAUSE: Duration = Duration::from_millis(250);
/// Time in which a new window draws its first page.
const SETTLES: Duration = Duration::from_secs(3);
/// Most measurements: ten minutes.
const LOOKS_MAX: u32 = 2_400;

/// Most additional memory during a release, in MiB.
const MORE_MAX: u64 = 60;

/// One measurement of the app and its web view, in MiB.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    app: u64,
    web: u64,
}

impl Look {
    fn all(self) -> u64 {
        self.app + self.web
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let app = std::path::absolute(args.next().context("usage: bench_memory APP OUT")?)?;
    let out = args.next().context("usage: bench_memory APP OUT")?;
    let practise = std::env::current_exe()?.with_file_name("practise");
    let mut playing = Command::new(practise)
        .arg(&app)
        .arg(out)
        .env("GREENLIGHT_NO_PICTURES", "1")
        .spawn()
        .context("start practise")?;
    let (mut begun, mut idle, mut most) = (None, Look::default(), Look::default());
    for _ in 0..LOOKS_MAX {
        if let Some(status) = playing.try_wait()? {
            ensure!(status.success(), "the release did not end as released");
            break;
        }
        let look = look(&app);
        if look.web > 0 {
            let since: &mut Instant = begun.get_or_insert_with(Instant::now);
            if since.elapsed() < SETTLES {
                idle = look;
            }
            if look.all() > most.all() {
                most = look;
            }
        }
        std::thread::sleep(PAUSE);
    }
    ensure!(begun.is_some() && idle.app > 0, "the window was never seen");
    println!("{:<26} {:>10} {:>10} {:>10}", "MiB", "app", "web view", "both");
    for (name, look) in [("before the release", idle), ("at most, during it", most)] {
        println!("{name:<26} {:>10} {:>10} {:>10}", look.app, look.web, look.all());
    }
    let more = most.all().saturating_sub(idle.all());
    let (app, web) = (most.app.saturating_sub(idle.app), most.web.saturating_sub(idle.web));
    println!("{:<26} {app:>10} {web:>10} {more:>10}", "more");
    ensure!(more <= MORE_MAX, "a release takes {more} MiB more, and {MORE_MAX} are allowed");
    Ok(())
}

/// The sum over all windows of the app and their web views.
fn look(app: &Path) -> Look {
    let mut look = Look::default();
    let Ok(processes) = std::fs::read_dir("/proc") else { return look };
    for process in processes.flatten().map(|entry| entry.path()) {
        let Ok(exe) = std::fs::read_link(process.join("exe")) else { continue };
        let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let is_web = exe.file_name().is_some_and(|name| name == "WebKitWebProcess");
        let serves = String::from_utf8_lossy(&words).contains("rehearsal-world");
        if is_web {
            look.web += share(&process);
        } else if exe == app && !serves {
            look.app += share(&process);
        }
    }
    look
}

/// Proportional share of a process, in MiB. It is 0 when the process is gone.
fn share(process: &Path) -> u64 {
    let text = std::fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1_024
}
