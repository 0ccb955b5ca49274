//! Start-up settings that AWS puts in place and this run did not save. A build may make its own
//! with our image (TRAP-T9). Then a named person accepts them, who sees the difference.

use greenlight_types::{Choice, Fact, Failure, Question, RunView, StepId};

use super::{
    register_task_definition::{described, difference, image_of, registrable},
    run_facts::{configured_before, our_revision, served_before},
    service_change::service,
};
use crate::{
    fold,
    ports::{TaskDefinition, revision_name},
    step::StepContext,
};

/// First part of the question's id. The ARN follows.
const QUESTION: &str = "otherRevision:";
const USE: &str = "use";

/// The question about other settings in charge that have our image.
///
/// # Errors
/// AWS does not answer.
pub(super) async fn question(cx: &StepContext, run: &RunView) -> Result<Option<Question>, Failure> {
    let (ours, previous) = (our_revision(run)?, configured_before(run));
    let service = service(cx, run).await?;
    let Some(primary) = service.primary() else { return Ok(None) };
    let arn = &primary.task_definition;
    if *arn == ours
        || *arn == previous
        || Some(arn.as_str()) == served_before(run)
        || accepted(run).any(|(known, _)| known == arn)
    {
        return Ok(None);
    }
    let Some(theirs) = with_our_image(cx, arn).await? else { return Ok(None) };
    let diff = difference(cx, &registrable(&described(cx, &ours).await?), &registrable(&theirs), 1);
    let words = if diff.is_empty() { "They are equal.".to_owned() } else { diff };
    Ok(Some(Question {
        id: format!("{QUESTION}{arn}"),
        text: format!(
            "AWS is putting other start-up settings in place than ours: {} and not {}. They have the package of {}. The build \
             may make its own. Go on with them?",
            revision_name(arn),
            revision_name(&ours),
            run.version
        ),
        options: vec![Choice {
            id: USE.into(),
            label: format!("Go on with {}", revision_name(arn)),
            detail: format!("They differ from ours:\n{words}"),
        }],
        needs_note: true,
    }))
}

/// Whether settings have our image.
///
/// # Errors
/// AWS does not answer.
pub(super) async fn has_our_image(cx: &StepContext, arn: &str) -> Result<bool, Failure> {
    with_our_image(cx, arn).await.map(|found| found.is_some())
}

async fn with_our_image(cx: &StepContext, arn: &str) -> Result<Option<TaskDefinition>, Failure> {
    let run = cx.run();
    let is_ours = |one: &TaskDefinition| image_of(one, &run.profile.aws.container) == Some(&run.names.image);
    Ok(cx.ports.task_definitions.describe(arn).await?.filter(is_ours))
}

/// Records the settings that a person accepted.
///
/// # Errors
/// The journal cannot be written.
pub(super) async fn learn_accepted(cx: &StepContext) -> Result<(), Failure> {
    let run = cx.run();
    for (arn, person) in accepted(&run) {
        let is_known = run
            .facts
            .iter()
            .any(|learned| matches!(&learned.fact, Fact::RevisionAccepted { arn: known, .. } if known == arn));
        if !is_known {
            let fact = Fact::RevisionAccepted { arn: arn.to_owned(), person: person.to_owned() };
            cx.sink.learn(StepId::AwaitDeployPhase, fact).await?;
        }
    }
    Ok(())
}

/// ARN and person of each acceptance.
fn accepted(run: &RunView) -> impl Iterator<Item = (&str, &str)> {
    run.answers
        .iter()
        .filter(|one| one.answer == USE)
        .filter_map(|one| Some((one.question.strip_prefix(QUESTION)?, one.person.as_str())))
}

/// Whether the watch failed because of other settings. Only then is AWS asked for a plan.
pub(super) fn has_failed(run: &RunView) -> bool {
    let step = fold::step(run, StepId::AwaitDeployPhase);
    step.and_then(|step| step.failure())
        .is_some_and(|failure| failure.code == greenlight_types::ErrorCode::WrongRevision)
}
