//! What the tests share: real peers, fixtures and drivers.

pub mod support;
