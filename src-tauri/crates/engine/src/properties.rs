//! Changes one value in a Java `.properties` file and leaves every other byte as it is.
//!
//! Works on bytes, because such files are ISO-8859-1 and keep their own line ends. A file that
//! cannot be changed without doubt is refused. Knows no git.

#[cfg(test)]
mod tests;

use std::ops::Range;

use greenlight_types::{ErrorCode, Failure};

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// The value before, escapes resolved.
    pub previous: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// Whether anything changed. `false` when the file has the value already.
    pub is_changed: bool,
}

/// Why a value cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesProblem {
    /// The key does not occur.
    #[error("the key {key} is not in the file")]
    Missing {
        /// The key, without escapes.
        key: String,
    },
    /// The key occurs more than once. Java takes the last one; a person may mean another one.
    #[error("the key {key} stands there {} times, on lines {}", lines.len(), list(lines))]
    Repeated {
        key: String,
        /// Lines of the key, from 1.
        lines: Vec<usize>,
    },
    /// The value continues over several lines.
    #[error("the value of {key} on line {line} goes on over several lines")]
    Continued {
        key: String,
        /// Line of the key, from 1.
        line: usize,
    },
    /// The new value has characters that would need escapes.
    #[error("the value {value:?} does not fit in a properties file as it is")]
    BadValue {
        /// The refused value.
        value: String,
    },
}

impl From<PropertiesProblem> for Failure {
    fn from(problem: PropertiesProblem) -> Self {
        Self::new(ErrorCode::VersionFileUnclear, "change the version file").because(problem)
    }
}

fn list(lines: &[usize]) -> String {
    lines.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// One `key value` line of the file.
struct Entry {
    key: String,
    /// Bytes of the value: from after the separator to the end of the line, without the line end.
    value: Range<usize>,
    line: usize,
    is_continued: bool,
}

/// Sets the value of a key, in place. The key must occur once.
///
/// # Errors
/// [`PropertiesProblem`] when the key is missing, repeated, continued over lines, or the value
/// would need escapes.
pub fn set(bytes: &[u8], key: &str, value: &str) -> Result<Edit, PropertiesProblem> {
    let is_plain = value.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    if value.is_empty() || !is_plain {
        return Err(PropertiesProblem::BadValue { value: value.to_owned() });
    }
    let entry = find(bytes, key)?;
    let previous = unescape(&bytes[entry.value.clone()]);
    let mut changed = Vec::with_capacity(bytes.len() + value.len());
    if previous == value {
        changed.extend_from_slice(bytes);
        return Ok(Edit { bytes: changed, previous, line: entry.line, is_changed: false });
    }
    changed.extend_from_slice(&bytes[..entry.value.start]);
    // A `key` alone on its line has no separator to put a value behind.
    let has_separator = entry.value.start > 0 && b"=: \t\x0c".contains(&bytes[entry.value.start - 1]);
    if !has_separator {
        changed.push(b'=');
    }
    changed.extend_from_slice(value.as_bytes());
    changed.extend_from_slice(&bytes[entry.value.end..]);
    Ok(Edit { bytes: changed, previous, line: entry.line, is_changed: true })
}

/// Reads one value and resolves its escapes.
///
/// # Errors
/// As [`set`], except for the new value.
pub fn get(bytes: &[u8], key: &str) -> Result<String, PropertiesProblem> {
    find(bytes, key).map(|entry| unescape(&bytes[entry.value]))
}

fn find(bytes: &[u8], key: &str) -> Result<Entry, PropertiesProblem> {
    let mut found: Vec<Entry> = entries(bytes).into_iter().filter(|entry| entry.key == key).collect();
    if found.len() > 1 {
        let lines = found.iter().map(|entry| entry.line).collect();
        return Err(PropertiesProblem::Repeated { key: key.to_owned(), lines });
    }
    let entry = found.pop().ok_or_else(|| PropertiesProblem::Missing { key: key.to_owned() })?;
    if entry.is_continued {
        return Err(PropertiesProblem::Continued { key: key.to_owned(), line: entry.line });
    }
    Ok(entry)
}

/// The byte-order mark of UTF-8. Some editors write it before the first line. It stays in place and
/// is part of no key.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Every entry, by the rules of `java.util.Properties.load`. A line whose first character other
/// than white space is `#` or `!` is a comment. A line that ends in an odd number of backslashes
/// continues in the next one.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut is_continuation = false;
    for (number, mut line) in (1..).zip(lines(bytes)) {
        if line.start == 0 && bytes.starts_with(BYTE_ORDER_MARK) {
            line.start = BYTE_ORDER_MARK.len();
        }
        let text = &bytes[line.clone()];
        let indent = text.iter().take_while(|byte| is_space(**byte)).count();
        let is_comment = !is_continuation && matches!(text.get(indent), Some(b'#' | b'!'));
        let goes_on = !is_comment && text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        if !is_continuation && !is_comment && indent < text.len() {
            let (key, value) = split(text, indent);
            let value = line.start + value..line.end;
            found.push(Entry { key, value, line: number, is_continued: goes_on });
        }
        is_continuation = goes_on;
    }
    found
}

/// Lines without their ends. `\n`, `\r\n` and a lone `\r` each end a line.
fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let length = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if length > 0 {
            found.push(start..at);
            start = at + length;
        }
        at += length.max(1);
    }
    found.push(start..bytes.len());
    found
}

/// The key from `start` on, and the offset of its value within the line.
fn split(text: &[u8], start: usize) -> (String, usize) {
    let mut end = start;
    while end < text.len() && !is_space(text[end]) && !matches!(text[end], b'=' | b':') {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    let end = end.min(text.len());
    let spaces = |from: usize| from + text[from..].iter().take_while(|byte| is_space(**byte)).count();
    let mut value = spaces(end);
    if matches!(text.get(value), Some(b'=' | b':')) {
        value = spaces(value + 1);
    }
    (unescape(&text[start..end]), value)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

/// Resolves escapes; other bytes are ISO-8859-1.
fn unescape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            text.push(char::from(*byte));
            continue;
        }
        match rest.next() {
            Some(b't') => text.push('\t'),
            Some(b'n') => text.push('\n'),
            Some(b'r') => text.push('\r'),
            Some(b'f') => text.push('\u{c}'),
            Some(b'u') => {
                let digits: String = rest.by_ref().take(4).map(|byte| char::from(*byte)).collect();
                text.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            Some(other) => text.push(char::from(*other)),
            None => {}
        }
    }
    text
}
