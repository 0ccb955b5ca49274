//! The simulator's end of [`crate::remote`]: it passes a named request to a port in process.

use std::time::Duration;

use greenlight_engine::ports::{
    BreakerThreshold, Dispatch, EnvLock, HostAddress, JobSpec, LockClaim, NewPullRequest, PushRef, RawPorts,
    RevokeReason, Signature, StopKind, StopSignal,
};
use greenlight_types::{RunId, Timestamp};
use serde_json::{Value, from_value, to_value};

/// Calls one port. Returns `None` for an unknown request or wrong arguments.
pub async fn answer(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let (port, method) = name.split_once('.')?;
    match port {
        "git" => git(ports, method, args).await,
        "builds" => builds(ports, method, args).await,
        "pull_requests" => pull_requests(ports, method, args).await,
        "host" => host(ports, method, args).await,
        _ => others(ports, name, args).await,
    }
}

async fn git(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let git = &ports.git;
    Some(match name {
        "refresh" => to_value(git.refresh().await).ok()?,
        "ref_commit" => {
            let (name,): (String,) = from_value(args).ok()?;
            to_value(git.ref_commit(&name).await).ok()?
        }
        "remote_refs" => to_value(git.remote_refs().await).ok()?,
        "commit" => {
            let (id,): (String,) = from_value(args).ok()?;
            to_value(git.commit(&id).await).ok()?
        }
        "tag" => {
            let (id,): (String,) = from_value(args).ok()?;
            to_value(git.tag(&id).await).ok()?
        }
        "commits_between" => {
            let (base, head, limit): (String, String, usize) = from_value(args).ok()?;
            to_value(git.commits_between(&base, &head, limit).await).ok()?
        }
        "is_ancestor" => {
            let (ancestor, commit): (String, String) = from_value(args).ok()?;
            to_value(git.is_ancestor(&ancestor, &commit).await).ok()?
        }
        "changed_paths" => {
            let (from, to): (String, String) = from_value(args).ok()?;
            to_value(git.changed_paths(&from, &to).await).ok()?
        }
        "merge" => {
            let (base, head, message, by, keep): (String, String, String, Signature, String) = from_value(args).ok()?;
            to_value(git.merge(&base, &head, &message, &by, &keep).await).ok()?
        }
        "merge_conflicts" => {
            let (base, head): (String, String) = from_value(args).ok()?;
            to_value(git.merge_conflicts(&base, &head).await).ok()?
        }
        "read_file" => {
            let (commit, path): (String, String) = from_value(args).ok()?;
            to_value(git.read_file(&commit, &path).await).ok()?
        }
        "commit_file" => {
            let (parent, path, bytes, message, by, keep): (String, String, Vec<u8>, String, Signature, String) =
                from_value(args).ok()?;
            to_value(git.commit_file(&parent, &path, &bytes, &message, &by, &keep).await).ok()?
        }
        "make_tag" => {
            let (commit, name, message, by, keep): (String, String, String, Signature, String) =
                from_value(args).ok()?;
            to_value(git.make_tag(&commit, &name, &message, &by, &keep).await).ok()?
        }
        "commit_message" => {
            let (parent, message, by, keep): (Option<String>, String, Signature, String) = from_value(args).ok()?;
            to_value(git.commit_message(parent.as_deref(), &message, &by, &keep).await).ok()?
        }
        "push" => {
            let (push,): (PushRef,) = from_value(args).ok()?;
            to_value(git.push(&push).await).ok()?
        }
        _ => return None,
    })
}

async fn builds(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let builds = &ports.builds;
    Some(match name {
        "whoami" => to_value(builds.whoami().await).ok()?,
        "workflow" => {
            let (workflow,): (String,) = from_value(args).ok()?;
            to_value(builds.workflow(&workflow).await).ok()?
        }
        "dispatch" => {
            let (dispatch,): (Dispatch,) = from_value(args).ok()?;
            to_value(builds.dispatch(&dispatch).await).ok()?
        }
        "dispatched_runs" => {
            let (workflow, head, since): (String, Option<String>, Timestamp) = from_value(args).ok()?;
            to_value(builds.dispatched_runs(&workflow, head.as_deref(), &since).await).ok()?
        }
        "all_runs" => {
            let (workflow, head, since): (String, Option<String>, Timestamp) = from_value(args).ok()?;
            to_value(builds.all_runs(&workflow, head.as_deref(), &since).await).ok()?
        }
        "run" => {
            let (id,): (String,) = from_value(args).ok()?;
            to_value(builds.run(&id).await).ok()?
        }
        "rerun_failed_jobs" => {
            let (run,): (String,) = from_value(args).ok()?;
            to_value(builds.rerun_failed_jobs(&run).await).ok()?
        }
        "cancel" => {
            let (run,): (String,) = from_value(args).ok()?;
            to_value(builds.cancel(&run).await).ok()?
        }
        "pending_deployments" => {
            let (run,): (String,) = from_value(args).ok()?;
            to_value(builds.pending_deployments(&run).await).ok()?
        }
        "jobs" => {
            let (run,): (String,) = from_value(args).ok()?;
            to_value(builds.jobs(&run).await).ok()?
        }
        "check_runs" => {
            let (sha,): (String,) = from_value(args).ok()?;
            to_value(builds.check_runs(&sha).await).ok()?
        }
        "commit_statuses" => {
            let (sha,): (String,) = from_value(args).ok()?;
            to_value(builds.commit_statuses(&sha).await).ok()?
        }
        "environments" => to_value(builds.environments().await).ok()?,
        _ => return None,
    })
}

async fn pull_requests(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let pull_requests = &ports.pull_requests;
    Some(match name {
        "branch_rules" => {
            let (branch,): (String,) = from_value(args).ok()?;
            to_value(pull_requests.branch_rules(&branch).await).ok()?
        }
        "of_branch" => {
            let (head, base): (String, String) = from_value(args).ok()?;
            to_value(pull_requests.of_branch(&head, &base).await).ok()?
        }
        "pull_request" => {
            let (number,): (u32,) = from_value(args).ok()?;
            to_value(pull_requests.pull_request(number).await).ok()?
        }
        "open_pull_request" => {
            let (new,): (NewPullRequest,) = from_value(args).ok()?;
            to_value(pull_requests.open_pull_request(&new).await).ok()?
        }
        _ => return None,
    })
}

async fn host(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let host = &ports.host;
    Some(match name {
        "fingerprints" => {
            let (address, port): (String, u16) = from_value(args).ok()?;
            to_value(host.fingerprints(&address, port).await).ok()?
        }
        "read" => {
            let (at, command, deadline): (HostAddress, String, Duration) = from_value(args).ok()?;
            to_value(host.read(&at, &command, deadline).await).ok()?
        }
        "submit" => {
            let (at, job): (HostAddress, JobSpec) = from_value(args).ok()?;
            to_value(host.submit(&at, &job).await).ok()?
        }
        "launch" => {
            let (at, id, lock): (HostAddress, String, EnvLock) = from_value(args).ok()?;
            to_value(host.launch(&at, &id, &lock).await).ok()?
        }
        "revoke" => {
            let (at, id, why): (HostAddress, String, RevokeReason) = from_value(args).ok()?;
            to_value(host.revoke(&at, &id, why).await).ok()?
        }
        "stop_script" => {
            let (at, id, lock, signal): (HostAddress, String, EnvLock, StopSignal) = from_value(args).ok()?;
            to_value(host.stop_script(&at, &id, &lock, signal).await).ok()?
        }
        "environment" => {
            let (at, environment): (HostAddress, String) = from_value(args).ok()?;
            to_value(host.environment(&at, &environment).await).ok()?
        }
        "hold" => {
            let (at, lock, claim, from): (HostAddress, EnvLock, LockClaim, Option<RunId>) = from_value(args).ok()?;
            to_value(host.acquire_lock(&at, &lock, &claim, from.as_ref()).await).ok()?
        }
        "still_holds" => {
            let (at, lock): (HostAddress, EnvLock) = from_value(args).ok()?;
            to_value(host.check_lock(&at, &lock).await).ok()?
        }
        "leave" => {
            let (at, lock): (HostAddress, EnvLock) = from_value(args).ok()?;
            to_value(host.release_lock(&at, &lock).await).ok()?
        }
        "status" => {
            let (at, id): (HostAddress, String) = from_value(args).ok()?;
            to_value(host.status(&at, &id).await).ok()?
        }
        "jobs" => {
            let (at, prefix): (HostAddress, String) = from_value(args).ok()?;
            to_value(host.jobs(&at, &prefix).await).ok()?
        }
        "output" => {
            let (at, id, offset, max): (HostAddress, String, u64, u32) = from_value(args).ok()?;
            to_value(host.output(&at, &id, offset, max).await).ok()?
        }
        _ => return None,
    })
}

async fn others(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    Some(match name {
        "task_definitions.describe" => {
            let (name,): (String,) = from_value(args).ok()?;
            to_value(ports.task_definitions.describe(&name).await).ok()?
        }
        "task_definitions.register" => {
            let (body,): (Value,) = from_value(args).ok()?;
            to_value(ports.task_definitions.register(&body).await).ok()?
        }
        "services.describe" => to_value(ports.services.describe().await).ok()?,
        "services.tasks" => to_value(ports.services.tasks().await).ok()?,
        "services.deployments" => to_value(ports.services.deployments().await).ok()?,
        "services.set_breaker_threshold" => {
            let (threshold,): (BreakerThreshold,) = from_value(args).ok()?;
            to_value(ports.services.set_breaker_threshold(&threshold).await).ok()?
        }
        "services.force_new_deployment" => {
            let (definition,): (String,) = from_value(args).ok()?;
            to_value(ports.services.force_new_deployment(&definition).await).ok()?
        }
        "services.roll_back_to" => {
            let (definition,): (String,) = from_value(args).ok()?;
            to_value(ports.services.roll_back_to(&definition).await).ok()?
        }
        "services.stop_deployment" => {
            let (arn, kind): (String, StopKind) = from_value(args).ok()?;
            to_value(ports.services.stop_deployment(&arn, kind).await).ok()?
        }
        "images.find" => {
            let (tag,): (String,) = from_value(args).ok()?;
            to_value(ports.images.find(&tag).await).ok()?
        }
        "images.tags_may_be_overwritten" => to_value(ports.images.tags_may_be_overwritten().await).ok()?,
        "logs.page" => {
            let (from_ms, token): (i64, Option<String>) = from_value(args).ok()?;
            to_value(ports.logs.page(from_ms, token.as_deref()).await).ok()?
        }
        "identity.whoami" => to_value(ports.identity.whoami().await).ok()?,
        "catalog.workflows" => to_value(ports.catalog.workflows().await).ok()?,
        "catalog.clusters" => to_value(ports.catalog.clusters().await).ok()?,
        "catalog.services" => to_value(ports.catalog.services().await).ok()?,
        "catalog.repositories" => to_value(ports.catalog.repositories().await).ok()?,
        "catalog.image_tags" => to_value(ports.catalog.image_tags().await).ok()?,
        "site.get" => {
            let (url,): (String,) = from_value(args).ok()?;
            to_value(ports.site.get(&url).await).ok()?
        }
        _ => return None,
    })
}
