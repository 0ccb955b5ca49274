//! Settings of this computer: the person, and the profile values that a person confirmed. They are
//! kept in the journal's file.

use std::sync::Arc;

use greenlight_adapters::journal_sqlite::{Setting, SqliteJournal};
use greenlight_engine::profile;
use greenlight_types::{ErrorCode, Failure, Names, Profile, Realm};

use crate::{
    confirmed_values::{self, ConfirmedValue},
    systems::Systems,
};

/// Maximum length of a person's name, in characters.
const NAME_MAX: usize = 80;
/// Key of the person's name.
const PERSON: &str = "person";

/// Settings of this computer.
pub struct Settings {
    journal: Arc<SqliteJournal>,
    systems: Arc<Systems>,
}

impl Settings {
    pub fn new(journal: Arc<SqliteJournal>, systems: Arc<Systems>) -> Self {
        Self { journal, systems }
    }

    /// The profile with the confirmed values. A value that a newer profile does not accept is left
    /// out, so the app asks for it again.
    pub async fn profile(&self) -> Result<Profile, Failure> {
        let mut profile = self.systems.profile();
        for one in self.confirmed_values().await? {
            if let Err(failure) = profile::set_value(&mut profile, &one.key, &one.setting.value) {
                tracing::warn!(%failure, "a confirmed value does not fit the profile any more");
            }
        }
        Ok(profile)
    }

    /// Stores a value of the profile that a person typed or chose.
    pub async fn confirm_value(&self, key: &str, value: &str) -> Result<(), Failure> {
        let mut profile = self.profile().await?;
        profile::set_value(&mut profile, key, value)?;
        let person = self.named_person().await?;
        self.set(&confirmed_values::setting_key(&profile.product, key), value, &person).await
    }

    /// The values that a person confirmed for the product of this place.
    pub async fn confirmed_values(&self) -> Result<Vec<ConfirmedValue>, Failure> {
        confirmed_values::of(&self.journal, &self.systems.profile().product).await
    }

    /// Every name that the profile derives from a version.
    pub async fn names(&self, version: &str) -> Result<Names, Failure> {
        profile::names(&self.profile().await?, version).map(|(_, names)| names)
    }

    /// The name of the person at this computer. Practice falls back to the name of the account.
    pub async fn person(&self) -> Result<Option<String>, Failure> {
        let given = self.journal.setting(PERSON).await?.map(|setting| setting.value);
        Ok(match self.systems.realm() {
            Realm::Production => given,
            Realm::Practice => given
                .or_else(|| ["USER", "USERNAME"].iter().find_map(|name| checked_name(&std::env::var(name).ok()?).ok()))
                .or_else(|| Some("Practice".to_owned())),
        })
    }

    /// The name of the person at this computer.
    ///
    /// # Errors
    /// `BadInput` when no name was given yet.
    pub async fn named_person(&self) -> Result<String, Failure> {
        self.person().await?.ok_or_else(|| {
            Failure::new(ErrorCode::BadInput, "name who acts")
                .because("nobody has given a name on this computer")
                .with("field", "person")
                .with("problem", "Say who you are first.")
        })
    }

    pub async fn set_person(&self, name: &str) -> Result<(), Failure> {
        let name = checked_name(name)?;
        self.set(PERSON, &name, &name).await
    }

    /// `None` when it was never set.
    pub async fn get(&self, key: &str) -> Result<Option<Setting>, Failure> {
        self.journal.setting(key).await
    }

    /// The settings whose keys begin with `prefix`.
    pub async fn all(&self, prefix: &str) -> Result<Vec<Setting>, Failure> {
        self.journal.settings(prefix).await
    }

    /// Sets it, with the time and the person `by`.
    pub async fn set(&self, key: &str, value: &str, by: &str) -> Result<(), Failure> {
        let at = self.systems.clock().now();
        let (key, value, by) = (key.to_owned(), value.to_owned(), by.to_owned());
        self.journal.set_setting(&Setting { key, value, at, by }).await
    }

    pub async fn remove(&self, key: &str) -> Result<(), Failure> {
        self.journal.remove_setting(key).await
    }
}

/// Trims a person's name.
///
/// # Errors
/// `BadInput` when it is empty or too long, or has a character that is not shown or that git does
/// not take.
pub fn checked_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let problem = if name.is_empty() || name.chars().count() > NAME_MAX {
        "A name of one to eighty characters is needed."
    } else if name.chars().any(|character| character.is_control() || is_invisible(character)) {
        "The name has a character that is not shown. Type it instead of pasting it."
    } else if name.contains(['<', '>']) {
        "A name cannot have < or >. Leave out the mail address."
    } else if !name.chars().any(char::is_alphabetic) {
        "A name needs a letter."
    } else {
        return Ok(name.to_owned());
    };
    Err(Failure::new(ErrorCode::BadInput, "keep the name").with("field", "person").with("problem", problem))
}

/// Whether a character has no shape of its own or changes the direction of others (Unicode general
/// category Cf, as far as text on a page may have it).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_trimmed_name_of_one_line() {
        assert_eq!(checked_name(" Ada Lovelace ").expect("a name"), "Ada Lovelace");
        assert_eq!(checked_name("Zoë O’Neil-Łukasz").expect("a name"), "Zoë O’Neil-Łukasz");
        let long = "a".repeat(NAME_MAX + 1);
        let hidden = ["Ada\nLovelace", "Ada\u{202e}Lovelace", "Ada\u{200b}", "Ada\0"];
        for bad in ["", "  ", "...", "Ann <a@example.org>", &long].into_iter().chain(hidden) {
            assert_eq!(checked_name(bad).expect_err(bad).code, ErrorCode::BadInput);
        }
    }
}
