//! No other release has the environment lock on the remote.

use async_trait::async_trait;
use greenlight_types::{LockOwner, ReadinessCheck, ReadinessGroup, RunId};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct LockFree;

#[async_trait]
impl Check for LockFree {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::LockFree
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let found = subject.reads.lock().await?;
        Ok(judge(&subject.run.profile.product.environment_name, &subject.run.id, found.owner()))
    }
}

fn judge(place: &str, run: &RunId, owner: Option<&LockOwner>) -> Finding {
    match owner {
        None => Finding::ready(format!("No other release has {place}")),
        Some(owner) if owner.run == *run => Finding::ready(format!("This release has {place}")),
        Some(owner) => Finding::later(
            format!("{} on {} is releasing {}", owner.person, owner.computer, owner.purpose()),
            format!("Deploy has to wait until {place} is free, or take it over with a reason."),
        )
        .instruct(format!("Ask {}.", owner.person)),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};

    use super::*;

    #[test]
    fn another_owner_is_named() {
        let mine = RunId("mine".into());
        let owner = |run: &str| LockOwner {
            run: RunId(run.into()),
            person: "Maria".into(),
            computer: "desk-3".into(),
            version: "2.0.1.12".into(),
            is_rollback: false,
            reason: String::new(),
            since: Timestamp::EPOCH,
            seen: None,
        };
        assert_eq!(judge("Production", &mine, None).state, ReadinessState::Ready);
        assert_eq!(judge("Production", &mine, Some(&owner("mine"))).state, ReadinessState::Ready);
        let held = judge("Production", &mine, Some(&owner("other")));
        assert_eq!(held.state, ReadinessState::Later);
        assert_eq!(held.sentence, "Maria on desk-3 is releasing 2.0.1.12");
    }
}
