//! The key file for the staging machine, and the reason why a file is no usable key.

use std::{io, path::Path};

use greenlight_engine::ports::{PortResult, SecretText};
use greenlight_types::{ErrorCode, Failure};
use russh::keys::PrivateKey;
use secrecy::zeroize::Zeroizing;
use tokio::io::AsyncReadExt as _;

use crate::{credentials::StagingKey, home};

/// Maximum size of a key file, in bytes. An RSA key of 16,384 bits has about 13,000.
const SIZE_MAX: u64 = 64 * 1024;
/// Characters before a key in a text file that some editors add.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A key file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Kind of the key, such as `ssh-ed25519`.
    pub kind: String,
    /// Whether other accounts of this computer may read the file. `ssh` refuses such a file.
    pub is_open: bool,
}

/// Reads a key file.
///
/// # Errors
/// `KeyFileUnreadable` with the cause.
pub async fn read(key: &StagingKey) -> PortResult<KeyFile> {
    let kind = load(key).await?.algorithm().to_string();
    Ok(KeyFile { kind, is_open: is_open(&home::expand(&key.path)) })
}

pub(crate) async fn load(StagingKey { path, passphrase }: &StagingKey) -> PortResult<PrivateKey> {
    let text = text_of(&home::expand(path)).await.map_err(|problem| unreadable(path, problem))?;
    let (passphrase, shown) = (passphrase.clone(), path.clone());
    // On another thread: deriving a key from a passphrase is slow on purpose.
    let decoded = tokio::task::spawn_blocking(move || {
        russh::keys::decode_secret_key(&text, passphrase.as_ref().map(SecretText::expose)).map_err(|error| {
            let is_encrypted = text.contains("ENCRYPTED")
                || text.contains("DEK-Info")
                || matches!(error, russh::keys::Error::KeyIsEncrypted);
            if let Some(flaw) = flaw(&text) {
                unreadable(&shown, flaw.problem.to_owned()).hint(flaw.way_on)
            } else if is_encrypted && passphrase.is_none() {
                unreadable(&shown, "it needs a passphrase".to_owned())
            } else if is_encrypted || passphrase.is_some() {
                unreadable(&shown, "the passphrase is wrong, or the file uses an old cipher".to_owned())
                    .hint("An old file is converted with: ssh-keygen -p -f FILE")
            } else {
                unreadable(&shown, error.to_string())
            }
        })
    });
    decoded.await.map_err(|error| unreadable(path, error.to_string()))?
}

/// The text of the file, or the problem in words.
async fn text_of(path: &Path) -> Result<Zeroizing<String>, String> {
    const IN_WORDS: [(io::ErrorKind, &str); 3] = [
        (io::ErrorKind::NotFound, "no file is there"),
        (io::ErrorKind::PermissionDenied, "this account may not read the file"),
        (io::ErrorKind::InvalidData, "it is no key file: it is not text"),
    ];
    let in_words = |error: io::Error| {
        let known = IN_WORDS.iter().find(|(kind, _)| *kind == error.kind());
        known.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
    };
    let file = tokio::fs::File::open(path).await.map_err(in_words)?;
    let mut text = Zeroizing::new(String::new());
    file.take(SIZE_MAX + 1).read_to_string(&mut text).await.map_err(in_words)?;
    if text.len() as u64 > SIZE_MAX {
        return Err("it is no key file: it is larger than 64 KiB".to_owned());
    }
    Ok(text)
}

/// Why a text is no private key that this app can read.
struct Flaw {
    problem: &'static str,
    way_on: &'static str,
}

/// The first flaw of a text that did not read as a private key. `None` when its outer form is that
/// of one.
fn flaw(text: &str) -> Option<Flaw> {
    const CHOOSE: &str = "Choose the file that holds the private key; its first line has the words PRIVATE KEY.";
    const AGAIN: &str = "Get the file once more, as it was made, without an editor or a mail in between.";
    let found = |problem, way_on| Some(Flaw { problem, way_on });
    let first = text.lines().next().unwrap_or_default();
    if text.trim().is_empty() {
        return found("the file is empty", CHOOSE);
    }
    if first.starts_with(BYTE_ORDER_MARK) {
        return found("it begins with a byte-order mark, which an editor added", AGAIN);
    }
    let is_public =
        ["ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC KEY"].iter().any(|start| first.starts_with(start))
            || first.contains("BEGIN PUBLIC KEY");
    if is_public {
        return found("it is the public key", "Choose the file beside it whose name does not end in .pub.");
    }
    if first.contains("BEGIN CERTIFICATE") {
        return found("it is a certificate, not a key", CHOOSE);
    }
    if text.contains("BEGIN DSA PRIVATE KEY") {
        return found("it is a DSA key, which SSH no longer accepts", "Ask for a new key of the kind ed25519.");
    }
    if !text.contains("-----BEGIN ") || !text.contains("PRIVATE KEY-----") {
        return found("it is no private key", CHOOSE);
    }
    if !text.contains("-----END ") {
        return found("its end is missing", AGAIN);
    }
    if text.trim().lines().count() < 3 {
        return found("its line breaks are lost", AGAIN);
    }
    if !first.starts_with("-----BEGIN ") || text.lines().any(|line| line.starts_with([' ', '\t'])) {
        return found("its lines are indented, or have text before them", AGAIN);
    }
    None
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// On Windows the profile folder of the person keeps others out.
#[cfg(not(unix))]
fn is_open(_path: &Path) -> bool {
    false
}

fn unreadable(path: &str, why: String) -> Failure {
    Failure::new(ErrorCode::KeyFileUnreadable, format!("read the staging machine key {path}"))
        .with("path", path)
        .with("problem", why.clone())
        .because(why)
        .hint("Open Access and choose the key file again.")
}

#[cfg(test)]
mod tests {
    use russh::keys::{Algorithm, ssh_key::LineEnding};

    use super::*;

    fn good() -> PrivateKey {
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a key")
    }

    fn pem(name: &str) -> Vec<u8> {
        format!("-----BEGIN {name}-----\nMIIB\n-----END {name}-----\n").into_bytes()
    }

    async fn load_text(text: &[u8]) -> PortResult<PrivateKey> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, text).expect("written");
        load(&StagingKey { path: path.display().to_string(), passphrase: None }).await
    }

    #[tokio::test]
    async fn tells_why_a_file_is_no_usable_key() {
        let key = good();
        let text = key.to_openssh(LineEnding::LF).expect("its text").to_string();
        assert_eq!(load_text(text.as_bytes()).await.expect("the key").public_key(), key.public_key());
        let public = key.public_key().to_openssh().expect("its text");
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        let middle = text.len() / 2;
        let cases: [(Vec<u8>, &str); 11] = [
            (Vec::new(), "the file is empty"),
            (b"my notes\nof today\n".to_vec(), "it is no private key"),
            (vec![0xff, 0xfe, 0x00], "it is no key file: it is not text"),
            (vec![b'a'; 70_000], "it is no key file: it is larger than 64 KiB"),
            (public.into_bytes(), "it is the public key"),
            (pem("CERTIFICATE"), "it is a certificate, not a key"),
            (pem("DSA PRIVATE KEY"), "it is a DSA key, which SSH no longer accepts"),
            (format!("\u{feff}{text}").into_bytes(), "it begins with a byte-order mark, which an editor added"),
            (text.as_bytes()[..middle].to_vec(), "its end is missing"),
            (text.replace('\n', "").into_bytes(), "its line breaks are lost"),
            (indented.into_bytes(), "its lines are indented, or have text before them"),
        ];
        for (text, problem) in cases {
            let failure = load_text(&text).await.expect_err(problem);
            assert_eq!(failure.code, ErrorCode::KeyFileUnreadable);
            assert_eq!(failure.params["problem"], problem);
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn says_whether_other_accounts_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, good().to_openssh(LineEnding::LF).expect("its text")).expect("written");
        let saved = StagingKey { path: path.display().to_string(), passphrase: None };
        for (mode, is_open) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
            let kind = "ssh-ed25519".to_owned();
            assert_eq!(read(&saved).await.expect("the key"), KeyFile { kind, is_open });
        }
    }
}
