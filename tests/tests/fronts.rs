//! GitHub's own description and foreign clients agree with the other fronts of the pretend production: prism between a
//! client and the GitHub front, curl with what no client would send, git and ssh of the system.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::host::USER;
use greenlight_tests::support::{
    folder::support_file,
    moto::peers_folder,
    process::{Deadline, Process, Signal, clean_command, free_port, run, wait_for_port},
    production::Served,
};
use serde_json::{Value, json};

/// What was asked, and the status that has to come back.
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

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?)
}

/// `prism proxy --errors` in front of a server: an answer or a request that breaks the description is an error of its
/// own (PEERS.md).
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
async fn every_answer_of_the_github_front_is_as_github_describes_it() -> Result<()> {
    let served = Served::start(60).await?;
    let (_prism, base) = prism(&served).await?;
    let file = served.handle().file();
    let actions = format!("/repos/{}/actions", file.repository);
    let dispatches = format!("{actions}/workflows/build-deploy.yml/dispatches");
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
    let post = |body: Value, status: u16, what: &'static str| Question {
        method: reqwest::Method::POST,
        path: dispatches.clone(),
        body: Some(body),
        status,
        what,
    };
    ask(get("/user".to_owned(), 200, "who the token belongs to")).await?;
    ask(get(format!("{actions}/workflows/build-deploy.yml"), 200, "the workflow")).await?;
    ask(post(json!({ "ref": "refs/heads/master", "inputs": {} }), 204, "a dispatch as it was (TRAP-W1)")).await?;
    let told = json!({ "ref": "refs/heads/master", "inputs": {}, "return_run_details": true });
    let details = ask(post(told, 200, "a dispatch that tells its run")).await?;
    let id = details.get("workflow_run_id").and_then(Value::as_u64).context("the id of the run")?;
    let runs = format!("{actions}/workflows/build-deploy.yml/runs?event=workflow_dispatch&per_page=100");
    let listed = ask(get(runs.clone(), 200, "runs of the workflow")).await?;
    ensure!(listed.get("total_count").and_then(Value::as_u64) == Some(2), "two runs: {listed}");
    let second = ask(get(format!("{runs}&page=2"), 200, "a page behind the last one")).await?;
    ensure!(second.get("workflow_runs").and_then(Value::as_array).is_some_and(Vec::is_empty), "{second}");
    ask(get(format!("{actions}/runs/{id}"), 200, "one run")).await?;
    let mut deadline = Deadline::after(Duration::from_secs(60));
    let jobs = format!("{actions}/runs/{id}/jobs?filter=latest&per_page=100");
    // None at first, then the build, then the deployment beside it.
    for wanted in 0..=2 {
        loop {
            let listed = ask(get(jobs.clone(), 200, "jobs of a run")).await?;
            if listed.get("total_count").and_then(Value::as_u64) >= Some(wanted) {
                break;
            }
            deadline.pause("the jobs of the run").await?;
        }
    }
    Ok(())
}

/// What curl got: status, headers and body.
fn curl(served: &Served, words: &[&str]) -> Result<(u16, String)> {
    let mut command = clean_command("curl", served.folder());
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--include"]).args(words);
    let said = run(&mut command)?;
    let status = said.split(' ').nth(1).and_then(|word| word.trim().parse().ok()).context("a status")?;
    Ok((status, said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_client_would_send_gets_the_error_of_the_service() -> Result<()> {
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
            vec!["-H", &token, "-H", json_type, "-H", "Expect:", "--data-binary", &large, &dispatch],
        ),
        (
            "50 MB to ECS",
            413,
            "Too Large",
            vec!["-H", target, "-H", aws_type, "-H", "Expect:", "--data-binary", &large, &aws],
        ),
        (
            "an unsigned call of ECS",
            400,
            "MissingAuthenticationTokenException",
            vec!["-H", target, "-H", aws_type, "-d", "{}", &aws],
        ),
    ];
    for (what, status, words, arguments) in &cases {
        // A server that refuses a long body may close before it was sent; curl then says so and has the answer.
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
async fn git_and_ssh_of_the_system_work_with_the_other_fronts() -> Result<()> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let git = |token: &str, words: &[&str]| {
        let mut command = clean_command("git", served.folder());
        let url = format!("http://x-access-token:{token}@127.0.0.1:{}/{}.git", file.ports.git, file.repository);
        command.env("GIT_TERMINAL_PROMPT", "0").current_dir(served.folder());
        command.args(words.iter().map(|word| if *word == "URL" { url.as_str() } else { *word }));
        run(&mut command)
    };
    let listed = git(&file.github_token, &["ls-remote", "URL"])?;
    ensure!(listed.contains("refs/heads/master") && listed.contains("refs/heads/v2.1.0"), "{listed}");
    ensure!(git("nobody", &["ls-remote", "URL"]).is_err(), "a wrong token is refused");
    git(&file.github_token, &["clone", "--quiet", "URL", "clone"])?;
    println!("agreed  git  a listing, a clone, a refused token");
    let ended = clean_command("ssh", served.folder())
        .args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
        .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        .args(["-p", &file.ports.ssh.to_string(), "-i"])
        .arg(&file.staging_key)
        .args([&format!("{USER}@127.0.0.1"), "echo here; exit 3"])
        .output()?;
    ensure!(ended.status.code() == Some(3) && ended.stdout == b"here\n", "{ended:?}");
    println!("agreed  ssh  a command and its exit code");
    Ok(())
}
