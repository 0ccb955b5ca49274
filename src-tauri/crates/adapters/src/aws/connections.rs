//! The HTTP connections of the AWS clients. No connection outlives a sleep of this computer. A
//! request that was in flight fails within a second of waking; the caller decides about a retry.

use std::{fmt, sync::Arc};

use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared as _,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use parking_lot::Mutex;

use crate::sleep_detector::{BothClocks, ReadClocks, slept};

/// Largest answer of AWS, in bytes. The largest documented one, a page of a log, has 1 MiB
/// (CloudWatch Logs, FilterLogEvents).
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// New connections. A changing call uses no others: an idle connection may be dead, and a lost
/// answer puts the step in doubt.
pub(crate) fn fresh_connections() -> SharedHttpClient {
    // The SDK's default client would read a proxy from the environment.
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    LimitedAnswers(client).into_shared()
}

/// Ends the body of an answer that is larger than [`ANSWER_MAX`] with a `LengthLimitError`.
#[derive(Debug)]
struct LimitedAnswers<T>(T);

impl HttpClient for LimitedAnswers<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedAnswers(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for LimitedAnswers<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        let limited = |body| SdkBody::from_body_1_x(Limited::new(body, ANSWER_MAX));
        HttpConnectorFuture::new(async move { answer.await.map(|answer| answer.map(limited)) })
    }
}

/// Connections that are reused while the computer is awake.
pub(super) struct AwakeConnections {
    read_clocks: ReadClocks,
    client: Mutex<(SharedHttpClient, BothClocks)>,
}

impl AwakeConnections {
    pub(super) fn new(read_clocks: ReadClocks) -> Self {
        let now = read_clocks();
        Self { read_clocks, client: Mutex::new((fresh_connections(), now)) }
    }
}

impl fmt::Debug for AwakeConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwakeConnections").finish_non_exhaustive()
    }
}

impl HttpClient for AwakeConnections {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let now = (self.read_clocks)();
        let mut client = self.client.lock();
        if client.1.slept_until(&now) {
            client.0 = fresh_connections();
        }
        client.1 = now;
        let inner = client.0.http_connector(settings, components);
        SharedHttpConnector::new(SleepGuard { inner, read_clocks: Arc::clone(&self.read_clocks) })
    }
}

/// Fails a request when the computer has slept.
struct SleepGuard {
    inner: SharedHttpConnector,
    read_clocks: ReadClocks,
}

impl fmt::Debug for SleepGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl HttpConnector for SleepGuard {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, read_clocks) = (self.inner.call(request), Arc::clone(&self.read_clocks));
        HttpConnectorFuture::new(async move {
            tokio::select! {
                biased;
                answer = answer => answer,
                () = slept(&read_clocks) => Err(ConnectorError::io("this computer slept, or its clock was set".into())),
            }
        })
    }
}
