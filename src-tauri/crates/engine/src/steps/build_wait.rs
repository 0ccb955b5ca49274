//! The approval or the start that a build waits for, in words (TRAP-W7).

use std::time::Duration;

use crate::{
    ports::{BuildRun, PendingDeployment},
    step::StepContext,
    time,
};

/// Time without a start after which the screen says so.
const LONG: Duration = Duration::from_secs(120);
/// GitHub's words for a build that has not started.
const UNSTARTED: [&str; 3] = ["queued", "pending", "requested"];
/// Most names in the sentence.
const NAMES_MAX: usize = 10;

/// Whether GitHub has not started the build.
pub(super) fn is_unstarted(seen: &BuildRun) -> bool {
    UNSTARTED.contains(&seen.status.as_str())
}

/// Sentence about an approval or a start that the build waits for. `queued` is the time for which
/// it has not started.
pub(super) async fn waits_for(cx: &StepContext, seen: &BuildRun, queued: Duration) -> Option<String> {
    if seen.status == "waiting" {
        // Without the answer the sentence has no names.
        let pending = cx.ports.builds.pending_deployments(&seen.id).await.unwrap_or_default();
        return Some(approval(&pending));
    }
    no_dispatched_build(seen, queued)
}

/// GitHub's API does not say whether a runner or another build is the reason.
fn no_dispatched_build(seen: &BuildRun, queued: Duration) -> Option<String> {
    (is_unstarted(seen) && queued >= LONG).then(|| {
        format!(
            "GitHub has not started the build for {}: it waits for a free runner or for another build. GitHub does not say \
             which.",
            time::span_in_words(queued)
        )
    })
}

fn approval(pending: &[PendingDeployment]) -> String {
    let one = |pending: &PendingDeployment| match pending.reviewers.as_slice() {
        [] => format!("GitHub waits before it deploys to {}", pending.environment),
        names => {
            let names: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
            format!("GitHub waits for an approval of {} by {}", pending.environment, names.join(" or "))
        }
    };
    let all: Vec<String> = pending.iter().take(NAMES_MAX).map(one).collect();
    if all.is_empty() { "GitHub waits for an approval, and does not say by whom.".into() } else { all.join("; ") + "." }
}

#[cfg(test)]
mod tests {
    use greenlight_types::Timestamp;

    use super::*;

    fn pending(environment: &str, reviewers: &[&str]) -> PendingDeployment {
        let reviewers = reviewers.iter().map(|name| (*name).to_owned()).collect();
        PendingDeployment { environment: environment.to_owned(), reviewers }
    }

    fn build(status: &str) -> BuildRun {
        BuildRun {
            id: "1".into(),
            number: 412,
            status: status.into(),
            conclusion: None,
            head_sha: String::new(),
            head_branch: String::new(),
            event: String::new(),
            actor: String::new(),
            created_at: Timestamp::EPOCH,
            attempt: 1,
            url: String::new(),
        }
    }

    #[test]
    fn fault_12_names_the_environment_and_its_reviewers() {
        let said = approval(&[pending("production", &["lena", "Release team"]), pending("audit", &[])]);
        let expected = "GitHub waits for an approval of production by lena or Release team; GitHub waits before it \
                        deploys to audit.";
        assert_eq!(said, expected);
        assert_eq!(approval(&[]), "GitHub waits for an approval, and does not say by whom.");
    }

    #[test]
    fn says_that_a_build_has_not_started_only_after_two_minutes() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for status in ["queued", "pending", "requested"] {
            assert_eq!(no_dispatched_build(&build(status), minutes(1)), None, "{status}");
            let said = no_dispatched_build(&build(status), minutes(4)).expect("a sentence");
            assert!(said.contains("has not started the build for 4 min"), "{said}");
        }
        assert_eq!(no_dispatched_build(&build("in_progress"), minutes(4)), None);
    }
}
