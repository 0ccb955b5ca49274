//! AWS waits long enough for the migration (TRAP-E1).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{PortResult, ServiceDeployments, ServiceSnapshot},
    rollout::{EarlierDeployments, Patience, RolloutGoal, Snapshot, build_needs, patience},
};

pub struct Breaker;

#[async_trait]
impl Check for Breaker {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Breaker
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let service = subject.reads.service().await?;
        Ok(judge(&patience_of(&service), build_needs(&subject.run.profile)))
    }
}

/// The service before the deployment of this release: no failed start counts yet.
fn patience_of(service: &ServiceSnapshot) -> Patience {
    let deployments = ServiceDeployments::Listed(Vec::new());
    let goal = RolloutGoal {
        ours: "",
        previous: "",
        completed: None,
        deployment: None,
        earlier: EarlierDeployments::default(),
        since: None,
        migrated_at: None,
        undone_at: None,
        digest: None,
        expected: &[],
    };
    patience(Snapshot { service, tasks: &[], deployments: &deployments }, &goal)
}

fn judge(patience: &Patience, needed: Duration) -> Finding {
    let minutes = |time: Duration| time.as_secs().div_ceil(60);
    let meaning = format!(
        "The migration needs about {} min from the first start of the new version. After the backup, choose \
         \u{201c}Let AWS wait longer\u{201d}.",
        minutes(needed)
    );
    match patience {
        Patience::Endless => Finding::ready("AWS does not give up by itself"),
        Patience::Limited { allowed, lasts, .. } if *lasts >= needed => Finding::ready(format!(
            "AWS gives up after {allowed} failed starts, about {} min; that is long enough",
            minutes(*lasts)
        )),
        Patience::Limited { allowed, lasts, .. } => Finding::later(
            format!("AWS gives up after {allowed} failed starts, about {} min", minutes(*lasts)),
            meaning,
        ),
        Patience::Unknown { kind } => {
            Finding::later(format!("AWS gives up by a rule that this version does not know ({kind})"), meaning)
        }
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn aws_has_to_wait_longer_than_the_migration_needs() {
        let needed = Duration::from_secs(600);
        let limited = |seconds| Patience::Limited { used: 0, allowed: 3, lasts: Duration::from_secs(seconds) };
        assert_eq!(judge(&Patience::Endless, needed).state, ReadinessState::Ready);
        assert_eq!(judge(&limited(600), needed).state, ReadinessState::Ready);
        let short = judge(&limited(599), needed);
        assert_eq!(short.state, ReadinessState::Later);
        assert!(short.sentence.contains("3 failed starts") && short.meaning.contains("10 min"), "{short:?}");
        assert_eq!(judge(&Patience::Unknown { kind: "MOON".into() }, needed).state, ReadinessState::Later);
    }
}
