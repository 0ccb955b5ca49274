//! Checks that a version is newer than every version that was released from this computer.
//! Deploy asks AWS for the running revision.

use greenlight_types::{ErrorCode, EventBody, Failure, Profile, Realm, RunEvent, RunResult, RunView, StepId, Version};

use crate::{
    journal::Journal,
    other_runs::{self, Environment},
};

/// Id of the question in the journal.
const QUESTION: &str = "version:notNewer";

/// The objection to this version, in one sentence. `None` when it is newer than every released one.
pub(super) async fn not_newer(
    journal: &dyn Journal,
    profile: &Profile,
    realm: Realm,
    version: &Version,
) -> Result<Option<String>, Failure> {
    let mut newest: Option<RunView> = None;
    for earlier in other_runs::in_environment(journal, &Environment::new(profile, realm)).await? {
        if !matches!(earlier.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck)) {
            continue;
        }
        if earlier.version == *version {
            return Ok(Some(format!("{version} was released before, {}.", when(&earlier))));
        }
        if newest.as_ref().is_none_or(|known| earlier.version.is_newer_than(&known.version)) {
            newest = Some(earlier);
        }
    }
    let newest = newest.filter(|known| known.version.is_newer_than(version));
    Ok(newest
        .map(|known| format!("{version} is not newer than {}, which was released {}.", known.version, when(&known))))
}

fn when(run: &RunView) -> String {
    let at = run.ended_at.unwrap_or(run.drafted_at);
    format!("on {} by {}", crate::time::in_words(at), run.people.join(", "))
}

/// The answer, as recorded in the journal.
///
/// # Errors
/// `VersionNotNewer` without a reason.
pub(super) fn answered(text: String, anyway: Option<&str>) -> Result<EventBody, Failure> {
    let Some(note) = anyway.map(str::trim).filter(|note| !note.is_empty()) else {
        return Err(Failure::new(ErrorCode::VersionNotNewer, "start a release of this version without a reason")
            .because(text.clone())
            .with("sentence", text)
            .hint("Check the number.")
            .hint("If it is right, write down why; that is kept with your name."));
    };
    Ok(EventBody::Run(RunEvent::QuestionAnswered {
        step: StepId::MergeBranch,
        question: QUESTION.into(),
        text,
        answer: "anyway".into(),
        label: "Release it anyway".into(),
        note: note.to_owned(),
    }))
}
