//! A git server whose answers a test chooses: without end, with false sizes, or none.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Maximum size of a request.
const REQUEST_MAX: usize = 1024 * 1024;

/// Answer of the server.
pub struct Reply {
    /// Status line and headers, without the empty line.
    pub head: String,
    pub body: Box<dyn Iterator<Item = Vec<u8>> + Send>,
    /// Whether the server says nothing more after the body, and waits for the client to leave.
    pub is_silent_then: bool,
}

/// Decides by the first line of a request.
pub type Script = Box<dyn Fn(&str) -> Reply + Send + Sync>;

/// A server on a port of its own. Dropping it ends the server.
pub struct HostileGit {
    port: u16,
    sent: Arc<AtomicU64>,
    left: watch::Receiver<u32>,
    requests: Arc<parking_lot::Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl HostileGit {
    pub async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let script: Arc<Script> = Arc::new(Box::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sent, requests) = (Arc::new(AtomicU64::new(0)), Arc::<parking_lot::Mutex<Vec<String>>>::default());
        let (leaving, left) = watch::channel(0);
        let (count, log) = (Arc::clone(&sent), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                let (script, count, leaving) = (Arc::clone(&script), Arc::clone(&count), leaving.clone());
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    serve(peer, &script, &count, &log).await;
                    leaving.send_modify(|left| *left += 1);
                });
            }
        });
        Self { port, sent, left, requests, task }
    }

    /// Address of the repository.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/rally.git", self.port)
    }

    /// Number of bytes of bodies that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// All requests: head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }

    /// Waits until `count` connections have ended.
    pub async fn wait_until_left(&self, count: u32) {
        let mut left = self.left.clone();
        let ended = tokio::time::timeout(super::SOON, left.wait_for(|left| *left >= count)).await;
        ended.expect("the client left").expect("the server lives");
    }
}

impl Drop for HostileGit {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut peer: TcpStream, script: &Script, sent: &AtomicU64, log: &parking_lot::Mutex<Vec<String>>) {
    let request = request(&mut peer).await;
    log.lock().push(request.clone());
    let reply = script(request.lines().next().unwrap_or_default());
    let head = format!("HTTP/1.1 {}\r\nconnection: close\r\n\r\n", reply.head);
    let mut written = peer.write_all(head.as_bytes()).await;
    for chunk in reply.body {
        if written.is_err() {
            return;
        }
        written = peer.write_all(&chunk).await;
        sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    if reply.is_silent_then {
        let _end = peer.read(&mut [0; 64]).await;
    }
}

/// Reads a request with its body.
async fn request(peer: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < REQUEST_MAX {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if bytes.len() >= head.len() + 4 + length.unwrap_or(0) {
                return text;
            }
        }
        if peer.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer of git: 200 and the type that the client expects.
pub fn ok(kind: &str, body: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Reply {
    let head = format!("200 OK\r\ncontent-type: application/x-git-{kind}");
    Reply { head, body: Box::new(body), is_silent_then: false }
}

/// A packet of git's protocol.
pub fn packet(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

/// The start of a listing for a service, without refs.
pub fn listing_start(service: &str) -> Vec<u8> {
    [packet(format!("# service=git-{service}\n").as_bytes()), b"0000".to_vec()].concat()
}

/// A listing of refs at one commit. Its server has the abilities that the app needs.
pub fn listing(service: &str, id: &str, names: &[&str]) -> Vec<u8> {
    let mut bytes = listing_start(service);
    for (at, name) in names.iter().enumerate() {
        let abilities = if at == 0 { "\0report-status side-band-64k ofs-delta" } else { "" };
        bytes.extend(packet(format!("{id} {name}{abilities}\n").as_bytes()));
    }
    bytes.extend(b"0000");
    bytes
}

/// A pack's header that claims this number of objects.
pub fn pack_header(objects: u32) -> Vec<u8> {
    [b"PACK".as_slice(), &2_u32.to_be_bytes(), &objects.to_be_bytes()].concat()
}

/// Type and size of an object of a pack.
pub fn object_head(kind: u8, size: u64) -> Vec<u8> {
    let mut rest = size >> 4;
    let mut bytes = vec![(kind << 4) | (size & 15) as u8];
    while rest > 0 {
        *bytes.last_mut().expect("a byte") |= 0x80;
        bytes.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes
}

/// A file of a pack, uncompressed.
pub fn file_object(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a short file");
    let stored = [b"\x78\x01\x01".as_slice(), &length.to_le_bytes(), &(!length).to_le_bytes(), data].concat();
    let sums = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    let sum = (sums.1 << 16) | sums.0;
    [object_head(3, data.len() as u64), stored, sum.to_be_bytes().to_vec()].concat()
}
