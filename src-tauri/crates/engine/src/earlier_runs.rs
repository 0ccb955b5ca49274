//! The migrations of other runs against the same database, from the journal of this computer.
//!
//! "At most once" is a promise about the database, and every staging machine reaches the same one.
//! So a migration whose end is not known counts as started, on every machine and for every version,
//! until a named person says what became of it (INV-D8).

use std::{collections::BTreeMap, sync::Arc};

use greenlight_types::{
    Failure, JobInputs, PlanInputs, Retry, RunId, RunResult, RunView, Status, StepId, StepState, Timestamp, Version,
};
use parking_lot::Mutex;

use crate::{
    fold,
    journal::Journal,
    other_runs::{Environment, MOST_RUNS},
};

/// First part of the id of a question. The id of the run that it is about follows.
const QUESTION: &str = "migration:unknownEnd:";
/// Answer: the migration has changed the database.
pub(crate) const APPLIED: &str = "applied";
/// Answer: the database is as it was before that migration.
pub(crate) const NOT_APPLIED: &str = "notApplied";

/// Id of the question about the migration of a run.
pub(crate) fn question_id(run: &RunId) -> String {
    format!("{QUESTION}{run}")
}

/// The other migrations at the database of a run.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// Version and hash of the migration folder of the last other version that was released.
    pub released: Option<(String, String)>,
    /// The migrations that may have changed the database, oldest first. Those that a person called
    /// not applied are left out.
    pub starts: Vec<EarlierStart>,
    /// The answers of the database before the starts of migrations.
    pub asked: Vec<AskedBefore>,
}

impl Earlier {
    /// The answer of the database before the start of a job, if a run of this computer may have
    /// started it, and asked with the same probe.
    pub(crate) fn answer_before(&self, machine_id: &str, job: &str, probe: &str) -> Option<&str> {
        let is_it = |one: &&AskedBefore| one.machine_id == machine_id && one.job == job && one.probe == probe;
        self.asked.iter().find(is_it).map(|one| one.answer.as_str())
    }
}

/// The answer of the database before the start of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedBefore {
    pub machine_id: String,
    pub job: String,
    /// Command of the profile that asked.
    pub probe: String,
    pub answer: String,
}

/// A migration that another run may have started.
#[derive(Clone, Debug)]
pub struct EarlierStart {
    pub run: RunId,
    pub version: Version,
    /// Address of the staging machine of that run.
    pub address: String,
    /// Machine id of that staging machine. Empty in journals of old versions.
    pub machine_id: String,
    /// Time of the start.
    pub at: Option<Timestamp>,
    /// The person who started it.
    pub by: String,
    pub end: StartEnd,
}

/// The end of a migration, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartEnd {
    /// It may have started. Its end is not known.
    Unknown,
    /// It ended with an error, and no person said what became of the database.
    Failed,
    /// It changed the database.
    Applied {
        /// The person who said so. Absent when the app saw it.
        said_by: Option<String>,
    },
}

/// Reads the other runs of a journal. A run that has ended is read once.
pub struct EarlierRuns {
    journal: Arc<dyn Journal>,
    ended: Mutex<BTreeMap<RunId, Option<Arc<OtherRun>>>>,
}

/// The parts of another run that matter.
struct OtherRun {
    environment: Environment,
    version: Version,
    /// End of a run that released its version.
    released_at: Option<Timestamp>,
    folder_hash: Option<String>,
    start: Option<EarlierStart>,
    asked: Option<AskedBefore>,
    /// Answers about the migrations of other runs: question, whether it was applied, person, time.
    settled: Vec<(String, bool, String, Timestamp)>,
}

impl EarlierRuns {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, ended: Mutex::default() }
    }

    /// The migrations of the other runs at the database of `run`.
    ///
    /// # Errors
    /// `JournalFailed`.
    pub async fn read(&self, run: &RunView) -> Result<Earlier, Failure> {
        let (environment, mut others) = (Environment::of(run), Vec::new());
        for id in self.journal.runs().await?.into_iter().take(MOST_RUNS).filter(|id| *id != run.id) {
            // A run that this app cannot read is not compared.
            others.extend(self.other(&id).await.filter(|other| other.environment == environment));
        }
        Ok(summed_up(&others, &run.version))
    }

    async fn other(&self, id: &RunId) -> Option<Arc<OtherRun>> {
        if let Some(known) = self.ended.lock().get(id) {
            return known.clone();
        }
        let view = fold::fold(&self.journal.events(id, 0).await.ok()?).ok()?;
        let other = Some(Arc::new(OtherRun::of(&view)));
        if view.result.is_some() {
            self.ended.lock().insert(id.clone(), other.clone());
        }
        other
    }
}

impl OtherRun {
    fn of(view: &RunView) -> Self {
        let is_release = matches!(view.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck));
        let step = fold::step(view, StepId::RunMigration);
        // A folder whose migration was undone or left out may be that of the next release.
        let migrated = step.filter(|step| matches!(step.status(), Status::Succeeded | Status::Warned));
        let folder_hash = migrated.and_then(|step| step.plan.as_ref()).and_then(|plan| match &plan.inputs {
            PlanInputs::RunMigration(inputs) => inputs.folder_hash.clone(),
            PlanInputs::MergeBranch(_)
            | PlanInputs::SetVersion(_)
            | PlanInputs::CreateTag(_)
            | PlanInputs::PushBranch { .. }
            | PlanInputs::PushTag { .. }
            | PlanInputs::RegisterTaskDefinition(_)
            | PlanInputs::BackUp(_)
            | PlanInputs::DispatchBuild(_)
            | PlanInputs::FollowBuild
            | PlanInputs::AwaitDeployPhase
            | PlanInputs::AwaitRollout
            | PlanInputs::CheckSite
            | PlanInputs::RaiseFailureLimit(_)
            | PlanInputs::RestoreFailureLimit(_)
            | PlanInputs::StopRollout { .. }
            | PlanInputs::DeployAgain(_)
            | PlanInputs::RollBack(_)
            | PlanInputs::RerunBuild { .. }
            | PlanInputs::CancelBuild { .. }
            | PlanInputs::FollowOtherBuild(_)
            | PlanInputs::OpenPullRequest(_) => None,
        });
        let settled = view.answers.iter().filter(|one| one.question.starts_with(QUESTION));
        Self {
            environment: Environment::of(view),
            version: view.version.clone(),
            released_at: view.ended_at.filter(|_| is_release),
            folder_hash,
            start: start(view),
            asked: asked_before(view),
            settled: settled
                .map(|one| (one.question.clone(), one.answer == APPLIED, one.person.clone(), one.at))
                .collect(),
        }
    }
}

/// The migration of a run, if it may have started or was done by hand.
fn start(view: &RunView) -> Option<EarlierStart> {
    let step = fold::step(view, StepId::RunMigration)?;
    let end = match &step.state {
        StepState::Running | StepState::InDoubt { .. } | StepState::Stopped { .. } => StartEnd::Unknown,
        StepState::Succeeded { .. } | StepState::Warned { .. } => StartEnd::Applied { said_by: None },
        StepState::Failed { failure, .. } if failure.retry == Retry::No => StartEnd::Failed,
        StepState::Failed { .. } | StepState::NotStarted | StepState::AwaitingOperator | StepState::Skipped { .. } => {
            return None;
        }
    };
    let staging = view.staging.as_ref()?;
    Some(EarlierStart {
        run: view.id.clone(),
        version: view.version.clone(),
        address: staging.address.clone(),
        machine_id: staging.machine_id.clone(),
        at: step.started_at.or(step.ended_at()),
        by: step.started_by.clone().unwrap_or_default(),
        end,
    })
}

/// The answer of the database before the last job that a run may have started.
fn asked_before(view: &RunView) -> Option<AskedBefore> {
    let step = fold::step(view, StepId::RunMigration)?;
    let plan = step.plan.as_ref()?;
    let JobInputs::Start { job, .. } = plan.inputs.job()? else { return None };
    if start(view).is_none() && !step.undone_jobs.contains(job) {
        return None;
    }
    let answer = plan.inputs.database().filter(|answer| !answer.is_empty())?;
    let machine_id = view.staging.as_ref()?.machine_id.clone();
    let probe = view.profile.migration.probe.clone();
    Some(AskedBefore { machine_id, job: job.clone(), probe, answer: answer.to_owned() })
}

/// `others` are the runs at one database, newest first.
fn summed_up(others: &[Arc<OtherRun>], version: &Version) -> Earlier {
    let released = others
        .iter()
        .filter(|other| other.released_at.is_some() && other.version != *version)
        .find_map(|other| Some((other.version.to_string(), other.folder_hash.clone()?)));
    let last_release = others.iter().filter_map(|other| other.released_at).max();
    let said = |start: &EarlierStart| {
        let question = question_id(&start.run);
        let about = others.iter().flat_map(|other| &other.settled).filter(|(of, ..)| *of == question);
        about.max_by_key(|(_, _, _, at)| *at).map(|(_, is_applied, person, _)| (*is_applied, person.clone()))
    };
    let mut starts = Vec::new();
    for start in others.iter().rev().filter_map(|other| other.start.clone()) {
        // A later release went on from that database.
        let is_over = start.end == StartEnd::Failed && start.at < last_release;
        match said(&start) {
            Some((true, person)) => {
                starts.push(EarlierStart { end: StartEnd::Applied { said_by: Some(person) }, ..start });
            }
            Some((false, _)) => {}
            None if is_over => {}
            None => starts.push(start),
        }
    }
    let asked = others.iter().filter_map(|other| other.asked.clone()).collect();
    Earlier { released, starts, asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::draft;

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-23T09:{minute:02}:00Z").parse().expect("a time")
    }

    fn other(run: &str, version: &str, minute: u32, end: Option<StartEnd>) -> OtherRun {
        let (run, version) = (RunId(run.into()), Version::parse(version).expect("a version"));
        let start = end.map(|end| EarlierStart {
            run,
            version: version.clone(),
            address: "192.0.2.10".into(),
            machine_id: "machine-1".into(),
            at: Some(at(minute)),
            by: "Ann".into(),
            end,
        });
        let environment = Environment::of(&draft());
        OtherRun { environment, version, released_at: None, folder_hash: None, start, asked: None, settled: Vec::new() }
    }

    /// The ends of the migrations of these runs, which are given oldest first.
    fn ends(runs: Vec<OtherRun>) -> Vec<StartEnd> {
        let newest_first: Vec<Arc<OtherRun>> = runs.into_iter().rev().map(Arc::new).collect();
        let starts = summed_up(&newest_first, &Version::parse("2.2.0").expect("a version")).starts;
        starts.into_iter().map(|start| start.end).collect()
    }

    #[test]
    fn an_unknown_end_stays_unknown_after_a_later_release() {
        let later = OtherRun { released_at: Some(at(50)), ..other("b", "2.1.1", 40, None) };
        assert_eq!(ends(vec![other("a", "2.1.0", 1, Some(StartEnd::Unknown)), later]), [StartEnd::Unknown]);
    }

    #[test]
    fn a_later_release_settles_a_known_failure() {
        let failed = || other("a", "2.1.0", 1, Some(StartEnd::Failed));
        let later = OtherRun { released_at: Some(at(50)), ..other("b", "2.1.1", 40, None) };
        assert_eq!(ends(vec![failed()]), [StartEnd::Failed]);
        assert_eq!(ends(vec![failed(), later]), []);
    }

    #[test]
    fn the_newest_word_of_a_person_settles_a_start() {
        let unknown = || other("a", "2.1.0", 1, Some(StartEnd::Unknown));
        let says = |run: &str, is_applied: bool, minute: u32| {
            let word = (question_id(&RunId("a".into())), is_applied, "Bob".to_owned(), at(minute));
            OtherRun { settled: vec![word], ..other(run, "2.1.1", minute, None) }
        };
        let applied = || StartEnd::Applied { said_by: Some("Bob".into()) };
        assert_eq!(ends(vec![unknown(), says("b", true, 10)]), [applied()]);
        assert_eq!(ends(vec![unknown(), says("b", false, 10)]), []);
        assert_eq!(ends(vec![unknown(), says("b", false, 10), says("c", true, 20)]), [applied()]);
    }

    #[test]
    fn an_answer_belongs_to_a_job_of_one_machine() {
        let asked = |machine: &str, answer: &str| AskedBefore {
            machine_id: machine.into(),
            job: "a1".into(),
            probe: "ask".into(),
            answer: answer.into(),
        };
        let runs = [("m1", "41 db7"), ("m2", "42 db7")]
            .map(|(machine, answer)| OtherRun { asked: Some(asked(machine, answer)), ..other("a", "2.1.0", 1, None) });
        let earlier = summed_up(&runs.map(Arc::new), &Version::parse("2.1.0").expect("a version"));
        assert_eq!(earlier.answer_before("m2", "a1", "ask"), Some("42 db7"));
        for (machine, job, probe) in [("m2", "a2", "ask"), ("m3", "a1", "ask"), ("m2", "a1", "ask otherwise")] {
            assert_eq!(earlier.answer_before(machine, job, probe), None, "{machine} {job} {probe}");
        }
    }

    #[test]
    fn the_last_release_of_another_version_is_known_by_its_folder() {
        let release = |run: &str, version: &str, hash: &str| OtherRun {
            released_at: Some(at(50)),
            folder_hash: Some(hash.to_owned()),
            ..other(run, version, 40, None)
        };
        let newest_first = [release("c", "2.2.0", "h3"), release("b", "2.1.0", "h2"), release("a", "2.0.0", "h1")];
        let newest_first = newest_first.map(Arc::new);
        let earlier = summed_up(&newest_first, &Version::parse("2.2.0").expect("a version"));
        assert_eq!(earlier.released, Some(("2.1.0".to_owned(), "h2".to_owned())));
    }
}
