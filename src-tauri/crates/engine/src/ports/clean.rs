//! Ports whose answers and failures have no secrets. Each text is cleaned once, where it enters.
//!
//! The ports clean the summary, causes, hints and text params of failures, and the fields of
//! answers that people or programs wrote as free text. They do not change ids, names of files and
//! refs, or answers that a step parses. If a secret is the word "rally", a change of those would
//! make the app act on other names.
//!
//! The ports also count the changing calls that have no answer yet.

mod aws;
mod catalog;
mod decorator;
mod git;
mod github;
mod host;
mod logs;

use std::sync::Arc;

use self::{decorator::Clean, logs::CleanLogs};
use super::{Ports, RawPorts};
use crate::redact::Redactor;

impl RawPorts {
    /// The same ports without secrets in their texts.
    #[must_use]
    pub fn cleaned(self, redactor: &Arc<Redactor>) -> Ports {
        let calls = Arc::default();
        let clean = Self {
            git: Clean::new(self.git, redactor, &calls),
            builds: Clean::new(self.builds, redactor, &calls),
            pull_requests: Clean::new(self.pull_requests, redactor, &calls),
            task_definitions: Clean::new(self.task_definitions, redactor, &calls),
            services: Clean::new(self.services, redactor, &calls),
            images: Clean::reading(self.images, redactor),
            logs: Arc::new(CleanLogs::new(self.logs, redactor)),
            identity: Clean::reading(self.identity, redactor),
            catalog: Clean::reading(self.catalog, redactor),
            host: Clean::new(self.host, redactor, &calls),
            site: Clean::reading(self.site, redactor),
            clock: self.clock,
        };
        Ports { clean, redactor: Arc::clone(redactor), calls }
    }
}
