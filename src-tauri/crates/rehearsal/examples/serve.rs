//! Serves a simulator from the command line: `serve FOLDER [SPEED]`. Ends after 30 minutes without
//! a client.

use std::{io, path::PathBuf};

use greenlight_rehearsal::{
    host::jobs::ExitCodes,
    process::{IDLE_MAX, Options, rally::PretendRally, serve},
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let Some(folder) = words.next() else {
        return Err(io::Error::other("usage: serve FOLDER [SPEED]"));
    };
    let speed = words.next().and_then(|speed| speed.parse().ok()).unwrap_or(60);
    let options =
        Options { private_dir: PathBuf::from(folder), speed, idle_max: IDLE_MAX, exit_codes: ExitCodes::default() };
    serve(options, PretendRally::make).await
}
