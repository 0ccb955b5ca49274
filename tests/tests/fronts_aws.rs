//! Compares the AWS fronts of the simulator with AWS's own clients. boto3 and the aws program call
//! every operation that the app uses, including pages and refusals. The answers of moto are
//! compared member by member.

use anyhow::{Result, ensure};
use greenlight_rehearsal::process::rally::probe::OPERATIONS;
use greenlight_tests::support::{
    folder::support_file,
    moto::{ACCOUNT, KEY_ID, Moto, SECRET_KEY, peers_folder},
    process::clean_command,
    production::Served,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_clients_read_every_answer_and_moto_differs_as_listed() -> Result<()> {
    // The first page of the log is empty although more pages follow (TRAP-L4).
    let served = Served::start_with(60, |rules| rules.has_empty_pages = true).await?;
    let moto = Moto::start().await?;
    let file = served.handle().file();
    let settings = served.folder().join("aws-clients.json");
    let told = json!({
        "ours": { "url": served.url(file.ports.aws), "keyId": file.aws_key_id, "secret": file.aws_secret },
        "moto": { "url": moto.url(), "keyId": KEY_ID, "secret": SECRET_KEY },
        "account": ACCOUNT,
        "operations": OPERATIONS,
        "home": served.folder(),
        "differences": support_file("fronts/differences.toml"),
    });
    fs_err::write(&settings, told.to_string())?;
    let mut command = clean_command(peers_folder().join("moto/bin/python3"), served.folder());
    command.arg(support_file("fronts/aws.py")).arg(&settings);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
