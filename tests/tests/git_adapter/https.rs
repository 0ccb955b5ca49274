//! The repository over HTTPS, with a certificate that this computer trusts.

use super::*;

/// Address of the repository, in a process that trusts the certificate of the test.
const URL: &str = "GREENLIGHT_TEST_GIT_HTTPS_URL";

/// nginx with a certificate, in front of a git server.
struct Front {
    _nginx: Process,
    port: u16,
    folder: TempDir,
}

impl Front {
    async fn of(server: &GitServer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        make_certificate(home);
        let (port, url) = (free_port().expect("a port"), server.url());
        let to = url.strip_suffix("/rally.git").expect("an address");
        let (home, user) = (home.display(), if is_root() { "user root;" } else { "" });
        let config = format!(
            "daemon off; worker_processes 1; pid {home}/pid; {user}
events {{ worker_connections 16; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem;
    location / {{ proxy_pass {to}; proxy_http_version 1.1; }}
  }}
}}
"
        );
        let home = folder.path();
        std::fs::write(home.join("nginx.conf"), config).expect("a configuration");
        let nginx = program("TLS server", "nginx", "nginx-light").expect("nginx");
        let mut serve = clean_command(nginx, home);
        serve.arg("-p").arg(home).arg("-e").arg(home.join("error.log")).arg("-c").arg(home.join("nginx.conf"));
        let mut nginx = Process::start("nginx", &serve, Signal::Terminate, &home.join("log")).expect("a TLS server");
        wait_for_port(&mut nginx, port, SOON).await.expect("it listens");
        Self { _nginx: nginx, port, folder }
    }
}

/// An authority in `ca.pem`, and its certificate for localhost in `cert.pem` with `key.pem`.
fn make_certificate(home: &Path) {
    let openssl = program("TLS server", "openssl", "openssl").expect("openssl");
    let new_key = ["req", "-newkey", "rsa:2048", "-nodes"];
    let authority =
        ["-x509", "-subj", "/CN=Authority of the test", "-keyout", "ca.key", "-out", "ca.pem", "-days", "1"];
    let request = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"];
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    let signed = ["-extfile", "names", "-out", "cert.pem", "-days", "1"];
    std::fs::write(home.join("names"), "subjectAltName=DNS:localhost\n").expect("the names");
    for arguments in [[&new_key[..], &authority[..]], [&new_key[..], &request[..]], [&sign[..], &signed[..]]] {
        let mut command = clean_command(&openssl, home);
        run(command.current_dir(home).args(arguments.concat())).expect("made");
    }
}

/// The certificates of the computer are read once per process, so this test runs itself in a
/// process with another list.
#[test]
fn a_merge_is_pushed_over_https() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Ok(url) = std::env::var(URL) {
        return runtime.block_on(push_a_merge(&url));
    }
    runtime.block_on(async {
        let server = GitServer::start().await.expect("a git server");
        let front = Front::of(&server).await;
        let before = server.rev_parse(MASTER).expect("master");
        let output = tokio::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "https::a_merge_is_pushed_over_https"])
            .env(URL, format!("https://localhost:{}/rally.git", front.port))
            .env("SSL_CERT_FILE", front.folder.path().join("ca.pem"))
            .env_remove("SSL_CERT_DIR")
            .output()
            .await
            .expect("a second process");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let after = server.rev_parse(MASTER).expect("master");
        assert_eq!(server.parents(&after).expect("parents").first(), Some(&before));
    });
}

async fn push_a_merge(url: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(url, &folder.path().join("clone"), Some(TOKEN));
    git.refresh().await.expect("a fetch");
    let refs = git.remote_refs().await.expect("a listing");
    let of = |name: &str| refs.iter().find(|one| one.name == name).expect("listed").commit().to_owned();
    let (base, head) = (of(MASTER), of(BRANCH));
    let merged = git.merge(&base, &head, "Merge v2.1.0", &by(), KEEP).await.expect("a merge");
    let MergeResult::Merged(merge) = merged else { panic!("{merged:?}") };
    assert_eq!(git.push(&order(&merge, MASTER, Some(&base))).await, Ok(PushResult::Accepted));
}
