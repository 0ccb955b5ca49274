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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_in_the_way_of_a_practised_release() {
    let desk = Desk::new(ExitCodes::default()).await;
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    let draft = desk.open(&run).await;
    let before_prepare = draft.readiness(None, computer()).await;
    // The simulator has no build of the last 30 days.
    let known = |readiness: &Readiness| {
        let rows = open(readiness).into_iter().filter(|row| row.check != ReadinessCheck::BuildJob);
        rows.map(|row| format!("{row:?}")).collect::<Vec<_>>()
    };
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
    draft.close().await;

    let release = prepare(&desk).await;
    let host = &desk.profile.host;
    let fingerprint =
        desk.ports().host.fingerprints(&host.address, host.port).await.expect("a fingerprint").swap_remove(0);
    let machine = ConfirmedMachine { address: host.address.clone(), port: host.port, fingerprint };
    let before_deploy = release.readiness(Some(machine), computer()).await;
    assert!(known(&before_deploy).is_empty(), "{:#?}", known(&before_deploy));
    assert_eq!(state(&before_deploy, ReadinessCheck::CommitChecks), Some(ReadinessState::Ready));
    assert_eq!(state(&before_deploy, ReadinessCheck::MergesCleanly), None, "it is merged");
}
