//! The simulator's end of [`crate::remote`]: it passes a named request to a port in process.

use std::time::Duration;

use greenlight_engine::ports::{Dispatch, Hold, HostAddress, JobSpec, PushRef, RawPorts, Signature, Taker, Why};
use greenlight_types::{RunId, Timestamp};
use serde_json::Value;

use crate::wired::Wired;

/// Calls one port. Returns `None` for an unknown request or wrong arguments.
pub async fn answer(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let (port, method) = name.split_once('.')?;
    match port {
        "git" => git(ports, method, args).await,
        "builds" => builds(ports, method, args).await,
        "host" => host(ports, method, args).await,
        _ => others(ports, name, args).await,
    }
}

async fn git(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let git = &ports.git;
    Some(match name {
        "refresh" => git.refresh().await.put(),
        "remote_refs" => git.remote_refs().await.put(),
        "commit" => {
            let (id,) = <(String,)>::take(args)?;
            git.commit(&id).await.put()
        }
        "tag" => {
            let (id,) = <(String,)>::take(args)?;
            git.tag(&id).await.put()
        }
        "commits_between" => {
            let (base, head, limit) = <(String, String, usize)>::take(args)?;
            git.commits_between(&base, &head, limit).await.put()
        }
        "is_ancestor" => {
            let (ancestor, commit) = <(String, String)>::take(args)?;
            git.is_ancestor(&ancestor, &commit).await.put()
        }
        "changed_paths" => {
            let (from, to) = <(String, String)>::take(args)?;
            git.changed_paths(&from, &to).await.put()
        }
        "merge" => {
            let (base, head, message, by, keep) = <(String, String, String, Signature, String)>::take(args)?;
            git.merge(&base, &head, &message, &by, &keep).await.put()
        }
        "read_file" => {
            let (commit, path) = <(String, String)>::take(args)?;
            git.read_file(&commit, &path).await.put()
        }
        "commit_file" => {
            let (parent, path, bytes, message, by, keep) =
                <(String, String, Vec<u8>, String, Signature, String)>::take(args)?;
            git.commit_file(&parent, &path, &bytes, &message, &by, &keep).await.put()
        }
        "make_tag" => {
            let (commit, name, message, by, keep) = <(String, String, String, Signature, String)>::take(args)?;
            git.make_tag(&commit, &name, &message, &by, &keep).await.put()
        }
        "push" => {
            let (push,) = <(PushRef,)>::take(args)?;
            git.push(&push).await.put()
        }
        _ => return None,
    })
}

async fn builds(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let builds = &ports.builds;
    Some(match name {
        "whoami" => builds.whoami().await.put(),
        "workflow" => {
            let (workflow,) = <(String,)>::take(args)?;
            builds.workflow(&workflow).await.put()
        }
        "dispatch" => {
            let (dispatch,) = <(Dispatch,)>::take(args)?;
            builds.dispatch(&dispatch).await.put()
        }
        "dispatched_runs" => {
            let (workflow, head, since) = <(String, Option<String>, Timestamp)>::take(args)?;
            builds.dispatched_runs(&workflow, head.as_deref(), &since).await.put()
        }
        "run" => {
            let (id,) = <(String,)>::take(args)?;
            builds.run(&id).await.put()
        }
        "jobs" => {
            let (run,) = <(String,)>::take(args)?;
            builds.jobs(&run).await.put()
        }
        _ => return None,
    })
}

async fn host(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    let host = &ports.host;
    Some(match name {
        "fingerprint" => {
            let (address, port) = <(String, u16)>::take(args)?;
            host.fingerprint(&address, port).await.put()
        }
        "read" => {
            let (at, command, deadline) = <(HostAddress, String, Duration)>::take(args)?;
            host.read(&at, &command, deadline).await.put()
        }
        "submit" => {
            let (at, job) = <(HostAddress, JobSpec)>::take(args)?;
            host.submit(&at, &job).await.put()
        }
        "launch" => {
            let (at, id, hold) = <(HostAddress, String, Hold)>::take(args)?;
            host.launch(&at, &id, &hold).await.put()
        }
        "revoke" => {
            let (at, id, why) = <(HostAddress, String, Why)>::take(args)?;
            host.revoke(&at, &id, why).await.put()
        }
        "environment" => {
            let (at, environment) = <(HostAddress, String)>::take(args)?;
            host.environment(&at, &environment).await.put()
        }
        "hold" => {
            let (at, hold, taker, from) = <(HostAddress, Hold, Taker, Option<RunId>)>::take(args)?;
            host.hold(&at, &hold, &taker, from.as_ref()).await.put()
        }
        "still_holds" => {
            let (at, hold) = <(HostAddress, Hold)>::take(args)?;
            host.still_holds(&at, &hold).await.put()
        }
        "leave" => {
            let (at, hold) = <(HostAddress, Hold)>::take(args)?;
            host.leave(&at, &hold).await.put()
        }
        "status" => {
            let (at, id) = <(HostAddress, String)>::take(args)?;
            host.status(&at, &id).await.put()
        }
        "jobs" => {
            let (at, prefix) = <(HostAddress, String)>::take(args)?;
            host.jobs(&at, &prefix).await.put()
        }
        "output" => {
            let (at, id, offset, max) = <(HostAddress, String, u64, u32)>::take(args)?;
            host.output(&at, &id, offset, max).await.put()
        }
        _ => return None,
    })
}

async fn others(ports: &RawPorts, name: &str, args: Value) -> Option<Value> {
    Some(match name {
        "task_definitions.describe" => {
            let (name,) = <(String,)>::take(args)?;
            ports.task_definitions.describe(&name).await.put()
        }
        "task_definitions.register" => {
            let (body,) = <(Value,)>::take(args)?;
            ports.task_definitions.register(&body).await.put()
        }
        "services.describe" => ports.services.describe().await.put(),
        "services.tasks" => ports.services.tasks().await.put(),
        "images.find" => {
            let (tag,) = <(String,)>::take(args)?;
            ports.images.find(&tag).await.put()
        }
        "images.tags_may_be_overwritten" => ports.images.tags_may_be_overwritten().await.put(),
        "logs.page" => {
            let (from_ms, token) = <(i64, Option<String>)>::take(args)?;
            ports.logs.page(from_ms, token.as_deref()).await.put()
        }
        "identity.whoami" => ports.identity.whoami().await.put(),
        "site.get" => {
            let (url,) = <(String,)>::take(args)?;
            ports.site.get(&url).await.put()
        }
        _ => return None,
    })
}
