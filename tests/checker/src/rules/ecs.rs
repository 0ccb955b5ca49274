//! INV-B2, INV-E2 and INV-E4: a saved revision differs only in the image, and "released" holds for
//! every server.

use serde_json::Value;

use crate::{
    Found,
    known::Known,
    records::{Actor, Body, Definition, Deployment, Entry, Event, Fact, Op, Status, Step, Task, WorldEcs},
};

/// Longest time from the last read to the registration: one slow answer.
const SLACK_MS: i64 = 60_000;

/// Keys that AWS adds to a registered task definition.
const ADDED: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// INV-E4: a run ends as released only with all its proofs.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    if let Body::RunEnded { result, note, .. } = &event.body {
        ended(known, result, note, found);
    }
}

/// INV-E4: AWS showed each fact that leads to the end.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    if let Body::FactLearned { fact } = &event.body {
        learned(known, fact, found);
    }
}

/// INV-E2: the plan of a registration is based on the newest revision of another actor.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if !matches!(entry.op, Op::RegisterTaskDefinition { .. }) || entry.actor != Actor::App || !entry.applied {
        return;
    }
    let planned = known.attempt(Step::RegisterTaskDefinition).map(|one| one.plan.input("newest")).unwrap_or_default();
    if let Some((at, arn)) = &known.world.saved
        && !planned.is_empty()
        && planned != arn
        && entry.at - at > SLACK_MS
    {
        found.add("INV-E2", format!("settings were saved when {arn} was the newest, and {planned} was planned on"));
    }
}

/// The settings of the release: those of the build once a person accepted them.
fn ours(known: &Known) -> &str {
    let saved = known.facts.revisions.last().map_or("", |revision| revision.arn.as_str());
    known.facts.accepted.as_deref().unwrap_or(saved)
}

fn learned(known: &Known, fact: &Fact, found: &mut Found) {
    let ours = ours(known);
    let is_migrated = known.is_migration_settled();
    if let Fact::RevisionAccepted { arn } = fact {
        if !known.agreed_revisions.iter().any(|name| arn.ends_with(&format!("/{name}")))
            || !known.world.described.contains(arn)
        {
            found.add("INV-J2", format!("{arn} is called accepted, and nobody who saw it agreed"));
        }
    } else if let Fact::StartFailed { task, reason } = fact {
        // A run keeps the words of AWS with the exit code behind them.
        let is_told = |(of, words): &(String, String)| of == task && reason.starts_with(words);
        if !known.world.stopped.iter().any(is_told) {
            found.add("INV-J2", format!("server {task} is said to have failed ({reason}), and AWS did not say so"));
        }
    } else if let Fact::RolloutLost { arn } = fact {
        let is_seen = |(deployments, _): &(Vec<Deployment>, Vec<Task>)| {
            deployments.iter().any(|one| one.arn == *arn && one.status == "PRIMARY")
        };
        if !known.world.looks.iter().any(is_seen) {
            found.add("INV-J2", format!("{arn} is said to be in charge, and AWS did not show that"));
        }
    } else if let Fact::DeployPhaseBegan { deployment } = fact {
        let is_seen = known.world.looks.iter().any(|(deployments, _)| {
            deployments.iter().any(|one| one.id == *deployment && one.arn == ours && one.status == "PRIMARY")
        });
        if !is_seen {
            found.add("INV-J2", format!("{deployment} is said to bring our settings, and AWS did not show that"));
        }
    } else if let Fact::ServerBecameNew { task } = fact {
        let is_seen =
            known.world.looks.iter().any(|(_, tasks)| {
                tasks.iter().any(|one| one.id == *task && one.arn == ours && is_well(one, is_migrated))
            });
        if !is_seen {
            found.add("INV-J2", format!("server {task} is called new, and AWS did not show it serving"));
        }
    } else if let Fact::RolledBack { deployment, arn, servers } = fact {
        let is_back = |(deployments, tasks): &(Vec<Deployment>, Vec<Task>)| {
            is_rolled_out(deployments, tasks, deployment, arn, *servers, true)
        };
        if arn == ours || !known.world.looks.iter().any(is_back) {
            found.add("INV-J2", format!("{arn} is said to serve again, and AWS did not show that"));
        }
    } else if let Fact::RolledOut { deployment, servers } = fact {
        let looks: Vec<&Vec<Task>> = known
            .world
            .looks
            .iter()
            .filter(|(deployments, tasks)| is_rolled_out(deployments, tasks, deployment, ours, *servers, is_migrated))
            .map(|(_, tasks)| tasks)
            .collect();
        if looks.is_empty() {
            found.add("INV-E4", format!("{deployment} is called complete, and AWS did not show that"));
            found.add("INV-J2", format!("{deployment} is called complete without proof"));
        } else if !looks.iter().any(|tasks| tasks.iter().all(|task| is_ending(task) || runs_package(known, task))) {
            found.add("INV-B2", format!("{deployment} is called complete, and a server runs another image"));
        }
    }
}

/// Whether a server serves. AWS reports `UNKNOWN` for a task without a health check, also when the
/// task cannot work before the migration (TRAP-E6).
fn is_well(task: &Task, is_migrated: bool) -> bool {
    task.last_status == "RUNNING" && (task.health == "HEALTHY" || task.health != "UNHEALTHY" && is_migrated)
}

/// INV-E4: our deployment is primary and complete, no other is left, and every server runs our
/// revision.
fn is_rolled_out(
    deployments: &[Deployment],
    tasks: &[Task],
    deployment: &str,
    ours: &str,
    servers: u32,
    is_migrated: bool,
) -> bool {
    // AWS may go on listing a failed deployment that has no server and wants none.
    let is_over = |one: &&Deployment| one.rollout_state == "FAILED" && one.running == 0 && one.desired == 0;
    let left: Vec<&Deployment> = deployments.iter().filter(|one| !is_over(one)).collect();
    let [only] = left[..] else { return false };
    let is_ours = only.id == deployment && only.arn == ours && only.status == "PRIMARY";
    let is_done = only.rollout_state == "COMPLETED" && only.running == only.desired && only.desired == servers;
    let alive: Vec<&Task> = tasks.iter().filter(|task| !is_ending(task)).collect();
    is_ours
        && is_done
        && u32::try_from(alive.len()) == Ok(servers)
        && alive.iter().all(|task| task.arn == ours && is_well(task, is_migrated))
}

/// INV-B2: a server whose image is known runs the package of the release.
fn runs_package(known: &Known, task: &Task) -> bool {
    match (&known.facts.package, &task.digest) {
        (Some(package), Some(digest)) => package == digest,
        _ => true,
    }
}

fn is_ending(task: &Task) -> bool {
    matches!(task.last_status.as_str(), "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" | "STOPPED" | "DELETED")
}

/// INV-E4: "released" needs the servers, the migration, the site and every check.
fn ended(known: &Known, result: &str, note: &str, found: &mut Found) {
    if result == "rolledBack" && !known.facts.is_rolled_back {
        found.add("INV-E4", "the run ended as rolledBack, and the version before was not seen on every server");
    }
    if !matches!(result, "released" | "releasedWithFailedCheck") {
        return;
    }
    let mut missing = Vec::new();
    if known.facts.rolled_out.is_none() || known.facts.is_rolled_back || known.facts.is_lost {
        missing.push("the servers were not seen on it".to_owned());
    }
    let is_ours = |one: &Deployment| one.status != "PRIMARY" || one.arn == ours(known);
    if known.world.looks.back().is_some_and(|(deployments, _)| !deployments.iter().all(is_ours)) {
        missing.push("the newest answer of AWS shows another revision in charge".to_owned());
    }
    if known.facts.is_limit_raised {
        missing.push("the limit of failed starts is still raised".to_owned());
    }
    if !matches!(known.step(Step::RunMigration).status, Status::Succeeded | Status::Warned | Status::Skipped) {
        missing.push("the migration is not done".to_owned());
    }
    let is_ours = !known.is_migrated_by_word && !known.is_migration_left_out && known.unproved_migration.is_none();
    if is_ours && known.world.database.is_some() && known.world.database == known.world.database_before {
        missing.push(format!("the database last said {:?}, as before the migration", known.world.database));
    }
    if result == "released" {
        if known.facts.site.as_deref() != Some(known.names.version_value.as_str()) {
            missing.push(format!("the site showed {:?}", known.facts.site));
        }
        for check in &known.profile.site.checks {
            match known.checks.get(&check.id).map(String::as_str) {
                Some("passed") => {}
                other => missing.push(format!("check {} is {other:?}", check.id)),
            }
        }
    } else if note.trim().is_empty() {
        missing.push("nobody gave a reason for the failed check".to_owned());
    } else if let Some(check) = known.profile.site.checks.iter().find(|check| !known.checks.contains_key(&check.id)) {
        missing.push(format!("nobody answered check {}", check.id));
    }
    if !missing.is_empty() {
        found.add("INV-E4", format!("the run ended as {result}: {}", missing.join("; ")));
    }
}

/// INV-E2: each saved revision differs from its base only in the image of the named container. A
/// person may use one that differs in more, if it has the image of the release.
pub fn end(known: &Known, ecs: &WorldEcs, found: &mut Found) {
    let find = |arn: &str| ecs.definitions.iter().find(|one| one.arn == arn);
    for revision in &known.facts.revisions {
        let (Some(saved), Some(base)) = (find(&revision.arn), find(&revision.base)) else {
            found.add("INV-E2", format!("{} or its source {} is not there", revision.arn, revision.base));
            continue;
        };
        let is_accepted = known.agreed_revisions.iter().any(|name| revision.arn.ends_with(&format!("/{name}")));
        if is_accepted && has_image(saved, known) {
            continue;
        }
        let mut expected = content(base);
        let containers = expected.pointer_mut("/containerDefinitions").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if container.get("name").and_then(Value::as_str) == Some(&known.profile.aws.container) {
                container["image"] = Value::String(revision.image.clone());
            }
        }
        if revision.image != known.names.image || content(saved) != expected || tags(saved) != tags(base) {
            found.add("INV-E2", format!("{} differs from {} in more than the image", revision.arn, revision.base));
        }
    }
}

/// Whether the named container has the image of the release.
fn has_image(definition: &Definition, known: &Known) -> bool {
    let containers = definition.definition.get("containerDefinitions").and_then(Value::as_array);
    let named = containers.into_iter().flatten().find(|one| one["name"] == known.profile.aws.container.as_str());
    named.is_some_and(|one| one["image"] == known.names.image.as_str())
}

fn content(definition: &Definition) -> Value {
    let mut content = definition.definition.clone();
    if let Some(object) = content.as_object_mut() {
        for key in ADDED {
            object.remove(key);
        }
        object.remove("tags");
    }
    let containers = content.pointer_mut("/containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        // AWS adds empty lists, and the order of the environment means nothing.
        container.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        if let Some(entries) = container.get_mut("environment").and_then(Value::as_array_mut) {
            entries.sort_by_key(ToString::to_string);
        }
    }
    content
}

fn tags(definition: &Definition) -> Vec<String> {
    let mut tags: Vec<String> =
        definition.tags.as_array().map(|tags| tags.iter().map(ToString::to_string).collect()).unwrap_or_default();
    tags.sort();
    tags
}
