//! No connection of a practice leaves this computer. The test runs itself again in a network
//! namespace that has loopback only. There the kernel counts every packet without a route
//! (`OutNoRoutes` of /proc/net/snmp).

use std::{process::Command, time::Duration};

use greenlight_engine::ports::{EnvLock, HostAddress};
use greenlight_engine::profile;
use greenlight_rehearsal::{
    handle::Handle,
    host::jobs::ExitCodes,
    process::{self, IDLE_MAX, Options as Serving, rally::PretendRally},
};
use greenlight_types::{EndpointProfile, RunId};

use super::*;

/// Set in the run inside the namespace.
const INSIDE: &str = "GREENLIGHT_TEST_INSIDE";
/// An address that no host has (RFC 5737).
const UNUSED_ADDRESS: &str = "192.0.2.1";

fn out_no_routes() -> u64 {
    let text = std::fs::read_to_string("/proc/net/snmp").expect("the counters of this network");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let names = lines.next().expect("names");
    let at = names.split(' ').position(|name| name == "OutNoRoutes").expect("the counter");
    lines.next().and_then(|values| values.split(' ').nth(at)).expect("a value").parse().expect("a number")
}

/// A profile whose addresses are all real ones.
fn production_profile() -> Profile {
    let mut profile = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN).expect("the built-in profile");
    profile.git.url = "https://github.com/rallyforresearch/rally.git".to_owned();
    profile.github.repository = "rallyforresearch/rally".to_owned();
    profile.github.workflow = "build-deploy.yml".to_owned();
    profile.aws.account = "676917001797".to_owned();
    profile.aws.region = "us-east-1".to_owned();
    profile.aws.cluster = "rally-prod".to_owned();
    profile.aws.service = "rally-prod-webapp".to_owned();
    profile.host.address = "ec2-3-80-1-2.compute-1.amazonaws.com".to_owned();
    profile.site.url = "https://rally.example.org".to_owned();
    profile.endpoints = Some(EndpointProfile {
        github: Some("https://api.github.com".to_owned()),
        aws: Some("https://ecs.us-east-1.amazonaws.com".to_owned()),
    });
    profile
}

fn chosen(profile: Profile) -> RwLock<PlaceProfile> {
    RwLock::new(PlaceProfile { profile, origin: ProfileOrigin::BuiltIn })
}

async fn practice_systems(folder: &Path) -> Systems {
    let world = folder.join("world");
    let serving =
        Serving { private_dir: world.clone(), speed: 60, idle_max: IDLE_MAX, exit_codes: ExitCodes::default() };
    tokio::spawn(process::serve(serving, PretendRally::make));
    let handle = loop {
        if let Some(handle) = Handle::attach(&world).await {
            break handle;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let practice = Practice::at(handle).expect("a practice");
    Systems {
        redactor: Arc::default(),
        chosen: chosen(practice.profile(&production_profile())),
        clock: practice.clock(),
        store: CredentialStore::Memory(practice.secrets().await.expect("credentials")),
        folder: folder.to_owned(),
        practice: Some(practice),
    }
}

/// Calls every port with the names of production. The guards refuse the calls that name a real
/// address.
async fn call_everything(systems: &Systems) {
    let ports = systems.ports(&production_profile()).expect("ports");
    ports.git.refresh().await.expect("the pretend repository");
    assert!(!ports.git.remote_refs().await.expect("its refs").is_empty());
    assert_eq!(ports.builds.whoami().await.expect("the pretend GitHub").login, "practice-person");
    ports.builds.workflow("build-deploy.yml").await.expect("its workflow");
    ports.identity.whoami().await.expect("the pretend AWS");
    ports.services.describe().await.expect("its service");
    ports.services.tasks().await.expect("its tasks");
    let _absent = ports.task_definitions.describe("rally-prod").await;
    let _absent = ports.images.find("RALLY-V2_1_0_0-RELEASE").await;
    let _absent = ports.logs.page(0, None).await;
    for (address, port) in [("ec2-3-80-1-2.compute-1.amazonaws.com", 22), (UNUSED_ADDRESS, 22), ("127.0.0.1", 22)] {
        let refused = ports.host.fingerprints(address, port).await.expect_err("another machine");
        assert_eq!(refused.code, ErrorCode::BadInput, "{refused}");
        let fingerprint = "SHA256:x".to_owned();
        let (user, machine_id) = ("ec2-user".to_owned(), String::new());
        let host = HostAddress { address: address.to_owned(), port, user, fingerprint, machine_id };
        let lock = EnvLock { environment: "rally.practice".to_owned(), run: RunId("r".to_owned()) };
        let refused =
            ports.host.launch(&host, "rally.practice.migrate.2.1.0.a1", &lock).await.expect_err("another machine");
        assert_eq!(refused.code, ErrorCode::BadInput, "{refused}");
    }
    let handle = Handle::attach(&systems.folder.join("world")).await.expect("the handle");
    let there = ports.host.fingerprints("127.0.0.1", handle.file().ports.ssh).await.expect("the pretend machine");
    assert!(there[0].starts_with("SHA256:"));
    for url in ["https://rally.example.org/about", &format!("http://{UNUSED_ADDRESS}/"), "http://127.0.0.1:1/"] {
        assert_eq!(ports.site.get(url).await.expect_err("another site").code, ErrorCode::BadInput, "{url}");
    }
    let site = systems.profile().site.version_url.clone();
    assert_eq!(ports.site.get(&site).await.expect("the pretend site").status, 200);
}

async fn inside() {
    let folder = tempfile::tempdir().expect("a folder");
    let systems = practice_systems(folder.path()).await;
    let before = out_no_routes();
    call_everything(&systems).await;
    assert_eq!(out_no_routes(), before, "a packet was on its way out of this computer");
    let handle = Handle::attach(&folder.path().join("world")).await.expect("the handle");
    handle.stop().await.expect("the end of the pretend production");
    // Proves that the counter counts: without it the test could not fail.
    let _refused = tokio::net::TcpStream::connect((UNUSED_ADDRESS, 80)).await;
    assert!(out_no_routes() > before, "the system does not count what finds no way out");
}

#[test]
fn no_connection_of_a_practice_leaves_this_computer() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(inside());
        return;
    }
    let me = std::env::current_exe().expect("this program");
    let name = "systems::tests::no_connection_of_a_practice_leaves_this_computer";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(me)
        .arg(name)
        .env(INSIDE, "1")
        .output()
        .expect("unshare of util-linux");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn production_refuses_the_controls_of_practice() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = CredentialStore::Memory(Arc::new(greenlight_adapters::keychain::MemorySecrets::default()));
    let clock = Arc::new(SystemClock);
    let folder = folder.path().to_owned();
    let redactor = Arc::default();
    let chosen = chosen(production_profile());
    let systems = Systems { chosen, clock, store, redactor, folder, practice: None };
    let refusals = [
        systems.practice_view().await.map(drop),
        systems.switch_trouble(Trouble::BuildFails, true).await.map(drop),
        systems.spells().await.map(drop),
        systems.set_speed(60).await,
    ];
    for refusal in refusals {
        assert_eq!(refusal.expect_err("production").code, ErrorCode::NotAllowedNow);
    }
}
