//! Runs one command on the simulated host: a shell with a clean environment in the private folder.
//! The command has its own process group, which ends with the channel. Processes that it starts in
//! a session of their own live on.

use std::{io, process::Stdio, time::Duration};

use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
};

use crate::host::{Host, guard, kill};

/// Longest run of a command on a channel. Longer work must be detached.
const RUN_MAX: Duration = Duration::from_secs(1_800);
/// Exit code of a refused or timed-out command.
const REFUSED: u32 = 126;
/// Data type code of the error stream of a channel (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// Runs a command and answers on its channel.
pub(super) async fn run(channel: Channel<Msg>, command: String, host: &Host) {
    let (reading, writing) = channel.split();
    let code = match guard::check(&command, host.root()) {
        Err(refusal) => refuse(&writing, &refusal).await,
        Ok(()) => match start(&command, host) {
            Err(error) => refuse(&writing, &format!("failed to start a shell: {error}")).await,
            Ok(child) => match tokio::time::timeout(RUN_MAX, attend(child, reading, &writing, host)).await {
                Ok(code) => code,
                Err(_) => Some(REFUSED),
            },
        },
    };
    // A disconnected client gets no answer.
    if let Some(code) = code {
        let _gone = writing.exit_status(code).await;
    }
    let _gone = writing.eof().await;
    let _gone = writing.close().await;
}

async fn refuse(writing: &ChannelWriteHalf<Msg>, why: &str) -> Option<u32> {
    let _gone = writing.extended_data_bytes(STDERR, format!("{why}\n")).await;
    Some(REFUSED)
}

fn start(command: &str, host: &Host) -> io::Result<Child> {
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .env_clear()
        .envs(host.environment())
        .current_dir(host.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    Command::from(shell).spawn()
}

/// Guard that kills the process group of a command whose client disconnected.
struct Group(Option<u32>);

impl Group {
    /// Keeps the processes that an ended command left. They may be about to enter a session of
    /// their own.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.take() {
            kill(&format!("-{leader}"));
        }
    }
}

/// Forwards the streams until the command ends. Returns `None` when the client disconnects first.
async fn attend(
    mut child: Child,
    mut reading: ChannelReadHalf,
    writing: &ChannelWriteHalf<Msg>,
    host: &Host,
) -> Option<u32> {
    let group = Group(child.id());
    let out = carry(child.stdout.take(), writing.make_writer());
    let err = carry(child.stderr.take(), writing.make_writer_ext(Some(STDERR)));
    let mut input = Input::new(child.stdin.take());
    let code = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_or(255, |status| exit_code(&status)),
            message = reading.wait() => match input.take(message, host) {
                Taken::More => {}
                Taken::Whole => input.deliver(),
                Taken::Refused(why) => {
                    drop(group);
                    return refuse(writing, &why).await;
                }
                Taken::Gone => return None,
            },
        }
    };
    // The shell has ended. Its remaining processes may still hold the streams, as with a real sshd.
    let streams = async {
        let _ended = out.await;
        let _ended = err.await;
    };
    tokio::pin!(streams);
    loop {
        tokio::select! {
            () = &mut streams => {
                group.release();
                return Some(code);
            }
            message = reading.wait() => if matches!(input.take(message, host), Taken::Gone) {
                return None;
            },
        }
    }
}

fn exit_code(status: &std::process::ExitStatus) -> u32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(status) {
        return u32::try_from(128 + signal).unwrap_or(255);
    }
    status.code().and_then(|code| u32::try_from(code).ok()).unwrap_or(255)
}

fn carry<R, W>(from: Option<R>, mut to: W) -> JoinHandle<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Some(mut from) = from {
            // The end of either side ends the stream. The exit code reports the result.
            let _ended = tokio::io::copy(&mut from, &mut to).await;
        }
    })
}

/// Input of the client, buffered until it is complete, because a script is checked before a shell
/// sees any of it.
struct Input {
    bytes: Vec<u8>,
    stdin: Option<ChildStdin>,
}

enum Taken {
    More,
    Whole,
    Refused(String),
    Gone,
}

impl Input {
    fn new(stdin: Option<ChildStdin>) -> Self {
        Self { bytes: Vec::new(), stdin }
    }

    fn take(&mut self, message: Option<ChannelMsg>, host: &Host) -> Taken {
        match message {
            None | Some(ChannelMsg::Close) => Taken::Gone,
            Some(ChannelMsg::Data { data }) => {
                self.bytes.extend_from_slice(&data);
                if self.bytes.len() > guard::TEXT_MAX {
                    return Taken::Refused(format!("the pretend host takes at most {} bytes", guard::TEXT_MAX));
                }
                Taken::More
            }
            Some(ChannelMsg::Eof) => match guard::check(&String::from_utf8_lossy(&self.bytes), host.root()) {
                Ok(()) => Taken::Whole,
                Err(why) => Taken::Refused(why),
            },
            // russh defines these messages; none of the others carries input.
            Some(_) => Taken::More,
        }
    }

    fn deliver(&mut self) {
        let Some(mut stdin) = self.stdin.take() else { return };
        let bytes = std::mem::take(&mut self.bytes);
        tokio::spawn(async move {
            // A command may close its input without reading it; this is no failure.
            let _closed = stdin.write_all(&bytes).await;
        });
    }
}
