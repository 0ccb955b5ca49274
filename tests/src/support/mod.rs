//! The real systems of the end-to-end tests: each is started by the test on a free loopback port and stopped when its
//! value is dropped. A system that cannot start is an error that names the Debian package, never a skip. Nothing in
//! here knows the engine, the adapters or the window.

pub mod folder;
pub mod git_server;
pub mod hold;
pub mod keychain;
pub mod moto;
pub mod operator;
pub mod postgres;
pub mod process;
pub mod ssh_host;
pub mod web_process;
pub mod webdriver;
