//! The operations of ECS, ECR and CloudWatch Logs over the JSON protocol, and of STS over the form
//! protocol.
//!
//! [`crate::fronts::aws`] has authenticated each call.

mod members;
mod services;

use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, CLUSTER, CONTAINER, FAMILY, IMAGES, LOG_GROUP, REGION, SERVICE, World, definition, seconds,
    service::{Status, Task},
};

/// Most events on one page of a log group.
const PAGE: usize = 500;

/// Body of the answer, or the error of the service.
pub(super) type Answer = Result<Value, Refused>;
/// HTTP status, type and message of a service's error.
type Refused = (u16, &'static str, String);
/// Part of a list, and the token of the next part.
type Page<'a, T> = (&'a [T], Option<String>);

/// The XML answer of `GetCallerIdentity`.
pub(super) fn caller_identity() -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/practice</Arn><UserId>AIDAPRACTICEPRACTICE</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>practice</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    )
}

impl World {
    /// Answers one authenticated call.
    pub(super) fn aws(&mut self, target: &str, body: &Value) -> Answer {
        members::check(body)?;
        match target.rsplit('.').next().unwrap_or_default() {
            "ListClusters" => Ok(services::clusters()),
            "DescribeClusters" => self.describe_clusters(body),
            "ListServices" => self.list_services(body),
            "DescribeServices" => self.describe_services(body),
            "ListServiceDeployments" => self.list_deployments(body),
            "DescribeServiceDeployments" => self.describe_deployments(body),
            "DescribeServiceRevisions" => self.describe_revisions(body),
            "UpdateService" => self.update(body),
            "StopServiceDeployment" => self.stop(body),
            "ListTasks" => self.list_tasks(body),
            "DescribeTasks" => self.describe_tasks(body),
            "DescribeTaskDefinition" => self.describe_definition(body),
            "RegisterTaskDefinition" => self.register(body),
            "DescribeImages" => self.describe_images(body),
            "DescribeRepositories" => self.describe_repositories(body),
            "FilterLogEvents" => self.log_events(body),
            other => Err((400, "UnknownOperationException", format!("the pretend production has no {other}"))),
        }
    }

    fn list_tasks(&self, body: &Value) -> Answer {
        in_cluster(body)?;
        if body.get("serviceName").is_some_and(|name| last_part(name) != SERVICE) {
            return Err((400, "ServiceNotFoundException", "Service not found.".to_owned()));
        }
        let wants_stopped = body.get("desiredStatus").and_then(Value::as_str) == Some("STOPPED");
        let arns: Vec<String> = self
            .service
            .tasks
            .iter()
            .filter(|task| (task.status == Status::Stopped || task.stops_at.is_some()) == wants_stopped)
            .map(task_arn)
            .collect();
        let (page, next) = page_of(&arns, body, 100)?;
        let mut answer = json!({ "taskArns": page });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }

    fn describe_tasks(&self, body: &Value) -> Answer {
        in_cluster(body)?;
        let asked = listed(body, "tasks", "Tasks", 100)?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for name in asked {
            match self.service.tasks.iter().find(|task| task.id == last_part(name)) {
                Some(task) => tasks.push(self.task(task)),
                None => {
                    let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{}", last_part(name));
                    failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                }
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    fn task(&self, task: &Task) -> Value {
        let (last, health) = task.words(self.rules.has_health_check);
        let is_ending = task.status == Status::Stopped || task.stops_at.is_some();
        let mut container = json!({
            "containerArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:container/{CLUSTER}/{}/web", task.id),
            "name": CONTAINER,
            "lastStatus": last,
            "healthStatus": health
        });
        let mut described = json!({
            "taskArn": task_arn(task),
            "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"),
            "group": format!("service:{SERVICE}"),
            "startedBy": task.deployment,
            "taskDefinitionArn": definition::arn(task.revision),
            "createdAt": seconds(task.created_ms),
            "desiredStatus": if is_ending { "STOPPED" } else { "RUNNING" },
            "lastStatus": last,
            "healthStatus": health,
            "launchType": "FARGATE"
        });
        let pulled = task.digest.clone().or_else(|| self.image_of(task.revision).map(|image| image.digest.clone()));
        if let Some(digest) = pulled {
            put(&mut container, "imageDigest", json!(digest));
        }
        if let Some(exit) = task.exit {
            put(&mut container, "exitCode", json!(exit));
        }
        if let Some(at) = task.stopped_ms {
            put(&mut described, "stoppedAt", seconds(at));
        }
        if !task.reason.is_empty() {
            put(&mut described, "stoppedReason", json!(task.reason));
        }
        if let Some(code) = task.stop_code() {
            put(&mut described, "stopCode", json!(code));
        }
        put(&mut described, "containers", json!([container]));
        described
    }

    fn describe_definition(&self, body: &Value) -> Answer {
        let name = body.get("taskDefinition").map(last_part).unwrap_or_default();
        let (family, revision) = name.split_once(':').unwrap_or((&name, ""));
        let found = self
            .definitions
            .iter()
            .rev()
            .find(|one| family == FAMILY && (revision.is_empty() || revision == one.revision.to_string()));
        match found {
            // The answer has tags only on request (TRAP-T2).
            Some(found) if asks_for_tags(body) => Ok(json!({ "taskDefinition": found.definition, "tags": found.tags })),
            Some(found) => Ok(json!({ "taskDefinition": found.definition })),
            None => Err((400, "ClientException", "Unable to describe task definition.".to_owned())),
        }
    }

    fn register(&mut self, body: &Value) -> Answer {
        let saved = self.register_definition(body).map_err(|why| (400, "ClientException", why))?;
        Ok(json!({ "taskDefinition": saved.definition, "tags": saved.tags }))
    }

    fn describe_images(&self, body: &Value) -> Answer {
        match body.get("repositoryName") {
            None | Some(Value::Null) => return Err(members::absent("repositoryName")),
            Some(name) if name.as_str() != Some(IMAGES) => {
                return Err((400, "RepositoryNotFoundException", no_repository(name)));
            }
            Some(_) => {}
        }
        let asked: Vec<&Value> = body.get("imageIds").and_then(Value::as_array).into_iter().flatten().collect();
        let mut details = Vec::new();
        for image in &self.images {
            let is_asked = |id: &&&Value| {
                id.get("imageTag").and_then(Value::as_str) == Some(&image.tag)
                    || id.get("imageDigest").and_then(Value::as_str) == Some(&image.digest)
            };
            if asked.is_empty() || asked.iter().any(|id| is_asked(&id)) {
                details.push(json!({
                    "registryId": ACCOUNT,
                    "repositoryName": IMAGES,
                    "imageDigest": image.digest,
                    "imageTags": if image.tag.is_empty() { vec![] } else { vec![&image.tag] },
                    "imageSizeInBytes": 318_212_331,
                    "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "imagePushedAt": seconds(image.pushed_ms)
                }));
            }
        }
        if details.is_empty() && !asked.is_empty() {
            let id = asked.first().map(|id| image_id(id)).unwrap_or_default();
            let why = format!(
                "The image with imageId {{{id}}} does not exist within the repository with name '{IMAGES}' in the registry \
                 with id '{ACCOUNT}'"
            );
            return Err((400, "ImageNotFoundException", why));
        }
        let (page, next) = page_of(&details, body, 1_000)?;
        let mut answer = json!({ "imageDetails": page });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }

    fn describe_repositories(&self, body: &Value) -> Answer {
        let asked: Vec<&Value> = body.get("repositoryNames").and_then(Value::as_array).into_iter().flatten().collect();
        if let Some(unknown) = asked.iter().find(|name| name.as_str() != Some(IMAGES)) {
            return Err((400, "RepositoryNotFoundException", no_repository(unknown)));
        }
        Ok(json!({ "repositories": [{
            "repositoryName": IMAGES,
            "repositoryArn": format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{IMAGES}"),
            "registryId": ACCOUNT,
            "repositoryUri": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{IMAGES}"),
            // 2021-03-01, the age of the product.
            "createdAt": 1_614_556_800,
            "imageScanningConfiguration": { "scanOnPush": false },
            "encryptionConfiguration": { "encryptionType": "AES256" },
            "imageTagMutability": if self.rules.has_immutable_tags { "IMMUTABLE" } else { "MUTABLE" }
        }] }))
    }

    fn log_events(&self, body: &Value) -> Answer {
        let group =
            body.get("logGroupName").or_else(|| body.get("logGroupIdentifier")).filter(|group| !group.is_null());
        if group.is_none() {
            return Err(members::absent("logGroupName"));
        }
        if group.and_then(Value::as_str) != Some(LOG_GROUP) {
            let why = "The specified log group does not exist.".to_owned();
            return Err((400, "ResourceNotFoundException", why));
        }
        let from = body.get("startTime").and_then(Value::as_i64).unwrap_or(0);
        let token = body.get("nextToken").and_then(Value::as_str);
        let skip = token.and_then(|token| token.strip_prefix("after-"));
        if token.is_some() && skip.is_none() {
            return Err((400, "InvalidParameterException", "The specified nextToken is invalid.".to_owned()));
        }
        let after = skip.unwrap_or_default();
        let limit = body.get("limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        if limit.is_some_and(|limit| !(1..=10_000).contains(&limit)) {
            let why = "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value \
                       between 1 and 10000";
            return Err((400, "InvalidParameterException", why.to_owned()));
        }
        // A page without events but with a token is not the end (TRAP-L4).
        if skip.is_none() && self.rules.has_empty_pages {
            return Ok(json!({ "events": [], "searchedLogStreams": [], "nextToken": "after-" }));
        }
        let (page, has_more) = self.log_page(from, after, limit.unwrap_or(PAGE).min(PAGE));
        let next = page.last().filter(|_| has_more).map(|last| format!("after-{}", last.id));
        let events: Vec<Value> = page
            .iter()
            .map(|line| {
                json!({
                    "eventId": line.id,
                    "logStreamName": line.stream,
                    "timestamp": line.at_ms,
                    "ingestionTime": line.arrives_ms.max(line.at_ms + 500),
                    "message": line.message
                })
            })
            .collect();
        let mut answer = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }
}

fn asks_for_tags(body: &Value) -> bool {
    let include = body.get("include").and_then(Value::as_array);
    include.into_iter().flatten().any(|one| one.as_str() == Some("TAGS"))
}

/// Refuses a request for another cluster.
fn in_cluster(body: &Value) -> Result<(), Refused> {
    if body.get("cluster").is_some_and(|cluster| last_part(cluster) == CLUSTER) {
        return Ok(());
    }
    Err((400, "ClusterNotFoundException", "Cluster not found.".to_owned()))
}

/// Names in a required list, at least one and at most `max`.
fn listed<'a>(body: &'a Value, key: &str, what: &str, max: usize) -> Result<&'a [Value], Refused> {
    let names = body.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let bad = |why: String| Err((400, "InvalidParameterException", why));
    if names.is_empty() {
        return bad(format!("{what} cannot be empty."));
    }
    if names.len() > max {
        return bad(format!("{what} cannot have more than {max} elements."));
    }
    Ok(names)
}

/// One page of a list, and the token of the next page. The token is the position in the list; AWS's
/// tokens are opaque too.
fn page_of<'a, T>(all: &'a [T], body: &Value, largest: usize) -> Result<Page<'a, T>, Refused> {
    let bad = |why: &str| (400, "InvalidParameterException", why.to_owned());
    let size = match body.get("maxResults") {
        None | Some(Value::Null) => largest,
        Some(size) => size
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=largest).contains(size))
            .ok_or_else(|| bad(&format!("maxResults must be between 1 and {largest}.")))?,
    };
    let from = match body.get("nextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse::<usize>().ok())
            .filter(|at| *at <= all.len())
            .ok_or_else(|| bad("Invalid token."))?,
    };
    let until = from.saturating_add(size).min(all.len());
    let next = (until < all.len()).then(|| format!("page-{until}"));
    Ok((all.get(from..until).unwrap_or_default(), next))
}

fn no_repository(name: &Value) -> String {
    let name: String = name.as_str().unwrap_or_default().chars().take(100).collect();
    format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'")
}

/// An image id in the form of ECR's error messages.
fn image_id(id: &Value) -> String {
    let part = |key: &str| id.get(key).and_then(Value::as_str).unwrap_or("null");
    format!("imageDigest:'{}', imageTag:'{}'", part("imageDigest"), part("imageTag"))
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn last_part(name: &Value) -> String {
    name.as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default().to_owned()
}

fn task_arn(task: &Task) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{}", task.id)
}
