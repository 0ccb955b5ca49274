//! A script on the staging machine as a detached job: submit, launch, follow, judge. Backup and
//! migration use it (docs/remote-jobs.md).

use std::time::Duration;

use greenlight_types::{
    Changed, ErrorCode, Failure, JobInputs, LineLabel, LineSource, LiveUpdate, LogLine, Observation, Retry, RunView,
    StepId, StepPlan, StopOrder, Timestamp,
};

use crate::{
    env_lock,
    ports::{EnvLock, HostAddress, JobSpec, JobState, JobStatus, Launched, RevokeReason, Revoked, Submitted},
    redact::{CleanText, Stream},
    shell,
    spool::OutputPosition,
    step::{Entry, StepContext, TAIL},
    time,
};

/// Time between two polls of a job.
const POLL: Duration = Duration::from_secs(2);
/// Time between two attempts to reach a silent machine, and between two "connection lost" notices.
const RECONNECT: Duration = Duration::from_secs(1);
/// Time between two attempts at a machine that refuses us. Machines block clients that try too
/// often.
const REFUSED: Duration = Duration::from_secs(5);
/// Most polls before a job is left in doubt: twelve hours of pauses.
const POLLS_MAX: u32 = 21_600;
/// Most "connection lost" notices during one poll. The poll has a deadline of its own.
const LOST_NOTICES_MAX: u32 = 120;
/// A launch order that arrives later than this after the submit starts nothing (INV-D5).
const STARTS_WITHIN: Duration = Duration::from_secs(240);
/// Maximum age of the pre-start checks. After a sleep they are stale, and the operator may have
/// left.
const ASKED_WITHIN: Duration = Duration::from_secs(300);
/// Most polls in a row whose output cannot be fetched or stored. Then the result counts without it.
const MOST_FAILED_POLLS: u32 = 30;
/// Bytes of output per request.
const CHUNK: u32 = 64 * 1024;

/// Result of a followed job.
pub(crate) enum JobEnd {
    /// The script has ended.
    Finished {
        exit: i32,
        /// Start, by the clock of the host.
        started_at: Timestamp,
        /// End, by the clock of the host.
        finished_at: Timestamp,
        /// Last lines of the output.
        tail: Vec<String>,
    },
    /// The job certainly did not start.
    NotStarted(Failure),
    /// The result is unknown.
    Unknown(String),
}

/// Prefix of all job ids of a step and version: `rally.prod.migrate.2.1.0.a`.
pub(crate) fn prefix(run: &RunView, kind: &str) -> String {
    let product = &run.profile.product;
    format!("{}.{}.{kind}.{}.a", product.id, product.environment, run.version)
}

/// The job that a plan describes.
fn spec(run: &RunView, job: &str, script: &str) -> JobSpec {
    let lock = EnvLock::of(run);
    JobSpec {
        id: job.to_owned(),
        script: script.to_owned(),
        // One job at a time uses the database of an environment, over all versions and computers
        // (INV-D4).
        mutex: format!("{}-db", lock.environment),
        lock,
        starts_within: STARTS_WITHIN,
    }
}

/// Two ids: that of the job of the next attempt, and that of an expired job, if there is one, which
/// is revoked first. A job that may still start is the next attempt and keeps its id.
pub(crate) fn attempt(jobs: &[JobStatus], prefix: &str) -> (String, Option<String>) {
    if let Some(one) = jobs.iter().find(|one| matches!(one.state, JobState::NotStarted | JobState::Busy)) {
        return (one.id.clone(), None);
    }
    let newest = jobs.iter().map(|one| number(&one.id, prefix)).max().unwrap_or(0);
    let late = jobs.iter().find(|one| one.state == JobState::Expired).map(|one| one.id.clone());
    (format!("{prefix}{}", newest + 1), late)
}

/// The started job with the highest number, also if another computer started it.
pub(crate) fn newest_start<'a>(jobs: &'a [JobStatus], prefix: &str) -> Option<&'a JobStatus> {
    jobs.iter().filter(|one| !one.state.never_started()).max_by_key(|one| number(&one.id, prefix))
}

/// Number of the attempt in a job id. 0 when the id has another prefix.
pub(crate) fn number(id: &str, prefix: &str) -> u32 {
    id.strip_prefix(prefix).and_then(|k| k.parse().ok()).unwrap_or(0)
}

/// The script of a job: the command in its directory, through the login shell of its user. It names
/// no run, so another computer that continues this release submits the same job, and finds it.
pub(crate) fn script(run: &RunView, inner: &str) -> String {
    let login = run.profile.host.login_shell.trim();
    let command = if login.is_empty() { inner.to_owned() } else { format!("exec {login} {}", shell::quote(inner)) };
    format!("{command}\n")
}

/// Starts a job, or only follows it, until it ends. `asked_at` is the time of the first pre-start
/// check.
pub(crate) async fn drive(
    cx: &StepContext,
    step: StepId,
    source: LineSource,
    host: &HostAddress,
    inputs: &JobInputs,
    entry: Entry,
    asked_at: Timestamp,
) -> JobEnd {
    // A job that was started before is followed, never started again.
    if let (Entry::Start, JobInputs::Start { job, late, script }) = (entry, inputs) {
        let job = spec(&cx.run(), job, script);
        let started = async {
            if let Some(late) = late {
                close_late(cx, host, late).await?;
            }
            start(cx, step, host, &job, asked_at).await
        };
        if let Err(ended) = started.await {
            return ended;
        }
    }
    follow(cx, step, source, inputs.id()).await
}

/// Revokes the previous attempt, which was not started in time. Then only the new job can start,
/// however late an order arrives (INV-D5).
async fn close_late(cx: &StepContext, host: &HostAddress, late: &str) -> Result<(), JobEnd> {
    match cx.ports.host.revoke(host, late, RevokeReason::Expired).await {
        Ok(Revoked::Won) => Ok(()),
        Ok(Revoked::Lost) => Err(JobEnd::NotStarted(
            Failure::new(ErrorCode::JobConflict, format!("close {late}: it started after all"))
                .with("job", late)
                .hint("Nothing else was started. Ask the world again.")
                .retry(Retry::Safe),
        )),
        // A revoke that may have won starts nothing.
        Err(failure) => Err(JobEnd::NotStarted(failure.changed(Changed::Nothing).retry(Retry::Safe))),
    }
}

async fn start(
    cx: &StepContext,
    step: StepId,
    host: &HostAddress,
    job: &JobSpec,
    asked_at: Timestamp,
) -> Result<(), JobEnd> {
    cx.activity(step, "Putting the job on the staging machine");
    match cx.ports.host.submit(host, job).await {
        Ok(Submitted::New | Submitted::Same) => {}
        Ok(Submitted::Conflict) => return Err(JobEnd::NotStarted(conflict(&job.id))),
        Ok(Submitted::Revoked) => return Err(JobEnd::NotStarted(never_starts(&job.id))),
        Ok(Submitted::Unfinished) => return Err(JobEnd::NotStarted(unfinished(&job.id))),
        Ok(Submitted::NotOwner(holder)) => {
            return Err(JobEnd::NotStarted(env_lock::not_owned(&cx.run(), holder.as_ref())));
        }
        Err(failure) if failure.is_lost_reply() => return Err(JobEnd::Unknown(failure.to_string())),
        Err(failure) => return Err(JobEnd::NotStarted(failure)),
    }
    // The machine knows no owner of another staging machine. Only the remote does.
    if let Err(failure) = env_lock::ensure_owned_on_remote(cx).await {
        return Err(JobEnd::NotStarted(failure));
    }
    // The computer may have slept since the checks began. Older checks do not count.
    if time::is_older_than(asked_at, ASKED_WITHIN, cx.ports.clock.now()) {
        return Err(JobEnd::NotStarted(too_late(&job.id).with("job", job.id.clone())));
    }
    cx.activity(step, "Starting the job");
    match cx.ports.host.launch(host, &job.id, &job.lock).await {
        Ok(Launched::Ordered) => Ok(()),
        Ok(Launched::NotOwner(holder)) => Err(JobEnd::NotStarted(env_lock::not_owned(&cx.run(), holder.as_ref()))),
        // The launch may have arrived although its answer did not. Only the host knows.
        Err(failure) => Err(JobEnd::Unknown(failure.to_string())),
    }
}

pub(super) fn too_late(what: &str) -> Failure {
    Failure::new(ErrorCode::PreconditionFailed, format!("start {what}: too long passed since everything was asked"))
        .because("this computer slept, or an answer took very long")
        .hint("Nothing was started. Look at the plan once more, and press the button again.")
        .retry(Retry::Safe)
}

fn conflict(id: &str) -> Failure {
    Failure::new(ErrorCode::JobConflict, format!("use the job name {id}: another job of this name is on the machine"))
        .with("job", id)
        .hint("Look at the history: somebody may have started this release before.")
        .retry(Retry::No)
}

fn never_starts(id: &str) -> Failure {
    Failure::new(ErrorCode::JobConflict, format!("start {id}: its start was revoked, and it never starts"))
        .with("job", id)
        .hint("Look at the history: somebody may have done this outside the app.")
        .retry(Retry::No)
}

fn unfinished(id: &str) -> Failure {
    Failure::new(ErrorCode::JobConflict, format!("start {id}: the attempt before it is not over"))
        .with("job", id)
        .hint("Nothing was started. Ask again once the attempt before has ended.")
        .retry(Retry::Safe)
}

async fn follow(cx: &StepContext, step: StepId, source: LineSource, id: &str) -> JobEnd {
    let mut output = Output::new(cx, source, id);
    let mut lost: Option<Lost> = None;
    let mut unstarted = 0_u32;
    for _ in 0..POLLS_MAX {
        let status = match look(cx, step, id, lost).await {
            Ok(status) => status,
            // The connection is not lost. Another machine answers, and it knows nothing about this
            // job.
            Err(failure) if matches!(failure.code, ErrorCode::HostReplaced | ErrorCode::HostChanged) => {
                return JobEnd::Unknown(failure.to_string());
            }
            Err(failure) => {
                tracing::info!(%failure, "the staging machine does not answer");
                let since = lost.map_or_else(|| cx.ports.clock.now(), |lost| lost.since);
                let silence = Lost { since, is_refused: is_refused(&failure) };
                lost = Some(silence);
                say_lost(cx, step, silence);
                cx.wait(if silence.is_refused { REFUSED } else { RECONNECT }).await;
                continue;
            }
        };
        if lost.take().is_some() {
            let went_on = if status.state.is_alive() { " The job went on meanwhile." } else { "" };
            let text = format!("Connected again.{went_on}");
            cx.sink.show(LiveUpdate::Connection { step, lost: false, text });
        }
        // The output is fetched after the status, so the output of a finished job is complete.
        let is_complete = output.fetch(cx, status.output_bytes).await;
        match status.state {
            JobState::Running => cx.activity(step, "The script is running on the staging machine"),
            JobState::Orphaned => {
                let text = "The script still runs. The program that would note its result has ended, so its result \
                            will be unknown.";
                cx.activity(step, text);
            }
            JobState::Finished { .. } if !is_complete && output.may_wait() => {
                cx.activity(step, "The script has ended. Fetching the rest of its output.");
            }
            JobState::Finished { exit, finished_at } => {
                output.finish(cx);
                if !is_complete {
                    output.tail.push("The rest of the output is only on the staging machine.".to_owned());
                }
                let started_at = status.started_at.unwrap_or(finished_at);
                return JobEnd::Finished { exit, started_at, finished_at, tail: output.tail };
            }
            JobState::Lost { why } => return JobEnd::Unknown(why),
            JobState::Absent => return JobEnd::Unknown("the staging machine has no such job".into()),
            JobState::Revoked(_) => return JobEnd::NotStarted(never_starts(id)),
            JobState::NotStarted | JobState::Busy | JobState::Expired => {
                if status.state == JobState::Busy {
                    cx.activity(step, "Another job at this database runs on the staging machine");
                }
                unstarted += 1;
                if unstarted > 15 {
                    return JobEnd::Unknown("the job is on the staging machine and has not started".into());
                }
            }
        }
        cx.wait(POLL).await;
    }
    JobEnd::Unknown("the job did not end after it was followed for twelve hours".into())
}

/// A connection that is lost.
#[derive(Clone, Copy, Debug)]
struct Lost {
    since: Timestamp,
    /// The machine answers and does not let this computer in.
    is_refused: bool,
}

/// Asks the machine for the status, at the address that it has now. Repeats the notice while the
/// connection is lost, because one attempt may take long.
async fn look(cx: &StepContext, step: StepId, id: &str, lost: Option<Lost>) -> Result<JobStatus, Failure> {
    let host = cx.host()?;
    let mut asked = cx.ports.host.status(&host, id);
    if let Some(lost) = lost {
        for _ in 0..LOST_NOTICES_MAX {
            tokio::select! {
                biased;
                told = &mut asked => return told,
                () = cx.wait(RECONNECT) => say_lost(cx, step, lost),
            }
        }
    }
    asked.await
}

fn is_refused(failure: &Failure) -> bool {
    matches!(
        failure.code,
        ErrorCode::HostRefused | ErrorCode::HostUnknown | ErrorCode::CredentialMissing | ErrorCode::KeyFileUnreadable
    )
}

fn say_lost(cx: &StepContext, step: StepId, lost: Lost) {
    let seconds = lost.since.until_or_zero(cx.ports.clock.now()).as_secs();
    let event = if lost.is_refused { "The staging machine does not let this computer in" } else { "Connection lost" };
    let text = format!(
        "{event}, {seconds} s so far. This computer does not stop the job. Whether it still runs is not known until the \
         machine answers. Trying again."
    );
    cx.sink.show(LiveUpdate::Connection { step, lost: true, text });
}

/// Output of a job, fetched from the position up to which it is stored. Lines and position are
/// stored together.
struct Output {
    source: LineSource,
    job: String,
    offset: u64,
    stream: Stream,
    tail: Vec<String>,
    /// Number of lines that arrive again and are already stored.
    repeated: u32,
    /// Polls in a row after which lines could not be fetched or stored.
    failed_polls: u32,
}

impl Output {
    fn new(cx: &StepContext, source: LineSource, job: &str) -> Self {
        let stored = cx.sink.stored_output(source, job);
        let (offset, is_in_key) = stored.reached.map_or((0, false), |reached| (reached.offset, reached.is_in_key));
        let stream = Stream::resumed(is_in_key);
        let (job, tail, repeated) = (job.to_owned(), stored.tail, stored.lines_without_job);
        Self { source, job, offset, stream, tail, repeated, failed_polls: 0 }
    }

    /// Whether to wait until lines can be fetched and stored again. The wait is bounded: a full
    /// disk here, or a connection too slow for the output, does not delay the result for long.
    fn may_wait(&self) -> bool {
        self.failed_polls < MOST_FAILED_POLLS
    }

    /// Fetches the output up to `size` bytes. Returns whether it has arrived completely.
    async fn fetch(&mut self, cx: &StepContext, size: u64) -> bool {
        let Ok(host) = cx.host() else { return false };
        // At most 64 chunks (4 MiB) per status, so a script with much output cannot delay the next
        // poll.
        for _ in 0..64 {
            if self.offset >= size {
                return true;
            }
            let bytes = cx.ports.host.output(&host, &self.job, self.offset, CHUNK).await.unwrap_or_default();
            if bytes.is_empty() {
                self.failed_polls += 1;
                return false;
            }
            self.offset += bytes.len() as u64;
            let lines = self.stream.push(cx.ports.redactor(), &bytes);
            if !self.show(cx, lines) {
                return false;
            }
        }
        self.offset >= size
    }

    fn finish(&mut self, cx: &StepContext) {
        let last = self.stream.finish(cx.ports.redactor());
        self.show(cx, last.into_iter().collect());
    }

    /// Stores and shows lines. Returns whether they are stored. Lines that are not stored are
    /// fetched again from the last stored position.
    fn show(&mut self, cx: &StepContext, texts: Vec<CleanText>) -> bool {
        let mut texts: Vec<String> = texts.into_iter().map(CleanText::into_string).collect();
        let repeated = texts.len().min(self.repeated as usize);
        self.repeated -= u32::try_from(repeated).unwrap_or(self.repeated);
        self.tail.extend(texts.drain(..repeated));
        if texts.is_empty() {
            return true;
        }
        let reached = OutputPosition {
            job: self.job.clone(),
            offset: self.offset.saturating_sub(self.stream.pending() as u64),
            is_in_key: self.stream.is_in_key(),
        };
        let lines = texts.iter().cloned();
        let lines = lines.map(|text| LogLine { number: 0, at: None, label: LineLabel::Script, text }).collect();
        if !cx.sink.job_lines(self.source, lines, reached) {
            *self = Self { failed_polls: self.failed_polls + 1, ..Self::new(cx, self.source, &self.job) };
            return false;
        }
        self.failed_polls = 0;
        self.tail.extend(texts);
        let surplus = self.tail.len().saturating_sub(TAIL as usize);
        self.tail.drain(..surplus);
        true
    }
}

/// Id of the job of a plan.
pub(crate) fn id_of(plan: Option<&StepPlan>) -> Option<String> {
    plan?.inputs.job().map(|job| job.id().to_owned()).filter(|id| !id.is_empty())
}

/// Asks the host for the state of an attempt's job.
///
/// # Errors
/// The failure of the request.
pub(crate) async fn ask(cx: &StepContext, job: &str) -> Result<JobStatus, Failure> {
    let host = cx.host()?;
    cx.ports.host.status(&host, job).await
}

/// Observes an attempt's job on the host.
pub(crate) async fn observe(cx: &StepContext, job: &str) -> Observation {
    told(job, ask(cx, job).await)
}

/// Turns an answer of the host into an observation.
pub(crate) fn told(job: &str, asked: Result<JobStatus, Failure>) -> Observation {
    match asked {
        Ok(JobStatus { state: JobState::Absent, .. }) => {
            Observation::NotDone { evidence: format!("The staging machine has no job {job}.") }
        }
        Ok(JobStatus { state: JobState::NotStarted, .. }) => {
            Observation::NotDone { evidence: format!("Job {job} is on the staging machine and never started.") }
        }
        Ok(JobStatus { state: JobState::Busy, .. }) => Observation::NotDone {
            evidence: format!("Job {job} never started: another job at this database runs on the staging machine."),
        },
        Ok(JobStatus { state: JobState::Expired, .. }) => Observation::NotDone {
            evidence: format!("Job {job} is on the staging machine, never started, and is too old to be started now."),
        },
        Ok(JobStatus { state: JobState::Revoked(_), .. }) => Observation::NotDone {
            evidence: format!("The start of job {job} is revoked: it never started and never will."),
        },
        Ok(JobStatus { state: JobState::Running | JobState::Orphaned, .. }) => {
            Observation::InProgress { evidence: format!("Job {job} is running on the staging machine.") }
        }
        Ok(JobStatus { state: JobState::Finished { exit, .. }, .. }) => Observation::InProgress {
            evidence: format!("Job {job} has ended on the staging machine (code {exit}); reading its result."),
        },
        Ok(JobStatus { state: JobState::Lost { why }, .. }) => Observation::Unknown { why },
        Err(failure) => Observation::Unknown { why: failure.to_string() },
    }
}

/// Failure of a script that ended with an error, perhaps because a person stopped it.
pub(crate) fn script_failed(
    what: &str,
    job: &str,
    exit: i32,
    tail: &[String],
    stop_order: Option<&StopOrder>,
) -> Failure {
    let failure =
        Failure::new(ErrorCode::ScriptFailed, format!("finish the {what}: the script ended with code {exit}"))
            .with("exit", exit.to_string())
            .with("job", job)
            .with("output", tail.join("\n"))
            .because(tail.last().cloned().unwrap_or_else(|| "the script printed nothing".into()));
    match stop_order {
        Some(order) => {
            let words = format!("{} ordered it to stop {}: {}", order.person, time::in_words(order.at), order.note);
            failure.with("stopped_by", order.person.clone()).because(words)
        }
        None => failure,
    }
}

/// The order by which a person stopped the script of the last attempt.
pub(super) fn stop_order(run: &RunView, step: StepId) -> Option<&StopOrder> {
    crate::fold::step(run, step)?.stop_order.as_ref()
}
