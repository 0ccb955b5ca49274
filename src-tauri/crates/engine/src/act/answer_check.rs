//! Answers a check of the site, once the site shows the new version.

use greenlight_types::{CheckAnswer, ErrorCode, FactKind, Failure, RunEvent, RunState, StepId};

use super::{Decision, Situation, refuse};
use crate::{fold, phase::is_ready};

pub(crate) fn decide(
    now: &Situation<'_>,
    check: String,
    answer: CheckAnswer,
    note: String,
) -> Result<Decision, Failure> {
    let view = now.view;
    let is_shown = fold::is_known(view, FactKind::SiteAnswered) && is_ready(view, StepId::CheckSite);
    if view.state != RunState::Checking || !is_shown {
        return Err(refuse("answer a check before the site shows the new version"));
    }
    if !view.profile.site.checks.iter().any(|known| known.id == check) {
        return Err(Failure::new(ErrorCode::BadInput, "answer this check: the release does not have it"));
    }
    if answer != CheckAnswer::Passed && note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "take this answer without a note: say what you saw"));
    }
    Ok(Decision::run_event(RunEvent::CheckAnswered { check, answer, note }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{Desk, checking, code, deploying};

    #[test]
    fn a_check_that_passed_needs_no_note() {
        let view = checking();
        let check = view.profile.site.checks[0].id.clone();
        let desk = Desk::new(view);
        assert!(decide(&desk.now(), check.clone(), CheckAnswer::Passed, String::new()).is_ok());
        for answer in [CheckAnswer::Failed, CheckAnswer::CouldNotCheck] {
            assert_eq!(code(decide(&desk.now(), check.clone(), answer, " ".into())), ErrorCode::BadInput);
            assert!(decide(&desk.now(), check.clone(), answer, "seen".into()).is_ok());
        }
    }

    #[test]
    fn refuses_an_unknown_check_and_an_early_answer() {
        let passed = |desk: &Desk, check: &str| decide(&desk.now(), check.into(), CheckAnswer::Passed, String::new());
        assert_eq!(code(passed(&Desk::new(checking()), "nonsense")), ErrorCode::BadInput);
        let early = deploying();
        let check = early.profile.site.checks[0].id.clone();
        assert_eq!(code(passed(&Desk::new(early), &check)), ErrorCode::NotAllowedNow);
        let mut unseen = checking();
        unseen.facts.retain(|learned| learned.fact.kind() != FactKind::SiteAnswered);
        assert_eq!(code(passed(&Desk::new(unseen), &check)), ErrorCode::NotAllowedNow);
    }
}
