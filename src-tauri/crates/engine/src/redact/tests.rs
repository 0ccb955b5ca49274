//! Tests of the redactor: every spelling of a canary, every split of a stream.

use greenlight_types::ErrorCode;
use proptest::prelude::*;

use super::*;

const CANARY: &str = "c4nary/Se+cret\"x\\y=zq";

fn redactor() -> Redactor {
    let redactor = Redactor::default();
    redactor.add("GitHub token", CANARY);
    redactor
}

#[test]
fn each_encoding_of_a_secret_is_replaced() {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for before in ["", "a", "ab", "abc"] {
        let blob = STANDARD.encode(format!("{before}{CANARY}:more"));
        let clean = redactor().text(&format!("Authorization {blob} end"));
        assert!(clean.contains("[GitHub token]") && clean.ends_with(" end"), "{before}: {clean}");
    }
    let json = serde_json::to_string(CANARY).expect("a text");
    for text in [CANARY.to_owned(), hex.clone(), hex.to_uppercase(), url(CANARY.as_bytes(), false), json] {
        let clean = redactor().text(&format!("before {text} after"));
        assert!(clean.contains("[GitHub token]"), "{text}: {clean}");
        assert!(!clean.contains("c4nary"), "{clean}");
    }
}

#[test]
fn shapes_of_secrets_are_replaced_although_nobody_registered_them() {
    let redactor = Redactor::default();
    for (text, clean) in [
        ("key AKIAIOSFODNN7EXAMPLE.", "key [AWS key id]."),
        ("ghp_0123456789abcdef0123", "[GitHub token]"),
        ("github_pat_11ABCDEFG0123456789_x", "[GitHub token]"),
        ("jdbc password=hunter2; next", "jdbc password=[password]; next"),
        ("DB_PASSWORD = 'two words' x", "DB_PASSWORD = [password] x"),
        ("{\"dbPassword\": \"a\\\"b\", \"n\": 1}", "{\"dbPassword\": \"[password]\", \"n\": 1}"),
        ("https://user:pw@host/x", "https://[password]@host/x"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a [private key] b"),
        ("the token of GitHub was refused: password wrong", "the token of GitHub was refused: password wrong"),
    ] {
        assert_eq!(redactor.text(text), clean);
    }
}

#[test]
fn a_private_key_is_hidden_line_by_line_and_the_log_goes_on_after_it() {
    let mut lines = Lines::default();
    let redactor = Redactor::default();
    let log =
        "start\n-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nqwerty\n-----END RSA PRIVATE KEY-----\nthe end";
    let clean: Vec<String> = log.lines().map(|line| lines.next(&redactor, line)).collect();
    assert_eq!(clean, ["start", "[private key]", "[private key]", "[private key]", "[private key]", "the end"]);
}

#[test]
fn a_key_that_never_ends_does_not_swallow_the_log() {
    let mut lines = Lines::default();
    let redactor = Redactor::default();
    let _ = lines.next(&redactor, "-----BEGIN PRIVATE KEY-----");
    assert_eq!(lines.next(&redactor, "an ordinary line of words"), "an ordinary line of words");
}

#[test]
fn failures_and_values_lose_their_secrets_everywhere() {
    let failure = Failure::new(ErrorCode::Unreachable, format!("ask {CANARY}"))
        .because(format!("sent {CANARY}"))
        .hint(CANARY)
        .with("url", CANARY);
    for clean in [redactor().failure(failure.clone()), redactor().value(failure)] {
        assert!(!format!("{clean:?}").contains("c4nary"), "{clean:?}");
        assert_eq!(clean.code, ErrorCode::Unreachable);
    }
}

#[test]
fn a_short_secret_does_not_blank_out_ordinary_words() {
    let redactor = Redactor::default();
    redactor.add("passphrase", "a");
    redactor.add("passphrase", "");
    assert_eq!(redactor.text("a banana"), "a banana");
}

proptest! {
    #[test]
    fn a_secret_is_found_however_the_bytes_arrive(cuts in prop::collection::vec(0_usize..60, 0..6)) {
        let text = format!("one\r\nleft {CANARY} right\nlast {CANARY}");
        let (redactor, mut stream, mut found) = (redactor(), Stream::default(), Vec::new());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            found.extend(stream.push(&redactor, &text.as_bytes()[from..cut]));
            from = cut;
        }
        found.extend(stream.finish(&redactor));
        prop_assert_eq!(found, ["one", "left [GitHub token] right", "last [GitHub token]"]);
    }

    #[test]
    fn no_text_makes_it_panic(secret in ".*", text in ".*") {
        let redactor = Redactor::default();
        redactor.add("x", &secret);
        let _ = Lines::default().next(&redactor, &text);
    }

    #[test]
    fn no_secret_survives(secret in "[!-~]{8,40}", before in "[ -~]{0,10}", after in "[ -~]{0,10}") {
        prop_assume!(!"[GitHub token]".contains(&secret) && !"[password]".contains(&secret));
        let redactor = Redactor::default();
        redactor.add("x", &secret);
        let clean = redactor.text(&[before, secret.clone(), after].concat());
        prop_assert!(!clean.contains(&secret));
    }
}
