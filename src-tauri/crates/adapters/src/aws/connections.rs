//! The HTTP connections of the AWS clients: none outlives a sleep of this computer, and a question that was under way when it
//! slept ends within a second of waking. Whether it is asked again, the one who asked decides.

use std::{fmt, sync::Arc};

use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use parking_lot::Mutex;

use crate::slept::{BothClocks, ReadClocks, slept};

/// Connections of their own. A changing call takes no other ones: one that was idle may have died meanwhile, and a lost
/// answer would be a doubt.
pub(crate) fn fresh_connections() -> SharedHttpClient {
    // The SDK's own client would take a proxy from the environment.
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https()
}

/// Connections that are kept for as long as the computer is awake.
pub(super) struct AwakeConnections {
    read_clocks: ReadClocks,
    kept: Mutex<(SharedHttpClient, BothClocks)>,
}

impl AwakeConnections {
    pub(super) fn new(read_clocks: ReadClocks) -> Self {
        let now = read_clocks();
        Self { read_clocks, kept: Mutex::new((fresh_connections(), now)) }
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
        let mut kept = self.kept.lock();
        if kept.1.slept_until(&now) {
            kept.0 = fresh_connections();
        }
        kept.1 = now;
        let inner = kept.0.http_connector(settings, components);
        SharedHttpConnector::new(UntilSlept { inner, read_clocks: Arc::clone(&self.read_clocks) })
    }
}

struct UntilSlept {
    inner: SharedHttpConnector,
    read_clocks: ReadClocks,
}

impl fmt::Debug for UntilSlept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl HttpConnector for UntilSlept {
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
