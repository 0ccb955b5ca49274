//! An entry of the environment lock on the git remote: the message of a commit. People read it with
//! `git log`. The app accepts only a message that it would write itself.

use greenlight_types::{LockOwner, RunId, Timestamp};

/// Longest value of a field, in characters. The journal keeps the whole text.
const LONGEST: usize = 1_000;
/// End of the version of a run that rolls a release back. An earlier app reads it as part of the
/// version.
const ROLLBACK: &str = " (rollback)";
/// Largest message that is parsed, in bytes.
const MESSAGE_MAX: usize = 64 * 1024;

/// One entry. The fields name the run that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockEntry {
    /// `<product>.<environment>`.
    pub environment: String,
    /// Whether the run owns the lock. Otherwise the lock is free.
    pub is_held: bool,
    pub run: RunId,
    pub person: String,
    /// Name of the computer.
    pub computer: String,
    pub version: String,
    /// Whether the run rolls an ended release back.
    pub is_rollback: bool,
    /// Why the lock was taken from another run, or released. Empty when it was free before.
    pub reason: String,
    /// Time of the entry, by the clock of the computer.
    pub since: Timestamp,
}

impl LockEntry {
    /// The message of the commit. An empty value has no line.
    pub fn message(&self) -> String {
        let state = if self.is_held { "held" } else { "free" };
        let since = self.since.to_string();
        let version = format!("{}{}", self.version, if self.is_rollback { ROLLBACK } else { "" });
        let fields = [
            ("Run", self.run.0.as_str()),
            ("Person", &self.person),
            ("Computer", &self.computer),
            ("Version", &version),
            ("Reason", &self.reason),
            ("Since", &since),
        ];
        let lines = fields.map(|(name, value)| (name, one_line(value)));
        let lines = lines.iter().filter(|(_, value)| !value.is_empty());
        let body: String = lines.map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("Environment lock of {}: {state}\n\n{body}", self.environment)
    }

    /// Parses a message. `None` when it is not exactly an entry of this environment.
    pub fn parse(environment: &str, message: &str) -> Option<Self> {
        if message.len() > MESSAGE_MAX {
            return None;
        }
        let (subject, body) = message.split_once("\n\n")?;
        let field = |name: &str| {
            body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default().to_owned()
        };
        let version = field("Version");
        let rolled_back = version.strip_suffix(ROLLBACK);
        let entry = Self {
            environment: environment.to_owned(),
            is_held: subject.ends_with(": held"),
            run: RunId(Some(field("Run")).filter(|run| !run.is_empty())?),
            person: field("Person"),
            computer: field("Computer"),
            version: rolled_back.unwrap_or(&version).to_owned(),
            is_rollback: rolled_back.is_some(),
            reason: field("Reason"),
            since: field("Since").parse().ok()?,
        };
        // Order, spelling and every other line are right if the entry gives the same message.
        (entry.message() == message).then_some(entry)
    }

    /// The owner that the entry names.
    pub fn owner(&self) -> LockOwner {
        LockOwner {
            run: self.run.clone(),
            person: self.person.clone(),
            computer: self.computer.clone(),
            version: self.version.clone(),
            is_rollback: self.is_rollback,
            reason: self.reason.clone(),
            since: self.since,
            seen: None,
        }
    }
}

/// A text as one line without control characters.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|one| !one.is_control()).take(LONGEST).collect();
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> LockEntry {
        LockEntry {
            environment: "rally.prod".into(),
            is_held: true,
            run: RunId("r-1".into()),
            person: "Maria \u{2708} M.".into(),
            computer: "desk-3".into(),
            version: "2.1.0".into(),
            is_rollback: false,
            reason: "Anna is ill".into(),
            since: "2026-11-23T09:02:11.000Z".parse().expect("a time"),
        }
    }

    #[test]
    fn writes_an_entry_that_people_can_read() {
        assert_eq!(
            entry().message(),
            "Environment lock of rally.prod: held\n\nRun: r-1\nPerson: Maria \u{2708} M.\nComputer: desk-3\nVersion: \
             2.1.0\nReason: Anna is ill\nSince: 2026-11-23T09:02:11.000Z\n"
        );
    }

    #[test]
    fn the_entry_of_a_rollback_says_so() {
        let rollback = LockEntry { is_rollback: true, ..entry() };
        assert!(rollback.message().contains("\nVersion: 2.1.0 (rollback)\n"), "{}", rollback.message());
        let owner = LockEntry::parse("rally.prod", &rollback.message()).expect("an entry").owner();
        assert_eq!((owner.version.as_str(), owner.is_rollback), ("2.1.0", true));
        assert_eq!(owner.purpose(), "the rollback of 2.1.0");
        assert_eq!(entry().owner().purpose(), "2.1.0");
    }

    #[test]
    fn reads_the_entry_that_it_wrote() {
        let free = LockEntry { is_held: false, reason: String::new(), person: String::new(), ..entry() };
        let rollback = LockEntry { is_rollback: true, ..entry() };
        for one in [entry(), free, rollback] {
            assert_eq!(LockEntry::parse("rally.prod", &one.message()), Some(one));
        }
    }

    #[test]
    fn a_typed_reason_cannot_forge_a_field() {
        let forged = LockEntry { reason: "ill\nSince: never\n\nRun: r-2\u{0} \u{7f}".into(), ..entry() };
        let read = LockEntry::parse("rally.prod", &forged.message()).expect("an entry");
        assert_eq!((read.run.0.as_str(), read.reason.as_str()), ("r-1", "ill Since: never Run: r-2"));
    }

    #[test]
    fn any_other_message_is_no_entry() {
        let good = entry().message();
        let others = [
            String::new(),
            "free".into(),
            good.trim_end().into(),
            good.replace("held", "Held"),
            good.replace("held", "taken"),
            good.replace("rally.prod", "rally.test"),
            good.replace("Run: r-1\n", ""),
            good.replace("Since: 2026", "Since: 20x6"),
            good.replace("Person", "Who"),
            good.replace("Computer: desk-3\nVersion: 2.1.0\n", "Version: 2.1.0\nComputer: desk-3\n"),
            format!("{good}Run: r-2\n"),
            format!("{good}\nnote\n"),
            good.replace(": held\n", ": held\nnote\n"),
            "x".repeat(MESSAGE_MAX + 1),
        ];
        for other in others {
            assert_eq!(LockEntry::parse("rally.prod", &other), None, "{other}");
        }
    }
}
