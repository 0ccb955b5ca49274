//! The examples of AWS's test suite for Signature Version 4, each also with one part changed.

use axum::http::{HeaderName, HeaderValue};

use super::*;

const KEY_ID: &str = "AKIDEXAMPLE";
const WHEN: &str = "20150830T123600Z";
/// Time of the examples, in ms since 1970.
const NOW: i64 = 1_440_938_160_000;
/// Signature of `post-x-www-form-urlencoded` without a signed length.
const FORM: &str = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";

fn expected() -> Expected<'static> {
    Expected {
        key_id: KEY_ID,
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service",
        now_ms: NOW,
    }
}

fn headers(signed: &str, signature: &str, more: &[(&str, &str)]) -> HeaderMap {
    let authorization = format!(
        "{ALGORITHM} Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, \
         Signature={signature}"
    );
    let first = [("host", "example.amazonaws.com"), ("x-amz-date", WHEN), ("authorization", &authorization)];
    first
        .into_iter()
        .chain(more.iter().copied())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn form() -> HeaderMap {
    headers("content-type;host;x-amz-date", FORM, &[("content-type", "application/x-www-form-urlencoded")])
}

fn posted(headers: &HeaderMap, body: &[u8], expected: Expected<'_>) -> Result<(), Refusal> {
    check(Sent { method: &Method::POST, uri: &Uri::from_static("/"), headers, body }, expected)
}

/// Checks the suite's form after a change of its `Authorization` header.
fn with_authorization(from: &str, to: &str) -> Result<(), Refusal> {
    let mut sent = form();
    let was = sent["authorization"].to_str().unwrap().to_owned();
    assert!(was.contains(from));
    sent.insert("authorization", was.replace(from, to).parse().unwrap());
    posted(&sent, b"Param1=value1", expected())
}

fn mismatch(result: Result<(), Refusal>) -> String {
    match result {
        Err(Refusal::Mismatch(why)) => why,
        other => panic!("not a mismatch: {other:?}"),
    }
}

#[test]
fn accepts_the_signatures_of_aws_examples() {
    let examples = [
        (Method::GET, "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (Method::POST, "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Method::GET,
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ];
    for (method, uri, signature) in examples {
        let headers = headers("host;x-amz-date", signature, &[]);
        let uri: Uri = uri.parse().unwrap();
        assert_eq!(
            check(Sent { method: &method, uri: &uri, headers: &headers, body: b"" }, expected()),
            Ok(()),
            "{method} {uri}"
        );
    }
    assert_eq!(posted(&form(), b"Param1=value1", expected()), Ok(()));
}

#[test]
fn changed_body_secret_method_or_header_breaks_the_signature() {
    assert!(mismatch(posted(&form(), b"Param1=value2", expected())).contains("does not match"));
    let other = Expected { secret: "another", ..expected() };
    assert!(mismatch(posted(&form(), b"Param1=value1", other)).contains("does not match"));
    let mut headers = form();
    headers.insert("host", HeaderValue::from_static("evil.example"));
    assert!(mismatch(posted(&headers, b"Param1=value1", expected())).contains("does not match"));
    let headers = form();
    let get = Sent { method: &Method::GET, uri: &Uri::from_static("/"), headers: &headers, body: b"Param1=value1" };
    assert!(mismatch(check(get, expected())).contains("does not match"));
    for signature in ["", "f", "zz", &FORM[..62], &FORM.replace("ff1", "ff2")] {
        assert!(mismatch(with_authorization(FORM, signature)).contains("does not match"), "{signature}");
    }
}

#[test]
fn signature_is_valid_for_five_minutes_on_each_side() {
    let minutes = |minutes: i64, ms: i64| Expected { now_ms: NOW + minutes * 60_000 + ms, ..expected() };
    for expected in [minutes(5, 0), minutes(-5, 0)] {
        assert_eq!(posted(&form(), b"Param1=value1", expected), Ok(()));
    }
    assert!(mismatch(posted(&form(), b"Param1=value1", minutes(5, 1))).starts_with("Signature expired: "));
    assert!(mismatch(posted(&form(), b"Param1=value1", minutes(-5, -1))).starts_with("Signature not yet current: "));
}

#[test]
fn refuses_a_scope_of_another_region_service_or_day() {
    assert!(mismatch(with_authorization("us-east-1", "eu-west-1")).contains("valid region"));
    assert!(mismatch(with_authorization("/service/", "/ecs/")).contains("correct service"));
    assert!(mismatch(with_authorization("/20150830/", "/20150829/")).contains("Date in Credential scope"));
    assert!(mismatch(with_authorization("aws4_request", "aws5_request")).contains("terminator"));
}

#[test]
fn headers_that_aws_acts_on_must_be_signed() {
    assert!(mismatch(with_authorization("content-type;host;", "content-type;")).contains("'Host'"));
    let mut headers = form();
    headers.insert("x-amz-target", HeaderValue::from_static("AmazonEC2ContainerServiceV20141113.ListTasks"));
    assert!(mismatch(posted(&headers, b"Param1=value1", expected())).contains("'x-amz-target'"));
}

#[test]
fn refuses_an_unknown_key_or_session() {
    assert_eq!(with_authorization(KEY_ID, "AKIDNOBODY"), Err(Refusal::UnknownKey));
    let mut headers = form();
    headers.insert("x-amz-security-token", HeaderValue::from_static("of-somebody"));
    assert_eq!(posted(&headers, b"Param1=value1", expected()), Err(Refusal::UnknownKey));
}

#[test]
fn error_names_the_missing_part() {
    let mut headers = form();
    headers.remove("authorization");
    assert_eq!(posted(&headers, b"Param1=value1", expected()), Err(Refusal::Missing));
    let mut headers = form();
    headers.remove("x-amz-date");
    assert!(matches!(posted(&headers, b"Param1=value1", expected()), Err(Refusal::Incomplete(_))));
    for part in ["Credential", "SignedHeaders", "Signature"] {
        let Err(Refusal::Incomplete(why)) = with_authorization(&format!("{part}="), "Other=") else {
            panic!("{part} is not missed");
        };
        assert!(why.contains(part), "{why}");
    }
    assert!(matches!(with_authorization("/20150830/", "/"), Err(Refusal::Incomplete(_))));
}

proptest::proptest! {
    #[test]
    fn no_random_header_makes_the_check_panic_or_pass(authorization in "\\PC{0,200}", when in "\\PC{0,30}", signed in "[a-z;-]{0,40}") {
        let values = [authorization.clone(), format!("{ALGORITHM} {authorization}"), format!(
            "{ALGORITHM} Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, SignedHeaders=host;{signed}, \
             Signature={authorization}"
        )];
        for value in values {
            let mut headers = form();
            headers.insert("authorization", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            for when in [when.as_str(), WHEN] {
                headers.insert("x-amz-date", HeaderValue::from_bytes(when.as_bytes()).unwrap());
                proptest::prop_assert!(posted(&headers, b"Param1=value1", expected()).is_err());
            }
        }
    }
}
