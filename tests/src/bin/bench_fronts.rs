//! `bench_fronts [CALLS]`: how long a call of the app takes at each front of the simulator, over
//! loopback. The AWS calls are signed, verified and made by the app's own clients, so the figures
//! include that cost.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use greenlight_adapters::{
    aws::AwsAccess, ecr::EcrImages, ecs::EcsServices, git::GitAdapter, keychain::MemorySecrets, logs::CloudWatchLogs,
    ssh::SshHost, sts::StsIdentity,
};
use greenlight_engine::ports::{CloudIdentity, Git, HostAddress, Images, Logs, RemoteHost, Secrets, Services};
use greenlight_rehearsal::host::USER;
use greenlight_tests::support::{
    moto::{ACCOUNT, CONTAINER, FAMILY, REGION},
    production::Served,
    took::Took,
};

/// Measures one kind of call. Prints its median and its 99th percentile.
async fn measure(name: &str, calls: usize, call: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let took = Took::of(calls, call).await.with_context(|| name.to_owned())?;
    println!("{name:<28} {:>8.2} ms {:>8.2} ms", took.median(), took.slowest_of_a_hundred());
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let calls: usize = std::env::args().nth(1).map_or(Ok(300), |text| text.parse())?;
    let served = Served::start(1).await?;
    let file = served.handle().file();
    let memory = MemorySecrets::default();
    for credential in served.handle().credentials() {
        memory.set(&credential).await?;
    }
    let secrets: Arc<dyn Secrets> = Arc::new(memory);
    let access = AwsAccess::new(REGION, Some(&served.url(file.ports.aws)), Arc::clone(&secrets))?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    println!("{:<28} {:>11} {:>11}   ({calls} calls each)", "call", "median", "99 of 100");
    let get = async |url: String| -> Result<()> {
        let answer = client.get(url).bearer_auth(&file.github_token).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(())
    };
    measure("site, the version page", calls, async || get(format!("{}/about", served.url(file.ports.site))).await)
        .await?;
    let github = served.url(file.ports.github);
    measure("GitHub, the user", calls, async || get(format!("{github}/user")).await).await?;
    let runs = format!("{github}/repos/{}/actions/workflows/build-deploy.yml/runs", file.repository);
    measure("GitHub, runs", calls, async || get(runs.clone()).await).await?;
    let sts = StsIdentity::new(access.clone());
    measure("STS, the identity", calls, async || {
        sts.whoami().await?;
        Ok(())
    })
    .await?;
    let services = EcsServices::new(access.clone(), FAMILY, CONTAINER, CONTAINER);
    measure("ECS, the service", calls, async || {
        services.describe().await?;
        Ok(())
    })
    .await?;
    let images = EcrImages::new(access.clone(), ACCOUNT, FAMILY);
    measure("ECR, an image", calls, async || {
        images.find("RALLY-V2_0_1_11-RELEASE").await?;
        Ok(())
    })
    .await?;
    let logs = CloudWatchLogs::new(access, CONTAINER);
    measure("Logs, a page", calls, async || {
        logs.page(0, None).await?;
        Ok(())
    })
    .await?;
    let few = calls.div_ceil(10);
    let url = format!("http://127.0.0.1:{}/{}.git", file.ports.git, file.repository);
    let git = GitAdapter::new(&url, served.folder().join("clone.git"), Arc::clone(&secrets))?;
    measure("git, a listing", few, async || {
        git.remote_refs().await?;
        Ok(())
    })
    .await?;
    let ssh = SshHost::new(secrets);
    let host = HostAddress {
        address: "127.0.0.1".to_owned(),
        port: file.ports.ssh,
        user: USER.to_owned(),
        fingerprint: file.fingerprint.clone(),
        machine_id: String::new(),
    };
    let read = async || {
        ssh.read(&host, "true", Duration::from_secs(20)).await?;
        Ok(())
    };
    measure("ssh, a command", few, read).await
}
