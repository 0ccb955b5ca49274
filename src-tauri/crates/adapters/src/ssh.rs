//! The staging machine over SSH (russh). The host's fingerprint is compared before any authentication; nothing is decided
//! by how a channel ends.
//!
//! It does not read `known_hosts`, an agent or `~/.ssh/config`: the confirmed fingerprint of the run is the only pin.

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
use greenlight_engine::ports::{HostAddress, PortResult, ReadOutput, SecretText, Secrets};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};
use parking_lot::Mutex;
use russh::{
    Channel, ChannelMsg, Preferred,
    client::{self, Msg},
    keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg},
};
use tokio::net::TcpStream;

use crate::{
    credentials::{self, StagingKey},
    home,
    mutant::{self, Mutant},
    remote_job::{Effect, JobHost, Shell},
    slept::{BothClocks, ReadClocks, slept},
    ssh_link::{Heard, KEEPALIVE, Told, silence_after},
};

/// Deadline of a connection, authentication included.
const CONNECT: Duration = Duration::from_secs(15);
/// A connection that is not made after this long may have been begun while the network was away: another one is begun
/// beside it, so that the return of the network is seen soon and a slow network still has its time.
const BESIDE: Duration = Duration::from_secs(2);
/// Connections that are begun beside each other at most. OpenSSH begins to refuse at ten.
const BESIDE_MAX: usize = 6;
/// A connection over which nothing comes for so long ends by itself, also one that nobody waits for any more.
const DEAD: Duration = Duration::from_secs(20);
const OUT_MAX: usize = 256 * 1024;
const ERR_MAX: usize = 64 * 1024;

/// The staging machine over SSH.
pub type SshHost = JobHost<Ssh>;

/// See the file.
pub struct Ssh {
    secrets: Arc<dyn Secrets>,
    read_clocks: ReadClocks,
    /// One connection, made again when the machine, or the connection itself, is another one.
    open: tokio::sync::Mutex<Option<Open>>,
}

/// An open connection.
struct Open {
    to: HostAddress,
    link: Arc<Link>,
    /// When it was last used. After a sleep of this computer nobody knows whether the other end still holds it.
    used: BothClocks,
}

/// A session, and whether the other end is heard.
struct Link {
    session: client::Handle<Pinned>,
    heard: Arc<Heard>,
    silence: Duration,
}

impl Link {
    /// Does something over it, unless the other end falls silent.
    async fn while_heard<T>(&self, work: impl Future<Output = Result<T, russh::Error>>) -> PortResult<T> {
        tokio::select! {
            done = work => done.map_err(|error| lost(&error)),
            () = self.heard.silence(self.silence) => Err(Failure::new(ErrorCode::TimedOut, "hear from the staging machine")
                .because("nothing came over the connection any more: the next question is asked over a new one")),
        }
    }
}

/// Accepts one fingerprint only, and remembers what was presented.
struct Pinned {
    wanted: Option<String>,
    seen: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let shown = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let is_wanted = self.wanted.as_deref() == Some(shown.as_str()) || mutant::is(Mutant::AnyMachine);
        *self.seen.lock() = Some(shown);
        Ok(is_wanted)
    }
}

impl SshHost {
    /// Reads the staging machine key from these secrets at each connection.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self::with_clocks(secrets, Arc::new(BothClocks::now))
    }

    /// The same with other clocks.
    #[must_use]
    pub fn with_clocks(secrets: Arc<dyn Secrets>, read_clocks: ReadClocks) -> Self {
        Self::over(Ssh { secrets, read_clocks, open: tokio::sync::Mutex::default() })
    }
}

impl Ssh {
    /// A session on the machine: the open one, or a new one.
    async fn link(&self, host: &HostAddress) -> PortResult<Arc<Link>> {
        let mut open = self.open.lock().await;
        let now = (self.read_clocks)();
        if let Some(open) = open.as_mut()
            && open.to == *host
            && !open.link.session.is_closed()
            && !open.link.heard.is_silent(open.link.silence)
            && (!open.used.slept_until(&now) || mutant::is(Mutant::SleepIgnored))
        {
            open.used = now;
            return Ok(open.link.clone());
        }
        let key = load(&credentials::staging_key(&*self.secrets, "sign in to the staging machine").await?).await?;
        let link = tokio::time::timeout(CONNECT, reach(host, Arc::new(key)))
            .await
            .map_err(|_| unreachable(host, "no answer within 15 s"))??;
        let link = Arc::new(link);
        *open = Some(Open { to: host.clone(), link: link.clone(), used: (self.read_clocks)() });
        Ok(link)
    }

    async fn forget(&self) {
        *self.open.lock().await = None;
    }

    /// One command, with everything that may go wrong on the way.
    async fn exec(&self, host: &HostAddress, command: &Command<'_>) -> PortResult<ReadOutput> {
        let sent = AtomicBool::new(false);
        let failure = tokio::select! {
            talked = tokio::time::timeout(command.deadline, self.talk(host, command, &sent)) => match talked {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::new(ErrorCode::TimedOut, "hear from the staging machine in time"),
            },
            // The deadline did not go on while the computer slept; whoever asked asks again at once.
            () = slept(&self.read_clocks), if !mutant::is(Mutant::SleepIgnored) => {
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
        let (link, channel) = match link.while_heard(link.session.channel_open_session()).await {
            Ok(channel) => (link, channel),
            // A session that died while it was idle shows only here; nothing was sent on it.
            Err(_) => {
                self.forget().await;
                let link = self.link(host).await?;
                let channel = link.while_heard(link.session.channel_open_session()).await?;
                (link, channel)
            }
        };
        sent.store(true, Ordering::Release);
        let answer = answer(channel, command);
        match command.effect {
            // It is asked again over another connection, as often as it takes.
            Effect::Read => link.while_heard(answer).await,
            // What was sent may still arrive, and so may its answer, for as long as the deadline lasts.
            Effect::Change => answer.await.map_err(|error| lost(&error)),
        }
    }
}

/// One command for the machine.
struct Command<'a> {
    text: &'a str,
    input: &'a str,
    deadline: Duration,
    effect: Effect,
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

fn settings() -> Arc<client::Config> {
    // SHA-1 signatures are not offered, and nothing is compressed.
    let keys: Vec<Algorithm> = Preferred::default()
        .key
        .iter()
        .filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None }))
        .cloned()
        .collect();
    Arc::new(client::Config {
        inactivity_timeout: Some(DEAD),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: usize::try_from(DEAD.as_secs()).unwrap_or(usize::MAX),
        nodelay: true,
        preferred: Preferred { key: Cow::Owned(keys), ..Preferred::default() },
        ..client::Config::default()
    })
}

fn unreachable(host: &HostAddress, why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Unreachable, format!("reach the staging machine {}", host.address))
        .with("host", host.address.clone())
        .because(why)
        .hint("Check the address and your network (VPN), then try again.")
}

/// The first connection that is made, of a few begun after each other.
async fn reach(host: &HostAddress, key: Arc<PrivateKey>) -> PortResult<Link> {
    let mut begun = FuturesUnordered::new();
    loop {
        begun.push(connect(host, key.clone()));
        let more = begun.len() < BESIDE_MAX;
        tokio::select! {
            Some(made) = begun.next() => return made,
            () = tokio::time::sleep(BESIDE), if more => {}
        }
    }
}

async fn connect(host: &HostAddress, key: Arc<PrivateKey>) -> PortResult<Link> {
    if !host.fingerprint.starts_with("SHA256:") {
        return Err(Failure::new(
            ErrorCode::HostUnknown,
            "reach the staging machine: nobody confirmed its fingerprint",
        ));
    }
    let seen = Arc::new(Mutex::new(None));
    let pinned = Pinned { wanted: Some(host.fingerprint.clone()), seen: seen.clone() };
    let (settings, heard) = (settings(), Heard::new());
    let stream =
        TcpStream::connect((host.address.as_str(), host.port)).await.map_err(|error| unreachable(host, error))?;
    stream.set_nodelay(settings.nodelay).map_err(|error| unreachable(host, error))?;
    let stream = Told { stream, heard: heard.clone() };
    let mut session = client::connect_stream(settings, stream, pinned).await.map_err(|error| {
        let shown = seen.lock().clone();
        match shown {
            Some(shown) if shown != host.fingerprint => changed(host, &shown),
            Some(_) | None => unreachable(host, error),
        }
    })?;
    // RSA signs with SHA-512, then with SHA-256, never with SHA-1 (OpenSSH 8.8 refuses that).
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
            return Ok(Link { session, heard, silence: silence_after(begun.elapsed()) });
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

/// Reads a key file and says which kind of key it is.
///
/// # Errors
/// `KeyFileUnreadable` with the reason in words.
pub async fn read_key(key: &StagingKey) -> PortResult<String> {
    load(key).await.map(|key| key.algorithm().to_string())
}

async fn load(StagingKey { path, passphrase }: &StagingKey) -> PortResult<PrivateKey> {
    let text =
        tokio::fs::read_to_string(home::expand(path)).await.map_err(|error| unreadable(path, &error.to_string()))?;
    let (passphrase, shown) = (passphrase.clone(), path.clone());
    // Deriving a key from a passphrase takes a while on purpose.
    tokio::task::spawn_blocking(move || {
        russh::keys::decode_secret_key(&text, passphrase.as_ref().map(SecretText::expose)).map_err(|error| {
            let is_encrypted = text.contains("ENCRYPTED")
                || text.contains("DEK-Info")
                || matches!(error, russh::keys::Error::KeyIsEncrypted);
            if is_encrypted && passphrase.is_none() {
                unreadable(&shown, "it needs a passphrase")
            } else if is_encrypted {
                unreadable(&shown, "the passphrase is wrong, or the file uses an old cipher")
                    .hint("An old file is converted with: ssh-keygen -p -f FILE")
            } else {
                unreadable(&shown, &error.to_string())
            }
        })
    })
    .await
    .map_err(|error| unreadable(path, &error.to_string()))?
}

fn unreadable(path: &str, why: &str) -> Failure {
    Failure::new(ErrorCode::KeyFileUnreadable, format!("read the staging machine key {path}"))
        .with("path", path)
        .because(why)
        .hint("Open Access and choose the key file again.")
}

#[async_trait]
impl Shell for Ssh {
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String> {
        let seen = Arc::new(Mutex::new(None));
        let pinned = Pinned { wanted: None, seen: seen.clone() };
        // The handler refuses every key, so the conversation ends before any authentication.
        let ended = tokio::time::timeout(CONNECT, client::connect(settings(), (address, port), pinned)).await;
        let shown = seen.lock().clone();
        shown.ok_or_else(|| {
            let host = HostAddress {
                address: address.to_owned(),
                port,
                user: String::new(),
                fingerprint: String::new(),
                machine_id: String::new(),
            };
            match ended {
                Ok(Err(error)) => unreachable(&host, error),
                Ok(Ok(_)) | Err(_) => unreachable(&host, "no answer within 15 s"),
            }
        })
    }

    async fn run(
        &self,
        host: &HostAddress,
        effect: Effect,
        text: &str,
        input: &str,
        deadline: Duration,
    ) -> PortResult<ReadOutput> {
        self.exec(host, &Command { text, input, deadline, effect }).await
    }
}
