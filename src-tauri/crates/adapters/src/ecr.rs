//! ECR: whether an image exists, and whether its tag can be overwritten. Pulls nothing and changes
//! nothing.

use async_trait::async_trait;
use aws_sdk_ecr::{
    Client,
    config::{self, Config},
    types::{ImageIdentifier, ImageTagMutability},
};
use greenlight_engine::ports::{Image, Images, PortResult};
use greenlight_types::ErrorCode;

use crate::aws::{AwsAccess, Call, read_retries, timestamp};

const FIND: Call = Call::read("look for the package in the registry", "ecr:DescribeImages");
const REPOSITORY: Call = Call::read("ask about the registry", "ecr:DescribeRepositories");

/// One image repository.
#[derive(Debug)]
pub struct EcrImages {
    access: AwsAccess,
    client: Client,
    account: String,
    repository: String,
}

impl EcrImages {
    /// The repository in the registry of `account` (twelve digits).
    #[must_use]
    pub fn new(access: AwsAccess, account: &str, repository: &str) -> Self {
        let client = Client::new(access.sdk());
        Self { access, client, account: account.to_owned(), repository: repository.to_owned() }
    }

    async fn reading(&self, call: Call) -> PortResult<config::Builder> {
        let credentials = self.access.credentials(call.summary).await?;
        Ok(Config::builder().credentials_provider(credentials).retry_config(read_retries()))
    }
}

#[async_trait]
impl Images for EcrImages {
    async fn find(&self, tag: &str) -> PortResult<Option<Image>> {
        let sent = self
            .client
            .describe_images()
            .registry_id(&self.account)
            .repository_name(&self.repository)
            .image_ids(ImageIdentifier::builder().image_tag(tag).build())
            .customize()
            .config_override(self.reading(FIND).await?)
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_image_not_found_exception()) => {
                return Ok(None);
            }
            Err(error) => return Err(FIND.failure(error)),
        };
        let Some(image) = answer.image_details().first() else { return Ok(None) };
        Ok(Some(Image {
            digest: image.image_digest().ok_or_else(|| FIND.missing("the digest of the image"))?.to_owned(),
            pushed_at: timestamp(image.image_pushed_at()).ok_or_else(|| FIND.missing("imagePushedAt"))?,
        }))
    }

    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        let answer = self
            .client
            .describe_repositories()
            .registry_id(&self.account)
            .repository_names(&self.repository)
            .customize()
            .config_override(self.reading(REPOSITORY).await?)
            .send()
            .await
            .map_err(|error| REPOSITORY.failure(error));
        let answer = match answer {
            Ok(answer) => answer,
            // The minimal permissions of a release (docs/releases.md#permissions) do not include
            // this one.
            Err(failure) if failure.code == ErrorCode::PermissionMissing => return Ok(None),
            Err(failure) => return Err(failure),
        };
        Ok(match answer.repositories().first().and_then(|repository| repository.image_tag_mutability()) {
            Some(ImageTagMutability::Mutable) => Some(true),
            Some(ImageTagMutability::Immutable) => Some(false),
            // With exclusions the answer depends on patterns that AWS applies.
            Some(_) | None => None,
        })
    }
}
