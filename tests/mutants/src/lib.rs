//! Seeded defects: wrong behaviour that a test must detect. Each defect is data, a few edits of
//! named files. A runner applies all of them to a copy of the tree, each behind a switch, and
//! switches on one at a time.

pub mod defect;
pub mod edit;
pub mod suites;
pub mod tree;

#[cfg(test)]
mod tests;
