//! Cleans the lines of one source in their order: a private key goes over several lines, and a
//! secret may be split over two reads or over the cut of a very long line.

use std::ops::Range;

use super::{
    registry::{CleanText, Redactor},
    shapes::KEY_BEGINS,
};

/// Longest line in bytes. A longer one is cut, never within a secret.
const LONGEST_LINE: usize = 64 * 1024;
/// Bytes beyond a cut that are searched too: twice the longest credential, which is its length in
/// hex.
const OVERLAP: usize = 16 * 1024;
/// Lines of another writer within a private key, after which the key is taken for one without an
/// end.
const OTHERS_MAX: u32 = 20;
/// Fewest characters of the last word of a line that is a part of a key between lines of another
/// writer.
const PART: usize = 16;
const PLACEHOLDER: &str = "[private key]";
const ENDS: &str = "-----END";
/// Headers of a private key that is encrypted or was made by PGP.
const HEADERS: [&str; 5] = ["Proc-Type:", "DEK-Info:", "Comment:", "Version:", "Charset:"];

/// Cleans the lines of ONE source in order.
#[derive(Debug, Default)]
pub struct Lines {
    key: Option<KeyBlock>,
}

/// The private key that the present line may be a part of.
#[derive(Clone, Copy, Debug, Default)]
struct KeyBlock {
    /// Words before the key on each of its lines, such as a time and a level.
    words_before: usize,
    /// Lines since the last one of the key.
    others: u32,
}

impl Lines {
    /// Continues within a private key or outside of one.
    #[must_use]
    pub fn resumed(is_in_key: bool) -> Self {
        Self { key: is_in_key.then(KeyBlock::default) }
    }

    /// Whether the last line was within a private key.
    #[must_use]
    pub fn is_in_key(&self) -> bool {
        self.key.is_some()
    }

    /// The next line without secrets.
    #[must_use]
    pub fn next(&mut self, redactor: &Redactor, line: &str) -> CleanText {
        if let Some(block) = &mut self.key {
            if let Some(from) = block.part(line) {
                block.others = 0;
                if line.contains(ENDS) {
                    self.key = None;
                }
                let before = redactor.text(line.get(..from).unwrap_or_default());
                return CleanText(format!("{before}{PLACEHOLDER}"));
            }
            // A key that never ends must not swallow the rest of the output.
            block.others += u32::from(!line.trim().is_empty());
            if block.others > OTHERS_MAX {
                self.key = None;
            }
        }
        if let Some(begin) = KEY_BEGINS.find(line.as_bytes())
            && !line.contains(ENDS)
        {
            let words_before = line.get(..begin.start()).unwrap_or_default().split_ascii_whitespace().count();
            self.key = Some(KeyBlock { words_before, others: 0 });
        }
        redactor.text(line)
    }
}

impl KeyBlock {
    /// The byte from which on a line belongs to the key; `None` for a line of another writer.
    fn part(&self, line: &str) -> Option<usize> {
        if line.contains(ENDS) || HEADERS.iter().any(|header| line.contains(header)) {
            return if self.words_before == 0 { Some(0) } else { line.find(ENDS).or(Some(0)) };
        }
        let last = line.split_ascii_whitespace().last()?;
        let words = line.split_ascii_whitespace().count();
        let is_base64 = last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        let is_long = is_base64 && last.len() >= PART;
        let is_next = match (self.others, self.words_before) {
            (0, 0) => words == 1 || is_base64 && last.len() >= 2 * PART,
            (0, before) => words <= before + 1 && is_base64 || is_long,
            (1.., _) => is_long,
        };
        is_next.then(|| if words == 1 { 0 } else { line.rfind(last).unwrap_or_default() })
    }
}

/// Cuts an output into whole lines, however its bytes arrive, and cleans them.
#[derive(Debug, Default)]
pub struct Stream {
    rest: Vec<u8>,
    lines: Lines,
}

impl Stream {
    /// Continues at the beginning of a line; `is_in_key` as [`Self::is_in_key`] said it there.
    #[must_use]
    pub fn resumed(is_in_key: bool) -> Self {
        Self { rest: Vec::new(), lines: Lines::resumed(is_in_key) }
    }

    /// Number of bytes that were taken and are no whole line yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.rest.len()
    }

    /// Whether the last whole line was within a private key.
    #[must_use]
    pub fn is_in_key(&self) -> bool {
        self.lines.is_in_key()
    }

    /// Takes bytes, gives the whole lines in them.
    pub fn push(&mut self, redactor: &Redactor, bytes: &[u8]) -> Vec<CleanText> {
        self.rest.extend_from_slice(bytes);
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(line) = next_line(redactor, &self.rest, from) {
            found.push(self.lines.line(redactor, &self.rest[line.clone()]));
            from = line.end;
        }
        self.rest.drain(..from);
        found
    }

    /// The last line when the source has ended without a line break.
    pub fn finish(&mut self, redactor: &Redactor) -> Option<CleanText> {
        let line = std::mem::take(&mut self.rest);
        (!line.is_empty()).then(|| self.lines.line(redactor, &line))
    }
}

impl Lines {
    fn line(&mut self, redactor: &Redactor, bytes: &[u8]) -> CleanText {
        let text = String::from_utf8_lossy(bytes);
        self.next(redactor, text.trim_end_matches(['\n', '\r']))
    }
}

/// The next whole line from a place on, with its line break. Cuts a line that is too long; how,
/// depends on its bytes alone and not on the reads in which they arrived.
fn next_line(redactor: &Redactor, bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = &bytes[from..];
    let window = &rest[..rest.len().min(LONGEST_LINE + OVERLAP)];
    let length = match memchr::memchr(b'\n', window) {
        Some(end) => end + 1,
        None if window.len() == LONGEST_LINE + OVERLAP => cut(redactor, window),
        None => return None,
    };
    Some(from..from + length)
}

/// The place of a cut near the longest length: between two characters, and not within a secret or
/// between a secret and the name that shows it.
fn cut(redactor: &Redactor, window: &[u8]) -> usize {
    let spans = redactor.find(window);
    let mut at = LONGEST_LINE;
    for _ in 0..4 {
        at -= usize::from(window.get(at).is_some_and(|byte| byte & 0xC0 == 0x80));
    }
    while let Some(span) = spans.iter().find(|span| span.whole.start < at && at < span.whole.end) {
        if span.whole.start == 0 {
            return span.whole.end;
        }
        at = span.whole.start;
    }
    at
}
