//! Writes a run as a Markdown document: result, people, steps with times, plans and evidence,
//! answers, checks.
//!
//! Reads only the journal, and writes no file. Production log lines are left out
//! (docs/releases.md#kept-data).

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use greenlight_types::{
    Change, CheckAnswer, Completion, Event, EventBody, Failure, FingerprintSource, LockOwner, Realm, RunEvent,
    RunResult, RunState, RunView, Status, StepEvent, StepPlan, StepView, Timestamp, UndoKind, WayBack,
};

use crate::{
    markdown::{Page, escape},
    options, time,
};

/// The document. Text of people and of other systems is escaped, so that it becomes no heading, no
/// link and no HTML.
#[must_use]
pub fn markdown(view: &RunView, events: &[Event]) -> String {
    let mut page = Page::default();
    head(&mut page, view);
    steps(&mut page, view);
    answers(&mut page, view);
    record(&mut page, view, events);
    page.text
}

fn known_by_words(source: FingerprintSource) -> &'static str {
    match source {
        FingerprintSource::Given => "compared with the fingerprint that the person or the settings gave",
        FingerprintSource::EarlierRelease => "compared with the fingerprint of an earlier release",
        FingerprintSource::Nobody => "not compared: nobody had given one",
    }
}

fn head(page: &mut Page, view: &RunView) {
    let rollback = if view.is_rollback() { "Rollback of " } else { "" };
    page.line(&format!("# {rollback}{} {}", escape(&view.profile.product.name), view.version));
    page.line("");
    page.item(
        "Where",
        match view.realm {
            Realm::Production => "PRODUCTION",
            Realm::Practice => "PRACTICE",
        },
    );
    page.item("Environment", &view.profile.product.environment_name);
    if let Some(release) = &view.rolls_back {
        page.item("Rolls back", &format!("the release of run {}", release.run));
    }
    page.item("Result", view.result.map_or_else(|| state_words(view), result_words));
    page.item("Note", &view.end_note);
    if let Some(later) = &view.rolled_back {
        let (person, at, run) = (&later.person, time::in_words(later.at), &later.run);
        page.item("Rolled back later", &format!("by {person}, {at}, run {run}"));
    }
    page.item("People", &view.people.join(", "));
    let (started, took) =
        if view.is_rollback() { ("Rollback started", "Rollback took") } else { ("Deploy started", "Deploy took") };
    let moments = [
        ("Drafted", Some(view.drafted_at)),
        ("Prepare started", view.prepare_started_at),
        ("Prepared", view.prepared_at),
        (started, view.deploy_started_at),
        ("Ended", view.ended_at),
    ];
    for (name, at) in moments {
        page.item(name, &at.map_or_else(String::new, time::in_words));
    }
    if let (Some(from), Some(to)) = (view.deploy_started_at, view.ended_at) {
        page.item(took, &time::span_in_words(from.until_or_zero(to)));
    }
    // A rollback asks no staging machine.
    if let Some(staging) = view.staging.as_ref().filter(|_| !view.is_rollback()) {
        page.item("Staging machine", &format!("{}, {}:{}", staging.name, staging.address, staging.port));
        page.item("Its fingerprint", &staging.fingerprint);
        page.item("Known by", staging.known_by.map_or("", known_by_words));
    }
    for (name, value) in [
        ("Branch", &view.names.branch),
        ("Tag", &view.names.tag),
        ("Version in the file", &view.names.version_value),
        ("Package", &view.names.image),
        ("Run", &view.id.0),
    ] {
        page.item(name, value);
    }
    for left in &view.left_behind {
        page.item("Left behind", left);
    }
}

fn steps(page: &mut Page, view: &RunView) {
    page.heading(2, "Steps");
    page.line("| Step | Result | Started by | Started | Took |");
    page.line("|---|---|---|---|---|");
    let is_unused = |step: &&StepView| step.definition.is_optional && step.status() == Status::NotStarted;
    for step in view.steps.iter().filter(|step| !is_unused(step)) {
        let _ = writeln!(
            page.text,
            "| {} | {} | {} | {} | {} |",
            escape(&step.definition.title),
            status_words(step.status()),
            escape(step.started_by.as_deref().unwrap_or_default()),
            step.started_at.map_or_else(String::new, time::in_words),
            took(step),
        );
    }
    for step in view.steps.iter().filter(|step| step.attempt > 0 || step.status() != Status::NotStarted) {
        one_step(page, view, step);
    }
}

fn took(step: &StepView) -> String {
    match (step.started_at, step.ended_at()) {
        (Some(from), Some(to)) => time::span_in_words(from.until_or_zero(to)),
        (None | Some(_), _) => String::new(),
    }
}

fn one_step(page: &mut Page, view: &RunView, step: &StepView) {
    page.heading(3, &step.definition.title);
    page.item("Step", step.definition.id.name());
    page.item("Result", status_words(step.status()));
    page.item("Attempts", &step.attempt.to_string());
    page.item("Started by", step.started_by.as_deref().unwrap_or_default());
    if options::counts_earlier_attempt(view, step) {
        page.item("Counts", "an earlier attempt; these are the times of the last one");
    }
    for (name, at) in [("Offered", step.offered_at), ("Started", step.started_at), ("Ended", step.ended_at())] {
        page.item(name, &at.map_or_else(String::new, time::in_words));
    }
    match step.how() {
        Some(Completion::Did) | None => {}
        Some(Completion::AlreadyDone) => page.item("How", "it was already done; nothing was changed"),
        Some(Completion::FoundDone) => page.item("How", "it was in doubt and found to have happened"),
        Some(Completion::ByHand { note }) => page.item("How", &format!("by hand, and seen to be so: {note}")),
        Some(Completion::SaidBy { note }) => page.item("How", &format!("a person says so: {note}")),
    }
    for evidence in step.evidence() {
        page.item("Seen", evidence);
    }
    let left_out = step.left_out();
    page.item("To know", left_out.as_deref().or_else(|| step.warning()).unwrap_or_default());
    for job in &step.undone_jobs {
        page.item("Undone", if job.is_empty() { "the work by hand" } else { job });
    }
    page.item("In doubt", step.doubt().unwrap_or_default());
    if let Some(failure) = step.failure().or(step.earlier_failure.as_ref()) {
        one_failure(page, failure);
    }
    if let Some(plan) = &step.plan {
        one_plan(page, plan);
    }
}

fn one_failure(page: &mut Page, failure: &Failure) {
    page.item("Failed", &failure.to_string());
    for hint in &failure.hints {
        page.item("What to do", hint);
    }
}

fn one_plan(page: &mut Page, plan: &StepPlan) {
    page.line(&format!("\nThe plan ({}): {}\n", escape(&plan.hash), escape(&plan.lede)));
    for precondition in &plan.preconditions {
        let mark = if precondition.passed { "held" } else { "did not hold" };
        page.item(&format!("Condition, {mark}"), &format!("{} {}", precondition.text, precondition.detail));
    }
    for change in &plan.changes {
        match change {
            Change::Line { text, value } => page.item("Change", &format!("{text} {value}")),
            Change::Commits { title, commits, total } => {
                page.item("Commits", &format!("{title} ({total})"));
                let lines: Vec<String> = commits
                    .iter()
                    .map(|commit| {
                        let short: String = commit.id.chars().take(10).collect();
                        format!("{short} {} ({})", commit.summary, commit.author)
                    })
                    .collect();
                page.block("", &lines.join("\n"));
            }
            Change::Diff { title, diff } => {
                page.item("Difference", title);
                page.block("diff", diff);
            }
            Change::Command { title, command } => {
                page.item("Command", title);
                page.block("sh", command);
            }
            Change::Request { title, body } => {
                page.item("Request", title);
                page.block("", body);
            }
        }
    }
    match &plan.way_back {
        WayBack::NothingToUndo => {}
        WayBack::Harmless { why } => page.item("Way back", why),
        WayBack::Irreversible { way_back, minutes, who } => {
            let minutes = minutes.map_or_else(String::new, |minutes| format!(", about {minutes} min"));
            page.item("Way back", &format!("{way_back}{minutes}, {who}"));
        }
    }
}

fn answers(page: &mut Page, view: &RunView) {
    if !view.answers.is_empty() {
        page.heading(2, "Questions");
        for answer in &view.answers {
            page.item("Question", &answer.text);
            page.item("Answer", &signed(&answer.answer, &answer.note, &answer.person, answer.at));
        }
    }
    if !view.checks.is_empty() {
        page.heading(2, "Checks of the site");
        for check in &view.checks {
            let text = view.profile.site.checks.iter().find(|known| known.id == check.check);
            page.item("Check", text.map_or(check.check.as_str(), |known| known.text.as_str()));
            page.item("Answer", &signed(answer_words(check.answer), &check.note, &check.person, check.at));
        }
    }
}

fn signed(answer: &str, note: &str, person: &str, at: Timestamp) -> String {
    let note = if note.is_empty() { String::new() } else { format!(" \u{201c}{note}\u{201d}") };
    format!("{answer}{note} ({person}, {})", time::in_words(at))
}

fn record(page: &mut Page, view: &RunView, events: &[Event]) {
    page.heading(2, "Record");
    page.line("| No. | When | Who | Computer | App | What |");
    page.line("|---|---|---|---|---|---|");
    for event in events {
        let _ = writeln!(
            page.text,
            "| {} | {} | {} | {} | {} | {} |",
            event.seq,
            escape(&event.at.to_string()),
            escape(&event.by.person),
            escape(&event.by.computer),
            escape(&event.by.app_version),
            escape(&what(view, &event.body)),
        );
    }
}

fn what(view: &RunView, body: &EventBody) -> String {
    match body {
        EventBody::Run(event) => change_of_run(view, event),
        EventBody::Step(event) => change_of_step(event),
    }
}

fn change_of_run(view: &RunView, event: &RunEvent) -> String {
    match event {
        RunEvent::Drafted { version, .. } => format!("drafted {version}"),
        RunEvent::RollbackDrafted { version, .. } => format!("drafted the rollback of {version}"),
        RunEvent::PrepareStarted { statement, .. } => format!("started Prepare: {statement}"),
        RunEvent::Prepared => "prepared".to_owned(),
        RunEvent::DeployStarted { staging, told, differences, .. } => {
            let differences = if differences.is_empty() {
                String::new()
            } else {
                format!(
                    "; accepted: {}",
                    differences.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join("; ")
                )
            };
            let started = match view.is_rollback() {
                true => "started the rollback".to_owned(),
                false => format!("started Deploy on {}", staging.address),
            };
            format!("{started}; told: {told}{differences}")
        }
        RunEvent::CheckingStarted => "started to check the site".to_owned(),
        RunEvent::Ended { result, note, .. } => format!("ended: {} {note}", result_words(*result)),
        RunEvent::TookOver { from } => format!("took over from {from}"),
        RunEvent::FactLearned { step, fact } => format!("{}: learned {:?}", step.name(), fact.kind()),
        RunEvent::JobRevoking { step, job, note } if note.is_empty() => {
            format!("{}: revoking the start of {job}, so that no order still on its way starts it", step.name())
        }
        RunEvent::JobRevoking { step, job, note } => {
            format!("{}: revoking the start of {job}, so that the app never starts it: {note}", step.name())
        }
        RunEvent::LockAcquiring { staging, from, on_machine, reason } => {
            // A rollback takes no lock on a machine.
            let place = if view.is_rollback() { String::new() } else { format!(" on {}", staging.address) };
            match from {
                None => format!("taking the environment{place}"),
                Some(from) => takeover(&place, from, on_machine.as_deref(), reason),
            }
        }
        RunEvent::LockRefused { reason, .. } => {
            let rest = match view.is_rollback() {
                true => "no lock guards the environment",
                false => "only the one on the staging machine counts",
            };
            format!("GitHub refuses the environment lock, so {rest}: {reason}")
        }
        RunEvent::AddressChanged { staging } => {
            format!("the staging machine has another address now: {}:{}", staging.address, staging.port)
        }
        RunEvent::ScriptStopping { job, is_forced, note, .. } => {
            let order = if *is_forced { "kill" } else { "stop" };
            format!("ordered the staging machine to {order} the script of {job}: {note}")
        }
        RunEvent::MachineGivenUp { note } => format!("the staging machine is gone: {note}"),
        RunEvent::ValueCorrected { label, old, new, reason, .. } => {
            format!("corrected {label}: {new} instead of {old}: {reason}")
        }
        RunEvent::StartedOver { base, main, note } => {
            format!("started over on main at {main} instead of {base}; nothing was published: {note}")
        }
        RunEvent::QuestionAnswered { step, answer, .. } => {
            format!("{}: answered {answer}", step.name())
        }
        RunEvent::CheckAnswered { check, answer, .. } => {
            format!("check {check}: {}", answer_words(*answer))
        }
    }
}

fn change_of_step(event: &StepEvent) -> String {
    match event {
        StepEvent::Offered { step } => format!("{}: offered", step.name()),
        StepEvent::Started { step, attempt, .. } => {
            format!("{}: attempt {attempt} started", step.name())
        }
        StepEvent::Succeeded { step, .. } => format!("{}: done", step.name()),
        StepEvent::Warned { step, warning, .. } => format!("{}: done; {warning}", step.name()),
        StepEvent::Skipped { step, note } => format!("{}: left out: {note}", step.name()),
        StepEvent::Failed { step, failure, .. } => format!("{}: {failure}", step.name()),
        StepEvent::InDoubt { step, why, .. } => format!("{}: in doubt: {why}", step.name()),
        StepEvent::Resumed { step, evidence, .. } => {
            format!("{}: found under way: {evidence}", step.name())
        }
        StepEvent::Reset { step, evidence, .. } => {
            format!("{}: found not to have happened: {evidence}", step.name())
        }
        StepEvent::Undone { step, job, how, note, evidence, .. } => {
            let attempt = if job.is_empty() { "the work by hand" } else { job };
            format!("{}: {attempt} reported as undone ({}): {note}. {evidence}", step.name(), undo_words(*how))
        }
        StepEvent::Stopped { step, note, .. } => format!("{}: stopped: {note}", step.name()),
    }
}

fn takeover(place: &str, from: &LockOwner, on_machine: Option<&LockOwner>, reason: &str) -> String {
    let owner = |owner: &LockOwner| {
        format!("{} on {} ({}, held since {})", owner.person, owner.computer, owner.purpose(), owner.since)
    };
    let third = on_machine.map(|third| format!(" and from {}", owner(third))).unwrap_or_default();
    format!("taking the environment{place} over from {}{third}: {reason}", owner(from))
}

fn undo_words(how: UndoKind) -> &'static str {
    match how {
        UndoKind::Restored => "the database was restored",
        UndoKind::NothingApplied => "nothing was applied",
    }
}

fn result_words(result: RunResult) -> &'static str {
    match result {
        RunResult::Released => "Released",
        RunResult::ReleasedWithFailedCheck => "Released with a failed check",
        RunResult::RolledBack => "Rolled back",
        RunResult::Stopped => "Stopped",
        RunResult::Abandoned => "Given up before Deploy",
    }
}

fn state_words(view: &RunView) -> &'static str {
    match view.state {
        RunState::Draft => "not started",
        RunState::Preparing => "being prepared",
        RunState::Prepared if view.is_rollback() => "not started",
        RunState::Prepared => "prepared",
        RunState::Deploying if view.is_rollback() => "being rolled back",
        RunState::Deploying => "being deployed",
        RunState::Checking => "the site is being checked",
        RunState::Ended => "ended",
    }
}

fn status_words(status: Status) -> &'static str {
    match status {
        Status::NotStarted => "not started",
        Status::AwaitingOperator => "waiting for a person",
        Status::Running => "under way",
        Status::Succeeded => "done",
        Status::Warned => "done, with something to know",
        Status::Skipped => "left out",
        Status::Failed => "failed",
        Status::Stopped => "stopped",
        Status::InDoubt => "we do not know yet whether this happened",
    }
}

fn answer_words(answer: CheckAnswer) -> &'static str {
    match answer {
        CheckAnswer::Passed => "Passed",
        CheckAnswer::Failed => "Failed",
        CheckAnswer::CouldNotCheck => "Could not check",
    }
}
