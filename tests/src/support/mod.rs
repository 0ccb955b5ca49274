//! The real systems of the end-to-end tests: each is started by the test on a free loopback port and stopped when its
//! value is dropped. A system that cannot start is an error that names the Debian package, never a skip. Only
//! `stage`, which puts them together, reads the built-in profile; nothing here knows the engine's or the adapters' work.

pub mod desk;
pub mod folder;
pub mod git_server;
pub mod hold;
pub mod keychain;
pub mod moto;
pub mod operator;
pub mod postgres;
pub mod practice;
pub mod process;
pub mod production;
pub mod relay;
pub mod sleeping;
pub mod ssh_host;
pub mod stage;
pub mod took;
pub mod web_process;
pub mod webdriver;
