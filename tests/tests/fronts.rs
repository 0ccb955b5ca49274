//! Compares the other fronts of the simulator with GitHub's own API description and with
//! independent clients: prism between a client and the GitHub front, curl with malformed requests,
//! and the git and ssh programs of this computer.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::{host::USER, process::troubles::Switch};
use greenlight_tests::support::{
    folder::support_file,
    moto::peers_folder,
    process::{Deadline, Process, Signal, clean_command, free_port, run, wait_for_port},
    production::Served,
};
use greenlight_types::Trouble;
use serde_json::{Value, json};

/// A request and its expected status.
struct Question<'a> {
    method: reqwest::Method,
    path: String,
    body: Option<Value>,
    status: u16,
    what: &'a str,
}

fn get(path: String, status: u16, what: &str) -> Question<'_> {
    Question { method: reqwest::Method::GET, path, body: None, status, what }
}

fn post(path: String, body: Value, status: u16, what: &str) -> Question<'_> {
    Question { method: reqwest::Method::POST, path, body: Some(body), status, what }
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?)
}

/// Runs `prism proxy --errors` in front of a server. prism answers with its own error when a
/// request or an answer does not match the description.
async fn prism(served: &Served) -> Result<(Process, String)> {
    let peers = peers_folder();
    run(Command::new("/bin/sh").arg(support_file("prism.sh")).arg(&peers)).context("failed to install prism")?;
    let modules = peers.join("prism/node_modules");
    let port = free_port()?;
    let mut command = clean_command("node", served.folder());
    command
        .args(["--max-old-space-size=6000"])
        .arg(modules.join("@stoplight/prism-cli/dist/index.js"))
        .args(["proxy", "-h", "127.0.0.1", "-p", &port.to_string(), "--errors"])
        .arg(modules.join("@octokit/openapi/generated/api.github.com.json"))
        .arg(served.url(served.handle().file().ports.github));
    let mut process = Process::start("prism", &command, Signal::Terminate, &served.folder().join("prism.log"))?;
    wait_for_port(&mut process, port, Duration::from_secs(180)).await?;
    Ok((process, format!("http://127.0.0.1:{port}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_front_matches_the_github_api_description() -> Result<()> {
    let served = Served::start(60).await?;
    let (_prism, base) = prism(&served).await?;
    let file = served.handle().file();
    let actions = format!("/repos/{}/actions", file.repository);
    let client = client()?;
    let ask = async |question: Question<'_>| -> Result<Value> {
        let mut request = client
            .request(question.method.clone(), format!("{base}{}", question.path))
            .header("authorization", format!("Bearer {}", file.github_token))
            .header("accept", "application/vnd.github+json")
            .header("user-agent", "greenlight-tests");
        if let Some(body) = &question.body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, violations) = (answer.status().as_u16(), answer.headers().get("sl-violations").cloned());
        let text = answer.text().await?;
        ensure!(violations.is_none(), "{}: {violations:?}\n{text}", question.what);
        ensure!(status == question.status, "{}: {status} instead of {}\n{text}", question.what, question.status);
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    };
    let agreed = std::cell::RefCell::new(Vec::new());
    let ask = async |question: Question<'_>| -> Result<Value> {
        let line = format!("agreed  {}  {}", question.status, question.what);
        let answer = ask(question).await?;
        if !agreed.borrow().contains(&line) {
            println!("{line}");
            agreed.borrow_mut().push(line);
        }
        Ok(answer)
    };
    let dispatches = format!("{actions}/workflows/build-deploy.yml/dispatches");
    let post = |body: Value, status: u16, what: &'static str| post(dispatches.clone(), body, status, what);
    ask(get("/user".to_owned(), 200, "who the token belongs to")).await?;
    ask(get(format!("{actions}/workflows/build-deploy.yml"), 200, "the workflow")).await?;
    ask(post(json!({ "ref": "refs/heads/master", "inputs": {} }), 204, "a dispatch as it was (TRAP-W1)")).await?;
    let told = json!({ "ref": "refs/heads/master", "inputs": {}, "return_run_details": true });
    let details = ask(post(told, 200, "a dispatch that tells its run")).await?;
    let id = details.get("workflow_run_id").and_then(Value::as_u64).context("the id of the run")?;
    let runs = format!("{actions}/workflows/build-deploy.yml/runs?event=workflow_dispatch&per_page=100");
    let listed = ask(get(runs.clone(), 200, "runs of the workflow")).await?;
    ensure!(listed.get("total_count").and_then(Value::as_u64) == Some(3), "two runs and an earlier one: {listed}");
    let second = ask(get(format!("{runs}&page=2"), 200, "a page behind the last one")).await?;
    ensure!(second.get("workflow_runs").and_then(Value::as_array).is_some_and(Vec::is_empty), "{second}");
    let run = ask(get(format!("{actions}/runs/{id}"), 200, "one run")).await?;
    reports(&served, run["head_sha"].as_str().context("the commit of the run")?, &ask).await?;
    let mut deadline = Deadline::after(Duration::from_secs(60));
    let jobs = format!("{actions}/runs/{id}/jobs?filter=latest&per_page=100");
    // No job at first, then the build job, then also the deployment job.
    for wanted in 0..=2 {
        loop {
            let listed = ask(get(jobs.clone(), 200, "jobs of a run")).await?;
            if listed.get("total_count").and_then(Value::as_u64) >= Some(wanted) {
                break;
            }
            deadline.pause("the jobs of the run").await?;
        }
    }
    ask(get(format!("{actions}/runs/{id}/pending_deployments"), 200, "environments that hold a run")).await?;
    ask(cancel_of(&actions, id)).await?;
    pull_requests(&served, ask).await?;
    for line in refusals_in_githubs_shape(&served, &client, &base).await? {
        println!("{line}");
    }
    Ok(())
}

/// Asks for the reports about a commit and for the environments, each behind prism.
async fn reports(served: &Served, commit: &str, ask: impl AsyncFn(Question<'_>) -> Result<Value>) -> Result<()> {
    let base = format!("/repos/{}", served.handle().file().repository);
    let runs = ask(get(format!("{base}/commits/{commit}/check-runs?per_page=100&page=1"), 200, "check runs")).await?;
    ensure!(runs["check_runs"][0]["conclusion"] == "success", "{runs}");
    let status = ask(get(format!("{base}/commits/{commit}/status?per_page=100&page=1"), 200, "statuses")).await?;
    ensure!(status["total_count"] == 0, "{status}");
    let told = ask(get(format!("{base}/environments?per_page=100&page=1"), 200, "environments")).await?;
    ensure!(told["environments"][0]["name"] == "production", "{told}");
    Ok(())
}

/// Asks for rules and pull requests, each behind prism.
async fn pull_requests(served: &Served, ask: impl AsyncFn(Question<'_>) -> Result<Value>) -> Result<()> {
    let on = Switch { trouble: Trouble::MainIsProtected, on: true, after_ms: None, only_first: false };
    let base = format!("/repos/{}", served.handle().file().repository);
    ask(get(format!("{base}/rules/branches/master?per_page=100"), 200, "a branch without rules")).await?;
    served.handle().switch(&on).await?;
    let rules = ask(get(format!("{base}/rules/branches/master?per_page=100"), 200, "rules of a branch")).await?;
    let ruleset = rules.pointer("/0/ruleset_id").and_then(Value::as_u64).context("a ruleset")?;
    let path = format!("{base}/rulesets/{ruleset}?includes_parents=true");
    let told = ask(get(path, 200, "a ruleset")).await?;
    ensure!(told["current_user_can_bypass"] == "never", "{told}");
    let body = json!({ "title": "Release", "body": "Please merge it.", "head": "v2.1.0", "base": "master" });
    let open = |status, what: &'static str| post(format!("{base}/pulls"), body.clone(), status, what);
    let opened = ask(open(201, "an opened pull request")).await?;
    ensure!(opened["number"] == 1 && opened["state"] == "open", "{opened}");
    let refused = ask(open(422, "a second one of the same branches")).await?;
    ensure!(refused["errors"][0]["message"].as_str().is_some_and(|it| it.contains("already exists")), "{refused}");
    let owner = base.split('/').nth(2).unwrap_or_default();
    let listed =
        format!("{base}/pulls?state=all&head={owner}%3Av2.1.0&base=master&per_page=30&sort=created&direction=desc");
    let listed = ask(get(listed, 200, "pull requests of a branch")).await?;
    ensure!(listed.as_array().map(Vec::len) == Some(1), "{listed}");
    let nobodys =
        ask(get(format!("{base}/pulls?state=all&head=other%3Av2.1.0"), 200, "pull requests of a fork")).await?;
    ensure!(nobodys.as_array().is_some_and(Vec::is_empty), "{nobodys}");
    ask(get(format!("{base}/pulls/2"), 404, "a pull request that is not there")).await?;
    let mut deadline = Deadline::after(Duration::from_secs(60));
    loop {
        let seen = ask(get(format!("{base}/pulls/1"), 200, "one pull request")).await?;
        if seen["merged"] == true {
            ensure!(seen["merged_by"]["login"] == "reviewer", "{seen}");
            return Ok(());
        }
        deadline.pause("the reviewer merges").await?;
    }
}

fn cancel_of(actions: &str, run: u64) -> Question<'static> {
    let (method, path) = (reqwest::Method::POST, format!("{actions}/runs/{run}/cancel"));
    Question { method, path, body: None, status: 202, what: "the cancellation of a run" }
}

/// prism's message about a status that the description does not list. The description lists no
/// refusal of the Actions endpoints, although GitHub answers 404 and 422 there. For these, this
/// test compares the shape with the description's `basic-error`: `message`, `documentation_url`,
/// `status`.
const NOT_LISTED: &str = "Unable to match the returned status code with those defined in the document";

async fn refusals_in_githubs_shape(served: &Served, client: &reqwest::Client, base: &str) -> Result<Vec<String>> {
    let mut agreed = Vec::new();
    let file = served.handle().file();
    let actions = format!("{base}/repos/{}/actions", file.repository);
    let dispatches = format!("{actions}/workflows/build-deploy.yml/dispatches");
    let nowhere = json!({ "ref": "nowhere" });
    let unknown = json!({ "ref": "master", "force": true });
    let right = json!({ "ref": "master" });
    let cases = [
        ("nobody's token", "nobody", format!("{base}/user"), None, 401),
        ("a workflow that is not there", &file.github_token, format!("{actions}/workflows/other.yml"), None, 404),
        ("runs of no workflow", &file.github_token, format!("{actions}/workflows/other.yml/runs"), None, 404),
        ("a run that is not there", &file.github_token, format!("{actions}/runs/1"), None, 404),
        ("jobs of no run", &file.github_token, format!("{actions}/runs/1/jobs"), None, 404),
        ("a ref that is not there", &file.github_token, dispatches.clone(), Some(nowhere), 422),
        ("a key that is not permitted", &file.github_token, dispatches.clone(), Some(unknown), 422),
        (
            "a dispatch of no workflow",
            &file.github_token,
            format!("{actions}/workflows/other.yml/dispatches"),
            Some(right),
            404,
        ),
    ];
    for (what, token, url, body, status) in cases {
        let request = match &body {
            Some(body) => client.post(&url).json(body),
            None => client.get(&url),
        };
        let request = request.bearer_auth(token).header("accept", "application/vnd.github+json");
        let answer = request.header("user-agent", "greenlight-tests").send().await?;
        let seen = answer.status().as_u16();
        let violations = answer.headers().get("sl-violations").cloned();
        let said: Value = serde_json::from_str(&answer.text().await?).with_context(|| what.to_owned())?;
        let violations: Vec<Value> = match &violations {
            Some(violations) => serde_json::from_slice(violations.as_bytes())?,
            None => Vec::new(),
        };
        let is_known = |violation: &Value| violation["message"].as_str().is_some_and(|it| it.starts_with(NOT_LISTED));
        ensure!(violations.iter().all(is_known), "{what}: {violations:?}");
        ensure!(seen == status, "{what}: {seen} instead of {status}: {said}");
        let has = |key: &str| said.get(key).is_some_and(Value::is_string);
        ensure!(
            has("message") && has("documentation_url") && said["status"] == json!(status.to_string()),
            "{what}: {said}"
        );
        agreed.push(format!("agreed  {status}  {what}"));
    }
    Ok(agreed)
}

/// The answer that curl got: status, headers and body.
fn curl(served: &Served, words: &[&str]) -> Result<(u16, String)> {
    let mut command = clean_command("curl", served.folder());
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--include"]).args(words);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // A server that refuses a long body may close the connection before it has read all of it. curl
    // then ends with 55 or 56 and has the answer.
    let is_right = output.status.success() || matches!(output.status.code(), Some(55 | 56)) && !said.is_empty();
    ensure!(is_right, "curl ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let status = said.split(' ').nth(1).and_then(|word| word.trim().parse().ok()).context("a status")?;
    Ok((status, said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_get_the_error_of_the_service() -> Result<()> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let (github, aws) = (served.url(file.ports.github), served.url(file.ports.aws));
    let dispatch = format!("{github}/repos/{}/actions/workflows/build-deploy.yml/dispatches", file.repository);
    let token = format!("Authorization: Bearer {}", file.github_token);
    let json_type = "Content-Type: application/json";
    let large = served.folder().join("large");
    fs_err::File::create(&large)?.set_len(50 << 20)?;
    let large = format!("@{}", large.display());
    let target = "X-Amz-Target: AmazonEC2ContainerServiceV20141113.ListTasks";
    let aws_type = "Content-Type: application/x-amz-json-1.1";
    // The header makes curl ask before it sends a long body, so that the refusal does not race with
    // the body.
    let waits = "Expect: 100-continue";
    let cases: Vec<(&str, u16, &str, Vec<&str>)> = vec![
        ("a wrong token", 401, "Bad credentials", vec!["-H", "Authorization: Bearer nobody", &dispatch]),
        ("broken JSON", 400, "Problems parsing JSON", vec!["-H", &token, "-H", json_type, "-d", "{", &dispatch]),
        ("a list", 400, "Body should be a JSON object", vec!["-H", &token, "-H", json_type, "-d", "[1]", &dispatch]),
        (
            "an unknown key",
            422,
            "is not a permitted key",
            vec!["-H", &token, "-H", json_type, "-d", "{\"ref\":\"master\",\"force\":true}", &dispatch],
        ),
        (
            "another ref",
            422,
            "No ref found for",
            vec!["-H", &token, "-H", json_type, "-d", "{\"ref\":\"nowhere\"}", &dispatch],
        ),
        (
            "another content type",
            415,
            "Unsupported Media Type",
            vec!["-H", &token, "-H", "Content-Type: text/xml", "-d", "<a/>", &dispatch],
        ),
        (
            "50 MB to GitHub",
            413,
            "Too Large",
            vec!["-H", &token, "-H", json_type, "-H", waits, "--data-binary", &large, &dispatch],
        ),
        (
            "50 MB to ECS",
            413,
            "Too Large",
            vec!["-H", target, "-H", aws_type, "-H", waits, "--data-binary", &large, &aws],
        ),
        (
            "an unsigned call of ECS",
            400,
            "MissingAuthenticationTokenException",
            vec!["-H", target, "-H", aws_type, "-d", "{}", &aws],
        ),
    ];
    for (what, status, words, arguments) in &cases {
        let (seen, said) = curl(&served, arguments).with_context(|| (*what).to_owned())?;
        ensure!(seen == *status && said.contains(words), "{what}: {said}");
        println!("agreed  {status}  {what}");
    }
    let (status, said) = curl(&served, &["-H", &token, &format!("{github}/user")])?;
    ensure!(status == 200 && said.contains("x-ratelimit-remaining") && said.contains("x-github-request-id"), "{said}");
    let site = served.url(file.ports.site);
    let (status, said) = curl(&served, &[&format!("{site}/about")])?;
    ensure!(status == 200 && said.contains("-RELEASE"), "{said}");
    println!("agreed  200  the site");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn router_refusals_and_page_links_match_github() -> Result<()> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let github = served.url(file.ports.github);
    let dispatch = format!("{github}/repos/{}/actions/workflows/build-deploy.yml/dispatches", file.repository);
    let token = format!("Authorization: Bearer {}", file.github_token);
    let json_type = "Content-Type: application/json";
    let large = served.folder().join("large");
    fs_err::File::create(&large)?.set_len(50 << 20)?;
    let large = format!("@{}", large.display());
    let cases: Vec<(&str, u16, &str, Vec<&str>)> = vec![
        (
            "50 MB to GitHub that do not say how long they are",
            413,
            "Payload Too Large",
            vec![
                "-H",
                &token,
                "-H",
                json_type,
                "-H",
                "Expect:",
                "-H",
                "Transfer-Encoding: chunked",
                "--data-binary",
                &large,
                &dispatch,
            ],
        ),
        (
            "run details that are neither wanted nor not",
            422,
            "is not a boolean",
            vec!["-H", &token, "-H", json_type, "-d", "{\"ref\":\"master\",\"return_run_details\":\"yes\"}", &dispatch],
        ),
        ("another method", 404, "\"message\":\"Not Found\"", vec!["-H", &token, "-X", "DELETE", &dispatch]),
    ];
    for (what, status, words, arguments) in &cases {
        let (seen, said) = curl(&served, arguments).with_context(|| (*what).to_owned())?;
        ensure!(seen == *status && said.contains(words), "{what}: {said}");
        println!("agreed  {status}  {what}");
    }
    for _ in 0..3 {
        let (status, said) = curl(&served, &["-H", &token, "-H", json_type, "-d", "{\"ref\":\"master\"}", &dispatch])?;
        ensure!(status == 204, "{said}");
    }
    let runs = format!("{github}/repos/{}/actions/runs?per_page=1&page=2", file.repository);
    let (status, said) = curl(&served, &["-H", &token, &runs])?;
    let at = |page: u8, rel: &str| format!("<{}{page}>; rel=\"{rel}\"", runs.trim_end_matches('2'));
    let link = format!("link: {}, {}, {}, {}", at(1, "prev"), at(3, "next"), at(4, "last"), at(1, "first"));
    ensure!(status == 200 && said.contains(&link), "{link} in {said}");
    println!("agreed  200  a page of a list, and where the others are");
    Ok(())
}

/// The exit code and the output of a program.
fn tried(command: &mut Command) -> Result<(Option<i32>, String)> {
    let ended = command.stdin(std::process::Stdio::null()).output()?;
    let said = [ended.stdout, ended.stderr].concat();
    Ok((ended.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_program_pushes_and_is_refused_as_on_github() -> Result<()> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let url =
        |token: &str| format!("http://x-access-token:{token}@127.0.0.1:{}/{}.git", file.ports.git, file.repository);
    let (ours, nobodys) = (url(&file.github_token), url("nobody"));
    let clone = served.folder().join("clone");
    let git = |words: &[&str]| {
        let mut command = clean_command("git", served.folder());
        command.env("GIT_TERMINAL_PROMPT", "0").current_dir(if clone.exists() { &clone } else { served.folder() });
        command.args(["-c", "user.name=Practice", "-c", "user.email=practice@rally.example"]).args(words);
        tried(&mut command)
    };
    let done = |words: &[&str]| -> Result<String> {
        let (code, said) = git(words)?;
        ensure!(code == Some(0), "{words:?}: {said}");
        Ok(said)
    };
    let listed = done(&["ls-remote", &ours])?;
    ensure!(listed.contains("refs/heads/master") && listed.contains("refs/heads/v2.1.0"), "{listed}");
    let (code, said) = git(&["ls-remote", &nobodys])?;
    ensure!(code == Some(128) && said.contains("Authentication failed"), "{said}");
    done(&["clone", "--quiet", &ours, "clone"])?;
    println!("agreed  git  a listing, a clone, a refused token");
    done(&["commit", "--quiet", "--allow-empty", "-m", "a change"])?;
    let (code, said) = git(&["push", &nobodys, "HEAD:refs/heads/topic"])?;
    ensure!(code == Some(128) && said.contains("Authentication failed"), "{said}");
    let same = done(&["ls-remote", &ours])?;
    ensure!(same == listed, "a refused push changes nothing: {same}");
    done(&["push", "--quiet", &ours, "HEAD:refs/heads/topic"])?;
    done(&["tag", "-a", "v9.9.9", "-m", "a version"])?;
    println!("agreed  git  a push, and one with a wrong token");
    // The parent commit of master is not a fast-forward.
    let (code, said) = git(&["push", "--atomic", &ours, "+HEAD~2:refs/heads/master", "v9.9.9"])?;
    ensure!(code == Some(1) && said.contains("GH006: Protected branch update failed"), "{said}");
    let refs = done(&["ls-remote", &ours])?;
    ensure!(!refs.contains("v9.9.9") && refs.contains("refs/heads/topic"), "all or nothing (TRAP-G3): {refs}");
    let master = |refs: &str| refs.lines().find(|line| line.ends_with("\trefs/heads/master")).map(str::to_owned);
    ensure!(master(&refs) == master(&listed), "the protected branch stays: {refs}");
    done(&["push", "--quiet", "--atomic", &ours, "HEAD:refs/heads/master", "v9.9.9"])?;
    let refs = done(&["ls-remote", &ours])?;
    ensure!(refs.contains("refs/tags/v9.9.9^{}") && master(&refs) != master(&listed), "both arrive: {refs}");
    println!("agreed  git  a protected branch, --atomic refused and done");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_program_needs_the_right_key_and_host() -> Result<()> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let folder = served.folder();
    let port = file.ports.ssh.to_string();
    let scanned = run(clean_command("ssh-keyscan", folder).args(["-T", "20", "-p", &port, "127.0.0.1"]))?;
    let known = folder.join("known");
    fs_err::write(&known, scanned)?;
    let print = run(clean_command("ssh-keygen", folder).arg("-lf").arg(&known))?;
    ensure!(print.contains(&file.fingerprint), "the key that the profile names: {print}");
    let other = folder.join("other");
    run(clean_command("ssh-keygen", folder).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other))?;
    let ssh = |known: &std::path::Path, key: &std::path::Path, words: &str| {
        let mut command = clean_command("ssh", folder);
        command.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"]);
        command.args(["-o", "StrictHostKeyChecking=yes", "-o"]);
        command.arg(format!("UserKnownHostsFile={}", known.display())).args(["-p", &port, "-i"]).arg(key);
        command.stdin(std::process::Stdio::null()).args([&format!("{USER}@127.0.0.1"), words]).output()
    };
    let ended = ssh(&known, &file.staging_key, "echo here; echo there >&2; exit 3")?;
    ensure!(ended.status.code() == Some(3) && ended.stdout == b"here\n" && ended.stderr == b"there\n", "{ended:?}");
    println!("agreed  ssh  a command, its exit code, what it said on each stream");
    let refusals = [
        ("another key", known.as_path(), other.as_path(), "Permission denied"),
        ("an unknown host key", std::path::Path::new("/dev/null"), &file.staging_key, "Host key verification failed"),
    ];
    for (what, known, key, words) in refusals {
        let ended = ssh(known, key, "echo here")?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(
            ended.status.code() == Some(255) && ended.stdout.is_empty() && said.contains(words),
            "{what}: {ended:?}"
        );
        println!("agreed  ssh  {what} is refused");
    }
    Ok(())
}
