//! What the tests share: real peers, fixtures and drivers.
