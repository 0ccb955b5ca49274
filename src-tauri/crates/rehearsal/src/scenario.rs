//! Parses scenarios: TOML files in which a trainer plans the troubles of a practice.
//!
//! ```toml
//! [[trouble]]
//! kind = "buildFails"
//! at_minute = 20      # minute of its step on the practice clock; default: its own time
//! ```
//!
//! An invalid file is refused with the line of the first problem, and switches nothing on.

use greenlight_types::{ErrorCode, Failure, Trouble};
use serde::Deserialize;
use toml::Spanned;

/// Most troubles in one file.
const TROUBLES_MAX: usize = Trouble::ALL.len();
const MINUTE_MS: f64 = 60_000.0;

/// One planned trouble of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Kind of the trouble.
    pub trouble: Trouble,
    /// Time into its step, in virtual ms; `None` for the default time.
    pub after_ms: Option<i64>,
}

/// Refusal of a scenario: place, problem and expectation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}; expected {expected}")]
pub struct ScenarioError {
    /// File name as the operator knows it.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// Description of the problem.
    pub problem: String,
    /// Description of the expected text.
    pub expected: String,
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::new(ErrorCode::BadInput, "read the scenario")
            .with("field", "scenario")
            .with("problem", error.to_string())
            .hint(format!("Correct line {} of {}.", error.line, error.file))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    trouble: Vec<RawTrouble>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrouble {
    kind: Spanned<String>,
    at_minute: Option<Spanned<f64>>,
}

/// Parses a scenario.
///
/// # Errors
/// [`ScenarioError`] for the first problem.
pub fn parse(file: &str, text: &str) -> Result<Vec<Planned>, ScenarioError> {
    let refuse = |offset: usize, problem: String, expected: &str| ScenarioError {
        file: file.to_owned(),
        line: text.get(..offset).unwrap_or(text).matches('\n').count() + 1,
        problem,
        expected: expected.to_owned(),
    };
    let raw: Raw = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        refuse(offset, error.message().to_owned(), "[[trouble]] with kind, and at_minute where it has a time")
    })?;
    if raw.trouble.is_empty() || raw.trouble.len() > TROUBLES_MAX {
        let problem = format!("the scenario names {} troubles", raw.trouble.len());
        return Err(refuse(0, problem, "one to twenty-two times [[trouble]]"));
    }
    let mut planned: Vec<Planned> = Vec::new();
    for one in &raw.trouble {
        let at = one.kind.span().start;
        let trouble = named(one.kind.get_ref()).ok_or_else(|| {
            let names: Vec<&str> = Trouble::ALL.into_iter().map(Trouble::name).collect();
            refuse(at, format!("\u{201c}{}\u{201d} is no trouble", one.kind.get_ref()), &names.join(", "))
        })?;
        let after_ms = match &one.at_minute {
            Some(minute) => Some(
                time(trouble, *minute.get_ref())
                    .map_err(|(problem, expected)| refuse(minute.span().start, problem, &expected))?,
            ),
            None => None,
        };
        let next = Planned { trouble, after_ms };
        for before in &planned {
            fits(*before, next).map_err(|(problem, expected)| refuse(at, problem, expected))?;
        }
        planned.push(next);
    }
    Ok(planned)
}

fn named(name: &str) -> Option<Trouble> {
    Trouble::ALL.into_iter().find(|trouble| trouble.name() == name)
}

/// The step of a trouble and its latest time there, in minutes; `None` when the time of the trouble
/// is fixed.
fn stretch(trouble: Trouble) -> Option<(&'static str, f64)> {
    match trouble {
        Trouble::BackupDiskFull => Some(("backup", 8.0)),
        Trouble::BuildFails => Some(("build", 40.0)),
        Trouble::ConnectionLostInMigration | Trouble::MigrationFailsHalfWay | Trouble::MigrationRestored => {
            Some(("migration", 3.0))
        }
        Trouble::MergeConflict
        | Trouble::ScriptHangs
        | Trouble::MachineReplaced
        | Trouble::TokenExpires
        | Trouble::MainIsProtected
        | Trouble::MainMovedOn
        | Trouble::GithubAnswersLate
        | Trouble::ImageMissing
        | Trouble::BuildSuperseded
        | Trouble::ApprovalWanted
        | Trouble::WorkflowMakesRevision
        | Trouble::ColleagueDeploys
        | Trouble::BreakerTrips
        | Trouble::FailureNotRecognised
        | Trouble::NoMigration
        | Trouble::NeverStarts
        | Trouble::SiteCheckFails => None,
    }
}

fn time(trouble: Trouble, minute: f64) -> Result<i64, (String, String)> {
    let Some((step, longest)) = stretch(trouble) else {
        let problem = format!("{} has no time of its own", trouble.name());
        return Err((problem, "no at_minute: it happens when its moment comes".to_owned()));
    };
    let expected = format!("a minute of the {step}: above 0 and below {longest}");
    if minute < 0.0 {
        return Err((format!("minute {minute} lies before the {step} that it belongs to"), expected));
    }
    if !(minute > 0.0 && minute < longest) {
        return Err((format!("minute {minute} is not a time of the {step}"), expected));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most forty minutes")]
    Ok((minute * MINUTE_MS) as i64)
}

/// Whether nothing else happens in a release after this trouble.
fn ends_release(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::MainMovedOn
            | Trouble::BuildFails
            | Trouble::ImageMissing
            | Trouble::FailureNotRecognised
            | Trouble::MachineReplaced
            | Trouble::NeverStarts
    )
}

/// Checks that two troubles of a scenario can both happen.
fn fits(one: Planned, other: Planned) -> Result<(), (String, &'static str)> {
    let with_migration = |trouble| {
        matches!(
            trouble,
            Trouble::ConnectionLostInMigration
                | Trouble::MachineReplaced
                | Trouble::MigrationFailsHalfWay
                | Trouble::MigrationRestored
                | Trouble::NeverStarts
        )
    };
    if one.trouble == other.trouble {
        return Err((format!("{} stands twice", one.trouble.name()), "each trouble once"));
    }
    let place = |trouble: Trouble| Trouble::ALL.into_iter().position(|known| known == trouble);
    let (first, last) = if place(one.trouble) < place(other.trouble) { (one, other) } else { (other, one) };
    if ends_release(first.trouble) {
        let problem = format!("{} can never happen after {}", last.trouble.name(), first.trouble.name());
        return Err((problem, "an order that is possible: nothing comes after what ends the release"));
    }
    if first.trouble == Trouble::NoMigration && with_migration(last.trouble) {
        let problem = format!("{} needs a migration", last.trouble.name());
        return Err((problem, "an order that is possible: noMigration leaves the migration out"));
    }
    if first.trouble == Trouble::MigrationFailsHalfWay && last.trouble == Trouble::MigrationRestored {
        let problem = "the migration fails in two ways".to_owned();
        return Err((problem, "an order that is possible: one failure of the migration"));
    }
    let minute = |planned: Planned, otherwise: i64| planned.after_ms.unwrap_or(otherwise);
    let is_late = first.trouble == Trouble::ConnectionLostInMigration
        && last.trouble == Trouble::MigrationFailsHalfWay
        && minute(first, 10_000) >= minute(last, 90_000);
    if is_late {
        let problem = "the connection is lost after the migration has failed".to_owned();
        return Err((problem, "an order that is possible: the connection is lost while the migration runs"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ScenarioError {
        parse("training.toml", text).unwrap_err()
    }

    #[test]
    fn parses_troubles_with_and_without_a_time() {
        let text = "[[trouble]]\nkind = \"backupDiskFull\"\nat_minute = 2.5\n\n[[trouble]]\nkind = \"buildFails\"\nat_minute = 20\n";
        let planned = parse("training.toml", text).unwrap();
        assert_eq!(
            planned,
            [
                Planned { trouble: Trouble::BackupDiskFull, after_ms: Some(150_000) },
                Planned { trouble: Trouble::BuildFails, after_ms: Some(1_200_000) },
            ]
        );
        let planned = parse("training.toml", "[[trouble]]\nkind = \"tokenExpires\"\n").unwrap();
        assert_eq!(planned, [Planned { trouble: Trouble::TokenExpires, after_ms: None }]);
    }

    #[test]
    fn refuses_an_unknown_field_with_line_and_expectation() {
        let error = refused("[[trouble]]\nkind = \"buildFails\"\nminute = 20\n");
        assert_eq!(error.line, 3, "{error}");
        assert!(error.problem.contains("minute") && error.expected.contains("at_minute"), "{error}");
        assert_eq!(refused("# nothing\nspeed = 60\n").line, 2);
    }

    #[test]
    fn refuses_an_unknown_trouble_and_lists_the_known_ones() {
        let error = refused("\n[[trouble]]\nkind = \"buildExplodes\"\n");
        assert_eq!(error.line, 3);
        assert!(error.expected.contains("buildFails, imageMissing"), "{error}");
    }

    #[test]
    fn refuses_a_negative_time_as_before_its_step() {
        let error = refused("[[trouble]]\nkind = \"buildFails\"\nat_minute = -3\n");
        assert_eq!(error.line, 3);
        assert!(error.problem.contains("lies before the build"), "{error}");
    }

    #[test]
    fn refuses_a_time_after_its_step_or_without_one() {
        let late = refused("[[trouble]]\nkind = \"migrationFailsHalfWay\"\nat_minute = 3\n");
        assert!(late.problem.contains("is not a time of the migration"), "{late}");
        let none = refused("[[trouble]]\nkind = \"siteCheckFails\"\nat_minute = 3\n");
        assert!(none.expected.starts_with("no at_minute"), "{none}");
        assert!(parse("x", "[[trouble]]\nkind = \"buildFails\"\nat_minute = nan\n").is_err());
    }

    #[test]
    fn refuses_troubles_that_exclude_each_other() {
        let error = refused("[[trouble]]\nkind = \"imageMissing\"\n\n[[trouble]]\nkind = \"buildFails\"\n");
        assert_eq!(error.line, 5);
        assert_eq!(error.problem, "imageMissing can never happen after buildFails");
        let twice = refused("[[trouble]]\nkind = \"tokenExpires\"\n[[trouble]]\nkind = \"tokenExpires\"\n");
        assert_eq!((twice.line, twice.expected.as_str()), (4, "each trouble once"));
        let lost = "[[trouble]]\nkind = \"connectionLostInMigration\"\nat_minute = 2\n[[trouble]]\n";
        assert_eq!(refused(&format!("{lost}kind = \"migrationFailsHalfWay\"\nat_minute = 1\n")).line, 5);
        assert!(parse("x", &format!("{lost}kind = \"migrationFailsHalfWay\"\nat_minute = 2.5\n")).is_ok());
    }

    #[test]
    fn refuses_a_migration_trouble_in_a_release_without_a_migration() {
        let two = |first: &str, last: &str| {
            parse("x", &format!("[[trouble]]\nkind = \"{first}\"\n[[trouble]]\nkind = \"{last}\"\n"))
        };
        assert!(two("noMigration", "migrationRestored").is_err());
        assert!(two("migrationFailsHalfWay", "migrationRestored").is_err());
        assert!(two("colleagueDeploys", "breakerTrips").is_ok());
    }

    #[test]
    fn refuses_an_empty_scenario_and_invalid_toml() {
        assert_eq!(refused("").expected, "one to twenty-two times [[trouble]]");
        assert_eq!(refused("[[trouble]]\nkind = \n").line, 2);
    }
}
