//! The readiness checks against the simulator, over its real protocols: nothing is in the way of a
//! release that is practised without a trouble.

use greenlight_engine::readiness::{ComputerState, KeepAwake, KeyFileState, Power};
use greenlight_types::{ConfirmedMachine, Readiness, ReadinessCheck, ReadinessRow, ReadinessState};

use super::*;

/// A computer on which everything is set up.
fn computer() -> ComputerState {
    ComputerState {
        keychain: Ok("the keychain".into()),
        key_file: KeyFileState::Private,
        free_bytes: Some(1 << 40),
        power: Power::Mains,
        keep_awake: KeepAwake::Possible,
    }
}

/// The rows that need a person.
fn open(readiness: &Readiness) -> Vec<&ReadinessRow> {
    let states = [ReadinessState::Blocked, ReadinessState::Choose, ReadinessState::Unknown];
    readiness.rows.iter().filter(|row| states.contains(&row.state)).collect()
}

fn state(readiness: &Readiness, check: ReadinessCheck) -> Option<ReadinessState> {
    readiness.rows.iter().find(|row| row.check == check).map(|row| row.state)
}

fn not_ready(refused: Result<Answer, Failure>, part: &str) {
    let failure = refused.expect_err("the start is closed");
    assert_eq!(failure.code, ErrorCode::NotReady, "{failure:?}");
    assert!(failure.params["problem"].contains(part), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_in_the_way_of_a_practised_release() {
    let desk = Desk::new(ExitCodes::default()).await;
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    let release = desk.open_checked(&run).await;
    let start = || Act::StartPrepare { statement: "Testing of 2.1.0 is finished".to_owned() };
    not_ready(release.act(anna(), start()).await, "did not run");
    let before_prepare = release.readiness(None, computer()).await;
    let known = |readiness: &Readiness| open(readiness).into_iter().map(|row| format!("{row:?}")).collect::<Vec<_>>();
    assert!(known(&before_prepare).is_empty(), "{:#?}", known(&before_prepare));
    for check in [
        ReadinessCheck::MergesCleanly,
        ReadinessCheck::CommitChecks,
        ReadinessCheck::WorkflowInputs,
        ReadinessCheck::WorkflowDeploys,
        ReadinessCheck::Approvals,
        ReadinessCheck::ComputerClock,
    ] {
        assert_eq!(state(&before_prepare, check), Some(ReadinessState::Ready), "{check:?}");
    }
    release.act(anna(), start()).await.expect("Prepare starts");
    for id in StepId::ALL.into_iter().take(6) {
        press_and_see(&release, id).await;
    }
    until(&release, "Prepared", |view| view.state == RunState::Prepared).await;

    let host = &desk.profile.host;
    let fingerprint =
        desk.ports().host.fingerprints(&host.address, host.port).await.expect("a fingerprint").swap_remove(0);
    let machine = ConfirmedMachine { address: host.address.clone(), port: host.port, fingerprint };
    // The look before Prepare is about another part, and one without the machine about no Deploy.
    release.readiness(None, computer()).await;
    let request = deploy_request(&machine);
    not_ready(release.act(anna(), Act::StartDeploy(request)).await, "did not run");
    let before_deploy = release.readiness(Some(machine), computer()).await;
    assert!(known(&before_deploy).is_empty(), "{:#?}", known(&before_deploy));
    assert_eq!(state(&before_deploy, ReadinessCheck::CommitChecks), Some(ReadinessState::Ready));
    assert_eq!(state(&before_deploy, ReadinessCheck::MergesCleanly), None, "it is merged");
    deploy(&release, &desk).await;
}

fn deploy_request(machine: &ConfirmedMachine) -> DeployRequest {
    DeployRequest {
        address: machine.address.clone(),
        port: machine.port,
        fingerprint: machine.fingerprint.clone(),
        known_by: FingerprintSource::Given,
        told: "support".into(),
        typed_version: "2.1.0".into(),
        accepted_differences: Vec::new(),
        take_over: None,
    }
}
