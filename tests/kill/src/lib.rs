//! Releases with SIGKILL. The app without a window is a process of its own (`kill_child`): the engine, its journal on
//! disk, its kept lines, the lock of its data folder, and a person who presses. What has to survive it, the pretend
//! production, lives in the process that kills, behind a socket. The independent checker reads what production wrote
//! down, what was on disk and what was shown; nothing here decides what is right.

#[cfg(unix)]
pub mod child;
#[cfg(unix)]
pub mod desktop;
#[cfg(unix)]
mod frame;
#[cfg(unix)]
pub mod life;
#[cfg(unix)]
mod link;
#[cfg(unix)]
pub mod operator;
pub mod point;
#[cfg(unix)]
mod production;
#[cfg(unix)]
pub mod release;
#[cfg(unix)]
mod remote;
#[cfg(unix)]
pub mod report;
#[cfg(unix)]
pub mod rows;
#[cfg(unix)]
mod serve;
mod wired;
