//! The migrations that the runs of a journal leave to the runs after them (INV-D8).

use std::collections::BTreeMap;

use super::{Known, Seen};
use crate::{
    fold,
    records::{Body, Event, Step},
};

/// Codes of a failure after the script began and ended.
const AFTER_THE_START: [&str; 3] = ["scriptFailed", "databaseUnchanged", "saidFailed"];
/// First part of the id of the question about an earlier migration. The id of its run follows.
const QUESTION: &str = "migration:unknownEnd:";

/// A migration that is over, by the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    pub job: String,
    /// Whether it ended with an error, and no person reported it as undone or applied.
    pub has_failed: bool,
}

/// Migrations that are over, by their runs. One that was undone or not applied is left out.
#[derive(Debug, Default)]
pub struct OverByRun(BTreeMap<String, Over>);

impl OverByRun {
    /// The migrations of other runs than this one.
    pub fn of_others<'a>(&'a self, run: &'a str) -> impl Iterator<Item = &'a Over> {
        self.0.iter().filter(move |(of, _)| *of != run).map(|(_, over)| over)
    }

    /// Adds an event. `job` is the one of the newest attempt of the migration.
    pub fn note(&mut self, event: &Event, job: &str) {
        let over = |has_failed| Over { job: job.to_owned(), has_failed };
        if let Body::StepSucceeded { step: Step::RunMigration, .. } = &event.body {
            self.0.insert(event.run.clone(), over(false));
        } else if let Body::StepFailed { step: Step::RunMigration, failure, .. } = &event.body
            && AFTER_THE_START.contains(&failure.code.as_str())
        {
            self.0.insert(event.run.clone(), over(true));
        } else if let Body::StepUndone { .. } = &event.body {
            self.0.remove(&event.run);
        } else if let Body::QuestionAnswered { question, answer } = &event.body {
            self.answered(question, answer);
        } else if let Body::RunEnded { result, .. } = &event.body
            && result.starts_with("released")
        {
            // A release went on from the database as it is.
            self.0.retain(|run, over| *run == event.run || !over.has_failed);
        }
    }

    fn answered(&mut self, question: &str, answer: &str) {
        let Some(run) = question.strip_prefix(QUESTION) else { return };
        if answer == "applied" {
            self.0.entry(run.to_owned()).and_modify(|over| over.has_failed = false);
        } else {
            self.0.remove(run);
        }
    }
}

impl Known {
    /// Begins another run of the same journal. Production and its database stay, and so does the
    /// knowledge about jobs.
    pub fn begin_run(&mut self, event: &Event) {
        let (Body::RunDrafted { names, .. } | Body::RollbackDrafted { names, .. }) = &event.body else { return };
        if self.seq == 0 || self.run == event.run {
            return;
        }
        let before = std::mem::take(self);
        let ways = before.ways.of_next_run(before.names.version_value == names.version_value);
        let mut ways_before = before.ways_before;
        ways_before.push(before.ways);
        *self = Self {
            unknown_ends: before.unknown_ends,
            applied_by_word: before.applied_by_word,
            over: before.over,
            machine_before: before.machine.or(before.machine_before),
            ways,
            ways_before,
            called_not_done: before.called_not_done,
            closing: before.closing,
            secrets: before.secrets,
            world: Seen { migrations: Vec::new(), is_schema_changed: false, ..before.world },
            ..Self::default()
        };
    }

    /// Settles a migration of the run before that this run followed on the same machine: a person
    /// reported it as undone.
    pub(super) fn settle_undone(&mut self, job: &str) {
        if self.machine.is_some() && self.machine == self.machine_before {
            self.over.0.retain(|_, over| over.job != job);
            self.unknown_ends.retain(|_, other| other != job);
        }
    }

    /// Keeps the migrations whose end is unknown. A person's answer in a later run settles one.
    pub(super) fn settle(&mut self, event: &Event) {
        let job = self.attempt(Step::RunMigration).map(|one| one.plan.input("job")).unwrap_or_default().to_owned();
        self.over.note(event, &job);
        if let Body::StepInDoubt { step: Step::RunMigration, attempt } = &event.body {
            let job = self.attempts.get(&(Step::RunMigration, *attempt)).map(|one| one.plan.input("job"));
            self.unknown_ends.insert(event.run.clone(), job.unwrap_or_default().to_owned());
        } else if let Body::QuestionAnswered { question, answer } = &event.body {
            let run = question.strip_prefix(QUESTION).unwrap_or_default();
            let job = self.unknown_ends.remove(run);
            self.applied_by_word.extend(job.filter(|_| answer == "applied"));
        } else if fold::moved(&event.body).is_some_and(|(step, _)| step == Step::RunMigration) {
            self.unknown_ends.remove(&event.run);
        }
    }

    /// Deploy begins on another machine than that of the run before. Its jobs may have the ids of
    /// jobs of the old machine.
    pub(super) fn forget_jobs(&mut self) {
        self.called_not_done.clear();
        self.closing.clear();
        self.world.forget_jobs();
    }
}
