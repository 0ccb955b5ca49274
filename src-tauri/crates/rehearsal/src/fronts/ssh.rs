//! SSH server of the simulated host. It accepts one user with one key, both of this private folder,
//! and runs commands only: no terminal, no forwarding, no file transfer.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rand::Rng;
use russh::{
    Channel, ChannelId, MethodKind, MethodSet,
    keys::{
        HashAlg, PrivateKey, PublicKey,
        ssh_key::{LineEnding, private::Ed25519Keypair},
    },
    server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use super::ssh_exec;
use crate::{
    files,
    fronts::{Connected, Pulse},
    host::{Host, USER},
};

/// Most commands that run at once.
const COMMANDS_MAX: usize = 64;
/// Time without data after which the server sends a keepalive.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Key of the host and key of its client.
#[derive(Clone, Debug)]
pub struct Keys {
    host: PrivateKey,
    client: PublicKey,
    client_file: PathBuf,
}

impl Keys {
    /// Reads the keys of this folder, or makes them: `host_key`, and `staging.pem` for the client
    /// (mode 0600).
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open_or_make(folder: &Path) -> io::Result<Self> {
        let client_file = folder.join("staging.pem");
        let client = open_or_make(&client_file, "ec2-user@rally-staging")?;
        Ok(Self {
            host: open_or_make(&folder.join("host_key"), "rally-staging")?,
            client: client.public_key().clone(),
            client_file,
        })
    }

    /// Fingerprint of the host's key: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.host.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    /// File with the client's private key.
    #[must_use]
    pub fn client_file(&self) -> &Path {
        &self.client_file
    }
}

fn open_or_make(file: &Path, comment: &str) -> io::Result<PrivateKey> {
    if file.exists() {
        return PrivateKey::from_openssh(fs_err::read_to_string(file)?).map_err(io::Error::other);
    }
    let seed: [u8; 32] = rand::rng().random();
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    key.set_comment(comment);
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    files::write_private(file, text.as_bytes())?;
    Ok(key)
}

/// Serves the simulated host until the task is dropped.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, host: Host, keys: &Keys, pulse: Pulse) -> io::Result<()> {
    let (_never, cut) = watch::channel(false);
    serve_until_cut(listener, host, keys, pulse, cut).await
}

/// [`serve`] with a switch: while `cut` is true, it breaks every connection and serves no new one.
/// Processes in a session of their own go on.
///
/// # Errors
/// When the listener breaks.
pub async fn serve_until_cut(
    listener: TcpListener,
    host: Host,
    keys: &Keys,
    pulse: Pulse,
    cut: watch::Receiver<bool>,
) -> io::Result<()> {
    let config = Arc::new(server::Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(300),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![keys.host.clone()],
        inactivity_timeout: Some(Duration::from_secs(3_600)),
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..server::Config::default()
    });
    let slots = Arc::new(Semaphore::new(COMMANDS_MAX));
    loop {
        let (stream, _) = listener.accept().await?;
        pulse.beat();
        if *cut.borrow() {
            drop(stream);
            continue;
        }
        let Ok((stream, line)) = with_line(stream) else { continue };
        let handler = Client {
            host: host.clone(),
            key: keys.client.clone(),
            slots: Arc::clone(&slots),
            pulse: pulse.clone(),
            waiting: HashMap::new(),
            _connected: pulse.connected(),
        };
        let config = Arc::clone(&config);
        let mut cut = cut.clone();
        tokio::spawn(async move {
            let served = serve_one(config, stream, handler);
            tokio::pin!(served);
            tokio::select! {
                () = &mut served => return,
                // Without a sender the connection cannot be cut any more.
                is_cut = cut.wait_for(|is_cut| *is_cut) => if is_cut.is_ok() {
                    let _gone = line.shutdown(std::net::Shutdown::Both);
                }
            }
            served.await;
        });
    }
}

/// A connection, and a second handle that can break it.
fn with_line(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let line = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, line))
}

async fn serve_one(config: Arc<server::Config>, stream: TcpStream, handler: Client) {
    match server::run_stream(config, stream, handler).await {
        Ok(session) => {
            if let Err(error) = session.await {
                tracing::debug!(%error, "a session of the pretend host ended");
            }
        }
        Err(error) => tracing::debug!(%error, "a client did not speak SSH to the pretend host"),
    }
}

struct Client {
    host: Host,
    key: PublicKey,
    slots: Arc<Semaphore>,
    pulse: Pulse,
    waiting: HashMap<ChannelId, Channel<Msg>>,
    _connected: Connected,
}

impl server::Handler for Client {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.pulse.beat();
        if user == USER && key.public_key.key_data() == self.key.key_data() {
            return Ok(Auth::Accept);
        }
        Ok(Auth::reject())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Dropping the reply refuses the channel.
        if self.waiting.len() < COMMANDS_MAX {
            self.waiting.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.waiting.remove(&channel);
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        self.pulse.beat();
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let (Some(channel), Ok(slot)) = (self.waiting.remove(&id), slot) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let command = String::from_utf8_lossy(data).into_owned();
        let host = self.host.clone();
        tokio::spawn(async move {
            ssh_exec::run(channel, command, &host).await;
            drop(slot);
        });
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Like the real host, which has no `AcceptEnv` (TRAP-S6).
        session.channel_failure(id)
    }
}
