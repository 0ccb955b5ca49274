//! Secrets out, placeholders in: before the journal, the spool, the log file, the page and an export.
//!
//! Finds registered secrets in their usual encodings, and shapes that are secrets wherever they stand. Keeps nothing on
//! disk and decides nothing else.

#[cfg(test)]
mod tests;

use std::sync::{LazyLock, PoisonError, RwLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_types::Failure;
use regex::{Captures, Regex};
use serde::{Serialize, de::DeserializeOwned};

/// Shortest secret that is looked for; shorter ones would blank out ordinary words.
const SHORTEST: usize = 4;
/// Shortest secret whose encodings are looked for.
const SHORTEST_ENCODED: usize = 6;

/// The registry of secrets in use. Shared; a secret is added before it is first used.
#[derive(Default)]
pub struct Redactor {
    known: RwLock<Vec<Known>>,
}

/// One secret in all its spellings.
struct Known {
    label: String,
    spellings: Vec<String>,
}

impl Redactor {
    /// Looks for this secret from now on and writes `[label]` in its place. Replaces nothing that was registered
    /// before: an old secret stays a secret.
    pub fn add(&self, label: &str, secret: &str) {
        let mut spellings: Vec<String> = Vec::new();
        // A key with line breaks appears line by line in logs.
        for part in std::iter::once(secret).chain(secret.lines().filter(|line| line.len() >= 16)) {
            spellings.extend(spell(part.trim()));
        }
        // The longest first, so that no part of a secret remains beside the placeholder.
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        spellings.dedup();
        if !spellings.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if !known.iter().any(|other| other.spellings == spellings) {
                known.push(Known { label: format!("[{label}]"), spellings });
            }
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for known in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for spelling in &known.spellings {
                if clean.contains(spelling.as_str()) {
                    clean = clean.replace(spelling.as_str(), &known.label);
                }
            }
        }
        shapes(&clean)
    }

    /// The failure without secrets.
    #[must_use]
    pub fn failure(&self, mut failure: Failure) -> Failure {
        failure.summary = self.text(&failure.summary);
        for text in failure.causes.iter_mut().chain(&mut failure.hints).chain(failure.params.values_mut()) {
            *text = self.text(text);
        }
        failure
    }

    /// Any value of ours without secrets: every text in it is cleaned. The value itself when it has no JSON form.
    #[must_use]
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        let Ok(mut json) = serde_json::to_value(&value) else { return value };
        self.clean(&mut json);
        serde_json::from_value(json).unwrap_or(value)
    }

    fn clean(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => *text = self.text(text),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| self.clean(field)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
}

/// Cleans the lines of ONE source in order: a private key goes over several lines, so a line alone does not show it.
#[derive(Default)]
pub struct Lines {
    is_in_key: bool,
}

impl Lines {
    /// The next line without secrets.
    #[must_use]
    pub fn next(&mut self, redactor: &Redactor, line: &str) -> String {
        if self.is_in_key {
            // A block that never ends must not swallow the rest of the log: only what looks like a key is hidden.
            let looks_like_key = !line.trim().is_empty() && !line.trim().contains(' ') || line.contains(": ");
            self.is_in_key = looks_like_key && !line.contains("-----END");
            if looks_like_key || line.contains("-----END") {
                return "[private key]".to_owned();
            }
        }
        self.is_in_key = BEGINS.is_match(line) && !line.contains("-----END");
        redactor.text(line)
    }
}

/// Cuts an output into whole lines, however its bytes arrive, and cleans them: a secret split over two reads is still
/// found.
#[derive(Default)]
pub struct Stream {
    rest: Vec<u8>,
    lines: Lines,
}

/// Longest line; a longer one is cut there, with an overlap kept together by cleaning before cutting.
const LONGEST_LINE: usize = 64 * 1024;

impl Stream {
    /// Goes on at the beginning of a line; `is_in_key` as [`Self::is_in_key`] said it there.
    #[must_use]
    pub fn resumed(is_in_key: bool) -> Self {
        Self { rest: Vec::new(), lines: Lines { is_in_key } }
    }

    /// Bytes that were taken and are no whole line yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.rest.len()
    }

    /// Whether the last whole line stands inside a private key.
    #[must_use]
    pub fn is_in_key(&self) -> bool {
        self.lines.is_in_key
    }

    /// Takes bytes, gives the whole lines in them.
    pub fn push(&mut self, redactor: &Redactor, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n').or(self.too_long()) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            found.push(self.line(redactor, &line));
        }
        found
    }

    /// The last line when the source has ended without a line break.
    pub fn finish(&mut self, redactor: &Redactor) -> Option<String> {
        let line = std::mem::take(&mut self.rest);
        (!line.is_empty()).then(|| self.line(redactor, &line))
    }

    fn too_long(&self) -> Option<usize> {
        (self.rest.len() > LONGEST_LINE).then_some(LONGEST_LINE)
    }

    fn line(&mut self, redactor: &Redactor, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        self.lines.next(redactor, text.trim_end_matches(['\n', '\r']))
    }
}

/// The secret as it is, in JSON, in a URL, in hex, and in base64 at each of the three places it can start at.
fn spell(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let mut found = vec![secret.to_owned()];
    if secret.len() >= SHORTEST_ENCODED {
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        found.extend([hex.to_uppercase(), hex]);
        for skip in 0..3_usize {
            let padded = [&[0_u8; 2][..skip.min(2)], bytes].concat();
            // Only characters that the secret alone decides.
            let from = (skip * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            let text: String = STANDARD.encode(&padded).chars().take(to).skip(from).collect();
            found.extend([text.replace('+', "-").replace('/', "_"), text]);
        }
        found.extend([url(bytes, false), url(bytes, true)]);
        if let Ok(json) = serde_json::to_string(secret) {
            found.push(json.trim_matches('"').to_owned());
        }
    }
    found
}

fn url(bytes: &[u8], is_lower: bool) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            _ if is_lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

static BEGINS: LazyLock<Regex> = LazyLock::new(|| pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"));

/// Shapes that are secrets wherever they stand, with what stands in their place.
static SHAPES: LazyLock<[(Regex, &str); 7]> = LazyLock::new(|| {
    [
        (
            pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)"),
            "[private key]",
        ),
        (pattern(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "[AWS key id]"),
        (pattern(r"\bgh[pousr]_[A-Za-z0-9]{16,}"), "[GitHub token]"),
        (pattern(r"\bgithub_pat_[A-Za-z0-9_]{16,}"), "[GitHub token]"),
        (pattern(r"(?P<keep>://)[^/\s:@]*:[^/\s@]+@"), "[password]@"),
        (
            pattern(
                r#"(?i)(?P<keep>"[a-z_.-]*(?:password|passwd|passphrase|secret|token)[a-z_.-]*"\s*:\s*)"(?:[^"\\]|\\.)*""#,
            ),
            "\"[password]\"",
        ),
        (
            pattern(
                r#"(?i)(?P<keep>(?:password|passwd|pwd|passphrase|secret|secret_access_key|token)\s*=\s*)(?:"[^"]*"|'[^']*'|[^\s"',;&\[]+)"#,
            ),
            "[password]",
        ),
    ]
});

#[expect(clippy::expect_used, reason = "the patterns are constants of this file and every one is used by a test")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

fn shapes(text: &str) -> String {
    let mut clean = text.to_owned();
    for (shape, placeholder) in SHAPES.iter() {
        if shape.is_match(&clean) {
            let replace =
                |found: &Captures<'_>| format!("{}{placeholder}", found.name("keep").map_or("", |keep| keep.as_str()));
            clean = shape.replace_all(&clean, replace).into_owned();
        }
    }
    clean
}
