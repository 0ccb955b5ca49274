//! Whether AWS waits until the database is migrated (INV-E5, TRAP-E1): a precondition of each act
//! whose servers cannot start before that, and a person's decision to go on without it.

use std::time::Duration;

use greenlight_types::{Choice, Failure, Precondition, Question, RunView, StepId};

use super::production::{Production, migrated_at};
use crate::{rollout::Patience, rollout_facts::is_rolled_out, time};

/// Id of the answer to go on although AWS may give up.
const GO_ON: &str = "goOn";

/// The precondition, and the question while it does not hold. The safe way is to raise the limit
/// first.
pub(super) fn judge(
    run: &RunView,
    production: &Production,
    needed: Duration,
    step: StepId,
) -> Result<(Precondition, Option<Question>), Failure> {
    let patience = production.patience(run)?;
    let id = format!("awsGivesUp:{}", step.name());
    let answer = run.answer(&id).filter(|one| one.answer == GO_ON);
    let is_migrated = migrated_at(run).is_some();
    let is_in_place = is_rolled_out(run);
    let covers = is_migrated || is_in_place || patience.covers(needed);
    let span = time::span_in_words;
    let seen = match &patience {
        _ if is_migrated => "the new version can start".to_owned(),
        _ if is_in_place => "the new version is in place".to_owned(),
        Patience::Endless => "AWS never gives up: its circuit breaker is off".to_owned(),
        Patience::Limited { used, allowed, lasts } => {
            format!("{used} of {allowed} failed starts used, about {}; {} needed", span(*lasts), span(needed))
        }
        Patience::Unknown { kind } => format!("this app does not know the limit {kind} of AWS"),
    };
    let detail = match answer.filter(|_| !covers) {
        Some(answer) => format!("{seen}. {} decided to go on", answer.person),
        None => seen.clone(),
    };
    let holds = covers || answer.is_some();
    let question = (!holds).then(|| Question {
        id,
        text: format!(
            "AWS may give {} up before the database is migrated ({seen}). The safe way is to press “Let AWS wait longer” first. \
             Go on without it?",
            run.version
        ),
        options: vec![Choice {
            id: GO_ON.into(),
            label: "Go on without it".into(),
            detail: "If AWS gives up, the old version keeps serving and the new one has to be started again. Your name is kept \
                     with this answer."
                .into(),
        }],
        needs_note: false,
    });
    let precondition = Precondition {
        id: "awsWaits".into(),
        passed: holds,
        text: "AWS waits until the database is migrated, or a person decided".into(),
        detail,
    };
    Ok((precondition, question))
}
