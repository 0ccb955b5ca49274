//! A relay between a client and a server that loses answers: a request with a mark in its text
//! arrives and has its effect, and the client's connection ends instead of the answer.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Most bytes passed on at once. The first line and the headers of a request fit.
const PIECE: usize = 64 * 1024;

/// A relay on a port of its own. Dropping it ends the relay.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    lost: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Relays to a server on loopback and loses the answer to every request with `mark` in its
    /// text.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(to: u16, mark: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, lost) = (listener.local_addr()?.port(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&lost);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                // Dropping both ends loses the connection. The error does not matter.
                tokio::spawn(async move { pass(client, to, mark, &count).await });
            }
        });
        Ok(Self { port, lost, task })
    }

    /// The address of the relay.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The number of lost answers. Each is a marked request that reached the server.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, to: u16, mark: &str, lost: &AtomicU32) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
    let (mut asked, mut told) = (vec![0; PIECE], vec![0; PIECE]);
    let mut is_marked = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let piece = asked.get(..read?).unwrap_or_default();
                if piece.is_empty() {
                    return Ok(());
                }
                is_marked |= String::from_utf8_lossy(piece).contains(mark);
                server.write_all(piece).await?;
            }
            read = server.read(&mut told) => {
                let piece = told.get(..read?).unwrap_or_default();
                if is_marked {
                    lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                if piece.is_empty() {
                    return Ok(());
                }
                client.write_all(piece).await?;
            }
        }
    }
}
