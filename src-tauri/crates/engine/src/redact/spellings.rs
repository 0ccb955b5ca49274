//! The encodings in which a registered secret may appear: plain, JSON, URL, hex, base64, UTF-16.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

/// Shortest secret that is looked for; shorter ones would blank out ordinary words.
const SHORTEST: usize = 4;
/// Shortest secret whose encodings are looked for.
const SHORTEST_ENCODED: usize = 6;
/// Shortest line of a secret of several lines that is looked for alone.
const SHORTEST_LINE: usize = 16;

/// All spellings of a secret, longest first, so that no part of it remains beside the placeholder.
pub(super) fn of(secret: &str) -> Vec<SecretString> {
    let mut spellings: Vec<SecretString> = Vec::new();
    // A key with line breaks appears line by line in logs.
    let lines = secret.lines().filter(|line| line.len() >= SHORTEST_LINE);
    for part in [secret, secret.trim()].into_iter().chain(lines.map(str::trim)) {
        spellings.extend(spell(part));
    }
    spellings.sort_by(|one, other| {
        let (one, other) = (one.expose_secret(), other.expose_secret());
        other.len().cmp(&one.len()).then_with(|| one.cmp(other))
    });
    spellings.dedup_by(|one, other| one.expose_secret() == other.expose_secret());
    spellings
}

fn spell(secret: &str) -> Vec<SecretString> {
    if secret.trim().len() < SHORTEST {
        return Vec::new();
    }
    let mut found = vec![secret.to_owned()];
    if secret.len() >= SHORTEST_ENCODED {
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        found.extend([hex.to_uppercase(), hex]);
        found.extend(base64(bytes));
        let twice = Zeroizing::new(STANDARD.encode(bytes));
        found.extend(base64(twice.trim_end_matches('=').as_bytes()));
        found.extend([percent(bytes, false), percent(bytes, true)]);
        found.extend(json(secret));
        // UTF-16 that was read as bytes: each character of ASCII beside a zero.
        found.push(secret.chars().flat_map(|one| [one, '\0']).collect::<String>().trim_end_matches('\0').to_owned());
    }
    found.into_iter().map(SecretString::from).collect()
}

/// Base64 at each of the three places that a secret can start at; only characters that the secret
/// alone decides.
fn base64(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for skip in 0..3_usize {
        let padded = Zeroizing::new([&[0_u8; 2][..skip.min(2)], bytes].concat());
        let from = (skip * 8).div_ceil(6);
        let to = padded.len() * 8 / 6;
        let text: String = STANDARD.encode(&*padded).chars().take(to).skip(from).collect();
        found.extend([text.replace('+', "-").replace('/', "_"), text]);
    }
    found
}

/// The secret within a JSON text: as serde writes it, with `\/`, and with `\u003d` for the
/// characters of HTML.
fn json(secret: &str) -> Vec<String> {
    let Ok(quoted) = serde_json::to_string(secret) else { return Vec::new() };
    let plain = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
    let slashes = plain.replace('/', "\\/");
    let mut found = vec![];
    for text in [&plain, &slashes] {
        let escaped = |is_upper: bool| -> String {
            let escape = |one: char| match one {
                '=' | '<' | '>' | '&' | '\'' | '+' if is_upper => format!("\\u{:04X}", u32::from(one)),
                '=' | '<' | '>' | '&' | '\'' | '+' => format!("\\u{:04x}", u32::from(one)),
                other => other.to_string(),
            };
            text.chars().map(escape).collect()
        };
        let without_plus: String = text.replace('=', "\\u003d");
        found.extend([escaped(false), escaped(true), without_plus]);
    }
    found.extend([plain, slashes]);
    found
}

pub(super) fn percent(bytes: &[u8], is_lower: bool) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            _ if is_lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
