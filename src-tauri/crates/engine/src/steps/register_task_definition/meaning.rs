//! Compares two task definitions by their meaning for ECS. ECS may return a definition with its
//! lists in another order, and with members that it adds since the base was saved.
//!
//! Source of the rules: RegisterTaskDefinition in the API reference of ECS, members
//! `containerDefinitions`, `volumes`, `tags` and below.

use serde_json::{Map, Value};

/// Lists whose order has no meaning, with the members that identify an element. The order of
/// `command`, `entryPoint`, `dnsServers` and `environmentFiles` has one.
const UNORDERED: [(&str, &[&str]); 15] = [
    ("containerDefinitions", &["name"]),
    ("dependsOn", &["containerName"]),
    ("environment", &["name"]),
    ("extraHosts", &["hostname"]),
    ("inferenceAccelerators", &["deviceName"]),
    ("mountPoints", &["containerPath"]),
    ("placementConstraints", &["type", "expression"]),
    ("portMappings", &["containerPort", "hostPort", "protocol", "name"]),
    ("resourceRequirements", &["type"]),
    ("secretOptions", &["name"]),
    ("secrets", &["name"]),
    ("systemControls", &["namespace"]),
    ("tags", &["key"]),
    ("ulimits", &["name"]),
    ("volumes", &["name"]),
];

/// Whether two bodies register the same.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(body: &Value) -> Value {
    let has_own_network = body.get("networkMode").is_some_and(|mode| mode == "awsvpc");
    reduced("", body, has_own_network)
}

/// The value without defaults, its unordered lists sorted. `owner` is the member that holds it.
fn reduced(owner: &str, value: &Value, has_own_network: bool) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), reduced(name, value, has_own_network)));
            let mut kept: Map<String, Value> =
                members.filter(|(name, value)| !is_default(owner, name, value)).collect();
            // With a network of its own, a task has no other host port (PortMapping, `hostPort`).
            if has_own_network && owner == "portMappings" && kept.get("hostPort") == kept.get("containerPort") {
                kept.remove("hostPort");
            }
            Value::Object(kept)
        }
        Value::Array(elements) => {
            let mut elements: Vec<Value> =
                elements.iter().map(|element| reduced(owner, element, has_own_network)).collect();
            if let Some((_, members)) = UNORDERED.iter().find(|(list, _)| *list == owner) {
                elements.sort_by_cached_key(|element| {
                    members.iter().map(|member| element[*member].to_string()).collect::<Vec<String>>()
                });
            }
            Value::Array(elements)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether ECS takes this value when the member is absent.
fn is_default(owner: &str, member: &str, value: &Value) -> bool {
    match (owner, member) {
        ("containerDefinitions", "essential") => *value == true,
        ("containerDefinitions", "cpu") | ("portMappings", "hostPort") => *value == 0,
        ("portMappings", "protocol") => value == "tcp",
        ("healthCheck", "interval") => *value == 30,
        ("healthCheck", "timeout") => *value == 5,
        ("healthCheck", "retries") => *value == 3,
        _ => match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "family": "rally-prod",
            "networkMode": "awsvpc",
            "containerDefinitions": [{
                "name": "rally-prod-webapp",
                "image": "registry/rally-prod:1",
                "command": ["java", "-jar"],
                "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }],
                "secrets": [{ "name": "S", "valueFrom": "arn:1" }, { "name": "R", "valueFrom": "arn:2" }],
                "portMappings": [{ "containerPort": 8443 }, { "containerPort": 8080, "protocol": "tcp" }],
                "mountPoints": [{ "sourceVolume": "x", "containerPath": "/b" }, { "sourceVolume": "y", "containerPath": "/a" }],
                "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }, { "name": "core", "softLimit": 0, "hardLimit": 0 }],
                "healthCheck": { "command": ["CMD", "true"] },
            }, { "name": "proxy", "image": "proxy:3", "essential": false }],
            "volumes": [{ "name": "x" }, { "name": "y" }],
            "tags": [{ "key": "team", "value": "web" }, { "key": "cost", "value": "7" }],
        })
    }

    fn changed(change: impl FnOnce(&mut Value)) -> Value {
        let mut body = body();
        change(&mut body);
        body
    }

    #[test]
    fn order_of_named_lists_and_filled_defaults_do_not_count() {
        let reverse =
            |at: &str| changed(|body| body.pointer_mut(at).and_then(Value::as_array_mut).expect("a list").reverse());
        let web = "/containerDefinitions/0";
        for list in ["environment", "secrets", "portMappings", "mountPoints", "ulimits"] {
            assert!(same(&body(), &reverse(&format!("{web}/{list}"))), "{list}");
        }
        for list in ["/containerDefinitions", "/volumes", "/tags"] {
            assert!(same(&body(), &reverse(list)), "{list}");
        }
        for (member, value) in [
            ("systemControls", json!([])),
            ("volumesFrom", json!([])),
            ("dnsServers", json!([])),
            ("dockerLabels", json!({})),
            ("cpu", json!(0)),
            ("essential", json!(true)),
            ("privileged", json!(false)),
            ("startTimeout", json!(null)),
            ("linuxParameters", json!({ "capabilities": { "add": [], "drop": [] } })),
            ("healthCheck", json!({ "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 })),
        ] {
            let filled = changed(|body| body["containerDefinitions"][0][member] = value.clone());
            assert!(same(&body(), &filled) && same(&filled, &body()), "{member}: {value}");
        }
        for (member, value) in [("placementConstraints", json!([])), ("enableFaultInjection", json!(false))] {
            assert!(same(&body(), &changed(|body| body[member] = value.clone())), "{member}");
        }
        let port = "/containerDefinitions/0/portMappings/0";
        let filled = json!({ "containerPort": 8443, "hostPort": 8443, "protocol": "tcp" });
        assert!(same(&body(), &changed(|body| *body.pointer_mut(port).expect("a port") = filled)));
    }

    #[test]
    fn every_other_difference_counts() {
        let web = "/containerDefinitions/0";
        for (at, value) in [
            ("environment/0/value", json!("3")),
            ("environment/0/name", json!("C")),
            ("command", json!(["-jar", "java"])),
            ("image", json!("registry/rally-prod:2")),
            ("secrets/0/valueFrom", json!("arn:2")),
            ("portMappings/0", json!({ "containerPort": 8443, "hostPort": 443 })),
            ("portMappings/0", json!({ "containerPort": 8443, "protocol": "udp" })),
            ("mountPoints/0", json!({ "sourceVolume": "x", "containerPath": "/b", "readOnly": true })),
            ("ulimits/0/softLimit", json!(2)),
            ("healthCheck", json!({ "command": ["CMD", "true"], "interval": 10 })),
        ] {
            let other = changed(|body| *body.pointer_mut(&format!("{web}/{at}")).expect("a member") = value.clone());
            assert!(!same(&body(), &other), "{at}: {value}");
        }
        for (member, value) in [
            ("essential", json!(false)),
            ("privileged", json!(true)),
            ("cpu", json!(256)),
            ("stopTimeout", json!(0)),
            ("user", json!("")),
            ("environment", json!([])),
        ] {
            let other = changed(|body| body["containerDefinitions"][0][member] = value.clone());
            assert!(!same(&body(), &other), "{member}: {value}");
        }
        let essential = changed(|body| body["containerDefinitions"][1]["essential"] = json!(true));
        assert!(!same(&body(), &essential), "absent means true, not false");
        assert!(!same(&body(), &changed(|body| body["tags"][0]["value"] = json!("api"))));
        let bridge = |port: Value| {
            changed(|body| {
                body["networkMode"] = json!("bridge");
                body["containerDefinitions"][0]["portMappings"] = json!([port]);
            })
        };
        let (any, fixed) = (json!({ "containerPort": 80 }), json!({ "containerPort": 80, "hostPort": 80 }));
        assert!(!same(&bridge(any.clone()), &bridge(fixed)), "the host port is free only when it is absent");
        assert!(same(&bridge(any), &bridge(json!({ "containerPort": 80, "hostPort": 0 }))));
    }
}
