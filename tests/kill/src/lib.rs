//! Releases with SIGKILL. The app without a window is a process of its own (`kill_child`): the engine, its journal on
//! disk, its kept lines, the lock of its data folder, and a person who presses. What has to survive it, the pretend
//! production, lives in the process that kills, behind a socket. The independent checker reads what production wrote
//! down, what was on disk and what was shown; nothing here decides what is right.

pub mod child;
pub mod desktop;
mod frame;
pub mod life;
mod link;
pub mod operator;
pub mod point;
mod production;
pub mod release;
mod remote;
pub mod report;
pub mod rows;
mod serve;
mod wired;
