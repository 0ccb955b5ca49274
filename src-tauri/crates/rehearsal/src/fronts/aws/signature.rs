//! Checks AWS Signature Version 4 from the raw request, independently of the client's signer.
//!
//! Source: "Create a signed AWS API request"
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//! Presigned addresses and chunked bodies are not supported, because no front of the simulator
//! takes them.

use std::{collections::BTreeMap, fmt::Write as _};

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Largest accepted difference of the client's clock, in ms.
const SKEW_MS: i64 = 5 * 60 * 1_000;
/// Only accepted algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Refusal of a signature. Each variant is another error of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is not signed.
    Missing,
    /// A part of the signature is missing or unreadable, with AWS's text.
    Incomplete(String),
    /// The key id or a session token is unknown.
    UnknownKey,
    /// The signature does not match key, request, scope or time, with AWS's text.
    Mismatch(String),
}

/// Expected credentials, scope and time of a signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// Access key id of the caller.
    pub key_id: &'a str,
    /// Secret access key.
    pub secret: &'a str,
    /// Region in the scope: `us-east-1`.
    pub region: &'a str,
    /// Signing name of the service: `ecs`.
    pub service: &'a str,
    /// Real time now, in ms since 1970.
    pub now_ms: i64,
}

/// A request as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// The parsed `Authorization` header.
struct Claim<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    scope: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

/// Checks the signature of a request.
///
/// # Errors
/// The first problem, in the order in which AWS checks.
pub(crate) fn check(sent: Sent<'_>, expected: Expected<'_>) -> Result<(), Refusal> {
    let Some(authorization) = sent.headers.get("authorization") else { return Err(Refusal::Missing) };
    let authorization =
        authorization.to_str().map_err(|_| Refusal::Incomplete("Authorization header is not readable.".to_owned()))?;
    let claim = Claim::read(authorization)?;
    let when = sent.headers.get("x-amz-date").and_then(|value| value.to_str().ok()).ok_or_else(|| {
        let why = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        Refusal::Incomplete(format!("{why} Authorization={ALGORITHM}"))
    })?;
    let when_ms = moment(when).ok_or_else(|| {
        Refusal::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            short(when)
        ))
    })?;
    if claim.key_id != expected.key_id || sent.headers.contains_key("x-amz-security-token") {
        return Err(Refusal::UnknownKey);
    }
    in_scope(&claim, when, expected)?;
    in_time(when, when_ms, expected.now_ms)?;
    all_signed(&claim, sent.headers)?;
    let text = string_to_sign(when, claim.scope, &canonical(sent, &claim.signed)?);
    let wrong = || {
        Refusal::Mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        )
    };
    let given = bytes_of(claim.signature).ok_or_else(wrong)?;
    let key = signing_key(expected.secret, claim.date, claim.region, claim.service).ok_or_else(wrong)?;
    let mac = keyed(&key, text.as_bytes()).ok_or_else(wrong)?;
    // Compares in constant time.
    mac.verify_slice(&given).map_err(|_| wrong())
}

impl<'a> Claim<'a> {
    fn read(header: &'a str) -> Result<Self, Refusal> {
        let Some(rest) = header.strip_prefix(ALGORITHM) else {
            return Err(Refusal::Incomplete("Unsupported AWS 'algorithm'.".to_owned()));
        };
        let parts: BTreeMap<&str, &str> = rest.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let part = |name: &str| {
            parts
                .get(name)
                .copied()
                .ok_or_else(|| Refusal::Incomplete(format!("Authorization header requires '{name}' parameter.")))
        };
        let (credential, signature, signed) = (part("Credential")?, part("Signature")?, part("SignedHeaders")?);
        let unreadable = || {
            Refusal::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                short(credential)
            ))
        };
        let (key_id, scope) = credential.split_once('/').ok_or_else(unreadable)?;
        let scope_parts: Vec<&str> = scope.split('/').collect();
        let &[date, region, service, term] = scope_parts.as_slice() else { return Err(unreadable()) };
        if term != "aws4_request" {
            return Err(Refusal::Mismatch(
                "Credential should be scoped with a valid terminator: 'aws4_request'.".to_owned(),
            ));
        }
        Ok(Self { key_id, date, region, service, scope, signed: signed.split(';').collect(), signature })
    }
}

fn in_scope(claim: &Claim<'_>, when: &str, expected: Expected<'_>) -> Result<(), Refusal> {
    if claim.region != expected.region {
        return Err(Refusal::Mismatch(format!(
            "Credential should be scoped to a valid region, not '{}'. ",
            short(claim.region)
        )));
    }
    if claim.service != expected.service {
        return Err(Refusal::Mismatch(format!(
            "Credential should be scoped to correct service: '{}'. ",
            expected.service
        )));
    }
    if !when.starts_with(claim.date) || claim.date.len() != 8 {
        return Err(Refusal::Mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}'.",
            short(claim.date),
            when.split('T').next().unwrap_or_default()
        )));
    }
    Ok(())
}

fn in_time(when: &str, when_ms: i64, now_ms: i64) -> Result<(), Refusal> {
    let (earliest, latest) = (now_ms.saturating_sub(SKEW_MS), now_ms.saturating_add(SKEW_MS));
    if when_ms < earliest {
        return Err(Refusal::Mismatch(format!(
            "Signature expired: {when} is now earlier than {} ({} - 5 min.)",
            basic(earliest),
            basic(now_ms)
        )));
    }
    if when_ms > latest {
        return Err(Refusal::Mismatch(format!(
            "Signature not yet current: {when} is still later than {} ({} + 5 min.)",
            basic(latest),
            basic(now_ms)
        )));
    }
    Ok(())
}

/// Checks that the signature covers the host and every header that AWS acts on.
fn all_signed(claim: &Claim<'_>, headers: &HeaderMap) -> Result<(), Refusal> {
    if !claim.signed.contains(&"host") {
        return Err(Refusal::Mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let is_bare = |name: &&str| name.starts_with("x-amz-") && !claim.signed.contains(name);
    headers.keys().map(axum::http::HeaderName::as_str).find(is_bare).map_or(Ok(()), |name| {
        Err(Refusal::Mismatch(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")))
    })
}

/// The canonical request of the signature.
fn canonical(sent: Sent<'_>, signed: &[&str]) -> Result<String, Refusal> {
    let mut lines = String::new();
    for name in signed {
        let values: Vec<String> = sent
            .headers
            .get_all(*name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        if values.is_empty() {
            return Err(Refusal::Mismatch(format!("'{}' is signed but was not sent.", short(name))));
        }
        // Writing to a `String` never fails.
        let _ok = writeln!(lines, "{name}:{}", values.join(","));
    }
    let mut pairs: Vec<String> = sent
        .uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    pairs.sort();
    Ok(format!(
        "{}\n{}\n{}\n{lines}\n{}\n{:x}",
        sent.method,
        encoded_path(sent.uri.path()),
        pairs.join("&"),
        signed.join(";"),
        Sha256::digest(sent.body)
    ))
}

/// Every service except S3 signs the path with one more encoding.
fn encoded_path(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a `String` never fails.
            let _ok = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn string_to_sign(when: &str, scope: &str, canonical: &str) -> String {
    format!("{ALGORITHM}\n{when}\n{scope}\n{:x}", Sha256::digest(canonical.as_bytes()))
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Option<Vec<u8>> {
    let start = format!("AWS4{secret}").into_bytes();
    [date, region, service, "aws4_request"]
        .into_iter()
        .try_fold(start, |key, part| Some(keyed(&key, part.as_bytes())?.finalize().into_bytes().to_vec()))
}

fn keyed(key: &[u8], data: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(data);
    Some(mac)
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    digits?.chunks(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect()
}

/// Parses `20261123T194200Z` to ms since 1970.
fn moment(text: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn basic(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
