//! The staging machine over SSH (russh). The adapter checks the host's fingerprint before it
//! authenticates. It draws no conclusion from the way in which a channel ends.
//!
//! It does not use `known_hosts`, an agent or `~/.ssh/config`: the confirmed fingerprint of the run
//! is the only pin.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream::FuturesUnordered};
use greenlight_engine::ports::{HostAddress, PortResult, ReadOutput, Secrets};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};
use parking_lot::Mutex;
use russh::{
    AlgorithmKind, Channel, ChannelMsg, Preferred,
    client::{self, Msg},
    kex,
    keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg},
};
use tokio::net::TcpStream;

use crate::{
    credentials, key_file,
    remote_job::{JobHost, OUT_MAX, OnSilence, Shell},
    sleep_detector::{BothClocks, ReadClocks, slept},
    ssh_link::{KEEPALIVE, Liveness, MonitoredStream, silence_max},
};

/// Deadline of connecting and authenticating.
const CONNECT_DEADLINE: Duration = Duration::from_secs(15);
/// Interval of parallel connection attempts. An attempt that began while the network was down may
/// hang although the network is back; a slow network may need more time. A further attempt serves
/// both.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of parallel attempts. OpenSSH starts to refuse at ten (`MaxStartups`).
const ATTEMPTS_MAX: usize = 6;
/// Maximum silence of a connection before russh closes it, also when no caller uses it.
const INACTIVITY_MAX: Duration = Duration::from_secs(20);
/// Most algorithms of a host that a failure names.
const ALGORITHMS_SHOWN: usize = 8;
/// Most characters of the name of an algorithm in a failure.
const ALGORITHM_LENGTH: usize = 64;
/// Maximum size of standard error, in bytes.
const ERR_MAX: usize = 64 * 1024;

/// The staging machine over SSH.
pub type SshHost = JobHost<Ssh>;

/// The SSH connection on which [`JobHost`] calls the job verbs.
pub struct Ssh {
    secrets: Arc<dyn Secrets>,
    read_clocks: ReadClocks,
    /// The connection to the last host. Replaced when the host differs or the connection is dead.
    open: tokio::sync::Mutex<Option<OpenConnection>>,
}

struct OpenConnection {
    to: HostAddress,
    link: Arc<Link>,
    /// Time of the last use. After a sleep of this computer the connection may be dead.
    used: BothClocks,
}

/// A session, and the liveness of its connection.
struct Link {
    session: client::Handle<FingerprintCheck>,
    liveness: Arc<Liveness>,
    /// Maximum silence before the connection counts as dead.
    silence_max: Duration,
}

impl Link {
    /// Runs `work`, unless the connection falls silent.
    async fn while_alive<T>(&self, work: impl Future<Output = Result<T, russh::Error>>) -> PortResult<T> {
        tokio::select! {
            done = work => done.map_err(|error| lost(&error)),
            () = self.liveness.silence(self.silence_max) => Err(Failure::new(ErrorCode::TimedOut, "hear from the staging machine")
                .because("nothing came over the connection any more: the next question is asked over a new one")),
        }
    }
}

/// Accepts one fingerprint only. Stores the fingerprint that the host presented.
struct FingerprintCheck {
    expected: Option<String>,
    presented: Arc<Mutex<Option<String>>>,
}

impl client::Handler for FingerprintCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let shown = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let is_expected = self.expected.as_deref() == Some(shown.as_str());
        *self.presented.lock() = Some(shown);
        Ok(is_expected)
    }
}

impl SshHost {
    /// `secrets` has the staging machine key. Each new connection reads it.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self::with_clocks(secrets, Arc::new(BothClocks::now))
    }

    /// Uses other clocks, for tests.
    #[must_use]
    pub fn with_clocks(secrets: Arc<dyn Secrets>, read_clocks: ReadClocks) -> Self {
        Self::over(Ssh { secrets, read_clocks, open: tokio::sync::Mutex::default() })
    }
}

impl Ssh {
    /// The open session on the host, or a new one.
    async fn link(&self, host: &HostAddress) -> PortResult<Arc<Link>> {
        let mut open = self.open.lock().await;
        let now = (self.read_clocks)();
        if let Some(open) = open.as_mut()
            && open.to == *host
            && !open.link.session.is_closed()
            && !open.link.liveness.is_silent(open.link.silence_max)
            && !open.used.slept_until(&now)
        {
            open.used = now;
            return Ok(open.link.clone());
        }
        let saved = credentials::staging_key(&*self.secrets, "sign in to the staging machine").await?;
        let key = key_file::load(&saved).await?;
        let link = tokio::time::timeout(CONNECT_DEADLINE, reach(host, Arc::new(key)))
            .await
            .map_err(|_| unreachable(host, "no answer within 15 s"))??;
        let link = Arc::new(link);
        *open = Some(OpenConnection { to: host.clone(), link: link.clone(), used: (self.read_clocks)() });
        Ok(link)
    }

    async fn forget(&self) {
        *self.open.lock().await = None;
    }

    /// Runs one command. A failure drops the connection.
    async fn exec(&self, host: &HostAddress, command: &Command<'_>) -> PortResult<ReadOutput> {
        let sent = AtomicBool::new(false);
        let failure = tokio::select! {
            talked = tokio::time::timeout(command.deadline, self.talk(host, command, &sent)) => match talked {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::new(ErrorCode::TimedOut, "hear from the staging machine in time"),
            },
            // The deadline does not run while the computer sleeps, so the caller gets the failure
            // at once.
            () = slept(&self.read_clocks) => {
                Failure::new(ErrorCode::Unreachable, "talk to the staging machine")
                    .because("this computer slept, or its clock was set: the connection is made again")
            }
        };
        self.forget().await;
        let changed = if sent.into_inner() { Changed::Unknown } else { Changed::Nothing };
        Err(failure.changed(changed))
    }

    async fn talk(&self, host: &HostAddress, command: &Command<'_>, sent: &AtomicBool) -> PortResult<ReadOutput> {
        let link = self.link(host).await?;
        let (link, channel) = match link.while_alive(link.session.channel_open_session()).await {
            Ok(channel) => (link, channel),
            // An idle session that died shows only here. The command was not sent.
            Err(_) => {
                self.forget().await;
                let link = self.link(host).await?;
                let channel = link.while_alive(link.session.channel_open_session()).await?;
                (link, channel)
            }
        };
        sent.store(true, Ordering::Release);
        let answer = answer(channel, command);
        match command.on_silence {
            // The caller repeats a read over another connection.
            OnSilence::GiveUp => link.while_alive(answer).await,
            // The command and its answer may still arrive until the deadline.
            OnSilence::WaitForDeadline => answer.await.map_err(|error| lost(&error)),
        }
    }
}

struct Command<'a> {
    text: &'a str,
    input: &'a str,
    deadline: Duration,
    on_silence: OnSilence,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other messages of a channel carry nothing that is used")]
async fn answer(mut channel: Channel<Msg>, command: &Command<'_>) -> Result<ReadOutput, russh::Error> {
    channel.exec(true, command.text).await?;
    if !command.input.is_empty() {
        channel.data(command.input.as_bytes()).await?;
    }
    channel.eof().await?;
    let mut output = ReadOutput { exit: None, out: String::new(), err: String::new() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => keep(&mut out, &data, OUT_MAX),
            ChannelMsg::ExtendedData { data, .. } => keep(&mut err, &data, ERR_MAX),
            ChannelMsg::ExitStatus { exit_status } => output.exit = i32::try_from(exit_status).ok(),
            _ => {}
        }
    }
    output.out = String::from_utf8_lossy(&out).into_owned();
    output.err = String::from_utf8_lossy(&err).into_owned();
    Ok(output)
}

fn lost(error: &russh::Error) -> Failure {
    Failure::new(ErrorCode::Unreachable, "talk to the staging machine").because_of(error)
}

fn keep(into: &mut Vec<u8>, data: &[u8], most: usize) {
    let room = most.saturating_sub(into.len());
    into.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
}

/// The kinds of host keys that are accepted, best first. Without SHA-1 signatures.
fn host_key_kinds() -> Vec<Algorithm> {
    let is_safe = |algorithm: &&Algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None });
    Preferred::default().key.iter().filter(is_safe).cloned().collect()
}

/// The key exchanges of the library, best first, then those over NIST curves: a machine with FIPS
/// settings has no other.
fn key_exchanges() -> Vec<kex::Name> {
    let nist = [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
    Preferred::default().kex.iter().copied().chain(nist).collect()
}

/// Settings of a connection on which the host proves itself by a key of one of these kinds.
fn settings(keys: Vec<Algorithm>) -> Arc<client::Config> {
    Arc::new(client::Config {
        inactivity_timeout: Some(INACTIVITY_MAX),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: usize::try_from(INACTIVITY_MAX.as_secs()).unwrap_or(usize::MAX),
        nodelay: true,
        preferred: Preferred { key: Cow::Owned(keys), kex: Cow::Owned(key_exchanges()), ..Preferred::default() },
        ..client::Config::default()
    })
}

fn unreachable(host: &HostAddress, why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Unreachable, format!("reach the staging machine {}", host.address))
        .with("host", host.address.clone())
        .because(why)
        .hint("Check the address and your network (VPN), then try again.")
}

/// The first characters of a name that an unknown host sent.
fn shortened(name: &str) -> String {
    name.chars().take(ALGORITHM_LENGTH).collect()
}

/// The host offers no algorithm of this kind that the app accepts. The network is not at fault.
fn no_common_algorithm(host: &HostAddress, kind: &AlgorithmKind, theirs: &[String]) -> Failure {
    let kind = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key",
        AlgorithmKind::Cipher => "encryption",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "integrity check",
    };
    // Extensions are in the same list as the key exchanges (RFC 8308).
    let is_algorithm = |name: &&String| !name.starts_with("ext-info") && !name.starts_with("kex-strict");
    let offered: Vec<String> =
        theirs.iter().filter(is_algorithm).take(ALGORITHMS_SHOWN).map(|name| shortened(name)).collect();
    Failure::new(ErrorCode::NoCommonAlgorithm, format!("talk to the staging machine {}", host.address))
        .with("host", host.address.clone())
        .with("kind", kind)
        .with("offered", offered.join(", "))
        .because(format!("it offers for the {kind} only: {}", offered.join(", ")))
        .hint("Ask whoever runs the staging machine to allow a current algorithm in the settings of its SSH server.")
        .retry(Retry::Safe)
}

/// Starts attempts at an interval and returns the first that ends.
async fn reach(host: &HostAddress, key: Arc<PrivateKey>) -> PortResult<Link> {
    let mut begun = FuturesUnordered::new();
    loop {
        begun.push(connect(host, key.clone()));
        let more = begun.len() < ATTEMPTS_MAX;
        tokio::select! {
            Some(made) = begun.next() => return made,
            () = tokio::time::sleep(ATTEMPT_INTERVAL), if more => {}
        }
    }
}

fn no_host_key(host: &HostAddress) -> Failure {
    no_common_algorithm(host, &AlgorithmKind::Key, &["a kind that is no longer safe".to_owned()])
}

/// A handshake without a session.
enum HandshakeFailure {
    /// The host presented another key.
    OtherKey(String),
    /// The host has no key of these kinds.
    NoSuchKey,
    Failed(Failure),
}

/// Shakes hands with a host that proves itself by a key of one of these kinds.
async fn shake(
    host: &HostAddress,
    keys: Vec<Algorithm>,
    expected: Option<&str>,
) -> Result<(client::Handle<FingerprintCheck>, Arc<Liveness>), HandshakeFailure> {
    let presented = Arc::new(Mutex::new(None));
    let check = FingerprintCheck { expected: expected.map(str::to_owned), presented: presented.clone() };
    let (settings, liveness) = (settings(keys), Liveness::new());
    let failed = |error: &dyn std::error::Error| HandshakeFailure::Failed(unreachable(host, error));
    let stream = TcpStream::connect((host.address.as_str(), host.port)).await.map_err(|error| failed(&error))?;
    stream.set_nodelay(settings.nodelay).map_err(|error| failed(&error))?;
    let stream = MonitoredStream { stream, liveness: liveness.clone() };
    match client::connect_stream(settings, stream, check).await {
        Ok(session) => Ok((session, liveness)),
        Err(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. }) => Err(HandshakeFailure::NoSuchKey),
        Err(russh::Error::NoCommonAlgo { kind, theirs, .. }) => {
            Err(HandshakeFailure::Failed(no_common_algorithm(host, &kind, &theirs)))
        }
        Err(error) => Err(match presented.lock().clone() {
            Some(shown) if expected != Some(shown.as_str()) => HandshakeFailure::OtherKey(shown),
            Some(_) | None => failed(&error),
        }),
    }
}

/// The fingerprints of a host, that of its preferred key first. A host may have a key of each kind,
/// and a person may know another one than the preferred one.
async fn fingerprints(host: &HostAddress) -> PortResult<Vec<String>> {
    let mut found = Vec::new();
    let kinds = host_key_kinds();
    for keys in std::iter::once(kinds.clone()).chain(kinds.into_iter().map(|kind| vec![kind])) {
        match shake(host, keys, None).await {
            Err(HandshakeFailure::OtherKey(shown)) if !found.contains(&shown) => found.push(shown),
            Err(HandshakeFailure::Failed(failure)) if found.is_empty() => return Err(failure),
            Ok(_) | Err(_) => {}
        }
    }
    if found.is_empty() { Err(no_host_key(host)) } else { Ok(found) }
}

/// A session with a host that has the expected key. If it presents another one, it is asked for its
/// keys of each other kind.
async fn proved(host: &HostAddress) -> PortResult<(client::Handle<FingerprintCheck>, Arc<Liveness>)> {
    let (kinds, expected) = (host_key_kinds(), Some(host.fingerprint.as_str()));
    let shown = match shake(host, kinds.clone(), expected).await {
        Ok(session) => return Ok(session),
        Err(HandshakeFailure::OtherKey(shown)) => shown,
        Err(HandshakeFailure::NoSuchKey) => return Err(no_host_key(host)),
        Err(HandshakeFailure::Failed(failure)) => return Err(failure),
    };
    for kind in kinds {
        match shake(host, vec![kind], expected).await {
            Ok(session) => return Ok(session),
            Err(HandshakeFailure::OtherKey(_) | HandshakeFailure::NoSuchKey) => {}
            Err(HandshakeFailure::Failed(failure)) => return Err(failure),
        }
    }
    Err(changed(host, &shown))
}

async fn connect(host: &HostAddress, key: Arc<PrivateKey>) -> PortResult<Link> {
    if !host.fingerprint.starts_with("SHA256:") {
        return Err(Failure::new(
            ErrorCode::HostUnknown,
            "reach the staging machine: nobody confirmed its fingerprint",
        ));
    }
    let (mut session, liveness) = proved(host).await?;
    // RSA signs with SHA-512, else SHA-256, never with SHA-1, which OpenSSH 8.8 refuses.
    let hashes: &[Option<HashAlg>] =
        if key.algorithm().is_rsa() { &[Some(HashAlg::Sha512), Some(HashAlg::Sha256)] } else { &[None] };
    for hash in hashes {
        let begun = Instant::now();
        let offered = PrivateKeyWithHashAlg::new(key.clone(), *hash);
        let answer = session
            .authenticate_publickey(host.user.clone(), offered)
            .await
            .map_err(|error| unreachable(host, error))?;
        if answer.success() {
            return Ok(Link { session, liveness, silence_max: silence_max(begun.elapsed()) });
        }
    }
    Err(Failure::new(
        ErrorCode::HostRefused,
        format!("sign in to {} as {}: the machine refuses the key", host.address, host.user),
    )
    .with("host", host.address.clone())
    .with("user", host.user.clone())
    .hint("Open Access and check which staging machine key is chosen."))
}

fn changed(host: &HostAddress, shown: &str) -> Failure {
    Failure::new(ErrorCode::HostChanged, format!("trust {}: it is not the machine that was confirmed", host.address))
        .with("host", host.address.clone())
        .with("expected", host.fingerprint.clone())
        .with("seen", shown)
        .hint("Nothing was sent to it. Ask a developer whether the machine was replaced.")
        .retry(Retry::No)
}

#[async_trait]
impl Shell for Ssh {
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>> {
        let host = HostAddress {
            address: address.to_owned(),
            port,
            user: String::new(),
            fingerprint: String::new(),
            machine_id: String::new(),
        };
        // The handler refuses every key, so each connection ends before authentication.
        let found = tokio::time::timeout(CONNECT_DEADLINE, fingerprints(&host)).await;
        found.map_err(|_| unreachable(&host, "no answer within 15 s"))?
    }

    async fn run(
        &self,
        host: &HostAddress,
        on_silence: OnSilence,
        text: &str,
        input: &str,
        deadline: Duration,
    ) -> PortResult<ReadOutput> {
        self.exec(host, &Command { text, input, deadline, on_silence }).await
    }
}
