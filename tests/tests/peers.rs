//! Every real peer works with an independent client: git, ssh, pg_restore, boto3, secret-tool,
//! MiniBrowser. Greenlight's use of the peers is tested elsewhere.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fantoccini::Locator;
use greenlight_tests::support::folder::{open_folder, support_file};
use greenlight_tests::support::git_server::{GitServer, TOKEN, USER as GIT_USER, VERSION_FILE};
use greenlight_tests::support::hold::Moment;
use greenlight_tests::support::keychain::Keychain;
use greenlight_tests::support::moto::{self, Aws, Moto};
use greenlight_tests::support::postgres::{DATABASE, Postgres};
use greenlight_tests::support::process::{Deadline, clean_command, process_table, run, wait_gone};
use greenlight_tests::support::ssh_host::{self, Script, SshHost};
use greenlight_tests::support::web_process::{WebProcess, WebVersion};
use greenlight_tests::support::webdriver::{Display, Driver};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);
const BACK_UP: &str = "cd /opt/backup/bin && sudo -n ./backupRallyPROD.sh";
const MIGRATE: &str =
    "cd /home/ec2-user/migrate && CONFIG=/home/ec2-user/migrate/application-prod.properties bash -lc ./run.sh";

/// A developer's clone of the server's repository.
struct Clone {
    folder: tempfile::TempDir,
}

impl Clone {
    fn of(server: &GitServer) -> Result<Self> {
        let clone = Self { folder: open_folder("clone")? };
        clone.ok(&["clone", "--quiet", &server.url_with(TOKEN), "."])?;
        Ok(clone)
    }

    fn commit(&self, subject: &str) -> Result<()> {
        self.ok(&["commit", "--quiet", "--allow-empty", "-m", subject]).map(|_| ())
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut git = clean_command("git", self.folder.path());
        git.current_dir(self.folder.path()).args(arguments).env("GIT_TERMINAL_PROMPT", "0");
        git.args::<[&str; 0], _>([]).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "Pat").env(format!("GIT_{role}_EMAIL"), "pat@rally.example");
        }
        git
    }

    fn ok(&self, arguments: &[&str]) -> Result<String> {
        run(&mut self.git(arguments))
    }
}

#[tokio::test]
async fn a_push_needs_the_token() -> Result<()> {
    let server = GitServer::start().await?;
    let clone = Clone::of(&server)?;
    let before = server.rev_parse("refs/heads/master").context("no master")?;
    assert_eq!(server.peel_tag("v2.0.1.11"), Some(before.clone()), "the old release is tagged on master");
    assert_eq!(run(clone.git(&["rev-list", "--count", "origin/master..origin/v2.1.0"]).env("X", ""))?.trim(), "3");
    clone.commit("Work")?;

    let anonymous = clone.git(&["push", &server.url(), "master"]).output()?;
    assert!(!anonymous.status.success(), "a push without a token has to be refused");
    let wrong = clone.git(&["push", &server.url_with("ghp_wrong"), "master"]).output()?;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("Authentication failed"), "{wrong:?}");
    assert_eq!(server.rev_parse("refs/heads/master"), Some(before.clone()));

    clone.ok(&["push", &server.url_with(TOKEN), "master"])?;
    let after = server.rev_parse("refs/heads/master").context("no master")?;
    assert_eq!(server.parents(&after)?, vec![before]);
    assert_eq!(server.pushes_done().len(), 1, "{:?}", server.pushes_done());
    let version = String::from_utf8(server.file(&after, VERSION_FILE)?)?;
    assert!(version.contains("version=2.0.1.11-RELEASE\n"), "{version}");
    assert!(server.requests().iter().any(|line| line.starts_with("POST /rally.git/git-receive-pack 200")));
    Ok(())
}

#[tokio::test]
async fn a_protected_branch_is_refused_and_the_tag_lands() -> Result<()> {
    let server = GitServer::start().await?;
    let clone = Clone::of(&server)?;
    let before = server.rev_parse("refs/heads/master");
    server.protect("refs/heads/master")?;
    clone.commit("Work")?;
    clone.ok(&["tag", "v9"])?;

    let push = clone.git(&["push", &server.url_with(TOKEN), "master", "v9"]).output()?;
    let words = String::from_utf8_lossy(&push.stderr).into_owned();
    assert!(!push.status.success() && words.contains("GH006: Protected branch update failed"), "{words}");
    assert_eq!(server.rev_parse("refs/heads/master"), before);
    assert!(server.peel_tag("v9").is_some(), "{words}");

    server.unprotect()?;
    clone.ok(&["push", &server.url_with(TOKEN), "master"])?;
    assert_ne!(server.rev_parse("refs/heads/master"), before);
    Ok(())
}

#[tokio::test]
async fn holds_a_push_before_and_after_its_effect() -> Result<()> {
    let server = GitServer::start().await?;
    let clone = Clone::of(&server)?;
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let before = server.rev_parse("refs/heads/master");
        clone.commit("Work")?;
        let hold = server.hold(moment, "refs/heads/master")?;
        let mut push = clone.git(&["push", "--quiet", &server.url_with(TOKEN), "master"]).spawn()?;
        hold.wait_until_held(SOON).await?;
        let has_moved = server.rev_parse("refs/heads/master") != before;
        assert_eq!(has_moved, moment == Moment::AfterEffect, "held {moment:?}");
        assert!(push.try_wait()?.is_none(), "the client waits for its answer");
        hold.release()?;
        ensure!(push.wait()?.success(), "the push goes on after the hold");
        assert_ne!(server.rev_parse("refs/heads/master"), before);
    }
    Ok(())
}

#[tokio::test]
async fn another_person_can_move_refs() -> Result<()> {
    let server = GitServer::start().await?;
    let commit = server.commit("master", VERSION_FILE, b"version=3\r\n", "Surprise")?;
    assert_eq!(server.rev_parse("refs/heads/master"), Some(commit.clone()));
    assert_eq!(server.subject(&commit)?, "Surprise");
    server.tag("v2.1.0", "v2.0.1.11", true)?;
    assert_eq!(server.peel_tag("v2.1.0"), server.peel_tag("v2.0.1.11"));
    let path = server.make_conflict()?;
    let clone = Clone::of(&server)?;
    let merge = clone.git(&["merge", "origin/v2.1.0"]).output()?;
    assert!(String::from_utf8_lossy(&merge.stdout).contains(&format!("Merge conflict in {path}")), "{merge:?}");
    assert!(server.refs()?.iter().any(|(name, _)| name == "refs/tags/v2.1.0"));
    assert_eq!(GIT_USER, "x-access-token");
    Ok(())
}

fn ssh(host: &SshHost, key: &Path, command: &str) -> Command {
    let mut ssh = clean_command("ssh", Path::new("/nonexistent"));
    let known = key.with_extension("known");
    fs_err::write(&known, host.known_hosts_line().expect("a host key")).expect("a folder for known hosts");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]);
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", known.display())).arg("-i").arg(key);
    ssh.args(["-p", &host.port().to_string(), "ec2-user@127.0.0.1", command]);
    ssh
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn both_scripts_work_over_ssh() -> Result<()> {
    let database = Postgres::start().await?;
    let host = SshHost::start(&database).await?;
    let key = host.rsa_pem_key();
    assert!(fs_err::read_to_string(&key)?.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert!(host.fingerprint()?.starts_with("SHA256:"));
    assert!(!database.schema_is_migrated()?);

    let elsewhere = ssh(&host, &key, "sudo -n /opt/backup/bin/backupRallyPROD.sh").output()?;
    assert!(!elsewhere.status.success() && words(&elsewhere).contains("run it in /opt/backup/bin"), "{elsewhere:?}");
    let other = ssh(&host, &key, "sudo -n id").output()?;
    assert!(!other.status.success(), "sudo allows the backup script only: {other:?}");
    run(&mut ssh(&host, &key, BACK_UP))?;
    let dumps = host.dumps()?;
    assert_eq!(dumps.len(), 1);
    assert!(fs_err::metadata(&dumps[0])?.len() > 1024 * 1024, "a dump of a plausible size");
    assert_eq!(database.restore_check(&dumps[0])?, 40_000);
    assert!(database.dump_is_of_old_schema(&dumps[0])?);
    let readable = run(&mut ssh(&host, &key, "pg_restore -f /dev/null /opt/backup/dumps/*.dump && echo proved"))?;
    assert_eq!(readable.trim(), "proved");

    let bare = ssh(&host, &key, "cd /home/ec2-user/migrate && ./run.sh").output()?;
    assert_eq!(bare.status.code(), Some(2), "{}", words(&bare));
    assert!(words(&bare).contains("CONFIG is not set"));
    let config = format!("cd {} && CONFIG={} ./run.sh", ssh_host::MIGRATE_FOLDER, ssh_host::CONFIG);
    let no_login = ssh(&host, &key, &config).output()?;
    assert_eq!(no_login.status.code(), Some(127), "only .bash_profile has rally-migrate: {}", words(&no_login));
    assert!(host.starts(Script::Migration).is_empty(), "neither of these started the migration");
    let migration = run(&mut ssh(&host, &key, MIGRATE))?;
    assert!(migration.contains("Migration to 2.1.0 finished"), "{migration}");
    assert!(database.schema_is_migrated()?);
    assert_eq!(database.schema_version()?, "2.1.0");
    let starts = host.starts(Script::Migration);
    assert!(starts.len() == 1 && starts[0].ends_with(" ec2-user"), "{starts:?}");
    assert!(host.starts(Script::Backup)[0].ends_with(" root"));
    Ok(())
}

#[tokio::test]
async fn the_staging_machine_accepts_only_its_keys() -> Result<()> {
    let database = Postgres::start().await?;
    let mut host = SshHost::start(&database).await?;
    assert_eq!(run(&mut ssh(&host, &host.ed25519_key(), "id -un"))?.trim(), "ec2-user");
    let stranger = ssh(&host, &host.stranger_key(), "id").output()?;
    assert!(words(&stranger).contains("Permission denied"), "{stranger:?}");
    let locked = fs_err::read_to_string(host.passphrase_key())?;
    assert!(locked.contains("ENCRYPTED"), "{locked}");
    let fingerprint = host.fingerprint()?;
    host.change_host_key().await?;
    assert_ne!(host.fingerprint()?, fingerprint);
    assert_eq!(run(&mut ssh(&host, &host.ed25519_key(), "id -un"))?.trim(), "ec2-user");
    Ok(())
}

#[tokio::test]
async fn a_migration_can_fail_half_way_and_be_held() -> Result<()> {
    let database = Postgres::start().await?;
    let host = SshHost::start(&database).await?;
    let key = host.rsa_pem_key();
    host.fail(Script::Migration, true)?;
    let failed = ssh(&host, &key, MIGRATE).output()?;
    assert_eq!(failed.status.code(), Some(3), "{}", words(&failed));
    assert!(!database.schema_is_migrated()?);
    assert_eq!(database.sql(DATABASE, "select count(*) from migration_note")?, "1", "its first change stays");
    host.fail(Script::Migration, false)?;

    let hold = host.hold(Script::Migration, Moment::BeforeEffect)?;
    let mut session = ssh(&host, &key, MIGRATE).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    hold.wait_until_held(SOON).await?;
    assert!(!database.schema_is_migrated()?, "it is held before the change");
    hold.release()?;
    assert!(session.wait()?.success() && database.schema_is_migrated()?);
    assert_eq!(host.starts(Script::Migration).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_detached_script_outlives_its_session() -> Result<()> {
    let database = Postgres::start().await?;
    let host = SshHost::start(&database).await?;
    let key = host.rsa_pem_key();
    for (script, command) in [(Script::Backup, BACK_UP), (Script::Migration, MIGRATE)] {
        let code = host.outside(&format!("/home/ec2-user/{script:?}.rc"));
        let hold = host.hold(script, Moment::AfterEffect)?;
        let job = format!("{command}; echo $? >/home/ec2-user/{script:?}.rc");
        let detached = format!("setsid bash -c '{job}' >/dev/null 2>&1 </dev/null & sleep 300");
        let mut session = ssh(&host, &key, &detached).spawn()?;
        hold.wait_until_held(SOON).await?;
        host.freeze_sessions(true)?;
        host.freeze_sessions(false)?;
        assert!(host.kill_sessions()? > 0);
        assert_eq!(session.wait()?.code(), Some(255), "the connection broke");
        assert!(!code.exists(), "the job is held");
        hold.release()?;
        let mut deadline = Deadline::after(SOON);
        while fs_err::read_to_string(&code).unwrap_or_default() != "0\n" {
            deadline.pause("the detached job to end with 0").await?;
        }
        assert_eq!(host.starts(script).len(), 1);
    }
    assert!(database.schema_is_migrated()?);
    assert_eq!(host.dumps()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_truncated_dump_is_caught_by_the_restore() -> Result<()> {
    let database = Postgres::start().await?;
    let host = SshHost::start(&database).await?;
    host.truncate_dumps(true)?;
    run(&mut ssh(&host, &host.rsa_pem_key(), BACK_UP))?;
    let dumps = host.dumps()?;
    assert!(database.restore_check(&dumps[0]).is_err(), "a dump that was cut off cannot be restored");
    host.truncate_dumps(false)?;
    host.fail(Script::Backup, true)?;
    assert_eq!(ssh(&host, &host.rsa_pem_key(), BACK_UP).output()?.status.code(), Some(1));
    Ok(())
}

#[tokio::test]
async fn the_staging_machine_leaves_this_computer_as_it_was() -> Result<()> {
    let look = || -> Result<String> {
        let mut look = Command::new("/bin/sh");
        run(look
            .args(["-c", "sha256sum /etc/passwd /etc/shadow /etc/group /etc/sudoers; cat /proc/self/mounts; ls -la /etc/sudoers.d /home /opt"]))
    };
    let before = look()?;
    let database = Postgres::start().await?;
    let host = SshHost::start(&database).await?;
    host.inside("id ec2-user && test -x /opt/backup/bin/backupRallyPROD.sh")?;
    assert_eq!(host.inside_as_user("command -v rally-migrate")?.trim(), "/home/ec2-user/tools/bin/rally-migrate");
    let inside: Vec<u32> = host.processes().iter().map(|process| process.pid).collect();
    assert!(!inside.is_empty());
    assert_eq!(look()?, before, "nothing is seen from outside while it runs");
    let folder = host.outside("/opt/backup");
    drop(host);
    assert_eq!(look()?, before);
    assert!(!folder.exists(), "its folder is gone");
    assert!(inside.iter().all(|pid| !process_table().contains_key(pid)), "its processes are gone");
    Ok(())
}

#[tokio::test]
async fn the_web_process_starts_only_on_the_new_schema() -> Result<()> {
    let database = Postgres::start().await?;
    let mut early = WebProcess::start(&database.url(), &WebVersion::new_one())?;
    let ended = early.ready_or_ended(SOON).await?.context("it has to end")?;
    assert_eq!(ended.code(), Some(1));
    let refusal = "ERROR SchemaCheck: table study_site is missing column closed_on";
    assert!(early.log_lines().iter().any(|line| line.ends_with(refusal)), "{:?}", early.log_lines());

    let mut old = WebProcess::start(&database.url(), &WebVersion::old_one())?;
    assert_eq!(old.ready_or_ended(SOON).await?, None);
    database.migrate_by_hand()?;
    let mut new = WebProcess::start(&database.url(), &WebVersion::new_one())?;
    assert_eq!(new.ready_or_ended(SOON).await?, None);
    let version = reqwest::get(format!("{}/version", new.url())).await?.text().await?;
    assert_eq!(version, "2.1.0.0-RELEASE");
    assert!(reqwest::get(new.url()).await?.status().is_success());
    new.stop();
    assert!(reqwest::get(new.url()).await.is_err(), "it is gone");
    Ok(())
}

#[tokio::test]
async fn moto_stores_task_definition_image_and_log_lines() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    assert_eq!(moto.account().await?, moto::ACCOUNT);
    let newest = moto.newest_task_definition(moto::FAMILY).await?;
    let containers = newest["taskDefinition"]["containerDefinitions"].as_array().context("containers")?;
    assert_eq!(containers.len(), 2);
    assert_eq!(newest["tags"].as_array().map(Vec::len), Some(2));
    assert_eq!(moto.revisions(moto::FAMILY).await?.len(), 1);
    assert!(moto.image(moto::FAMILY, "RALLY-V2_1_0_0-RELEASE").await?.is_none());
    let digest = moto.push_image(moto::FAMILY, "RALLY-V2_1_0_0-RELEASE", "new").await?;
    let image = moto.image(moto::FAMILY, "RALLY-V2_1_0_0-RELEASE").await?.context("the image was pushed")?;
    assert_eq!(image["imageDigest"], json!(digest));
    assert!(image["imagePushedAt"].is_number(), "{image}");
    let now = jiff::Timestamp::now().as_millisecond();
    moto.put_logs(moto::CONTAINER, "ecs/a", &[(now, "started".to_owned()), (now + 1, "ready".to_owned())]).await?;
    let events = moto.call(Aws::Logs, "FilterLogEvents", &json!({"logGroupName": moto::CONTAINER})).await?;
    assert_eq!(events["events"].as_array().map(Vec::len), Some(2), "{events}");

    moto.refuse_keys(true).await?;
    let refused = moto.account().await.expect_err("STS refuses a key that it does not know");
    assert!(refused.to_string().contains("InvalidClientTokenId"), "{refused}");
    moto.refuse_keys(false).await?;
    let script = "import boto3, sys; print(boto3.client('ecs').describe_task_definition(taskDefinition='rally-prod')['taskDefinition']['revision'])";
    let mut foreign = clean_command(moto::peers_folder().join("moto/bin/python"), Path::new("/nonexistent"));
    assert_eq!(run(foreign.envs(moto::client_settings(&moto.url())).args(["-c", script]))?.trim(), "1");
    Ok(())
}

#[tokio::test]
async fn the_keychain_stores_looks_up_and_can_be_locked() -> Result<()> {
    let mut keychain = Keychain::start().await?;
    let entry = [("service", "greenlight"), ("username", "peer")];
    assert_eq!(keychain.lookup(&entry)?, None);
    keychain.store(&entry, "s3cret")?;
    assert_eq!(keychain.lookup(&entry)?.as_deref(), Some("s3cret"));
    keychain.lock().await?;
    assert_eq!(keychain.lookup(&entry)?, None, "a locked keychain gives nothing");
    assert!(keychain.store(&entry, "other").is_err(), "a locked keychain takes nothing");
    keychain.unlock().await?;
    assert_eq!(keychain.lookup(&entry)?.as_deref(), Some("s3cret"), "what was stored is still there");
    Ok(())
}

#[tokio::test]
async fn the_driver_controls_a_window() -> Result<()> {
    let page = "data:text/html,<title>peer</title><h1>Peer</h1><input id=a><button onclick=\"document.querySelector('p').textContent='Hello '%2Bdocument.querySelector('input').value\">Greet</button><p></p>";
    let binary = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
        .map(|folder| Path::new(folder).join("webkit2gtk-4.1/MiniBrowser"))
        .into_iter()
        .find(|file| file.is_file());
    let binary = binary.context("needs MiniBrowser: apt-get install libwebkit2gtk-4.1-0")?;
    let keychain = Keychain::start().await?;
    let display = Display::start().await?;
    let mut driver = Driver::start(&display, &keychain.env()).await?;
    let window = driver.open(&binary, &["--automation"]).await?;
    window.page().goto(page).await?;
    assert_eq!(window.page().title().await?, "peer");
    let wait_for = async |css| window.page().wait().at_most(SOON).for_element(Locator::Css(css)).await;
    let field = wait_for("#a").await?;
    field.clear().await?;
    field.send_keys("world").await?;
    wait_for("button").await?.click().await?;
    let shown = wait_for("p:not(:empty)").await?;
    assert_eq!(shown.text().await?, "Hello world");
    assert_eq!(field.attr("id").await?.as_deref(), Some("a"));
    assert_eq!(window.execute("return arguments[0] + 1", &[json!(2)]).await?, json!(3));
    let folder = open_folder("pictures")?;
    window.screenshot(&folder.path().join("page.png")).await?;
    assert!(fs_err::read(folder.path().join("page.png"))?.starts_with(b"\x89PNG"));

    let pid = window.app_pid().context("the driver's child is the browser")?;
    window.kill_app().await?;
    assert!(process_table().get(&pid).is_none_or(|process| process.command_line.is_empty()));
    driver.restart().await?;
    driver.open(&binary, &["--automation"]).await?.end().await
}

/// A terminal or timeout(1) signals the whole process group of a test, which includes the leash.
#[tokio::test]
async fn a_peer_ends_when_its_group_is_signalled() -> Result<()> {
    let mut leash = Command::new("/bin/sh");
    leash.arg(support_file("leash.sh")).args(["TERM", "sleep", "60"]).process_group(0).stdin(Stdio::piped());
    let mut leash = leash.spawn()?;
    let mut deadline = Deadline::after(SOON);
    let peer = loop {
        let of_leash = process_table().into_values().find(|one| one.parent == leash.id() && one.session == one.pid);
        if let Some(peer) = of_leash.filter(|one| one.command_line.starts_with("sleep ")) {
            break peer.pid;
        }
        deadline.pause("the peer").await?;
    };
    run(Command::new("kill").args(["-s", "TERM", "--", &format!("-{}", leash.id())]))?;
    drop(leash.stdin.take());
    wait_gone(peer, "the peer to be gone").await?;
    leash.wait()?;
    Ok(())
}
