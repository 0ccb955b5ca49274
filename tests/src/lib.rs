//! Code that several test suites share: real peers, fixtures and drivers.

pub mod support;
