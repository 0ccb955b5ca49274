//! Every server serves.

use std::collections::BTreeSet;

use async_trait::async_trait;
use greenlight_types::{CredentialKind, ErrorCode, Failure, ReadinessCheck, ReadinessGroup, ServerState, ServersNow};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::PortResult,
    production_now::{described, version_of},
};

pub struct Servers;

#[async_trait]
impl Check for Servers {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Servers
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let service = match subject.reads.service().await {
            Ok(service) => service,
            Err(failure) => return without_service(failure),
        };
        let tasks = subject.reads.tasks().await?;
        let running = subject.reads.running().await?;
        let version = version_of(&subject.run.profile, &running);
        let versions = [(running.arn, version)].into_iter().collect();
        Ok(judge(&described(&service, &tasks, &versions)))
    }
}

/// A service that AWS does not have, or does not show to this sign-in, blocks the release.
fn without_service(failure: Failure) -> PortResult<Finding> {
    let meaning = "The release could not watch or change production.";
    if failure.code == ErrorCode::AwsMissing {
        Ok(Finding::blocked("AWS has no such service in this cluster", meaning).value("aws.service"))
    } else if failure.code == ErrorCode::PermissionMissing {
        Ok(Finding::blocked("The AWS sign-in may not look at the service", meaning).access(CredentialKind::Aws))
    } else {
        Err(failure)
    }
}

fn judge(now: &ServersNow) -> Finding {
    let serving = now.servers.iter().filter(|server| server.state == ServerState::Serving);
    let (mut count, mut on) = (0_u32, BTreeSet::new());
    for server in serving {
        count += 1;
        on.insert(server.version.as_ref().map_or_else(|| server.revision.clone(), ToString::to_string));
    }
    let on = on.into_iter().collect::<Vec<_>>().join(" and ");
    if now.desired == 0 {
        return Finding::choose("AWS is set to no server at all", "A release puts no server in place.")
            .instruct("Ask a developer whether the site is switched off on purpose.");
    }
    if count < now.desired {
        return Finding::choose(
            format!("{count} of {} servers serve", now.desired),
            "Production is not healthy before the release. A failure could not be told from one of the release.",
        )
        .instruct("Ask a developer why, before you start.");
    }
    Finding::ready(format!("{count} of {} servers serve on {on}", now.desired))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Repair, ServerNow};

    use super::*;

    #[test]
    fn a_wrong_name_blocks_and_can_be_corrected() {
        let found = |code| without_service(Failure::new(code, "describe the service"));
        let missing = found(ErrorCode::AwsMissing).expect("a finding");
        assert_eq!(missing.state, ReadinessState::Blocked);
        assert_eq!(missing.repair, Some(Repair::Value { key: "aws.service".into() }));
        assert_eq!(found(ErrorCode::PermissionMissing).expect("a finding").state, ReadinessState::Blocked);
        assert_eq!(found(ErrorCode::Unreachable).expect_err("no answer").code, ErrorCode::Unreachable);
    }

    #[test]
    fn every_wanted_server_has_to_serve() {
        let server = |state| ServerNow {
            version: greenlight_types::Version::parse("2.0.1.11").ok(),
            revision: "rally-prod:142".into(),
            state,
        };
        let now = |desired, states: &[ServerState]| ServersNow {
            desired,
            servers: states.iter().copied().map(server).collect(),
            is_replacing: false,
            since: None,
        };
        use ServerState::{Serving, Starting, Unhealthy};
        let ready = judge(&now(2, &[Serving, Serving]));
        assert_eq!((ready.state, ready.sentence.as_str()), (ReadinessState::Ready, "2 of 2 servers serve on 2.0.1.11"));
        for states in [&[Serving, Starting][..], &[Serving, Unhealthy], &[Serving], &[]] {
            assert_eq!(judge(&now(2, states)).state, ReadinessState::Choose, "{states:?}");
        }
        assert_eq!(judge(&now(0, &[])).state, ReadinessState::Choose);
    }
}
