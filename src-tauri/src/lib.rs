//! The desktop shell: the only crate that depends on tauri. It makes the parts of the app and
//! forwards the calls of the page.

mod access;
mod app;
mod args;
mod bindings;
mod browser;
mod chosen_profile;
mod command_error;
mod commands;
mod composition;
mod computer_state;
mod confirmed_values;
mod controller;
mod documents;
mod environment;
mod file_dialog;
mod first_run;
mod guard;
mod history;
mod host_keys;
mod identity;
mod info;
mod log_file;
mod other_realm;
mod places;
mod private_process;
mod production;
mod profile_files;
mod recipients;
mod settings;
mod setup;
mod systems;
mod ui_port;

use std::{io::Write as _, process::ExitCode};

/// Runs the app as the arguments say.
pub fn main() -> ExitCode {
    match args::read(std::env::args_os().skip(1)) {
        Ok(args::Invocation::Window(options)) => app::open(options),
        Ok(args::Invocation::RehearsalWorld { folder, speed }) => systems::serve_rehearsal(&folder, speed),
        Ok(args::Invocation::Help) => say(args::HELP),
        Ok(args::Invocation::Version) => say(concat!("greenlight ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(problem) => {
            complain(&format!("{problem}\n\n{}", args::HELP));
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) -> ExitCode {
    // A closed pipe is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints a problem for a person at a command line. The window shows it too.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
