//! The desktop shell: the only crate that depends on tauri. It composes the parts and forwards what the page asks.

mod access;
mod app;
mod args;
mod beside;
mod bindings;
mod command_error;
mod commands;
mod controller;
mod guard;
mod record;
mod startup;
mod ui_port;
mod world;

use std::{io::Write as _, process::ExitCode};

/// An app never has the seeded defects of the engine and the adapters, not even switched off.
const _: () = assert!(
    !greenlight_engine::mutant::ARE_COMPILED_IN && !greenlight_adapters::mutant::ARE_COMPILED_IN,
    "build the app without the feature mutants"
);

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    match args::read(std::env::args_os().skip(1)) {
        Ok(args::Use::Window(options)) => app::open(options),
        Ok(args::Use::RehearsalWorld { folder, speed }) => world::serve_rehearsal(&folder, speed),
        Ok(args::Use::Help) => say(args::HELP),
        Ok(args::Use::Version) => say(concat!("greenlight ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(problem) => {
            complain(&format!("{problem}\n\n{}", args::HELP));
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) -> ExitCode {
    // A closed pipe is the reader's wish, not our failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Tells whoever started the program from a command line; the window tells everybody else.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
