//! Shapes of secrets that are not registered: tokens of known services, private keys, and values
//! beside a name such as `password`.
//!
//! A pattern finds a candidate. `is_secret` decides by its name and value. Ordinary output stays:
//! `token = varchar`, `PWD=/home/ann`, `password: wrong`.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::span::Span;

/// Names whose value is a secret in almost any notation.
const STRONG: &str = "password|passwd|passphrase|passwort|pwd";
/// Names whose value is a secret only where it looks like one: they are also ordinary words.
const WEAK: &str = "secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|encryption[_-]?key|\
                    signing[_-]?key|auth[_-]?key|account[_-]?key|master[_-]?key|credentials?";
/// Value in quotes, in escaped quotes of a JSON text within another one, or up to the end of its
/// word.
const VALUE: &str = r#"(?:\\+"(?P<eq>[^"\r\n]*?)\\+"|"(?P<dq>(?:[^"\\]|\\.)*)"|'(?P<sq>(?:[^'\\\r\n]|\\.|'')*)'|["'](?P<oq>[^"'\r\n]+)|(?P<bare>[^\s"',;&<>][^\s"',;&<>]*))"#;
/// Words that follow a name in ordinary sentences, types of columns, and empty values.
const WORDS: [&str; 48] = [
    "varchar",
    "text",
    "char",
    "character",
    "string",
    "bytea",
    "blob",
    "int",
    "integer",
    "bigint",
    "uuid",
    "boolean",
    "null",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "not",
    "is",
    "was",
    "has",
    "are",
    "for",
    "and",
    "or",
    "in",
    "of",
    "the",
    "a",
    "to",
    "with",
    "required",
    "invalid",
    "incorrect",
    "wrong",
    "expired",
    "missing",
    "changed",
    "accepted",
    "rejected",
    "refused",
    "unknown",
    "empty",
    "ok",
    "authentication",
];
/// Ends of names that say something about a secret and do not hold it.
const ABOUT: [&str; 30] = [
    "file",
    "path",
    "policy",
    "url",
    "uri",
    "reset",
    "less",
    "authentication",
    "field",
    "length",
    "type",
    "encoder",
    "hint",
    "expires",
    "expiry",
    "expiration",
    "expiresin",
    "changed",
    "prompt",
    "id",
    "name",
    "arn",
    "count",
    "form",
    "manager",
    "store",
    "required",
    "env",
    "from",
    "valuefrom",
];
/// Fewest characters of a word beside a weak name that may be a secret.
const FEWEST: usize = 8;

/// How a candidate is judged.
#[derive(Clone, Copy)]
enum Check {
    /// Always a secret.
    Always,
    /// By the name before it and by its value.
    NameAndValue,
    /// By its value, which must not be a word of a sentence.
    Value,
    /// By its value, which must have a digit.
    Random,
}

struct Shape {
    pattern: Regex,
    placeholder: &'static str,
    check: Check,
}

/// Bytes without which no shape can match. One search of them spares most lines all others.
static HINT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        "(?i){STRONG}|{WEAK}|authorization|bearer|cookie|sess|x-[a-z-]*auth|-----BEGIN|:\\\\?/|AKIA|ASIA|gh[pousr]_|\
         github_pat_|xox|xapp|hooks\\.slack|eyJ|glpat|npm_|AIza|SG\\.|[sr]k_live|hvs\\.|identified|mysql|mariadb|\
         sshpass|curl|x-[a-z-]*key|\"(?:name|key)\\\\*\""
    ))
});

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let mut all = tokens();
    all.extend(assignments());
    all.extend(headers_and_urls());
    all.extend(pairs());
    all
});

pub(super) static KEY_BEGINS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"));

/// Tokens that a service marks as such, and private keys.
fn tokens() -> Vec<Shape> {
    let token = |text: &str, placeholder| Shape { pattern: pattern(text), placeholder, check: Check::Always };
    vec![
        token(
            r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
            "[private key]",
        ),
        token(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "[AWS key id]"),
        token(r"\bgh[pousr]_[A-Za-z0-9_]{16,}(?:[.-][A-Za-z0-9_-]+)*", "[GitHub token]"),
        token(r"\bgithub_pat_[A-Za-z0-9_]{16,}", "[GitHub token]"),
        token(r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}", "[Slack token]"),
        token(r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}", "[Slack token]"),
        token(r"\bhooks\.slack\.com/(?P<v>(?:services|workflows|triggers)/[A-Za-z0-9/_-]+)", "[Slack token]"),
        token(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,4}", "[token]"),
        token(
            r"\b(?:glpat-[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{36}|AIza[A-Za-z0-9_-]{35}|[sr]k_live_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|hvs\.[A-Za-z0-9_-]{20,})",
            "[token]",
        ),
    ]
}

/// A value beside a name that shows it.
fn strong(text: &str, check: Check) -> Shape {
    Shape { pattern: pattern(text), placeholder: "[password]", check }
}

/// Values beside a name, in files, shells and objects.
fn assignments() -> Vec<Shape> {
    let name = format!("{STRONG}|{WEAK}");
    vec![
        // key=value, key: value, "key": "value", also with escapes.
        strong(
            &format!(
                r#"(?i)(?P<key>[a-z0-9_.-]*(?:{name})[a-z0-9_.-]*)(?P<kq>\\*["']|\])?(?P<sep>[ \t]*(?:=>|:=|[:=]|\\u003[ad]|%3[ad])\s*){VALUE}"#
            ),
            Check::NameAndValue,
        ),
        // --password value; `=` is a case of the rule above.
        strong(
            &format!(
                "(?i)(?:^|[\\s\"'])--?(?P<key>(?:[a-z0-9]+-)*(?:password|passwd|passphrase|secret|token|api-key|access-key|secret-key))[ \\t]+{VALUE}"
            ),
            Check::Value,
        ),
        strong(
            r#"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin)\b[^\n|;&]{0,400}?\s-p(?:'(?P<sq>[^']*)'|"(?P<dq>[^"]*)"|(?P<bare>[^\s'"]+))"#,
            Check::Always,
        ),
        strong(r#"\bsshpass\s+-p\s*(?:'(?P<sq>[^']*)'|"(?P<dq>[^"]*)"|(?P<bare>[^\s'"]+))"#, Check::Always),
        strong(r#"\bcurl\b[^\n|;&]{0,400}?\s(?:-u|--user)[\s=]*["']?[^\s:"']+:(?P<bare>[^\s"']+)"#, Check::Always),
    ]
}

/// Secrets in headers of HTTP and in URLs.
fn headers_and_urls() -> Vec<Shape> {
    vec![
        // Headers of HTTP.
        strong(
            r#"(?i)authorization\\*["']?\s*[:=]\s*\\*["']?(?:basic|bearer|token|negotiate|apikey)\s+(?P<bare>[^\s"',\\]+)"#,
            Check::Always,
        ),
        strong(
            r#"(?i)authorization\\*["']?\s*[:=]\s*\\*["']?(?:digest|aws4-hmac-sha256)\s+(?P<bare>[^\r\n"'\\]+)"#,
            Check::Always,
        ),
        strong(r"(?i)\bauthorization:[ \t]*(?P<bare>[^\s\x22',\\]+)[ \t]*(?:$|[\r\n])", Check::Random),
        strong(r"(?i)\bbearer[ \t]+(?P<bare>[A-Za-z0-9._~+/=-]{16,})", Check::Random),
        strong(
            r#"(?i)\bx-[a-z-]*(?:key|token|secret|auth|password)\\*["']?\s*[:=]\s*\\*["']?(?P<bare>[^\s"',\\]+)"#,
            Check::Value,
        ),
        strong(r#"(?i)\b(?:set-)?cookie\\*["']?\s*[:=]\s*\\*["']?(?P<bare>[^\s=;,"']+=[^\r\n"'\\]*)"#, Check::Always),
        strong(r#"(?i)\b(?:jsessionid|phpsessid|session_?id|connect\.sid)=(?P<bare>[^\s;,"'&]+)"#, Check::Always),
        // The user part of a URL, up to the last `@` before the host ends.
        strong(r#"(?i)[a-z][a-z0-9+.-]*:(?:\\?/){2}(?P<bare>[^/\s:@"'<>]*:[^/\s"'<>]*)@"#, Check::Always),
        strong(r#"(?i)https?:(?:\\?/){2}(?P<bare>[^/\s:@?#"'<>]+)@"#, Check::Always),
    ]
}

/// Secrets in SQL and XML, and in pairs of a name and a value.
fn pairs() -> Vec<Shape> {
    let name = format!("{STRONG}|{WEAK}");
    vec![
        // SQL.
        strong(
            r#"(?i)\b(?:password|identified\s+(?:with\s+\S+\s+)?by(?:\s+password)?)\s+e?(?:'(?P<sq>(?:[^'\\]|''|\\.)*)'|"(?P<dq>[^"\r\n]*)")"#,
            Check::Value,
        ),
        // XML elements, properties of Spring and of Maven, and pairs of ECS.
        strong(
            &format!(r"(?i)<(?P<key>[a-z0-9_.:-]*(?:{name})[a-z0-9_.-]*)(?:\s[^<>]*)?>(?P<bare>[^<>]+)</"),
            Check::Value,
        ),
        strong(
            &format!(
                r#"(?i)\b(?:name|key)\s*=\s*["'](?P<key>[^"'<>]*(?:{name})[^"'<>]*)["'][^<>]*?(?:\bvalue\s*=\s*["'](?P<dq>[^"'<>]*)["']|>(?P<bare>[^<>]+)</)"#
            ),
            Check::Value,
        ),
        strong(
            &format!(
                r#"(?i)"(?:name|key)\\*"\s*:\s*\\*"(?P<key>[^"]*(?:{name}|key)[^"]*)"\s*,\s*\\*"value\\*"\s*:\s*(?:\\+"(?P<eq>[^"]*?)\\+"|"(?P<dq>(?:[^"\\]|\\.)*)")"#
            ),
            Check::Value,
        ),
        strong(
            &format!(
                r#"(?i)"value\\*"\s*:\s*(?:\\+"(?P<eq>[^"]*?)\\+"|"(?P<dq>(?:[^"\\]|\\.)*)")\s*,\s*\\*"(?:name|key)\\*"\s*:\s*\\*"(?P<key>[^"]*(?:{name}|key)[^"]*)""#
            ),
            Check::Value,
        ),
    ]
}

#[expect(clippy::expect_used, reason = "the patterns are constants of this file and every one is used by a test")]
fn pattern(text: &str) -> Regex {
    RegexBuilder::new(text).unicode(false).build().expect("a pattern of this file")
}

/// Adds every secret in the text that shows itself by its shape.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Span>) {
    if !HINT.is_match(bytes) {
        return;
    }
    for shape in SHAPES.iter() {
        let mut from = 0;
        while let Some(captures) = bytes.get(from..).and_then(|_| shape.pattern.captures_at(bytes, from)) {
            let Some(all) = captures.get(0) else { break };
            let hide = value(&captures);
            if is_secret(shape.check, &captures) {
                let placeholder = Cow::Borrowed(shape.placeholder);
                found.push(Span { hide: hide.clone(), whole: all.range(), placeholder });
                from = all.end().max(from + 1);
            } else {
                // A value that is no secret may itself be the name of one.
                from = hide.start.max(from + 1).min(all.end().max(from + 1));
            }
        }
    }
}

/// The bytes to hide: the value, with its quotes after `=` as it is usual in shells.
fn value(captures: &Captures<'_>) -> Range<usize> {
    let named = ["eq", "dq", "sq", "oq", "bare", "v"].iter().find_map(|name| captures.name(name));
    let Some(value) = named.or_else(|| captures.get(0)) else { return 0..0 };
    let is_quoted = captures.name("dq").is_some() || captures.name("sq").is_some();
    let is_assigned = captures.name("sep").is_some_and(|sep| sep.as_bytes().trim_ascii() == b"=");
    if is_quoted && is_assigned { value.start() - 1..value.end() + 1 } else { value.range() }
}

fn is_secret(check: Check, captures: &Captures<'_>) -> bool {
    let shown = ["eq", "dq", "sq", "oq", "bare"].iter().find_map(|name| captures.name(name));
    let value = shown.map(|value| value.as_bytes()).unwrap_or_default();
    let key = captures.name("key").map(|key| key.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    match check {
        Check::Always => shown.is_none_or(|_| !is_placeholder(value)),
        Check::Random => value.iter().any(u8::is_ascii_digit) && !is_placeholder(value),
        Check::Value => {
            !value.is_empty()
                && !value.starts_with(b"-")
                && !is_word(value)
                && !is_placeholder(value)
                && !key.starts_with(b"no-")
                && !is_about(&key)
        }
        Check::NameAndValue => {
            !value.is_empty() && !is_placeholder(value) && !is_about(&key) && fits_name(captures, &key, value)
        }
    }
}

/// Whether the value of `key=value` or `key: value` is a secret.
fn fits_name(captures: &Captures<'_>, key: &[u8], value: &[u8]) -> bool {
    let is_bare = captures.name("bare").is_some();
    let sep = captures.name("sep").map(|sep| sep.as_bytes()).unwrap_or_default();
    // `token::new`, `secret://`, `a == b`.
    if is_bare && (value.starts_with(b":") || value.starts_with(b"//") || value.starts_with(b"=")) {
        return false;
    }
    // A bare value is on the line of its name. A list or an object is no value.
    let is_bracket = value.iter().all(|byte| b"[]{}()".contains(byte));
    if is_bare && (is_bracket || sep.contains(&b'\n') || is_word(value)) {
        return false;
    }
    if STRONG.split('|').any(|word| contains(key, word.as_bytes())) {
        // The working directory of a shell.
        let is_folder = key.ends_with(b"pwd") && (value.starts_with(b"/") || value.starts_with(b"~"));
        return !is_folder;
    }
    // A key in the quotes of an object, or an assignment of a shell, has no other meaning.
    let is_named = captures.name("kq").is_some() || sep.trim_ascii() == b"=";
    let is_tight = sep.len() == sep.trim_ascii().len() && sep != b":";
    if is_named && !is_bare || is_tight {
        return value.len() >= 4;
    }
    looks_random(value)
}

/// Digits among letters, or longer than any word.
fn looks_random(value: &[u8]) -> bool {
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    value.len() >= FEWEST && has_digit && has_letter || value.len() >= 3 * FEWEST
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}

/// Whether a name ends in a word that says something about a secret.
fn is_about(key: &[u8]) -> bool {
    ABOUT.iter().any(|end| key.ends_with(end.as_bytes()) && key.len() > end.len())
}

fn is_word(value: &[u8]) -> bool {
    let word = value.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').next().unwrap_or_default();
    let rest = value.get(word.len()..).unwrap_or_default();
    // `varchar(255)`, `wrong.`, `invalid,`
    let ends = rest.first().is_none_or(|byte| b".,:;!?)(".contains(byte));
    ends && WORDS.iter().any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether a value was replaced before.
fn is_placeholder(value: &[u8]) -> bool {
    let Some(inner) = value.strip_prefix(b"[") else { return false };
    let inner = inner.split(|byte| *byte == b']').next().unwrap_or_default();
    let known: [&[u8]; 9] = [
        b"password",
        b"private key",
        b"AWS key id",
        b"GitHub token",
        b"Slack token",
        b"token",
        b"passphrase",
        b"AWS secret",
        b"AWS session",
    ];
    inner.starts_with(b"hidden sha256:") || known.contains(&inner)
        // Words of a bare value end at the first blank.
        || known.iter().any(|one| one.split(|byte| *byte == b' ').next() == Some(inner))
}
