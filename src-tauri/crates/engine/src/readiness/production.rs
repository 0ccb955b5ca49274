//! Checks of production: AWS, the service and its settings, the package, the log, and the site.

pub(super) mod alarms;
pub(super) mod aws_sign_in;
pub(super) mod bake_time;
pub(super) mod breaker;
pub(super) mod container;
pub(super) mod controller;
pub(super) mod deployment;
pub(super) mod health_checks;
pub(super) mod hooks;
pub(super) mod log_group;
pub(super) mod newest_settings;
pub(super) mod package_name;
pub(super) mod replacement_room;
pub(super) mod roles;
pub(super) mod secrets;
pub(super) mod servers;
pub(super) mod site;
pub(super) mod site_version;
