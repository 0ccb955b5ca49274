//! The key of this person opens the staging machine.

use async_trait::async_trait;
use greenlight_types::{CredentialKind, ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject, of_sign_in};
use crate::ports::PortResult;

pub struct SignIn;

#[async_trait]
impl Check for SignIn {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MachineSignIn
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        match subject.reads.environment().await {
            Ok(_) => Ok(Finding::ready(format!("Signed in to {}", subject.run.names.staging_machine))),
            Err(failure) => of_sign_in(failure, "the staging machine", CredentialKind::StagingKey),
        }
    }
}
