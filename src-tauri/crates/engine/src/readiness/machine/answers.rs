//! The staging machine answers with the confirmed fingerprint.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Answers;

#[async_trait]
impl Check for Answers {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MachineAnswers
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let seen = subject.reads.fingerprints().await?;
        Ok(judge(&subject.run.names.staging_machine, &subject.reads.confirmed_fingerprint()?, &seen))
    }
}

fn judge(name: &str, confirmed: &str, seen: &[String]) -> Finding {
    if seen.iter().any(|one| one == confirmed) {
        return Finding::ready(format!("{name} answers, and is the machine that was confirmed"));
    }
    Finding::blocked(
        format!("Another machine answers at the address of {name}"),
        "Nothing is sent to it. The release would stop at the backup.",
    )
    .instruct("Ask a developer for the address and the fingerprint of the staging machine.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn one_of_its_keys_has_to_be_the_confirmed_one() {
        let seen = ["SHA256:a", "SHA256:b"].map(str::to_owned);
        assert_eq!(judge("Staging", "SHA256:b", &seen).state, ReadinessState::Ready);
        assert_eq!(judge("Staging", "SHA256:c", &seen).state, ReadinessState::Blocked);
        assert_eq!(judge("Staging", "SHA256:c", &[]).state, ReadinessState::Blocked);
    }
}
