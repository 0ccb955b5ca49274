//! ECR: whether an image exists, and whether its tag can be overwritten. Pulls nothing and changes
//! nothing.

use async_trait::async_trait;
use aws_sdk_ecr::{
    Client,
    config::{self, Config},
    types::{ImageIdentifier, ImageTagMutability},
};
use greenlight_engine::ports::{Image, Images, LISTED_MAX, PortResult};
use greenlight_types::{ErrorCode, Timestamp};

use crate::aws::{AwsAccess, Call, read_retries, timestamp};

const FIND: Call = Call::read("look for the package in the registry", "ecr:DescribeImages");
const REPOSITORY: Call = Call::read("ask about the registry", "ecr:DescribeRepositories");
const LIST: Call = Call::read("list the packages of the registry", "ecr:DescribeImages");
/// Most images that are compared to find the newest: AWS lists them in no order, 1,000 a page.
const PAGES_MAX: usize = 10;

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

    /// Names of the repositories, in the order of the alphabet, at most [`LISTED_MAX`].
    pub(crate) async fn repositories(&self) -> PortResult<Vec<String>> {
        let listed = self
            .client
            .describe_repositories()
            .registry_id(&self.account)
            .max_results(1_000)
            .customize()
            .config_override(self.reading(REPOSITORY).await?)
            .send()
            .await
            .map_err(|error| REPOSITORY.failure(error))?;
        let mut names: Vec<String> =
            listed.repositories().iter().filter_map(|one| one.repository_name()).map(str::to_owned).collect();
        names.sort();
        names.truncate(LISTED_MAX);
        Ok(names)
    }

    /// Tags of the newest images, newest first, at most [`LISTED_MAX`].
    pub(crate) async fn newest_tags(&self) -> PortResult<Vec<String>> {
        let mut tags: Vec<(Option<Timestamp>, String)> = Vec::new();
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .client
                .describe_images()
                .registry_id(&self.account)
                .repository_name(&self.repository)
                .max_results(1_000)
                .set_next_token(token)
                .customize()
                .config_override(self.reading(LIST).await?)
                .send()
                .await
                .map_err(|error| LIST.failure(error))?;
            for image in page.image_details() {
                let pushed_at = timestamp(image.image_pushed_at());
                tags.extend(image.image_tags().iter().map(|tag| (pushed_at, tag.clone())));
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        tags.sort_by(|one, other| other.cmp(one));
        Ok(tags.into_iter().take(LISTED_MAX).map(|(_, tag)| tag).collect())
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
