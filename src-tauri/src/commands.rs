//! The commands of the page, one file per noun. They forward and decide nothing.

pub mod access;
pub mod first_run;
pub mod history;
pub mod logs;
pub mod place;
pub mod plan;
pub mod practice;
pub mod production;
pub mod profile_file;
pub mod run;
pub mod setup;
pub mod step;
