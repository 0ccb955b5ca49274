//! The handshake: which machine is believed, which key signs in, and which algorithms are used.

use greenlight_tests::support::ssh_host::PASSPHRASE;
use greenlight_types::Changed;

use super::*;

#[tokio::test]
async fn only_known_keys_sign_in() {
    let bench = Bench::new().await;
    let host = bench.host();
    let machine = &bench.machine;
    for (key, passphrase) in
        [(machine.rsa_pem_key(), None), (machine.ed25519_key(), None), (machine.passphrase_key(), Some(PASSPHRASE))]
    {
        let adapter = bench.adapter(key.clone(), passphrase).await;
        let answer =
            adapter.read(&host, "id -un", PATIENCE).await.unwrap_or_else(|failure| panic!("{key:?}: {failure}"));
        assert_eq!((answer.exit, answer.out.trim()), (Some(0), USER));
    }
    let stranger = bench.adapter(machine.stranger_key(), None).await.read(&host, "id", PATIENCE).await;
    assert_eq!(stranger.expect_err("a stranger is refused").code, ErrorCode::HostRefused);
    for (passphrase, problem) in [(None, "it needs a passphrase"), (Some("wrong"), "the passphrase is wrong")] {
        let locked = bench.adapter(machine.passphrase_key(), passphrase).await.read(&host, "id", PATIENCE).await;
        let failure = locked.expect_err("the key stays locked");
        assert_eq!(failure.code, ErrorCode::KeyFileUnreadable);
        assert!(failure.params["problem"].starts_with(problem), "{failure:?}");
    }
}

#[tokio::test]
async fn a_machine_with_another_fingerprint_gets_no_authentication() {
    let mut bench = Bench::new().await;
    let (adapter, confirmed) = (bench.usual().await, bench.host());
    let presented = adapter.fingerprints("127.0.0.1", confirmed.port).await.expect("its fingerprints");
    assert_eq!(presented.join(" "), confirmed.fingerprint);
    bench.machine.change_host_key().await.expect("another host key");
    let fresh = bench.usual().await;
    let refused = fresh.read(&confirmed, "touch seen", PATIENCE).await.expect_err("another machine");
    assert_eq!(refused.code, ErrorCode::HostChanged);
    let files = bench.machine.inside_as_user("ls").expect("a look");
    assert!(!files.contains("seen"), "nothing was sent");
}

#[tokio::test]
async fn fault_9_a_machine_with_several_host_keys_is_known_by_each() {
    let mut bench = Bench::new().await;
    bench.machine.add_host_keys(&["rsa", "ecdsa"]).await.expect("two more host keys");
    let confirmed = bench.host();
    let presented = bench.usual().await.fingerprints("127.0.0.1", confirmed.port).await.expect("its fingerprints");
    assert_eq!((presented.len(), presented.first()), (3, Some(&confirmed.fingerprint)));
    for fingerprint in presented {
        let known = HostAddress { fingerprint, ..confirmed.clone() };
        let read = bench.usual().await.read(&known, "echo here", PATIENCE).await.expect("it is the machine");
        assert_eq!(read.out, "here\n", "{}", known.fingerprint);
    }
    let other = HostAddress { fingerprint: "SHA256:another".to_owned(), ..confirmed };
    let refused = bench.usual().await.read(&other, "echo here", PATIENCE).await.expect_err("no key of it");
    assert_eq!(refused.code, ErrorCode::HostChanged);
}

#[tokio::test]
async fn fault_17_a_machine_with_nist_curves_only_is_reached() {
    let mut bench = Bench::new().await;
    bench.machine.set_in_sshd("KexAlgorithms ecdh-sha2-nistp256").await.expect("other settings");
    let read = bench.usual().await.read(&bench.host(), "echo here", PATIENCE).await.expect("it is the machine");
    assert_eq!(read.out, "here\n");
}

#[tokio::test]
async fn fault_17_a_machine_without_a_common_algorithm_is_named() {
    let mut bench = Bench::new().await;
    let adapter = bench.usual().await;
    bench.machine.set_in_sshd("KexAlgorithms sntrup761x25519-sha512@openssh.com").await.expect("other settings");
    let read = adapter.read(&bench.host(), "echo here", PATIENCE).await.expect_err("no common algorithm");
    let asked = adapter.fingerprints("127.0.0.1", bench.host().port).await.expect_err("no common algorithm");
    for failure in [read, asked] {
        assert_eq!((failure.code, failure.changed), (ErrorCode::NoCommonAlgorithm, Changed::Nothing), "{failure}");
        assert_eq!(failure.params["kind"], "key exchange");
        assert_eq!(failure.params["offered"], "sntrup761x25519-sha512@openssh.com");
    }
}
