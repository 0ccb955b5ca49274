//! Liveness of one SSH connection. A keepalive goes out every second, so a connection that receives
//! no byte for three seconds is dead, also during a long command.
//!
//! Does not decide about the commands on a dead connection.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Interval of the keepalives.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(1);
/// Maximum silence on a normal network.
const SILENCE_MIN: Duration = Duration::from_secs(3);
/// Maximum silence on the slowest network.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Maximum silence as a multiple of the time that the sign-in took.
const SIGN_IN_FACTOR: u32 = 4;
/// Interval of the checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Counts the reads of one connection.
#[derive(Debug)]
pub(crate) struct Liveness {
    begun: Instant,
    reads: AtomicU64,
    last_ms: AtomicU64,
}

impl Liveness {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), reads: AtomicU64::new(0), last_ms: AtomicU64::new(0) })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note_read(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Release);
        self.reads.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether no byte was received for `limit`.
    pub(crate) fn is_silent(&self, limit: Duration) -> bool {
        let silent_ms = self.now_ms().saturating_sub(self.last_ms.load(Ordering::Acquire));
        Duration::from_millis(silent_ms) > limit
    }

    /// Waits until no byte was received for `limit`. Counts its checks instead of the clock: an app
    /// that was frozen first reads the bytes that arrived meanwhile.
    pub(crate) async fn silence(&self, limit: Duration) {
        let (mut reads, mut silent) = (self.reads.load(Ordering::Acquire), Duration::ZERO);
        while silent < limit {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let now = self.reads.load(Ordering::Acquire);
            silent = if now == reads { silent + CHECK_INTERVAL } else { Duration::ZERO };
            reads = now;
        }
    }
}

/// The maximum silence of a connection whose sign-in took this long.
pub(crate) fn silence_max(sign_in: Duration) -> Duration {
    sign_in.saturating_mul(SIGN_IN_FACTOR).clamp(SILENCE_MIN, SILENCE_MAX)
}

/// A stream that reports each read.
pub(crate) struct MonitoredStream<S> {
    pub stream: S,
    pub liveness: Arc<Liveness>,
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.liveness.note_read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn a_slow_sign_in_allows_a_longer_silence() {
        assert_eq!(silence_max(Duration::from_millis(80)), SILENCE_MIN);
        assert_eq!(silence_max(Duration::from_secs(2)), Duration::from_secs(8));
        assert_eq!(silence_max(Duration::from_secs(60)), SILENCE_MAX);
    }

    #[tokio::test]
    async fn a_stream_without_reads_is_silent() {
        let (mut far, near) = tokio::io::duplex(64);
        let liveness = Liveness::new();
        let mut near = MonitoredStream { stream: near, liveness: liveness.clone() };
        let limit = CHECK_INTERVAL * 4;
        let reading = async {
            let mut byte = [0];
            near.read_exact(&mut byte).await.map(|_| ())
        };
        let (read, ()) = tokio::join!(reading, async {
            tokio::select! {
                () = liveness.silence(limit) => panic!("a byte came every few milliseconds"),
                written = far.write_all(b"x") => written.expect("a byte"),
            }
        });
        read.expect("a byte");
        assert!(!liveness.is_silent(limit));
        liveness.silence(limit).await;
        assert!(liveness.is_silent(limit - CHECK_INTERVAL));
    }
}
