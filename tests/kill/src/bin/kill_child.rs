//! `kill_child DATA SOCKET NOW TEMPO [DEFECT]`: the app without a window and a person who presses, until the release has
//! ended. Ends with 0 when it has, with 3 when nothing comes by itself any more, with 1 when the app cannot be opened.

use std::process::ExitCode;

use anyhow::Result;
use greenlight_kill::{child::Orders, operator::Sitting};

fn main() -> Result<ExitCode> {
    Ok(match Orders::read(std::env::args().skip(1))?.live()? {
        Sitting::Ended => ExitCode::SUCCESS,
        Sitting::Idle => ExitCode::from(3),
    })
}
