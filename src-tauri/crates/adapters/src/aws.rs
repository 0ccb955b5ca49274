//! The common parts of all AWS clients: explicit settings, the credential of each call, and the
//! mapping of errors.
//!
//! Nothing is read from the environment, `~/.aws` or the instance metadata: a stray profile or
//! endpoint variable must not redirect a release. Only reads are retried. Answers are not
//! interpreted here.

mod connections;

use std::{sync::Arc, time::Duration};

use aws_sdk_ecs::config::{BehaviorVersion, Credentials, IdentityCache, Region};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;
use greenlight_engine::{
    loopback::is_loopback,
    ports::{PortResult, Secrets},
};
use greenlight_types::{Changed, ErrorCode, Failure, Retry, Timestamp};

use connections::AwakeConnections;
pub(crate) use connections::fresh_connections;

use crate::{
    credentials::{self, AwsKey},
    sleep_detector::{BothClocks, ReadClocks},
};

/// Maximum length of a message of AWS in a failure, in characters. Only its first line is taken:
/// after a refused signature the other lines hold the signed headers, with the session token.
const MESSAGE_MAX: usize = 400;

/// Region, endpoint and credential of every AWS call.
#[derive(Clone)]
pub struct AwsAccess {
    sdk: SdkConfig,
    secrets: Arc<dyn Secrets>,
}

impl std::fmt::Debug for AwsAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsAccess").field("region", &self.sdk.region()).finish_non_exhaustive()
    }
}

impl AwsAccess {
    /// Settings for one region. `endpoint` replaces the address of every service. Plain http is
    /// accepted only to loopback.
    ///
    /// # Errors
    /// `BadProfile` when the endpoint is not an http(s) address, or is plain http to another
    /// computer.
    pub fn new(region: &str, endpoint: Option<&str>, secrets: Arc<dyn Secrets>) -> PortResult<Self> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(20))
            .build();
        let mut sdk = SdkConfig::builder()
            .http_client(AwakeConnections::new(Arc::new(BothClocks::now)))
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache());
        if let Some(endpoint) = endpoint {
            sdk = sdk.endpoint_url(checked_endpoint(endpoint)?);
        }
        Ok(Self { sdk: sdk.build(), secrets })
    }

    /// Replaces the clocks, for tests.
    #[must_use]
    pub fn with_clocks(self, read_clocks: ReadClocks) -> Self {
        let sdk = self.sdk.into_builder().http_client(AwakeConnections::new(read_clocks)).build();
        Self { sdk, ..self }
    }

    /// The settings, without a credential and without retries.
    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The access key as it is saved now.
    pub(crate) async fn credentials(&self, summary: &str) -> PortResult<Credentials> {
        let AwsKey { key_id, secret, session } = credentials::aws_key(&*self.secrets, summary).await?;
        let session = session.map(|session| session.expose().to_owned());
        Ok(Credentials::new(key_id, secret.expose(), session, None, "greenlight"))
    }
}

/// Retries of a read: two more attempts within the 20 seconds of the call.
pub(crate) fn read_retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_max_backoff(Duration::from_secs(2))
}

fn checked_endpoint(endpoint: &str) -> PortResult<String> {
    let bad = |why: &str| {
        Failure::new(ErrorCode::BadProfile, "use the AWS endpoint of the profile")
            .with("endpoint", endpoint)
            .because(why)
            .retry(Retry::No)
    };
    let url = reqwest::Url::parse(endpoint).map_err(|error| bad("it is not an address").because_of(&error))?;
    match url.scheme() {
        "https" => {}
        "http" if url.host_str().is_some_and(is_loopback) => {}
        "http" => return Err(bad("plain http is accepted only to this computer itself")),
        _ => return Err(bad("only http and https are understood")),
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}

/// Describes one call for the text of its failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Completes "failed to ...".
    pub summary: &'static str,
    /// The permission that it needs, such as `ecs:DescribeServices`.
    pub action: &'static str,
    /// A changing call has an unknown outcome when its answer is lost.
    pub is_changing: bool,
}

impl Call {
    pub(crate) const fn read(summary: &'static str, action: &'static str) -> Self {
        Self { summary, action, is_changing: false }
    }

    pub(crate) fn failure<E>(self, error: SdkError<E, Response>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match &error {
            SdkError::ServiceError(refused) => {
                self.refused(refused.err().code(), refused.err().message(), refused.raw().status().as_u16())
            }
            _ if is_too_large(&error) => self
                .lost(ErrorCode::UnreadableAnswer)
                .because("AWS answered with more than 16 MiB; the rest was not read"),
            SdkError::ResponseError(unreadable) => self.unreadable(unreadable.raw().status().as_u16()),
            SdkError::TimeoutError(_) => self.lost(ErrorCode::TimedOut).because("AWS did not answer in 20 seconds"),
            SdkError::DispatchFailure(dispatch) => self.not_dispatched(dispatch.as_connector_error(), &error),
            SdkError::ConstructionFailure(_) | _ => Failure::new(ErrorCode::Internal, self.summary).because_of(&error),
        }
    }

    /// The answer lacks a member that the port needs.
    pub(crate) fn missing(self, what: &str) -> Failure {
        self.lost(ErrorCode::UnreadableAnswer).because(format!("AWS answered without {what}"))
    }

    fn not_dispatched(
        self,
        connector: Option<&aws_smithy_runtime_api::client::result::ConnectorError>,
        error: &(dyn std::error::Error + 'static),
    ) -> Failure {
        let timed_out = connector.is_some_and(aws_smithy_runtime_api::client::result::ConnectorError::is_timeout);
        let code = if timed_out { ErrorCode::TimedOut } else { ErrorCode::Unreachable };
        let failure = if was_never_connected(error) { Failure::new(code, self.summary) } else { self.lost(code) };
        failure.because_of(error).hint("Check the network connection of this computer.")
    }

    fn unreadable(self, status: u16) -> Failure {
        self.lost(ErrorCode::UnreadableAnswer)
            .with("status", status.to_string())
            .because(format!("AWS answered with HTTP {status} and a text that is not an AWS answer"))
    }

    /// The answer was lost, so AWS may have acted on a changing call.
    fn lost(self, code: ErrorCode) -> Failure {
        let failure = Failure::new(code, self.summary);
        if self.is_changing { failure.changed(Changed::Unknown) } else { failure }
    }

    fn refused(self, code: Option<&str>, message: Option<&str>, status: u16) -> Failure {
        let Some(code) = code else { return self.unreadable(status) };
        let name = code.rsplit(['#', ':']).next().unwrap_or(code);
        let words = first_line(message.unwrap_or_default());
        let denied = words.split("is not authorized to perform: ").nth(1).and_then(|rest| rest.split(' ').next());
        let plain = |code: ErrorCode| Failure::new(code, self.summary).with("aws_code", name);
        let failure = match name {
            _ if denied.is_some() || name.starts_with("AccessDenied") || name == "NotAuthorized" => {
                let action = denied.unwrap_or(self.action);
                plain(ErrorCode::PermissionMissing)
                    .with("action", action)
                    .hint(format!("Ask the person who manages AWS to allow {action} for this key."))
            }
            "ExpiredToken"
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "UnrecognizedClient"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "AuthFailure"
            | "InvalidAccessKeyId" => plain(ErrorCode::CredentialRefused)
                .with("credential", "aws")
                .hint("Save a valid AWS access key on the Access page; a temporary one ends after some hours."),
            "RequestExpired" | "RequestTimeTooSkewed" => plain(ErrorCode::CredentialRefused)
                .with("credential", "aws")
                .hint("Check that the clock of this computer is right."),
            "ClusterNotFoundException"
            | "ServiceNotFoundException"
            | "ServiceNotActiveException"
            | "RepositoryNotFoundException"
            | "ResourceNotFoundException" => plain(ErrorCode::AwsMissing),
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException" => {
                plain(ErrorCode::Throttled).hint("Wait a minute; colleagues share this limit.")
            }
            _ if status >= 500 => self
                .lost(ErrorCode::Unreachable)
                .with("aws_code", name)
                .because("AWS has a problem of its own right now"),
            _ => plain(ErrorCode::AwsRefused)
                .with("aws_code", name)
                .hint("Call a developer: AWS's own words stand in the technical details.")
                .retry(Retry::No),
        };
        if words.is_empty() { failure.because(name) } else { failure.because(format!("{name}: {words}")) }
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(MESSAGE_MAX).collect()
}

/// Whether the answer was larger than the limit of the connections.
fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    for _ in 0..16 {
        let Some(current) = next else { return false };
        if current.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        next = current.source();
    }
    false
}

/// Whether no connection was made, so that nothing was sent. Every other error counts as sent.
fn was_never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    for _ in 0..16 {
        let Some(current) = next else { return false };
        let refused = current
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        // The HTTP client reports its connect phase only as this text (hyper-util,
        // `Error::is_connect`).
        if refused || current.to_string() == "client error (Connect)" {
            return true;
        }
        next = current.source();
    }
    false
}

/// A time of the SDK. `None` when it is out of range.
pub(crate) fn timestamp(time: Option<&aws_smithy_types::DateTime>) -> Option<Timestamp> {
    time.and_then(|time| time.to_millis().ok()).and_then(Timestamp::from_millisecond)
}

/// A count of AWS. A negative one is 0.
pub(crate) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
