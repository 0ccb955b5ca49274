//! The keychain adapter on a real GNOME Keyring. The session bus belongs to a process, so each
//! state is tested in a separate process: this test program again, with the environment of the
//! peer.

use std::process::Command;

use greenlight_adapters::keychain::{Keychain, KeychainEntries, Recipients};
use greenlight_engine::ports::{Credential, SecretText, Secrets};
use greenlight_tests::support::keychain::Keychain as Peer;
use greenlight_types::{CredentialKind, ErrorCode};

const SERVER: &str = "github.com";

/// Runs one of the ignored tests below in the peer's session.
fn looked_at_in(peer: &Peer, test: &str) {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env_clear()
        .envs(peer.env())
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("the test runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

/// The entries for a product whose code is at this server.
fn entries(server: &str) -> KeychainEntries {
    let (github, aws, staging_key) = (format!("rally: {server}"), "rally: 1".to_owned(), "rally".to_owned());
    Keychain::new().entries(Recipients { github, aws, staging_key })
}

fn github() -> Credential {
    Credential::Github { token: SecretText::new("canary-4711") }
}

#[tokio::test]
async fn an_unlocked_keychain_stores_replaces_and_removes_a_credential() {
    let peer = Peer::start().await.expect("a keychain");
    looked_at_in(&peer, "in_an_unlocked_keychain");
}

#[tokio::test]
async fn a_locked_keychain_is_reported_and_saves_nothing() {
    let peer = Peer::locked().await.expect("a locked keychain");
    looked_at_in(&peer, "in_a_locked_keychain");
}

#[tokio::test]
async fn a_missing_keychain_is_reported() {
    let peer = Peer::without_keyring().await.expect("a session without a keychain");
    looked_at_in(&peer, "without_a_keychain");
}

#[tokio::test]
#[ignore = "runs in the session of a peer, started by the test above"]
async fn in_an_unlocked_keychain() {
    let keychain = entries(SERVER);
    assert_eq!(keychain.get(CredentialKind::Github).await.expect("an answer"), None);
    let at_once = futures::future::join_all((0..64).map(|_| keychain.get(CredentialKind::Aws))).await;
    assert!(at_once.iter().all(|answer| *answer == Ok(None)), "the readiness checks ask at once: {at_once:?}");
    keychain.set(&github()).await.expect("saved");
    assert_eq!(entries(SERVER).get(CredentialKind::Github).await.expect("an answer"), Some(github()));
    assert_eq!(entries("evil.example").get(CredentialKind::Github).await.expect("an answer"), None);
    let aws = Credential::Aws { key_id: "AKIA".into(), secret: SecretText::new("one"), session: None };
    keychain.set(&aws).await.expect("saved");
    let replaced =
        Credential::Aws { key_id: "AKIB".into(), secret: SecretText::new("two"), session: Some(SecretText::new("s")) };
    keychain.set(&replaced).await.expect("replaced");
    assert_eq!(keychain.get(CredentialKind::Aws).await.expect("an answer"), Some(replaced));
    keychain.remove(CredentialKind::Aws).await.expect("removed");
    keychain.remove(CredentialKind::Aws).await.expect("removing what is absent changes nothing");
    assert_eq!(keychain.get(CredentialKind::Aws).await.expect("an answer"), None);
}

#[tokio::test]
#[ignore = "runs in the session of a peer, started by the test above"]
async fn in_a_locked_keychain() {
    let failure = entries(SERVER).set(&github()).await.expect_err("it is locked");
    assert_eq!(failure.code, ErrorCode::KeychainLocked, "{failure}");
    assert!(!failure.hints.is_empty());
}

#[tokio::test]
#[ignore = "runs in the session of a peer, started by the test above"]
async fn without_a_keychain() {
    let failure = entries(SERVER).get(CredentialKind::Github).await.expect_err("there is none");
    assert_eq!(failure.code, ErrorCode::KeychainMissing, "{failure}");
    assert!(!failure.hints.is_empty());
}
