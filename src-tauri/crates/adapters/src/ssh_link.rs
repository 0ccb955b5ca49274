//! One connection of the SSH adapter, and whether the other end is still heard: a keepalive asks every second, so a
//! connection without a single byte for three seconds is taken for dead, however long a command itself may take.
//!
//! It does not decide what becomes of a question that was asked over a dead connection.

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

/// Time between two questions whether the other end is there.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(1);
/// A connection over which nothing came for so long is dead, on a usual network.
const SILENCE: Duration = Duration::from_secs(3);
/// The same on the slowest one.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// On a slow network the other end may take as many times the time of the sign-in.
const SLOW: u32 = 4;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What came over a connection, so far.
#[derive(Debug)]
pub(crate) struct Heard {
    begun: Instant,
    reads: AtomicU64,
    last_ms: AtomicU64,
}

impl Heard {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), reads: AtomicU64::new(0), last_ms: AtomicU64::new(0) })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn heard(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Release);
        self.reads.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether nothing came for this long.
    pub(crate) fn is_silent(&self, limit: Duration) -> bool {
        let silent_ms = self.now_ms().saturating_sub(self.last_ms.load(Ordering::Acquire));
        Duration::from_millis(silent_ms) > limit
    }

    /// Ends when nothing came for this long, while the app was running: looks are counted, not hours, so that an app that
    /// was frozen first reads what came in the meantime.
    pub(crate) async fn silence(&self, limit: Duration) {
        let (mut reads, mut silent) = (self.reads.load(Ordering::Acquire), Duration::ZERO);
        while silent < limit {
            tokio::time::sleep(LOOK).await;
            let now = self.reads.load(Ordering::Acquire);
            silent = if now == reads { silent + LOOK } else { Duration::ZERO };
            reads = now;
        }
    }
}

/// How long the other end may be silent, when a sign-in at it took so long.
pub(crate) fn silence_after(sign_in: Duration) -> Duration {
    sign_in.saturating_mul(SLOW).clamp(SILENCE, SILENCE_MAX)
}

/// A stream that tells when something came.
pub(crate) struct Told<S> {
    pub stream: S,
    pub heard: Arc<Heard>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.heard.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Told<S> {
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
    fn a_slow_network_may_be_silent_for_longer_and_no_network_for_ever() {
        assert_eq!(silence_after(Duration::from_millis(80)), SILENCE);
        assert_eq!(silence_after(Duration::from_secs(2)), Duration::from_secs(8));
        assert_eq!(silence_after(Duration::from_secs(60)), SILENCE_MAX);
    }

    #[tokio::test]
    async fn a_stream_over_which_something_comes_is_not_silent_and_one_without_is() {
        let (mut far, near) = tokio::io::duplex(64);
        let heard = Heard::new();
        let mut near = Told { stream: near, heard: heard.clone() };
        let limit = LOOK * 4;
        let reading = async {
            let mut byte = [0];
            near.read_exact(&mut byte).await.map(|_| ())
        };
        let (read, ()) = tokio::join!(reading, async {
            tokio::select! {
                () = heard.silence(limit) => panic!("a byte came every few milliseconds"),
                written = far.write_all(b"x") => written.expect("a byte"),
            }
        });
        read.expect("a byte");
        assert!(!heard.is_silent(limit));
        heard.silence(limit).await;
        assert!(heard.is_silent(limit - LOOK));
    }
}
