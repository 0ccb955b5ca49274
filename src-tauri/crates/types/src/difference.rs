//! A difference between the day of Prepare and now, which a person accepts by its id.

use serde::{Deserialize, Deserializer, Serialize};
use specta::Type;

/// A difference from the day of Prepare. Version 0.1.0 first stored only the sentence, as plain
/// text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Kind and object, such as `mainMoved:0a1b…`: another object is another difference. Empty in
    /// old journals.
    pub id: String,
    /// The difference in one sentence.
    pub text: String,
}

impl Difference {
    /// A difference of a kind, about one object of the outside world.
    #[must_use]
    pub fn new(kind: &str, object: impl std::fmt::Display, text: impl Into<String>) -> Self {
        Self { id: format!("{kind}:{object}"), text: text.into() }
    }
}

impl<'de> Deserialize<'de> for Difference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Sentence(String),
            Difference { id: String, text: String },
        }
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Sentence(text) => Self { id: String::new(), text },
            Stored::Difference { id, text } => Self { id, text },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_plain_sentence_of_old_journals() {
        let old: Difference = serde_json::from_str("\"master moved\"").expect("a sentence");
        assert_eq!(old, Difference { id: String::new(), text: "master moved".into() });
        let new = Difference::new("mainMoved", "0a1b", "master moved");
        let text = serde_json::to_string(&new).expect("JSON");
        assert_eq!(serde_json::from_str::<Difference>(&text).expect("a difference"), new);
    }
}
