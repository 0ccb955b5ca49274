//! Production as it is now, for the page Home.

use std::time::Duration;

use greenlight_engine::{ports::PortResult, production_now};
use greenlight_types::{ErrorCode, Failure, ProductionNow, Retry};

use crate::{settings::Settings, systems::Systems};

/// Maximum wait for each system.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Reads servers and site at the same time.
///
/// # Errors
/// `JournalFailed`, or an invalid address in the profile. A system that does not answer is part of
/// the result.
pub async fn read(settings: &Settings, systems: &Systems) -> Result<ProductionNow, Failure> {
    let profile = settings.profile().await?;
    let ports = systems.ports(&profile)?;
    let (servers, site) = tokio::join!(
        within("AWS", production_now::servers(&ports, &profile)),
        within("the site", production_now::site(&ports, &profile)),
    );
    Ok(ProductionNow { at: systems.clock().now(), servers: servers.into(), site: site.into() })
}

async fn within<T>(system: &str, asked: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or_else(|_| {
        Err(Failure::new(ErrorCode::TimedOut, format!("get an answer from {system}"))
            .because(format!("there was none within {} seconds", ANSWER_MAX.as_secs()))
            .retry(Retry::Safe))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_system_without_an_answer_is_named() {
        let failure = within("AWS", std::future::pending::<PortResult<()>>()).await.expect_err("no answer");
        assert_eq!(failure.code, ErrorCode::TimedOut);
        assert!(failure.summary.contains("AWS"), "{}", failure.summary);
    }
}
