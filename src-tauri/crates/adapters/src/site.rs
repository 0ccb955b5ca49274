//! The site as a visitor sees it: one GET, no cookies, no credentials. The engine interprets the
//! answer.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use greenlight_engine::ports::{PortResult, Site, SiteAnswer};
use greenlight_types::{ErrorCode, Failure, Retry};
use reqwest::{Client, Response, Url, redirect};

/// Maximum size of a body, in bytes. The rest is not read.
const BODY_MAX: usize = 256 * 1024;
const SUMMARY: &str = "ask the site";

/// The site over HTTP.
#[derive(Clone, Debug)]
pub struct SiteAdapter {
    client: Client,
}

impl SiteAdapter {
    /// A client that waits at most 10 seconds and follows 5 redirects. It uses no proxy of the
    /// environment and no idle connection, which may die in a sleep of this computer.
    ///
    /// # Errors
    /// `Internal` when this computer's TLS cannot be set up.
    pub fn new() -> PortResult<Self> {
        let client = Client::builder()
            .timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(5))
            .redirect(redirect::Policy::limited(5))
            .user_agent(concat!("greenlight/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| Failure::new(ErrorCode::Internal, SUMMARY).because_of(&error))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Site for SiteAdapter {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        let address = checked(url)?;
        let started = Instant::now();
        let response = self.client.get(address).send().await.map_err(|error| failure(url, &error))?;
        let status = response.status().as_u16();
        let body = limited_body(response).await.map_err(|error| failure(url, &error))?;
        let took_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        Ok(SiteAnswer { status, body, took_ms })
    }
}

fn checked(url: &str) -> PortResult<Url> {
    let bad = |why: &str| {
        Failure::new(ErrorCode::BadInput, SUMMARY).with("url", url).because(why.to_owned()).retry(Retry::No)
    };
    let address = Url::parse(url).map_err(|_| bad("this is not an address"))?;
    if !matches!(address.scheme(), "http" | "https") {
        return Err(bad("only http and https addresses are asked"));
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err(bad("an address with a name or a password is not asked"));
    }
    Ok(address)
}

async fn limited_body(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == BODY_MAX {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn failure(url: &str, error: &reqwest::Error) -> Failure {
    let code = if error.is_timeout() {
        ErrorCode::TimedOut
    } else if error.is_redirect() {
        ErrorCode::SiteUnexpected
    } else {
        ErrorCode::Unreachable
    };
    Failure::new(code, SUMMARY).with("url", url).because_of(error)
}
