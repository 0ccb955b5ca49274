//! The version: the one input of a release, and every spelling derived from it.

use serde::{Deserialize, Serialize};
use specta::Type;

/// A version of three or four numbers without leading zeros, the fourth not 0, spelled `2.1.0`
/// (docs/releases.md#version).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(try_from = "String", into = "String")]
#[specta(type = String)]
pub struct Version {
    numbers: [u32; 4],
}

/// A text that is not a version. Display names the problem and a good example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVersion {
    /// The text that was read.
    pub given: String,
    /// The problem, completing "this is not a version: …".
    pub problem: String,
}

impl std::fmt::Display for BadVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\u{201c}{}\u{201d} is not a version: {}. A good one is 2.1.0 or 2.0.1.11.", self.given, self.problem)
    }
}

impl std::error::Error for BadVersion {}

impl Version {
    /// Reads a version as a person types or pastes it; spaces around it are trimmed.
    ///
    /// # Errors
    /// [`BadVersion`] naming the first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, BadVersion> {
        let trimmed = text.trim();
        let bad = |problem: &str| BadVersion { given: trimmed.chars().take(40).collect(), problem: problem.to_owned() };
        if trimmed.is_empty() {
            return Err(bad("nothing was entered"));
        }
        if trimmed.starts_with(['v', 'V']) {
            return Err(bad("leave out the letter v"));
        }
        let parts: Vec<&str> = trimmed.split('.').collect();
        if !(3..=4).contains(&parts.len()) {
            return Err(bad("it needs three or four numbers with dots between them"));
        }
        let mut numbers = [0_u32; 4];
        for (slot, part) in numbers.iter_mut().zip(&parts) {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad("between the dots only digits are allowed"));
            }
            if part.len() > 1 && part.starts_with('0') {
                return Err(bad("a number must not start with 0"));
            }
            *slot = part.parse().ok().filter(|n| *n <= 999_999).ok_or_else(|| bad("a number is too large"))?;
        }
        if parts.len() == 4 && numbers[3] == 0 {
            return Err(bad("leave out a fourth number that is 0"));
        }
        Ok(Self { numbers })
    }

    /// Reads a version back from its spelling by a template such as `RALLY-V{version4_}-RELEASE`.
    /// `None` when the text does not follow the template.
    #[must_use]
    pub fn from_spelling(template: &str, text: &str) -> Option<Self> {
        let (part, separator) = [("{version4_}", '_'), ("{version4}", '.'), ("{version}", '.')]
            .into_iter()
            .find(|(part, _)| template.contains(part))?;
        let (before, after) = template.split_once(part)?;
        let middle = text.strip_prefix(before)?.strip_suffix(after)?;
        let dotted = middle.replace(separator, ".");
        if dotted.matches('.').count() != middle.matches(separator).count() {
            return None;
        }
        let plain = match dotted.strip_suffix(".0") {
            Some(three) if part != "{version}" && dotted.matches('.').count() == 3 => three,
            _ => &dotted,
        };
        Self::parse(plain).ok().filter(|version| version.spell(template) == text)
    }

    /// Fills a template. Parts: `{version}` as typed, `{version4}` padded to four numbers,
    /// `{version4_}` the same with underscores.
    #[must_use]
    pub fn spell(&self, template: &str) -> String {
        let [a, b, c, d] = self.numbers;
        template
            .replace("{version4_}", &format!("{a}_{b}_{c}_{d}"))
            .replace("{version4}", &format!("{a}.{b}.{c}.{d}"))
            .replace("{version}", &self.to_string())
    }

    /// Whether this version is newer than the other, number by number.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.numbers > other.numbers
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.numbers;
        if d == 0 { write!(f, "{a}.{b}.{c}") } else { write!(f, "{a}.{b}.{c}.{d}") }
    }
}

impl TryFrom<String> for Version {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// The names of a version under one profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Release branch, short: `v2.1.0`. Always used as `refs/heads/<branch>` (TRAP-G1).
    pub branch: String,
    /// Tag, short: `v2.1.0`. Always used as `refs/tags/<tag>`.
    pub tag: String,
    /// Value written to the version file: `2.1.0.0-RELEASE`.
    pub version_value: String,
    /// Tag of the image: `RALLY-V2_1_0_0-RELEASE`.
    pub image_tag: String,
    /// Full address of the image:
    /// `676917001797.dkr.ecr.us-east-1.amazonaws.com/rally-prod:RALLY-V2_1_0_0-RELEASE`.
    pub image: String,
    /// Name of the staging machine: `Rally 2.1.0 AWS EC2 staging instance`.
    pub staging_machine: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pasted_spaces_are_trimmed() {
        assert_eq!(Version::parse("  2.1.0\n").expect("a version").to_string(), "2.1.0");
    }

    #[test]
    fn each_spelling_of_the_runbook_comes_from_the_one_input() {
        let version = Version::parse("2.1.0").expect("a version");
        assert_eq!(version.spell("v{version}"), "v2.1.0");
        assert_eq!(version.spell("{version4}-RELEASE"), "2.1.0.0-RELEASE");
        assert_eq!(version.spell("RALLY-V{version4_}-RELEASE"), "RALLY-V2_1_0_0-RELEASE");
    }

    #[test]
    fn a_bad_version_names_its_rule_and_an_example() {
        for (text, part) in [
            ("", "nothing was entered"),
            ("v2.1.0", "letter v"),
            ("2.1", "three or four"),
            ("2.1.0.0.1", "three or four"),
            ("2.01.0", "start with 0"),
            ("2.1.0.0", "fourth number that is 0"),
            ("2.1.x", "only digits"),
            ("2..0", "only digits"),
            ("2.1.99999999999999", "too large"),
        ] {
            let message = Version::parse(text).expect_err(text).to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(message.contains("A good one is 2.1.0"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_leads_back_to_the_version(a in 0u32..999, b in 0u32..999, c in 0u32..999, d in 0u32..999) {
            let text = if d == 0 { format!("{a}.{b}.{c}") } else { format!("{a}.{b}.{c}.{d}") };
            let version = Version::parse(&text).expect("a version");
            for template in ["v{version}", "{version4}-RELEASE", "RALLY-V{version4_}-RELEASE"] {
                prop_assert_eq!(Version::from_spelling(template, &version.spell(template)), Some(version.clone()));
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".*") {
            let _ = Version::parse(&text);
            let _ = Version::from_spelling("v{version}", &text);
        }
    }
}
