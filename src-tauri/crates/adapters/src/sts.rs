//! STS: the owner of the access key. The engine compares its account with the profile before any
//! change.

use async_trait::async_trait;
use aws_sdk_sts::{Client, config::Config};
use greenlight_engine::ports::{AwsIdentity, CloudIdentity, PortResult};

use crate::aws::{AwsAccess, Call, read_retries};

const WHOAMI: Call = Call::read("ask AWS whose key this is", "sts:GetCallerIdentity");

/// The identity of the saved access key.
#[derive(Debug)]
pub struct StsIdentity {
    access: AwsAccess,
    client: Client,
}

impl StsIdentity {
    /// The identity of the key with which `access` signs.
    #[must_use]
    pub fn new(access: AwsAccess) -> Self {
        let client = Client::new(access.sdk());
        Self { access, client }
    }
}

#[async_trait]
impl CloudIdentity for StsIdentity {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        let credentials = self.access.credentials(WHOAMI.summary).await?;
        let answer = self
            .client
            .get_caller_identity()
            .customize()
            .config_override(Config::builder().credentials_provider(credentials).retry_config(read_retries()))
            .send()
            .await
            .map_err(|error| WHOAMI.failure(error))?;
        Ok(AwsIdentity {
            account: answer.account.ok_or_else(|| WHOAMI.missing("the account"))?,
            arn: answer.arn.ok_or_else(|| WHOAMI.missing("the identity"))?,
        })
    }
}
