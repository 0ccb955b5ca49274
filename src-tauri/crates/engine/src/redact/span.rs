//! Places of secrets in a text, and the text with placeholders in these places.

use std::{borrow::Cow, ops::Range};

/// A secret within a text.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The bytes that are replaced.
    pub hide: Range<usize>,
    /// Everything that shows that these bytes are a secret, such as the name before a value. A text
    /// that is cut within this range shows it no longer.
    pub whole: Range<usize>,
    pub placeholder: Cow<'static, str>,
}

/// Joins spans that overlap. Of two spans that begin together the longer one gives the placeholder.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.hide.start, std::cmp::Reverse(span.hide.end)));
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut().filter(|last| span.hide.start < last.hide.end) {
            Some(last) => {
                last.hide.end = last.hide.end.max(span.hide.end);
                last.whole.start = last.whole.start.min(span.whole.start);
                last.whole.end = last.whole.end.max(span.whole.end);
            }
            None => joined.push(span),
        }
    }
    joined
}

pub(super) fn replace(bytes: &[u8], spans: &[Span]) -> String {
    let (mut text, mut at) = (String::with_capacity(bytes.len()), 0);
    for span in spans {
        text.push_str(&String::from_utf8_lossy(&bytes[at..span.hide.start]));
        text.push_str(&span.placeholder);
        at = span.hide.end;
    }
    text.push_str(&String::from_utf8_lossy(&bytes[at..]));
    text
}
