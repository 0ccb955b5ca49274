//! The real systems of the end-to-end tests. A test starts each system on a free loopback port, and
//! dropping its value stops it. A system that cannot start is an error that names the Debian
//! package, never a skipped test. Only `stage`, which combines them, reads the built-in profile.
//! Nothing here depends on the engine's or the adapters' logic.

pub mod desk;
pub mod folder;
pub mod git_server;
pub mod github;
pub mod hold;
pub mod keychain;
pub mod moto;
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
pub mod window;
