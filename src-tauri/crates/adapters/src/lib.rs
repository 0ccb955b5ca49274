//! One file per outside system: client, conversion and error mapping. Nothing here knows what a run is.

pub mod git;
