//! Ports whose answers and failures have no secrets: each text is cleaned once, where it enters.
//!
//! Cleaned are summaries, causes, hints and text params of failures, and the fields of answers that
//! people or programs wrote as free text. Ids, names of files and refs, and answers that a step
//! parses pass as they are: a secret such as the word "rally" would otherwise change what the app
//! acts on.

mod aws;
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
        Ports {
            git: Clean::new(self.git, redactor),
            builds: Clean::new(self.builds, redactor),
            task_definitions: Clean::new(self.task_definitions, redactor),
            services: Clean::new(self.services, redactor),
            images: Clean::new(self.images, redactor),
            logs: Arc::new(CleanLogs::new(self.logs, redactor)),
            identity: Clean::new(self.identity, redactor),
            host: Clean::new(self.host, redactor),
            site: Clean::new(self.site, redactor),
            clock: self.clock,
            redactor: Arc::clone(redactor),
        }
    }
}
