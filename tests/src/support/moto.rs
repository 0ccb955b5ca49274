//! moto, a simulation of AWS: task definitions, images, log pages and STS. It is called in raw
//! JSON, so that the app's own AWS code does not judge the app.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::folder::{open_folder, support_file};
use super::process::{Deadline, Process, Signal, clean_command, free_port, run};

/// The account id that STS returns.
pub const ACCOUNT: &str = "676917001797";
/// The region of every resource.
pub const REGION: &str = "us-east-1";
/// The access key id that the tests enter.
pub const KEY_ID: &str = "AKIAPEERSOFGREENLGHT";
/// The secret key that the tests enter. moto accepts any key.
pub const SECRET_KEY: &str = "PeerSecretKeyOfTheTest+0123456789/abcdef";
/// Task definition family, and the name of the image repository.
pub const FAMILY: &str = "rally-prod";
/// Container of the program, and the name of its log group.
pub const CONTAINER: &str = "rally-prod-webapp";

/// A service that uses AWS's JSON protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aws {
    /// Task definitions.
    Ecs,
    /// The image registry.
    Ecr,
    /// CloudWatch Logs.
    Logs,
}

impl Aws {
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Ecs => ("AmazonEC2ContainerServiceV20141113", "ecs"),
            Self::Ecr => ("AmazonEC2ContainerRegistry_V20150921", "ecr"),
            Self::Logs => ("Logs_20140328", "logs"),
        }
    }
}

/// A running moto server.
#[derive(Debug)]
pub struct Moto {
    /// The process and its folder, when this value started the process.
    _home: Option<(Process, TempDir)>,
    url: String,
    client: reqwest::Client,
}

/// The folder for software that a peer installs once: `GREENLIGHT_PEERS_DIR`, or `target/peers`.
#[must_use]
pub fn peers_folder() -> PathBuf {
    let standard = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    std::env::var_os("GREENLIGHT_PEERS_DIR").map_or_else(standard, PathBuf::from)
}

impl Moto {
    /// Starts moto without content.
    ///
    /// # Errors
    /// When its packages cannot be installed, or it does not start.
    pub async fn start() -> Result<Self> {
        let peers = peers_folder();
        run(Command::new("/bin/sh").arg(support_file("moto-venv.sh")).arg(&peers)).context("failed to install moto")?;
        let folder = open_folder("moto")?;
        let port = free_port()?;
        let mut server = clean_command(peers.join("moto/bin/moto_server"), folder.path());
        server.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_ACCOUNT_ID", ACCOUNT);
        let mut server = Process::start("moto", &server, Signal::Terminate, &folder.path().join("moto.log"))?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let ready = format!("http://127.0.0.1:{port}/moto-api/data.json");
        let mut deadline = Deadline::after(Duration::from_secs(60));
        while !client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            server.ensure_running()?;
            deadline.pause("moto to answer").await?;
        }
        Ok(Self { _home: Some((server, folder)), url: format!("http://127.0.0.1:{port}"), client })
    }

    /// A moto that is already running. Its starter stops it.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Self { _home: None, url: url.to_owned(), client: client.unwrap_or_default() }
    }

    /// Starts moto with everything that the runbook expects: the task definition, the image of the
    /// old version and the log group.
    ///
    /// # Errors
    /// When it does not start or refuses something.
    pub async fn start_with_rally() -> Result<Self> {
        let moto = Self::start().await?;
        moto.register_base().await?;
        moto.make_repository(FAMILY).await?;
        moto.push_image(FAMILY, "RALLY-V2_0_1_11-RELEASE", "old").await?;
        moto.make_log_group(CONTAINER).await?;
        Ok(moto)
    }

    /// The address for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Calls one operation and returns its answer.
    ///
    /// # Errors
    /// When moto answers with an error. The text has its status and body.
    pub async fn call(&self, service: Aws, operation: &str, input: &Value) -> Result<Value> {
        let (target, scope) = service.target();
        let request = self
            .client
            .post(self.url())
            .header("X-Amz-Target", format!("{target}.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("Authorization", authorization(scope))
            .body(input.to_string());
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "{operation} was answered with {status}: {body}");
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&body)?) }
    }

    /// The account id that STS returns.
    ///
    /// # Errors
    /// When the answer has no account id.
    pub async fn account(&self) -> Result<String> {
        let form = "Action=GetCallerIdentity&Version=2011-06-15";
        let request = self.client.post(self.url()).header("Authorization", authorization("sts"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        let body = request.send().await?.text().await?;
        let account = body.split_once("<Account>").and_then(|(_, rest)| rest.split_once("</Account>"));
        Ok(account.with_context(|| format!("no account in {body}"))?.0.to_owned())
    }

    /// Registers the task definition of the old version and returns its ARN.
    ///
    /// # Errors
    /// When moto refuses it.
    pub async fn register_base(&self) -> Result<String> {
        let answer = self.call(Aws::Ecs, "RegisterTaskDefinition", &base_task_definition()).await?;
        let arn = answer["taskDefinition"]["taskDefinitionArn"].as_str();
        Ok(arn.context("no ARN in the answer")?.to_owned())
    }

    /// The newest active revision of a family, as `{"taskDefinition": …, "tags": […]}`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn newest_task_definition(&self, family: &str) -> Result<Value> {
        self.task_definition(family).await
    }

    /// A task definition by family, `family:revision` or ARN.
    ///
    /// # Errors
    /// When there is none.
    pub async fn task_definition(&self, name: &str) -> Result<Value> {
        let input = json!({"taskDefinition": name, "include": ["TAGS"]});
        self.call(Aws::Ecs, "DescribeTaskDefinition", &input).await
    }

    /// ARNs of every revision of a family.
    ///
    /// # Errors
    /// When moto does not answer.
    pub async fn revisions(&self, family: &str) -> Result<Vec<String>> {
        let answer = self.call(Aws::Ecs, "ListTaskDefinitions", &json!({"familyPrefix": family})).await?;
        let arns = answer["taskDefinitionArns"].as_array().context("no list in the answer")?;
        Ok(arns.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Makes an image repository.
    ///
    /// # Errors
    /// When it exists.
    pub async fn make_repository(&self, name: &str) -> Result<()> {
        self.call(Aws::Ecr, "CreateRepository", &json!({"repositoryName": name})).await.map(|_| ())
    }

    /// Pushes an image by its manifest and returns the digest. `content` changes the digest.
    ///
    /// # Errors
    /// When moto refuses it.
    pub async fn push_image(&self, repository: &str, tag: &str, content: &str) -> Result<String> {
        let input = json!({"repositoryName": repository, "imageTag": tag, "imageManifest": manifest(content)});
        let answer = self.call(Aws::Ecr, "PutImage", &input).await?;
        let digest = answer["image"]["imageId"]["imageDigest"].as_str();
        Ok(digest.context("no digest in the answer")?.to_owned())
    }

    /// An image by its tag, as DescribeImages returns it. `None` when the tag does not exist.
    ///
    /// # Errors
    /// When moto answers with another error.
    pub async fn image(&self, repository: &str, tag: &str) -> Result<Option<Value>> {
        let input = json!({"repositoryName": repository, "imageIds": [{"imageTag": tag}]});
        match self.call(Aws::Ecr, "DescribeImages", &input).await {
            Ok(answer) => Ok(answer["imageDetails"].get(0).cloned()),
            Err(error) if error.to_string().contains("ImageNotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a log group.
    ///
    /// # Errors
    /// When it exists.
    pub async fn make_log_group(&self, group: &str) -> Result<()> {
        self.call(Aws::Logs, "CreateLogGroup", &json!({"logGroupName": group})).await.map(|_| ())
    }

    /// Adds `(milliseconds since 1970, line)` to a stream. Creates the stream if necessary.
    ///
    /// # Errors
    /// When moto refuses a line. It refuses lines older than 14 days or more than two hours in the
    /// future.
    pub async fn put_logs(&self, group: &str, stream: &str, lines: &[(i64, String)]) -> Result<()> {
        let name = json!({"logGroupName": group, "logStreamName": stream});
        if let Err(error) = self.call(Aws::Logs, "CreateLogStream", &name).await {
            ensure!(error.to_string().contains("ResourceAlreadyExistsException"), error);
        }
        for part in lines.chunks(5_000) {
            let events: Vec<Value> = part.iter().map(|(at, line)| json!({"timestamp": at, "message": line})).collect();
            let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
            let answer = self.call(Aws::Logs, "PutLogEvents", &input).await?;
            if let Some(refused) = answer.get("rejectedLogEventsInfo").filter(|info| !info.is_null()) {
                bail!("moto refused log lines: {refused}");
            }
        }
        Ok(())
    }

    /// Refuses every further key with `InvalidClientTokenId` (403), as STS does with a deleted key;
    /// or accepts any key again. The other services then answer with the same XML, unlike AWS.
    ///
    /// # Errors
    /// When moto does not answer.
    pub async fn refuse_keys(&self, refused: bool) -> Result<()> {
        let free_calls = if refused { "0" } else { "inf" };
        let request = self.client.post(format!("{}/moto-api/reset-auth", self.url())).body(free_calls);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Deletes all content.
    ///
    /// # Errors
    /// When moto does not answer.
    pub async fn reset(&self) -> Result<()> {
        self.client.post(format!("{}/moto-api/reset", self.url())).send().await?.error_for_status()?;
        Ok(())
    }
}

/// The environment variables with which an independent client (boto3, aws-cli) finds this moto.
#[must_use]
pub fn client_settings(url: &str) -> Vec<(String, String)> {
    let settings = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_DEFAULT_REGION", REGION),
    ];
    settings.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

/// The task definition that the runbook starts from: two containers, and most of the fields that a
/// copy can lose.
#[must_use]
pub fn base_task_definition() -> Value {
    let registry = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let logs = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": CONTAINER, "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}});
    json!({
        "family": FAMILY,
        "taskRoleArn": role("rally-prod-task"),
        "executionRoleArn": role("rally-prod-execution"),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "4096",
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "volumes": [{"name": "uploads"}],
        "containerDefinitions": [
            {
                "name": CONTAINER,
                "image": format!("{registry}/{FAMILY}:RALLY-V2_0_1_11-RELEASE"),
                "cpu": 896, "memoryReservation": 3072, "essential": true,
                "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
                "environment": [
                    {"name": "SPRING_PROFILES_ACTIVE", "value": "prod"},
                    {"name": "JAVA_OPTS", "value": "-Xmx2g -Dfile.encoding=UTF-8"}
                ],
                "secrets": [{"name": "DB_PASSWORD",
                    "valueFrom": format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/rally/prod/db")}],
                "mountPoints": [{"sourceVolume": "uploads", "containerPath": "/var/rally", "readOnly": false}],
                "stopTimeout": 60,
                "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/version"],
                    "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 120},
                "dockerLabels": {"team": "rally"},
                "logConfiguration": logs
            },
            {
                "name": "log-router",
                "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.0",
                "cpu": 128, "memoryReservation": 128, "essential": false,
                "environment": [{"name": "FLUSH_SECONDS", "value": "5"}],
                "logConfiguration": logs
            }
        ],
        "tags": [{"key": "product", "value": "rally"}, {"key": "environment", "value": "prod"}]
    })
}

fn manifest(content: &str) -> String {
    use sha2::Digest;
    let digest = |part: &str| {
        let bytes = sha2::Sha256::digest(format!("{part}:{content}"));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    };
    let config = "application/vnd.docker.container.image.v1+json";
    let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": config, "size": 7023, "digest": digest("config")},
        "layers": [{"mediaType": layer, "size": 32_654_321, "digest": digest("layer")}]
    })
    .to_string()
}

/// moto reads the service from the signature's scope and does not verify the signature.
fn authorization(scope: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/{REGION}/{scope}/aws4_request, SignedHeaders=host, Signature=0"
    )
}
