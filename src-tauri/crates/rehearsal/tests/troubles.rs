//! The troubles of practice over the real protocols, from a client's view.
#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it should be")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use greenlight_rehearsal::{
    handle::Handle,
    host::jobs::ExitCodes,
    process::{
        IDLE_MAX, Options,
        rally::PretendRally,
        serve,
        troubles::{Switch, Told},
    },
};
use greenlight_types::{Trouble, TroubleState};
use reqwest::{Client, StatusCode};
use tokio::{io::AsyncReadExt, net::TcpStream};

const SOON: Duration = Duration::from_secs(20);

/// Serves the folder until a stop request.
async fn served(folder: &Path) -> Handle {
    let private_dir = folder.join("world");
    let options =
        Options { private_dir: private_dir.clone(), speed: 60, idle_max: IDLE_MAX, exit_codes: ExitCodes::default() };
    tokio::spawn(async move { serve(options, PretendRally::make).await.unwrap() });
    let end = Instant::now() + SOON;
    loop {
        if let Some(handle) = Handle::attach(&private_dir).await {
            return handle;
        }
        assert!(Instant::now() < end, "the pretend production does not serve");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn stop(folder: &Path, handle: &Handle) {
    handle.stop().await.unwrap();
    let end = Instant::now() + SOON;
    let lock = std::fs::File::open(folder.join("world/lock")).unwrap();
    while lock.try_lock().is_err() {
        assert!(Instant::now() < end, "the pretend production does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn on(trouble: Trouble) -> Switch {
    Switch { trouble, on: true, after_ms: None, only_first: false }
}

fn state(told: &Told, trouble: Trouble) -> TroubleState {
    told.troubles.iter().find(|one| one.trouble == trouble).unwrap().state
}

fn address(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

async fn rest(handle: &Handle, path: &str) -> StatusCode {
    let file = handle.file();
    let request = Client::new().get(address(file.ports.github, path)).bearer_auth(&file.github_token);
    request.send().await.unwrap().status()
}

/// Refs that a git client reads first.
async fn refs(handle: &Handle) -> (StatusCode, String) {
    let file = handle.file();
    let url = address(file.ports.git, &format!("/{}.git/info/refs?service=git-upload-pack", file.repository));
    let answer = Client::new().get(url).basic_auth("x", Some(&file.github_token)).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_on_trouble_survives_a_restart_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    handle.switch(&on(Trouble::BuildFails)).await.unwrap();
    stop(folder.path(), &handle).await;
    let handle = served(folder.path()).await;
    let told = handle.troubles().await.unwrap();
    assert_eq!(state(&told, Trouble::BuildFails), TroubleState::Waiting);
    assert_eq!(state(&told, Trouble::TokenExpires), TroubleState::Off);
    stop(folder.path(), &handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_front_requires_its_token_and_known_fields() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    let file = handle.file();
    let ask = async |token: &str, body: &'static str| {
        let url = address(file.ports.control, "/trouble");
        let request = Client::new().post(url).bearer_auth(token).header("content-type", "application/json");
        request.body(body).send().await.unwrap().status()
    };
    let good = r#"{"trouble":"buildFails","on":true}"#;
    assert_eq!(ask("guessed", good).await, StatusCode::UNAUTHORIZED);
    let unknown = r#"{"trouble":"buildFails","on":true,"minute":3}"#;
    assert_eq!(ask(&file.control_token, unknown).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(state(&handle.troubles().await.unwrap(), Trouble::BuildFails), TroubleState::Off);
    assert_eq!(ask(&file.control_token, good).await, StatusCode::OK);
    assert_eq!(state(&handle.troubles().await.unwrap(), Trouble::BuildFails), TroubleState::Waiting);
    stop(folder.path(), &handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_and_git_refuse_an_expired_token_until_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    assert_eq!(rest(&handle, "/user").await, StatusCode::OK);
    handle.switch(&on(Trouble::TokenExpires)).await.unwrap();
    assert_eq!(refs(&handle).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rest(&handle, "/user").await, StatusCode::UNAUTHORIZED);
    let told = handle.switch(&Switch { on: false, ..on(Trouble::TokenExpires) }).await.unwrap();
    assert_eq!(state(&told, Trouble::TokenExpires), TroubleState::Happened);
    assert_eq!((told.spells.len(), told.spells[0].ended.is_some()), (1, true));
    assert_eq!(rest(&handle, "/user").await, StatusCode::OK);
    assert_eq!(refs(&handle).await.0, StatusCode::OK);
    stop(folder.path(), &handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conflict_exists_when_the_app_reads_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    let (_, before) = refs(&handle).await;
    handle.switch(&on(Trouble::MergeConflict)).await.unwrap();
    let (_, after) = refs(&handle).await;
    let main = |text: &str| text.lines().find(|line| line.contains("refs/heads/master")).map(str::to_owned).unwrap();
    assert_ne!(main(&before), main(&after), "nobody pushed to master");
    assert_eq!(state(&handle.troubles().await.unwrap(), Trouble::MergeConflict), TroubleState::Happening);
    stop(folder.path(), &handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_dispatch_loses_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    handle.switch(&on(Trouble::GithubAnswersLate)).await.unwrap();
    let file = handle.file();
    let base = format!("/repos/{}/actions/workflows/build-deploy.yml", file.repository);
    let begun = Instant::now();
    let answer = Client::new()
        .post(address(file.ports.github, &format!("{base}/dispatches")))
        .bearer_auth(&file.github_token)
        .header("accept", "application/vnd.github+json")
        .header("user-agent", "greenlight")
        .json(&serde_json::json!({ "ref": "master", "return_run_details": true }))
        .send()
        .await;
    let is_whole = match answer {
        Ok(answer) => answer.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(!is_whole, "the answer arrived");
    assert!(begun.elapsed() >= Duration::from_secs(3), "GitHub was quick");
    assert_eq!(rest(&handle, &format!("{base}/runs")).await, StatusCode::OK);
    let state_file = std::fs::read(folder.path().join("world/world.json")).unwrap();
    let world: serde_json::Value = serde_json::from_slice(&state_file).unwrap();
    assert_eq!(world["builds"].as_array().unwrap().len(), 1, "the dispatch was taken once");
    assert_eq!(state(&handle.troubles().await.unwrap(), Trouble::GithubAnswersLate), TroubleState::Happened);
    stop(folder.path(), &handle).await;
}

/// First bytes that the host sends to a new connection; empty when it accepts none.
async fn banner(handle: &Handle) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", handle.file().ports.ssh)).await.unwrap();
    let mut bytes = [0; 8];
    match tokio::time::timeout(SOON, stream.read(&mut bytes)).await.unwrap() {
        Ok(count) => String::from_utf8_lossy(&bytes[..count]).into_owned(),
        Err(_) => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_line_breaks_connections_and_refuses_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let handle = served(folder.path()).await;
    handle.switch(&on(Trouble::ConnectionLostInMigration)).await.unwrap();
    assert_eq!(banner(&handle).await, "SSH-2.0-");
    let mut open = TcpStream::connect(("127.0.0.1", handle.file().ports.ssh)).await.unwrap();
    // A script asks for the migration, as `.world/ask` does.
    let ask = folder.path().join("world/host/.world/requests/r-1.ask");
    std::fs::write(ask, format!("migration {}\n", std::process::id())).unwrap();
    let mut rest = Vec::new();
    let broken = tokio::time::timeout(SOON, open.read_to_end(&mut rest)).await;
    assert!(broken.is_ok(), "the open connection goes on");
    assert_eq!(banner(&handle).await, "");
    handle.switch(&Switch { on: false, ..on(Trouble::ConnectionLostInMigration) }).await.unwrap();
    assert_eq!(banner(&handle).await, "SSH-2.0-");
    stop(folder.path(), &handle).await;
}
