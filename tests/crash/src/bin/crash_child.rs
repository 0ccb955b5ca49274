//! `crash_child DATA SOCKET NOW TEMPO [DEFECT]`: the app without a window, with an operator. Exit
//! codes: 0 when the release ended, 3 when it makes no progress, 1 when the app cannot be opened.

use std::process::ExitCode;

use anyhow::Result;
use greenlight_crash::child::Orders;
use greenlight_simulation::operator::Sitting;

fn main() -> Result<ExitCode> {
    Ok(match Orders::read(std::env::args().skip(1))?.live()? {
        Sitting::Ended => ExitCode::SUCCESS,
        Sitting::Idle => ExitCode::from(3),
    })
}
