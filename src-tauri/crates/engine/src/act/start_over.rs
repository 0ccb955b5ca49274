//! Starts a prepared merge over on the newest main: somebody pushed to main before this run did, so
//! its push can never be accepted. Only a run that has published nothing may do so (INV-G3).

use greenlight_types::{ErrorCode, Fact, FactKind, Failure, RunEvent, RunView};

use super::{Asker, Decision, Order, SeenRemote, Situation, Then, refuse};
use crate::{
    fold, phase,
    steps::{
        run_facts::{main_ref, release_commit, tag_ref},
        set_version::says_version,
    },
};

/// The way on for a release whose version is not free any more.
const NEXT_VERSION: &str = "Give up this release, and prepare the next free version.";

pub(crate) async fn ask(asker: &Asker<'_>, note: String) -> Result<Order, Failure> {
    let (context, view) = (asker.context, asker.view());
    let merge = checked(&view, &note)?;
    let git = &context.ports.git;
    git.refresh().await?;
    let refs = git.remote_refs().await?;
    let at = |name: String| refs.iter().find(|one| one.name == name).map(|one| one.commit().to_owned());
    let (main, tag) = (at(main_ref(&view)), at(tag_ref(&view)));
    let moved = main.as_ref().filter(|main| **main != merge.base);
    let (mut has_ours, mut says) = (false, false);
    if let Some(main) = moved {
        has_ours = merge.ours != merge.base && git.is_ancestor(&merge.ours, main).await?;
        says = says_version(context, &view, main).await && !says_version(context, &view, &merge.base).await;
    }
    let remote = SeenRemote { base: merge.base, main, has_ours, tag, says_version: says };
    Ok(Order::StartOver { remote: Box::new(remote), note })
}

/// The merge of this run in the app's own clone.
struct Merge {
    /// Commit of the main branch that it was made on.
    base: String,
    /// Newest commit of this run on top of it; `base` when branch and version were on main before.
    ours: String,
}

fn checked(view: &RunView, note: &str) -> Result<Merge, Failure> {
    let Some(Fact::Merged { base, commit, .. }) = fold::newest(view, FactKind::Merged) else {
        return Err(refuse("start over: there is no merge to make again").hint("Merge the branch first."));
    };
    if !phase::may_start_over(view) {
        return Err(refuse("start over: a part of this release is published or under way"));
    }
    if note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "start over without a note: say why"));
    }
    Ok(Merge { base: base.clone(), ours: release_commit(view).unwrap_or_else(|_| commit.clone()) })
}

pub(crate) fn decide(now: &Situation<'_>, remote: &SeenRemote, note: String) -> Result<Decision, Failure> {
    let view = now.view;
    let merge = checked(view, &note)?;
    if merge.base != remote.base {
        return Err(refuse("start over: the merge was made again in the meantime").hint("Look at the screen again."));
    }
    let (branch, tag) = (&view.profile.git.main, &view.names.tag);
    let Some(main) = &remote.main else {
        return Err(Failure::new(ErrorCode::GitMissing, format!("start over: GitHub has no {branch} any more"))
            .with("name", branch.clone())
            .hint(format!("Ask a developer what became of {branch}.")));
    };
    if *main == remote.base {
        return Err(refuse(&format!("start over: nobody has pushed to {branch} since the merge")).hint(format!(
            "Go on: nobody has pushed to {branch} since the merge, so the push can still be accepted."
        )));
    }
    if remote.has_ours {
        return Err(refuse(&format!("start over: {branch} on GitHub contains the merge of this release already"))
            .hint(format!("Report the push as done by hand: {branch} on GitHub contains it.")));
    }
    if let Some(there) = &remote.tag {
        let summary = format!("start over: the label {tag} is on GitHub, so this version is not free any more");
        return Err(Failure::new(ErrorCode::TagElsewhere, summary)
            .with("tag", tag.clone())
            .because(format!("it stands at {there} and is never moved"))
            .hint(NEXT_VERSION));
    }
    if remote.says_version {
        let summary = format!("start over: {branch} on GitHub says {} already", view.names.version_value);
        return Err(refuse(&summary)
            .hint(format!("The version {} is not free any more.", view.version))
            .hint(NEXT_VERSION));
    }
    let event = RunEvent::StartedOver { base: merge.base, main: main.clone(), note: note.trim().to_owned() };
    // Plans that were shown are made on the merge that does not count any more.
    Ok(Decision { events: vec![event.into()], then: Then::DropPlans })
}

#[cfg(test)]
mod tests {
    use greenlight_types::{LearnedFact, Status, StepId, StepState, Timestamp};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, draft, ended, offered_push, prepared, set};

    fn remote(view: &RunView) -> SeenRemote {
        let Some(Fact::Merged { base, .. }) = fold::newest(view, FactKind::Merged) else { panic!("merged") };
        let (base, main) = (base.clone(), Some("f".repeat(40)));
        SeenRemote { base, main, has_ours: false, tag: None, says_version: false }
    }

    fn start_over(view: RunView, change: impl FnOnce(&mut SeenRemote)) -> Result<Decision, Failure> {
        let mut seen = remote(&offered_push());
        change(&mut seen);
        decide(&Desk::new(view).now(), &seen, " a hotfix came first ".into())
    }

    #[test]
    fn records_both_commits_and_the_note_and_drops_the_plans() {
        let view = offered_push();
        let base = remote(&view).base;
        let decision = start_over(view, |_| {}).expect("allowed");
        assert_eq!(decision.then, Then::DropPlans);
        let RunEvent::StartedOver { base: from, main, note } = decision.only_run_event() else {
            panic!("started over")
        };
        assert_eq!((from, main, note.as_str()), (base, "f".repeat(40), "a hotfix came first"));
    }

    #[test]
    fn refuses_what_the_remote_does_not_show() {
        let refused = |change: fn(&mut SeenRemote)| start_over(offered_push(), change).expect_err("refused");
        let unmoved = refused(|seen| seen.main = Some(seen.base.clone()));
        assert_eq!(unmoved.code, ErrorCode::NotAllowedNow);
        assert!(unmoved.to_string().contains("nobody has pushed to master since the merge"), "{unmoved}");
        assert_eq!(refused(|seen| seen.main = None).code, ErrorCode::GitMissing);
        assert_eq!(refused(|seen| seen.has_ours = true).code, ErrorCode::NotAllowedNow);
        assert_eq!(refused(|seen| seen.base = "0".repeat(40)).code, ErrorCode::NotAllowedNow, "another merge");
        for (taken, expected) in [
            (refused(|seen| seen.tag = Some("0a1b".into())), ErrorCode::TagElsewhere),
            (refused(|seen| seen.says_version = true), ErrorCode::NotAllowedNow),
        ] {
            assert_eq!((taken.code, taken.hints.last().map(String::as_str)), (expected, Some(NEXT_VERSION)));
        }
    }

    #[test]
    fn needs_an_unpublished_merge_and_a_note() {
        for view in [draft(), prepared(), deploying(), ended()] {
            assert_eq!(code(start_over(view, |_| {})), ErrorCode::NotAllowedNow);
        }
        let published = |fact| {
            let mut view = offered_push();
            view.facts.push(LearnedFact { at: Timestamp::EPOCH, fact });
            view
        };
        let (object, commit) = (String::new(), String::new());
        for fact in [Fact::MainPublished { commit: commit.clone() }, Fact::TagPublished { object, commit }] {
            assert_eq!(code(start_over(published(fact), |_| {})), ErrorCode::NotAllowedNow);
        }
        let view = offered_push();
        assert_eq!(code(decide(&Desk::new(view.clone()).now(), &remote(&view), " ".into())), ErrorCode::BadInput);
    }

    #[test]
    fn only_a_push_that_published_nothing_starts_over() {
        let failure = Failure::new(ErrorCode::RefMoved, "push");
        let done = Status::Succeeded;
        for (step, state, is_allowed) in [
            (StepId::PushBranch, StepState::Failed { ended_at: Timestamp::EPOCH, failure }, true),
            (StepId::PushBranch, StepState::Running, false),
            (StepId::PushBranch, StepState::InDoubt { doubt: String::new() }, false),
            (StepId::PushTag, StepState::InDoubt { doubt: String::new() }, false),
            (StepId::CreateTag, StepState::Running, false),
            (StepId::RegisterTaskDefinition, StepState::Running, false),
            (StepId::RegisterTaskDefinition, StepState::InDoubt { doubt: String::new() }, true),
        ] {
            let view = set(offered_push(), step, state.clone());
            assert_eq!(start_over(view, |_| {}).is_ok(), is_allowed, "{step:?} {state:?}");
        }
        let pushed = fold::step(&prepared(), StepId::PushBranch).map(|step| step.state.clone()).expect("a step");
        assert_eq!(pushed.status(), done);
        assert!(start_over(set(offered_push(), StepId::PushBranch, pushed), |_| {}).is_err());
    }

    #[test]
    fn a_run_that_started_over_has_nothing_of_the_first_merge() {
        let desk = Desk::new(offered_push());
        let before = desk.view.clone();
        let event = decide(&desk.now(), &remote(&before), "why".into()).expect("allowed").only_run_event();
        let view = desk.after(event);
        for id in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag, StepId::PushBranch] {
            let (old, new) = (fold::step(&before, id).expect("a step"), fold::step(&view, id).expect("a step"));
            assert_eq!((new.status(), new.attempt, &new.plan), (Status::NotStarted, old.attempt, &None), "{id:?}");
        }
        for kind in [FactKind::Merged, FactKind::VersionSet, FactKind::TagMade] {
            assert!(fold::is_known(&before, kind) && !fold::is_known(&view, kind), "{kind:?}");
        }
        assert!(!phase::may_start_over(&view), "there is no merge to make again");
    }
}
