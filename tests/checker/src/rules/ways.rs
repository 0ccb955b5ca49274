//! INV-L2 and INV-L3: an honest operator always has a way on, and reaches a result whose list of
//! remaining effects is complete.
//!
//! A dead end that is known and not mended yet has an entry in [`KNOWN`]. Its condition is precise,
//! so that another dead end of the same step is a violation.

use crate::{
    Found,
    known::{Attempt, BRANCH_OF_PULL_REQUEST, Known},
    records::{ALL_STEPS, Actor, Body, End, Entry, Event, JobState, Note, Op, Status, Step},
};

/// Largest number of acts from the last fault to the end of the run.
const ACTS_MAX: usize = 60;
/// Time after the last fault for which an operator may be without a way on. INV-L1 allows it.
const GRACE_MS: i64 = 10 * 60_000;
/// Acts that the screen offers by the state of the run alone. A refusal of one in the same state
/// contradicts the screen.
const OFFERED: [&str; 2] = ["EndRun ", "StartStep "];

/// Remaining effect of a migration that began and was recorded neither as finished nor as undone.
const MAY_HAVE_CHANGED: &str = "database that may have changed";

/// A dead end that is known and not mended yet.
pub struct DeadEnd {
    /// Name of the entry, as a report prints it.
    pub id: &'static str,
    /// Start of the id of the question that has no true answer.
    pub question: &'static str,
    /// The state, in one sentence.
    pub says: &'static str,
}

/// The known dead ends. An entry that no release reaches any more can go.
pub const KNOWN: [DeadEnd; 0] = [];

/// Progress of an honest operator.
#[derive(Debug, Default)]
pub struct Ways {
    /// Times of the acts in milliseconds since 1970.
    acts: Vec<i64>,
    /// Acts that were refused in the state with that number.
    refused: (u64, Vec<String>),
    /// Times at which every offered act was refused, or none was offered.
    stuck: Vec<(i64, String)>,
    /// Remaining effects that the end of the run does not list.
    unlisted: Vec<&'static str>,
    /// Whether a migration changed the database completely.
    is_migrated: bool,
    /// Workflow runs of the app that have not ended.
    building: Vec<String>,
}

impl Ways {
    /// The start of the next run of the journal. The database stays as it is, and so does what it
    /// means for a run of the same version.
    pub fn of_next_run(&self, is_same_version: bool) -> Self {
        Self { is_migrated: self.is_migrated && is_same_version, ..Self::default() }
    }

    /// Adds remaining effects that the end of the run does not list.
    pub fn note_unlisted(&mut self, names: Vec<&'static str>) {
        self.unlisted.extend(names);
    }

    /// Adds an entry of the world's record.
    pub fn request(&mut self, entry: &Entry) {
        if let Op::SchemaChanged { complete, .. } = &entry.op {
            self.is_migrated |= complete;
        } else if matches!(entry.op, Op::DatabaseRestored) {
            self.is_migrated = false;
        } else if let Op::RunEnded { run } = &entry.op {
            self.building.retain(|one| one != run);
        } else if let Op::Dispatch { run: Some(run), .. } = &entry.op
            && entry.applied
            && entry.actor == Actor::App
        {
            self.building.push(run.clone());
        } else if let Op::RerunBuild { run } = &entry.op
            && entry.applied
        {
            self.building.push(run.clone());
        }
    }

    /// Adds a record of the operator.
    pub fn operator(&mut self, note: &Note) {
        match note {
            Note::Acted { at, seq, act, refused, .. } => {
                self.acts.push(*at);
                if self.refused.0 != *seq {
                    self.refused = (*seq, Vec::new());
                }
                if refused.is_some() {
                    self.refused.1.push(act.clone());
                }
            }
            Note::Idle { at, seq, open, running } => {
                let is_refused = |act: &String| self.refused.0 == *seq && self.refused.1.contains(act);
                if running.is_empty() && open.iter().all(is_refused) {
                    self.stuck.push((*at, format!("in state {seq} every act is refused: {}", open.join(", "))));
                }
            }
            Note::NoTrueAnswer { .. } | Note::NotTaught { .. } => {}
        }
    }
}

/// INV-L2: an offered act is accepted, and each question has a true answer.
pub fn operator(note: &Note, found: &mut Found) {
    match note {
        Note::Acted { act, refused: Some(refusal), is_unmoved: true, .. }
            if refusal.code == "notAllowedNow" && OFFERED.iter().any(|kind| act.starts_with(kind)) =>
        {
            found.add("INV-L2", format!("{act} is offered, and refused in the same state: {}", refusal.summary));
        }
        Note::NoTrueAnswer { step, question } => {
            match KNOWN.iter().find(|dead_end| question.starts_with(dead_end.question)) {
                Some(dead_end) => found.reach(dead_end.id),
                None => found.add("INV-L2", format!("no answer to the question {question} of {step:?} is true")),
            }
        }
        Note::NotTaught { step, question } => {
            found.add("FORMAT", format!("the honest operator does not know the question {question} of {step:?}"));
        }
        Note::Acted { .. } | Note::Idle { .. } => {}
    }
}

/// The remaining effects that the end of a run does not list.
pub fn unlisted(known: &Known, event: &Event) -> Vec<&'static str> {
    let Body::RunEnded { result, left_behind, .. } = &event.body else { return Vec::new() };
    if result.starts_with("released") {
        return Vec::new();
    }
    let applied = |step: Step, name: &str| {
        known
            .attempts
            .iter()
            .any(|((of, _), attempt): (&(Step, u32), &Attempt)| *of == step && attempt.applied.contains(&name))
    };
    let says = |part: &str| left_behind.iter().any(|line| line.contains(part));
    let file = known.facts.backup.as_ref().and_then(|backup| {
        known.world.dumps.iter().find(|(job, ..)| *job == backup.job).map(|(_, file, _)| file.clone())
    });
    let has_branch = applied(Step::OpenPullRequest, BRANCH_OF_PULL_REQUEST);
    let has_pull_request = applied(Step::OpenPullRequest, "pull request");
    // A rollback that never began leaves the database to its release.
    let is_unstarted_rollback = known.is_rollback && known.step(Step::RollBack).attempt == 0;
    let revision = known.facts.revisions.last().and_then(|one| one.arn.rsplit(':').next().map(str::to_owned));
    [
        ("main", applied(Step::PushBranch, "push of a branch") && !says(&known.profile.git.main)),
        ("branch of a pull request", has_branch && known.facts.main.is_none() && !says("greenlight/")),
        ("pull request", has_pull_request && known.facts.main.is_none() && !says("its pull request")),
        ("tag", applied(Step::PushTag, "push of a tag") && !says(&known.names.tag)),
        ("revision", revision.is_some_and(|number| !says(&number))),
        ("backup", file.is_some_and(|file| !file.is_empty() && !says(&file))),
        ("build", known.ways.building.iter().any(|run| !says(run)) && !says("build")),
        ("rollout", known.facts.deploys && !says("AWS")),
        ("limit of failed starts", known.facts.is_limit_raised && !says("limit of failed starts")),
        ("database", known.facts.is_migrated && !is_unstarted_rollback && !says("database")),
        (MAY_HAVE_CHANGED, known.migration_not_undone().is_some() && !known.facts.is_migrated && !says("database")),
        (
            "true state of the database",
            says("database is migrated") && !known.ways.is_migrated && !known.goes_on_unasked,
        ),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect()
}

/// INV-L2 and INV-L3 for one run, whose last fault was at `healed_at`.
fn ended(ways: &Ways, healed_at: i64, found: &mut Found) {
    for (at, words) in &ways.stuck {
        if *at > healed_at + GRACE_MS {
            found.add("INV-L2", words.clone());
        }
    }
    for name in &ways.unlisted {
        found.add("INV-L3", format!("the end of the run does not list this effect: {name}"));
    }
    let acts = ways.acts.iter().filter(|at| **at > healed_at).count();
    if acts > ACTS_MAX {
        found.add("INV-L3", format!("the operator needed {acts} acts after the last fault"));
    }
}

/// INV-L2 and INV-L3 after the end of a release with an honest operator.
pub fn end(known: &Known, end: &End, found: &mut Found) {
    if !end.honest {
        return;
    }
    for ways in &known.ways_before {
        ended(ways, end.healed_before, found);
    }
    ended(&known.ways, end.healed_at, found);
    let goes_on = end.world.host.jobs.iter().any(|job| job.state == JobState::Running);
    if !known.has_ended && end.idle && end.now - end.healed_at > GRACE_MS && !goes_on {
        let open: Vec<String> = ALL_STEPS
            .into_iter()
            .filter(|step| !matches!(known.step(*step).status, Status::NotStarted | Status::Succeeded | Status::Warned))
            .map(|step| format!("{step:?} {:?}", known.step(step).status))
            .collect();
        found.add("INV-L3", format!("the operator cannot end the run: {}", open.join(", ")));
    }
}
