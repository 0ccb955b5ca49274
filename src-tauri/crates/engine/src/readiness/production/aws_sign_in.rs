//! The AWS sign-in works, and belongs to the account of the profile.

use async_trait::async_trait;
use greenlight_types::{CredentialKind, ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject, of_sign_in};
use crate::ports::{AwsIdentity, PortResult};

pub struct AwsSignIn;

#[async_trait]
impl Check for AwsSignIn {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::AwsSignIn
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        match subject.reads.aws().await {
            Ok(who) => Ok(judge(&who, &subject.run.profile.aws.account)),
            Err(failure) => of_sign_in(failure, "AWS", CredentialKind::Aws),
        }
    }
}

fn judge(who: &AwsIdentity, account: &str) -> Finding {
    if who.account == account {
        return Finding::ready(format!("Signed in to AWS as {}", who.arn));
    }
    Finding::blocked(
        format!("The AWS sign-in belongs to account {}, not to {account}", who.account),
        "The release would change another account.",
    )
    .access(CredentialKind::Aws)
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn another_account_blocks() {
        let who = AwsIdentity { account: "1234".into(), arn: "arn:aws:iam::1234:user/bot".into() };
        assert_eq!(judge(&who, "1234").state, ReadinessState::Ready);
        assert_eq!(judge(&who, "4321").state, ReadinessState::Blocked);
    }
}
