//! Report over many releases: results, faults, transitions of steps and broken rules.

use std::{collections::BTreeMap, fmt};

use greenlight_checker::{DeadEnd, KNOWN_DEAD_ENDS};
use greenlight_engine::transition;
use greenlight_types::{
    Completion, ErrorCode, Failure, PlanInputs, Status, StepEvent, StepId, StepPlan, UndoKind, WayBack,
};

use crate::{
    acts::{COUNTED, FEWEST, SELDOM, WHOLE},
    judge::Violation,
    play::Played,
};

/// Largest number of broken rules in the report.
const PRINTED: usize = 20;

/// Legal transitions that no release takes yet, with reasons.
const NEVER: [(&str, &str); 15] = [
    ("AwaitingOperator stepSkipped", "every simulated release has a migration; few persons say otherwise"),
    ("Failed stepSkipped", "every simulated release has a migration; few persons say otherwise"),
    ("NotStarted stepSkipped", "every simulated release has a migration; few persons say otherwise"),
    ("Stopped stepSkipped", "a step is never stopped yet"),
    ("AwaitingOperator stepStopped", "no command stops a step yet; a person ends the run instead"),
    ("Failed stepStopped", "no command stops a step yet; a person ends the run instead"),
    ("InDoubt stepStopped", "no command stops a step yet; a person ends the run instead"),
    ("Running stepStopped", "no command stops a step yet; a person ends the run instead"),
    ("Stopped stepStarted", "a step is never stopped yet"),
    ("Stopped stepSucceeded", "a step is never stopped yet"),
    ("Warned stepUndone", "only a migration is reported as undone, and only a backup ends with a warning"),
    ("InDoubt stepFailed", "a word about a script that is over, or a build of another commit; both are rare"),
    ("InDoubt stepWarned", "a doubt ends as done, as not done, or by following; only what is followed can warn"),
    ("NotStarted stepSucceeded", "by hand before its turn: the world shows it only when a colleague did just that"),
    ("AwaitingOperator stepSucceeded", "by hand at its turn: the world shows it only when a colleague did just that"),
];

/// Sums over all releases.
#[derive(Default)]
pub struct Report {
    releases: u64,
    starts: u64,
    endings: BTreeMap<String, u64>,
    /// Results of the second runs.
    second_endings: BTreeMap<String, u64>,
    fired: BTreeMap<String, u64>,
    transitions: BTreeMap<String, u64>,
    honest: u64,
    /// Releases with this act or state of [`COUNTED`].
    counted: BTreeMap<&'static str, u64>,
    /// Releases with this act of an honest operator.
    acts: BTreeMap<String, u64>,
    /// Releases with this state on the screen.
    states: BTreeMap<String, u64>,
    /// Releases that reached a known dead end.
    dead_ends: BTreeMap<&'static str, u64>,
    broken: Vec<(u64, Violation)>,
}

impl Report {
    /// Adds a release.
    pub fn add(&mut self, played: Played) {
        self.releases += 1;
        self.starts += u64::from(played.starts);
        let (first, second) = match &played.ending_before {
            Some(first) => (first, Some(&played.ending)),
            None => (&played.ending, None),
        };
        let short = |ending: &String| ending.split([':', ';']).next().unwrap_or_default().to_owned();
        *self.endings.entry(short(first)).or_default() += 1;
        for ending in second.into_iter().map(short) {
            *self.second_endings.entry(ending).or_default() += 1;
        }
        for (kind, count) in played.fired {
            *self.fired.entry(format!("{kind:?}")).or_default() += u64::from(count);
        }
        for transition in played.tape.transitions {
            *self.transitions.entry(transition).or_default() += 1;
        }
        for name in played.tape.counted {
            *self.counted.entry(name).or_default() += 1;
        }
        self.honest += u64::from(played.is_honest);
        for (act, _) in played.tape.acts {
            *self.acts.entry(act).or_default() += 1;
        }
        for state in played.tape.states {
            *self.states.entry(state).or_default() += 1;
        }
        for id in played.tape.dead_ends {
            *self.dead_ends.entry(id).or_default() += 1;
        }
        for violation in played.tape.violations {
            self.broken.push((played.seed, violation));
        }
    }

    /// The first broken rule, with the seed of its release.
    #[must_use]
    pub fn first_broken(&self) -> Option<&(u64, Violation)> {
        self.broken.first()
    }

    /// Acts and states of [`COUNTED`] that too few releases of a whole report show, with their
    /// numbers.
    #[must_use]
    pub fn rare(&self) -> Vec<(&'static str, u64)> {
        if self.releases < WHOLE {
            return Vec::new();
        }
        let is_excused = |name: &str| SELDOM.iter().any(|(seldom, _)| *seldom == name);
        let all = COUNTED.into_iter().map(|name| (name, self.count(name)));
        all.filter(|(name, count)| *count < FEWEST && !is_excused(name)).collect()
    }

    fn count(&self, name: &str) -> u64 {
        self.counted.get(name).copied().unwrap_or_default()
    }

    /// Legal transitions that no release took.
    fn never(&self) -> impl Iterator<Item = String> {
        legal().into_iter().filter(|one| !self.transitions.contains_key(one))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>| {
            writeln!(f, "\n{title}")?;
            counts.iter().try_for_each(|(name, count)| writeln!(f, "{count:>10}  {name}"))
        };
        counts(f, "ended", &self.endings)?;
        counts(f, "second runs of a journal ended", &self.second_endings)?;
        counts(f, "faults", &self.fired)?;
        counts(f, "releases with this transition of a step", &self.transitions)?;
        counts(f, "releases with this state on the screen", &self.states)?;
        counts(f, "releases with this act of an honest operator", &self.acts)?;
        writeln!(f, "\nreleases with this act or state in the journal")?;
        for name in COUNTED {
            let why = SELDOM.iter().find(|(seldom, _)| *seldom == name).map_or("", |(_, why)| why);
            writeln!(f, "{:>10}  {name}{}{why}", self.count(name), if why.is_empty() { "" } else { ": " })?;
        }
        writeln!(f, "\nknown dead ends of {} honest operators", self.honest)?;
        for DeadEnd { id, says, .. } in &KNOWN_DEAD_ENDS {
            match self.dead_ends.get(id) {
                Some(count) => writeln!(f, "{count:>10}  {id}: {says}")?,
                None => writeln!(f, "      NONE  {id}: {says}. Is it mended?")?,
            }
        }
        writeln!(f, "\ntransitions that none took")?;
        for one in self.never() {
            let why = NEVER.iter().find(|(name, _)| *name == one).map_or("NOT EXPLAINED", |(_, why)| why);
            writeln!(f, "            {one}: {why}")?;
        }
        let faults: u64 = self.fired.values().sum();
        let mean = faults * 10 / self.releases.max(1);
        writeln!(
            f,
            "\n{} releases, {} starts of the app, {}.{} faults a release",
            self.releases,
            self.starts,
            mean / 10,
            mean % 10
        )?;
        writeln!(f, "{} broken rules", self.broken.len())?;
        for (seed, violation) in self.broken.iter().take(PRINTED) {
            writeln!(f, "  seed {seed}: {}: {}", violation.invariant, violation.words)?;
        }
        for (name, count) in self.rare() {
            writeln!(f, "TOO FEW: {count} of at least {FEWEST} releases show: {name}")?;
        }
        if self.releases >= WHOLE && self.honest * 2 < self.releases {
            writeln!(f, "TOO FEW: {} of {} releases have an honest operator", self.honest, self.releases)?;
        }
        Ok(())
    }
}

/// Every legal transition of a step: state before, and event.
fn legal() -> Vec<String> {
    let step = StepId::BackUp;
    let (attempt, note, how) = (1, String::new(), UndoKind::Restored);
    let plan = StepPlan::new(step, WayBack::NothingToUndo, PlanInputs::CheckSite);
    let failure = Failure::new(ErrorCode::Internal, "");
    let evidence = Vec::new();
    let said = |how| StepEvent::Succeeded { step, attempt, how, evidence: Vec::new() };
    let (migration, text) = (StepId::RunMigration, String::new);
    let undone = StepEvent::Undone { step: migration, attempt, job: text(), how, note: text(), evidence: text() };
    let bodies = [
        ("stepOffered", StepEvent::Offered { step }),
        ("stepStarted", StepEvent::Started { step, attempt, plan: Box::new(plan) }),
        ("stepSucceeded", said(Completion::Did)),
        ("stepSucceeded", said(Completion::SaidBy { note: note.clone() })),
        ("stepWarned", StepEvent::Warned { step, attempt, evidence, warning: note.clone() }),
        ("stepSkipped", StepEvent::Skipped { step, note: note.clone() }),
        ("stepFailed", StepEvent::Failed { step, attempt, failure }),
        ("stepInDoubt", StepEvent::InDoubt { step, attempt, why: note.clone() }),
        ("stepResumed", StepEvent::Resumed { step, attempt, evidence: note.clone() }),
        ("stepReset", StepEvent::Reset { step, attempt, evidence: note.clone(), reported_by: None }),
        ("stepUndone", undone),
        ("stepStopped", StepEvent::Stopped { step, attempt, note }),
    ];
    let statuses = [
        Status::NotStarted,
        Status::AwaitingOperator,
        Status::Running,
        Status::Succeeded,
        Status::Warned,
        Status::Skipped,
        Status::Failed,
        Status::Stopped,
        Status::InDoubt,
    ];
    let mut legal: Vec<String> = statuses
        .into_iter()
        .flat_map(|status| {
            bodies
                .iter()
                .filter(move |(_, body)| transition::next(status, body).is_ok())
                .map(move |(name, _)| format!("{status:?} {name}"))
        })
        .collect();
    legal.sort();
    legal.dedup();
    legal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_excused_transition_is_legal() {
        let legal = legal();
        for (name, _) in NEVER {
            assert!(legal.iter().any(|one| one == name), "{name}");
        }
    }
}
