//! Starts Deploy, once every difference from the day of Prepare is accepted and the environment
//! lock is acquired.

use greenlight_types::{DeployRequest, Difference, ErrorCode, Failure, RunEvent, RunState, RunView, StagingMachine};

use super::{Asker, Decision, Order, Situation, acquire_lock, refuse};
use crate::{
    deploy_check, env_lock,
    start_rules::{self, Start},
    steps::run_facts::release_commit,
};

/// The differences from the day of Prepare, and those that the staging machines of earlier runs
/// show.
///
/// # Errors
/// The failure of the outside system that did not answer.
pub(crate) async fn differences(asker: &Asker<'_>) -> Result<Vec<Difference>, Failure> {
    let mut found = deploy_check::differences(asker.context).await?;
    // A rollback starts no job.
    if asker.view().is_rollback() {
        return Ok(found);
    }
    found.extend(env_lock::ask_known_machines(asker.context, asker.journal).await?);
    Ok(found)
}

pub(crate) async fn ask(asker: &Asker<'_>, request: DeployRequest) -> Result<Order, Failure> {
    let view = asker.view();
    start_rules::check(asker.journal, &view, Start::of_deploy(&view)).await?;
    let found = differences(asker).await?;
    refuse_without_build(asker, &found).await?;
    refuse_open(&view, &found, &request.accepted_differences)?;
    // A fault of the request is reported before the lock is acquired.
    let staging = staging_of(&asker.view(), &request)?;
    let is_refusal_accepted = found.iter().any(|one| one.id.starts_with("lockRefused:"));
    acquire_lock::acquire(asker, staging, request.take_over.clone(), is_refusal_accepted).await?;
    Ok(Order::StartDeploy { request, accepted: found })
}

/// Kinds of differences with which the build of this release can never start.
const ENDS_RELEASE: [&str; 4] = ["mainMoved", "mainGone", "tagMoved", "tagGone"];

/// Refuses when main or tag moved and no build of the tagged commit is known. Its build could never
/// start, and the backup before it would be taken for nothing.
async fn refuse_without_build(asker: &Asker<'_>, found: &[Difference]) -> Result<(), Failure> {
    let (view, moved) = (asker.view(), moved(found));
    let (Some(since), Ok(commit)) = (view.commit_time, release_commit(&view)) else { return Ok(()) };
    if moved.is_empty() || view.begun.is_some() {
        return Ok(());
    }
    let workflow = &view.profile.github.workflow;
    let builds = asker.context.ports.builds.dispatched_runs(workflow, Some(&commit), &since).await?;
    if !builds.is_empty() {
        return Ok(());
    }
    Err(refuse("start Deploy: this release can never be built")
        .because(moved.join(" "))
        .hint("A build needs main and label at one commit. Give up this release, and prepare the next free version."))
}

/// The differences that keep the build of this release from starting.
fn moved(found: &[Difference]) -> Vec<&str> {
    let is_final = |one: &&Difference| ENDS_RELEASE.contains(&one.id.split(':').next().unwrap_or_default());
    found.iter().filter(is_final).map(|one| one.text.as_str()).collect()
}

/// Refuses when a difference is not accepted.
fn refuse_open(view: &RunView, found: &[Difference], accepted: &[String]) -> Result<(), Failure> {
    let open: Vec<&str> = found.iter().filter(|one| !accepted.contains(&one.id)).map(|one| one.text.as_str()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let before = if view.is_rollback() { "from the end of the release" } else { "from the day of Prepare" };
    let start = view.start_of_deploy();
    Err(Failure::new(ErrorCode::PlanChanged, format!("{start}: something differs {before}"))
        .because(open.join(" "))
        .hint("Read each difference, and accept it or stop here."))
}

pub(crate) fn decide(
    now: &Situation<'_>,
    request: DeployRequest,
    accepted: Vec<Difference>,
) -> Result<Decision, Failure> {
    // The recorded machine has the machine id and boot id with which the lock was acquired. The
    // request has none.
    let asked = staging_of(now.view, &request)?;
    let is_same = |taken: &StagingMachine| {
        (&taken.address, taken.port, &taken.fingerprint) == (&asked.address, asked.port, &asked.fingerprint)
    };
    let staging = now
        .view
        .staging
        .clone()
        .filter(is_same)
        .ok_or_else(|| refuse(&format!("{} before the environment was taken", now.view.start_of_deploy())))?;
    Ok(Decision::run_event(RunEvent::DeployStarted { staging, told: request.told, differences: accepted }))
}

/// The staging machine of a request. Its ids are empty, because the machine was not asked yet.
///
/// # Errors
/// The first fault of the request.
fn staging_of(view: &RunView, request: &DeployRequest) -> Result<StagingMachine, Failure> {
    let start = view.start_of_deploy();
    if view.state != RunState::Prepared {
        let why = if view.is_rollback() {
            "it has started already"
        } else {
            "Prepare is not done, or Deploy has started already"
        };
        return Err(refuse(&format!("{start}: {why}")));
    }
    let bad = |what: &str| Failure::new(ErrorCode::BadInput, format!("{start}: {what}"));
    if request.typed_version.trim() != view.version.to_string() {
        return Err(
            bad("the typed version is not the version on the screen").with("expected", view.version.to_string())
        );
    }
    if request.told.trim().is_empty() {
        return Err(bad("write down who was told that some pages may fail for about a minute"));
    }
    if let Some(release) = &view.rolls_back {
        return Ok(release.staging.clone());
    }
    if request.address.trim().is_empty() || request.port == 0 {
        return Err(bad("the address of the staging machine is missing"));
    }
    if !request.fingerprint.starts_with("SHA256:") {
        return Err(Failure::new(ErrorCode::HostUnknown, "start Deploy: nobody confirmed the staging machine"));
    }
    let pinned = &view.profile.host.fingerprint;
    if !pinned.is_empty() && pinned != &request.fingerprint {
        return Err(Failure::new(
            ErrorCode::HostChanged,
            "start Deploy: this is not the machine that the profile names",
        )
        .with("expected", pinned.clone())
        .with("seen", request.fingerprint.clone()));
    }
    Ok(StagingMachine {
        name: view.names.staging_machine.clone(),
        address: request.address.trim().to_owned(),
        port: request.port,
        user: view.profile.host.user.clone(),
        fingerprint: request.fingerprint.clone(),
        known_by: Some(request.known_by),
        machine_id: String::new(),
        boot_id: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use greenlight_types::FingerprintSource;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, prepared, rollback};

    fn request() -> DeployRequest {
        DeployRequest {
            address: " 192.0.2.10 ".into(),
            port: 22,
            fingerprint: "SHA256:abc".into(),
            known_by: FingerprintSource::Given,
            told: "support".into(),
            typed_version: "2.1.0".into(),
            accepted_differences: Vec::new(),
            take_over: None,
        }
    }

    /// A prepared run that acquired the lock on the machine of [`request`].
    fn locked() -> RunView {
        let mut view = prepared();
        view.profile.host.fingerprint.clear();
        view.staging =
            Some(StagingMachine { machine_id: "m".into(), ..staging_of(&view, &request()).expect("a good request") });
        view
    }

    #[test]
    fn records_the_machine_that_the_lock_was_acquired_on() {
        let accepted = vec![Difference::new("servingChanged", "0a1b", "production moved")];
        let decision = decide(&Desk::new(locked()).now(), request(), accepted.clone()).expect("allowed");
        let RunEvent::DeployStarted { staging, told, differences } = decision.only_run_event() else {
            panic!("Deploy")
        };
        assert_eq!((staging.machine_id.as_str(), staging.address.as_str()), ("m", "192.0.2.10"));
        assert_eq!((told.as_str(), differences), ("support", accepted));
    }

    #[test]
    fn refuses_a_machine_without_the_lock() {
        let mut view = locked();
        assert_eq!(
            code(decide(&Desk::new(view.clone()).now(), DeployRequest { port: 23, ..request() }, Vec::new())),
            ErrorCode::NotAllowedNow
        );
        view.staging = None;
        assert_eq!(code(decide(&Desk::new(view).now(), request(), Vec::new())), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn names_the_first_fault_of_a_request() {
        let pinned = |fingerprint: &str| {
            let mut view = locked();
            view.profile.host.fingerprint = fingerprint.into();
            view
        };
        let cases = [
            (locked(), DeployRequest { typed_version: "2.1".into(), ..request() }, ErrorCode::BadInput),
            (locked(), DeployRequest { told: " ".into(), ..request() }, ErrorCode::BadInput),
            (locked(), DeployRequest { address: " ".into(), ..request() }, ErrorCode::BadInput),
            (locked(), DeployRequest { port: 0, ..request() }, ErrorCode::BadInput),
            (locked(), DeployRequest { fingerprint: "MD5:abc".into(), ..request() }, ErrorCode::HostUnknown),
            (pinned("SHA256:other"), request(), ErrorCode::HostChanged),
            (deploying(), request(), ErrorCode::NotAllowedNow),
        ];
        for (view, request, expected) in cases {
            let refused = staging_of(&view, &request).expect_err("refused");
            assert_eq!(refused.code, expected, "{request:?}");
        }
    }

    #[test]
    fn a_moved_main_or_tag_keeps_the_build_from_starting() {
        let found = [("mainMoved", true), ("tagGone", true), ("newerRevision", false), ("servingChanged", false)];
        for (kind, expected) in found {
            assert_eq!(!moved(&[Difference::new(kind, "0a1b", "moved")]).is_empty(), expected, "{kind}");
        }
    }

    #[test]
    fn accepts_a_difference_by_its_id_only() {
        let found = [Difference::new("servingChanged", "0a1b", "production moved")];
        assert!(refuse_open(&prepared(), &found, &["servingChanged:0a1b".into()]).is_ok());
        for accepted in ["servingChanged:ffff", "production moved", ""] {
            let refused = refuse_open(&prepared(), &found, &[accepted.into()]).expect_err("refused");
            assert_eq!((refused.code, refused.causes), (ErrorCode::PlanChanged, vec!["production moved".to_owned()]));
        }
    }

    #[test]
    fn the_start_of_a_rollback_is_not_called_deploy() {
        let refusals = [
            refuse_open(&rollback(), &[Difference::new("servingChanged", "0a1b", "production moved")], &[]).err(),
            staging_of(&rollback(), &DeployRequest { typed_version: "2.1".into(), ..request() }).err(),
            staging_of(&rollback(), &DeployRequest { told: " ".into(), ..request() }).err(),
            staging_of(&RunView { state: RunState::Deploying, ..rollback() }, &request()).err(),
            decide(&Desk::new(rollback()).now(), request(), Vec::new()).err(),
        ];
        for refused in refusals {
            let refused = refused.expect("refused");
            assert!(refused.summary.starts_with("start the rollback"), "{}", refused.summary);
            assert!(!refused.summary.contains("Deploy") && !refused.summary.contains("Prepare"), "{}", refused.summary);
        }
    }
}
