//! CloudWatch Logs: one page of a log group by FilterLogEvents.
//!
//! The log follower of the engine handles windows, repeats and order (TRAP-L2). Live Tail is not
//! used: it samples and never fills gaps (TRAP-L5).

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::{Client, config::Config};
use greenlight_engine::ports::{LogEvent, LogPage, Logs, PortResult};

use crate::aws::{AwsAccess, Call, read_retries};

const PAGE: Call = Call::read("read the production log", "logs:FilterLogEvents");

/// The log group of the service.
#[derive(Debug)]
pub struct CloudWatchLogs {
    access: AwsAccess,
    client: Client,
    group: String,
}

impl CloudWatchLogs {
    #[must_use]
    pub fn new(access: AwsAccess, group: &str) -> Self {
        let client = Client::new(access.sdk());
        Self { access, client, group: group.to_owned() }
    }
}

#[async_trait]
impl Logs for CloudWatchLogs {
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage> {
        let credentials = self.access.credentials(PAGE.summary).await?;
        let answer = self
            .client
            .filter_log_events()
            .log_group_name(&self.group)
            .start_time(from_ms.max(0))
            .set_next_token(token.map(str::to_owned))
            .customize()
            .config_override(Config::builder().credentials_provider(credentials).retry_config(read_retries()))
            .send()
            .await
            .map_err(|error| PAGE.failure(error))?;
        let next = answer.next_token.filter(|next| !next.is_empty());
        let events = answer
            .events
            .unwrap_or_default()
            .into_iter()
            .map(|event| {
                let stream = event.log_stream_name.unwrap_or_default();
                let at_ms = event.timestamp.unwrap_or(0);
                let message = event.message.unwrap_or_default();
                // The id is optional in the model of AWS. The other members identify an event
                // without one.
                let id = event.event_id.unwrap_or_else(|| format!("{stream}/{at_ms}/{message}"));
                LogEvent { id, stream, at_ms, message }
            })
            .collect();
        Ok(LogPage { events, next })
    }
}
