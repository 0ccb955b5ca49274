//! The redactor: it knows the secrets in use, and takes them and every shape of a secret out of a
//! text.

use std::{borrow::Cow, ops::Range};

use greenlight_types::Failure;
use parking_lot::RwLock;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    shapes,
    span::{Span, merged, replace},
    spellings,
};

/// Params of a failure that are ids, names or numbers. Every other param is text.
const ID_PARAMS: [&str; 39] = [
    "account",
    "action",
    "aws_code",
    "branch",
    "commit",
    "computer",
    "container",
    "count",
    "credential",
    "entry",
    "exit",
    "expected",
    "field",
    "file",
    "host",
    "image",
    "job",
    "key",
    "keys",
    "machine",
    "main",
    "name",
    "path",
    "permissions",
    "person",
    "pid",
    "ref",
    "repository",
    "retryAfterSeconds",
    "retryAt",
    "revision",
    "run",
    "seen",
    "since",
    "state",
    "status",
    "tag",
    "version",
    "workflow",
];

/// Text without secrets. Only the redactor makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CleanText(pub(super) String);

impl CleanText {
    /// The cleaned text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, for a field of an event or a view.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Display for CleanText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The registry of secrets in use. Shared; a secret is added before it is first used.
#[derive(Default)]
pub struct Redactor {
    known: RwLock<Vec<Known>>,
}

/// One secret in all its spellings, longest first. Wiped when it is dropped.
struct Known {
    label: String,
    spellings: Vec<SecretString>,
}

impl Redactor {
    /// Replaces this secret by `[label]` from now on. Secrets that were registered before stay
    /// registered.
    pub fn add(&self, label: &str, secret: &str) {
        let spellings = spellings::of(secret);
        let mut known = self.known.write();
        let is_same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let is_known = known.iter().any(|other| {
            other.spellings.len() == spellings.len()
                && other.spellings.iter().zip(&spellings).all(|(one, other)| is_same(one, other))
        });
        if !spellings.is_empty() && !is_known {
            known.push(Known { label: format!("[{label}]"), spellings });
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> CleanText {
        self.bytes(text.as_bytes())
    }

    /// The text in these bytes, without secrets. Bytes that are no text are replaced.
    #[must_use]
    fn bytes(&self, bytes: &[u8]) -> CleanText {
        CleanText(replace(bytes, &self.find(bytes)))
    }

    /// Cleans a text in its place.
    pub fn clean(&self, text: &mut String) {
        let spans = self.find(text.as_bytes());
        if !spans.is_empty() {
            *text = replace(text.as_bytes(), &spans);
        }
    }

    /// The failure without secrets. Its code and its params that are ids stay as they are.
    #[must_use]
    pub fn failure(&self, mut failure: Failure) -> Failure {
        let params = failure.params.iter_mut().filter(|(name, _)| !ID_PARAMS.contains(&name.as_str()));
        let texts = failure.causes.iter_mut().chain(&mut failure.hints).chain(params.map(|(_, text)| text));
        for text in texts.chain([&mut failure.summary]) {
            self.clean(text);
        }
        failure
    }

    /// Secrets in a text, in order, none overlapping another.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<Span> {
        let mut found = Vec::new();
        for known in self.known.read().iter() {
            for spelling in &known.spellings {
                let spelling = spelling.expose_secret().as_bytes();
                found.extend(places(bytes, spelling).map(|range| Span {
                    hide: range.clone(),
                    whole: range,
                    placeholder: Cow::Owned(known.label.clone()),
                }));
            }
        }
        shapes::find(bytes, &mut found);
        merged(found)
    }
}

/// The text with only the shapes of secrets replaced, for a document that names runs and settings.
#[must_use]
pub fn without_shapes(text: &str) -> CleanText {
    Redactor::default().text(text)
}

/// Places of a needle.
fn places<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = Range<usize>> + use<'a> {
    memchr::memmem::find_iter(bytes, needle).map(|at| at..at + needle.len())
}
