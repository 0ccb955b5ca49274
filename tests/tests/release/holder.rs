//! The right to change production: the check of the hosts of earlier releases, and a release that
//! lost the environment lock.

use greenlight_types::StagingMachine;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_accepts_a_silent_earlier_host_before_deploy() {
    let desk = Desk::new(ExitCodes::default()).await;
    let release = prepare(&desk).await;
    let parts = desk.parts().await;
    let version = Version::parse("2.0.9").expect("a version");
    let earlier =
        Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("an earlier run");
    let staging = StagingMachine {
        name: "Rally 2.0.9 AWS EC2 staging instance".into(),
        address: "127.0.0.1".into(),
        port: 1,
        user: "ec2-user".into(),
        fingerprint: "SHA256:gone".into(),
        known_by: None,
        machine_id: String::new(),
        boot_id: String::new(),
    };
    let started = RunEvent::DeployStarted { staging, told: "Everyone".into(), differences: Vec::new() };
    let (note, left_behind) = ("the machine was lost".into(), Vec::new());
    let ended = RunEvent::Ended { result: RunResult::Stopped, note, left_behind };
    let events = [started, ended].map(EventBody::Run).to_vec();
    parts.journal.append(&earlier, 1, &desk.clock.now(), &anna(), events).await.expect("kept");
    let found = release.deploy_differences().await.expect("the world answers");
    assert!(matches!(&found[..], [one] if one.text.contains("2.0.9 (127.0.0.1) does not answer")), "{found:?}");
    let host = &desk.profile.host;
    let request = DeployRequest {
        address: host.address.clone(),
        port: host.port,
        fingerprint: desk
            .ports()
            .host
            .fingerprints(&host.address, host.port)
            .await
            .expect("a fingerprint")
            .swap_remove(0),
        known_by: FingerprintSource::Given,
        told: "Everyone".into(),
        typed_version: "2.1.0".into(),
        accepted_differences: Vec::new(),
        take_over: None,
    };
    let refused = release.act(anna(), Act::StartDeploy(request.clone())).await.expect_err("nobody accepted it");
    assert_eq!(refused.code, ErrorCode::PlanChanged);
    let accepted = DeployRequest { accepted_differences: found.into_iter().map(|one| one.id).collect(), ..request };
    release.act(anna(), Act::StartDeploy(accepted)).await.expect("Deploy starts");
    let end = Act::EndRun { result: RunResult::Stopped, note: "That is enough".into() };
    release.act(anna(), end).await.expect("it ends");
    let machine = HostAddress::of(&release.view().staging.expect("a machine"));
    // The app closes a run when the run ends.
    release.close().await;
    tokio::time::timeout(PATIENCE, async {
        let holder = async || desk.ports().host.environment(&machine, "rally.practice").await.map(|found| found.owner);
        while holder().await != Ok(None) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the environment is given back at the end");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn a_release_without_its_lock_starts_nothing() {
    let desk = Desk::new(ExitCodes::default()).await;
    let (release, spec, host) = before_the_migration(&desk).await;
    take_over(&desk, &host, &spec, &release.view().id).await;
    let id = StepId::RunMigration;
    let plan = release.plan(id).await.expect("a plan");
    let run = Act::StartStep { step: id, plan_hash: plan.hash, token: None };
    let refused = release.act(anna(), run).await.expect_err("another computer holds it");
    assert!(refused.code == ErrorCode::EnvironmentHeld && refused.params["person"] == "Maria", "{refused:?}");
    let take = |from: &str, reason: &str| {
        let over = TakeOver { from: RunId(from.to_owned()), reason: reason.to_owned() };
        Act::AcquireLock { over: Some(over) }
    };
    for (act, code) in [
        (Act::AcquireLock { over: None }, ErrorCode::EnvironmentHeld),
        (take("somebody else", "we spoke"), ErrorCode::EnvironmentHeld),
        (take("another-computer", " "), ErrorCode::BadInput),
    ] {
        assert_eq!(release.act(anna(), act).await.expect_err("not like this").code, code);
    }
    release.act(anna(), take("another-computer", "Maria went home; we spoke")).await.expect("it is taken back");
    assert_eq!(status(&press_and_see(&release, id).await, id), Status::Succeeded);
    let events = desk.parts().await.journal.events(&release.view().id, 0).await.expect("the events");
    let reasons: Vec<&str> = events
        .iter()
        .filter_map(|event| {
            if let EventBody::Run(RunEvent::LockAcquiring { reason, .. }) = &event.body {
                Some(&**reason)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(reasons, ["", "Maria went home; we spoke"], "each taking stands in the record");
    let _ = desk.handle.stop().await;
}
