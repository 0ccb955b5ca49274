//! The executable: everything is in the library.
// A released Windows app opens no console beside its window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    greenlight::main()
}
