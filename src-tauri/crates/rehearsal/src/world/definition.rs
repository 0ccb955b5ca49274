//! The task definition of the simulator. It has fields that a careless copy would lose.

use serde_json::{Map, Value, json};

use super::{ACCOUNT, CONTAINER, Definition, FAMILY, IMAGES, LOG_GROUP, REGION, World, record::Op, rules::StoredShape};

/// Number of the first revision.
pub(crate) const FIRST: u32 = 142;

/// Members that AWS adds to a registered definition. A request must not contain them.
const ADDED: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];

/// ARN of a revision.
pub(crate) fn arn(revision: u32) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{FAMILY}:{revision}")
}

/// Image address of the container that the profile names.
pub(crate) fn image(definition: &Value) -> Option<&str> {
    let containers = definition.get("containerDefinitions")?.as_array()?;
    containers.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(CONTAINER))?.get("image")?.as_str()
}

/// Turns a request into a registered definition and its tags: the same members plus those of AWS.
///
/// # Errors
/// AWS's text when the request is invalid.
pub(crate) fn registered(request: &Value, revision: u32, at_ms: i64) -> Result<(Value, Value), String> {
    let Some(request) = request.as_object() else { return Err("the body is not an object".to_owned()) };
    if request.get("family").and_then(Value::as_str) != Some(FAMILY) {
        return Err("Family is not known to this account.".to_owned());
    }
    if request.get("containerDefinitions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err("Container definitions should not be empty.".to_owned());
    }
    if let Some(added) = ADDED.iter().find(|name| request.contains_key(**name)) {
        return Err(format!("Unexpected key '{added}' in the request."));
    }
    let mut definition: Map<String, Value> = request.clone();
    let tags = definition.remove("tags").unwrap_or_else(|| json!([]));
    definition.insert("taskDefinitionArn".to_owned(), json!(arn(revision)));
    definition.insert("revision".to_owned(), json!(revision));
    definition.insert("status".to_owned(), json!("ACTIVE"));
    definition.insert("compatibilities".to_owned(), json!(["EC2", "FARGATE"]));
    definition.insert(
        "requiresAttributes".to_owned(),
        json!([{ "name": "com.amazonaws.ecs.capability.logging-driver.awslogs" }, { "name": "ecs.capability.task-eni" }]),
    );
    definition.insert("registeredAt".to_owned(), super::seconds(at_ms));
    definition.insert("registeredBy".to_owned(), json!(format!("arn:aws:iam::{ACCOUNT}:user/practice")));
    Ok((Value::Object(definition), tags))
}

/// The definition as AWS keeps it.
fn stored(mut definition: Value, shape: StoredShape) -> Value {
    if shape == StoredShape::AsSent {
        return definition;
    }
    let containers = definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        if let Some(entries) = container.get_mut("environment").and_then(Value::as_array_mut) {
            entries.reverse();
        }
        container["dnsServers"] = json!([]);
        if shape == StoredShape::OtherMeaning {
            container["stopTimeout"] = json!(30);
        }
    }
    definition
}

/// Definition that runs at the start of the simulation.
pub(crate) fn first(tag: &str, at_ms: i64) -> Value {
    let request = json!({
        "family": FAMILY,
        "taskRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/rally-prod-task"),
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole"),
        "networkMode": "awsvpc",
        "cpu": "2048",
        "memory": "4096",
        "requiresCompatibilities": ["FARGATE"],
        "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        "enableFaultInjection": false,
        "volumes": [],
        "placementConstraints": [],
        "containerDefinitions": [
            {
                "name": CONTAINER,
                "image": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{IMAGES}:{tag}"),
                "cpu": 0,
                "essential": true,
                "portMappings": [{ "containerPort": 8080, "hostPort": 8080, "protocol": "tcp", "appProtocol": "http", "name": "web" }],
                "environment": [{ "name": "SPRING_PROFILES_ACTIVE", "value": "prod" }],
                "secrets": [{ "name": "DB_PASSWORD", "valueFrom": format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/rally/prod/db") }],
                "mountPoints": [],
                "volumesFrom": [],
                "systemControls": [],
                "healthCheck": { "command": ["CMD-SHELL", "curl -f http://localhost:8080/about || exit 1"], "interval": 10, "timeout": 5, "retries": 3, "startPeriod": 30 },
                "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "ecs" } }
            },
            {
                "name": "rally-prod-mail-relay",
                "image": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mail-relay:4.2"),
                "cpu": 0,
                "essential": false,
                "portMappings": [],
                "environment": [],
                "mountPoints": [],
                "volumesFrom": [],
                "systemControls": []
            }
        ]
    });
    registered(&request, FIRST, at_ms).map_or(request, |(definition, _)| definition)
}

/// Tags of the first revision.
pub(crate) fn tags() -> Value {
    json!([{ "key": "team", "value": "rally" }, { "key": "cost-center", "value": "4711" }])
}

impl World {
    /// Adds an environment entry to the profile's container in every revision, as a colleague may
    /// have done before the release.
    pub fn add_environment(&mut self, name: &str, value: &str) {
        for definition in &mut self.definitions {
            let containers = definition.definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
            let ours = containers.into_iter().flatten().find(|one| one["name"] == CONTAINER);
            if let Some(entries) = ours.and_then(|one| one.get_mut("environment")?.as_array_mut()) {
                entries.push(json!({ "name": name, "value": value }));
            }
        }
    }

    /// Replaces the image of the profile's container in every revision, as if production ran
    /// another one.
    pub fn set_image(&mut self, image: &str) {
        for definition in &mut self.definitions {
            let containers = definition.definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
            if let Some(ours) = containers.into_iter().flatten().find(|one| one["name"] == CONTAINER) {
                ours["image"] = json!(image);
            }
        }
    }

    /// Registers a new revision of the family.
    ///
    /// # Errors
    /// AWS's text when the request is invalid.
    pub fn register_definition(&mut self, body: &Value) -> Result<&Definition, String> {
        let revision = self.definitions.last().map_or(FIRST, |last| last.revision + 1);
        let made = registered(body, revision, self.now_ms);
        if self.record.is_on() {
            let arn = made.is_ok().then(|| arn(revision));
            let op = Op::RegisterTaskDefinition { family: FAMILY.to_owned(), body: body.clone(), arn };
            self.record.request(self.now_ms, made.as_ref().err().cloned(), op);
        }
        let (definition, tags) = made?;
        let definition = stored(definition, self.rules.stored_shape);
        self.effects += 1;
        let at = self.definitions.len();
        self.definitions.push(Definition { revision, definition, tags });
        self.definitions.get(at).ok_or_else(|| "the revision is gone".to_owned())
    }
}
