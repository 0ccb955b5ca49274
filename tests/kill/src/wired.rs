//! JSON shapes of port arguments and answers on the socket between app and simulator.

use std::{collections::BTreeMap, time::Duration};

use greenlight_engine::ports::{
    AwsIdentity, BuildJob, BuildRun, BuildStep, ChangedPaths, CircuitBreaker, CommitInfo, Deployment, DeploymentStatus,
    Dispatch, Environment, GithubIdentity, Held, Hold, HostAddress, Image, JobSpec, JobState, JobStatus, Launched,
    LogEvent, LogPage, MergeResult, PushRef, PushResult, ReadOutput, RemoteRef, Revoked, RolloutState, ServiceSnapshot,
    Signature, SiteAnswer, Submitted, TagInfo, Taker, TaskDefinition, TaskHealth, TaskSnapshot, TaskStatus, Why,
};
use greenlight_types::{Failure, Holder, RunId, Timestamp};
use serde_json::{Value, json};

/// A value that can cross the socket.
pub trait Wired: Sized {
    /// Converts to JSON.
    fn put(&self) -> Value;
    /// Converts from JSON, or returns `None` for another shape.
    fn take(value: Value) -> Option<Self>;
}

macro_rules! by_serde {
    ($($kind:ty),+ $(,)?) => {$(
        impl Wired for $kind {
            fn put(&self) -> Value {
                serde_json::to_value(self).unwrap_or_default()
            }
            fn take(value: Value) -> Option<Self> {
                serde_json::from_value(value).ok()
            }
        }
    )+};
}

by_serde!(
    bool, u8, u16, u32, u64, i32, i64, usize, String, Value, Failure, Timestamp, Holder, RunId, BTreeMap<String, String>,
    Duration, CircuitBreaker, DeploymentStatus, RolloutState, TaskHealth, TaskStatus,
);

impl<T: Wired> Wired for Option<T> {
    fn put(&self) -> Value {
        self.as_ref().map_or(Value::Null, |value| json!([value.put()]))
    }

    fn take(value: Value) -> Option<Self> {
        if value.is_null() {
            return Some(None);
        }
        T::take(parts(value)?.next()?).map(Some)
    }
}

impl<T: Wired> Wired for Vec<T> {
    fn put(&self) -> Value {
        Value::Array(self.iter().map(T::put).collect())
    }

    fn take(value: Value) -> Option<Self> {
        parts(value)?.map(T::take).collect()
    }
}

impl<T: Wired> Wired for Result<T, Failure> {
    fn put(&self) -> Value {
        match self {
            Ok(value) => json!([true, value.put()]),
            Err(failure) => json!([false, failure.put()]),
        }
    }

    fn take(value: Value) -> Option<Self> {
        let mut parts = parts(value)?;
        let is_ok = bool::take(parts.next()?)?;
        let value = parts.next()?;
        if is_ok { T::take(value).map(Ok) } else { Failure::take(value).map(Err) }
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))+) => {$(
        #[expect(non_snake_case, reason = "the parts of a tuple have the names of their types")]
        impl<$($name: Wired),*> Wired for ($($name,)*) {
            fn put(&self) -> Value {
                let ($($name,)*) = self;
                Value::Array(vec![$($name.put()),*])
            }
            fn take(value: Value) -> Option<Self> {
                let mut parts = parts(value)?;
                $(let $name = $name::take(parts.next()?)?;)*
                Some(($($name,)*))
            }
        }
    )+};
}

tuples!((A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E)(A, B, C, D, E, F));

impl Wired for () {
    fn put(&self) -> Value {
        Value::Null
    }

    fn take(_value: Value) -> Option<Self> {
        Some(())
    }
}

fn parts(value: Value) -> Option<std::vec::IntoIter<Value>> {
    let Value::Array(parts) = value else { return None };
    Some(parts.into_iter())
}

macro_rules! wired {
    ($($kind:ident { $($field:ident),+ })+) => {$(
        impl Wired for $kind {
            fn put(&self) -> Value {
                Value::Array(vec![$(self.$field.put()),+])
            }
            fn take(value: Value) -> Option<Self> {
                let mut parts = parts(value)?;
                Some(Self { $($field: Wired::take(parts.next()?)?),+ })
            }
        }
    )+};
}

wired! {
    RemoteRef { name, id, peeled }
    CommitInfo { id, parents, summary, author, at }
    TagInfo { message, tagger, at }
    Signature { name, email, at }
    PushRef { id, name, expect }
    ChangedPaths { paths, lfs_pointers }
    GithubIdentity { login, expires_at }
    BuildRun { id, number, status, conclusion, head_sha, head_branch, event, actor, created_at, url }
    BuildJob { id, name, status, conclusion, completed_at, steps }
    BuildStep { name, status, conclusion }
    Dispatch { workflow, git_ref, inputs }
    TaskDefinition { arn, revision, definition, tags, registered }
    Deployment {
        id, status, task_definition, rollout_state, rollout_reason, desired, running, failed, created_at
    }
    ServiceSnapshot { task_definition, desired, running, deployments, breaker }
    TaskSnapshot {
        id, task_definition, last_status, health, stopped_reason, exit_code, image_digest, created_at
    }
    Image { digest, pushed_at }
    LogEvent { id, stream, at_ms, message }
    LogPage { events, next }
    AwsIdentity { account, arn }
    SiteAnswer { status, body, took_ms }
    HostAddress { address, port, user, fingerprint, machine_id }
    Hold { environment, run }
    Taker { person, computer, version, reason }
    Environment { machine_id, boot_id, holder }
    JobSpec { id, script, mutex, hold, starts_within }
    JobStatus { id, state, started_at, output_bytes }
    ReadOutput { exit, out, err }
}

/// Implements [`Wired`] for enums whose variants name their fields. A tuple field is named by its
/// number.
macro_rules! wired_choice {
    ($($kind:ident { $($variant:ident { $($field:tt: $name:ident),* }),+ $(,)? })+) => {$(
        impl Wired for $kind {
            fn put(&self) -> Value {
                match self {
                    $(Self::$variant { $($field: $name),* } => json!([stringify!($variant), $($name.put()),*]),)+
                }
            }
            fn take(value: Value) -> Option<Self> {
                let mut parts = parts(value)?;
                match String::take(parts.next()?)?.as_str() {
                    $(stringify!($variant) => Some(Self::$variant { $($field: Wired::take(parts.next()?)?),* }),)+
                    _ => None,
                }
            }
        }
    )+};
}

wired_choice! {
    MergeResult { Merged { 0: commit }, Conflict { 0: files } }
    PushResult { Accepted {}, Moved { now: now }, Refused { reason: reason } }
    Held { Ours {}, NotOurs { 0: holder } }
    JobState {
        Absent {}, NotStarted {}, Busy {}, Expired {}, Revoked { 0: why }, Running {}, Orphaned {},
        Finished { exit: exit, finished_at: at }, Lost { why: why },
    }
    Submitted { New {}, Same {}, Conflict {}, Revoked {}, Unfinished {}, NotHeld { 0: holder } }
    Launched { Ordered {}, NotHeld { 0: holder } }
    Why { Expired {}, Outside {} }
    Revoked { Won {}, Lost {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_wire_unchanged() {
        let finished = JobState::Finished { exit: 3, finished_at: "2026-11-23T09:00:00.000Z".parse().expect("a time") };
        for state in [JobState::Absent, JobState::Revoked(Why::Outside), finished] {
            assert_eq!(JobState::take(state.put()), Some(state));
        }
        let answer: Result<Option<String>, Failure> = Ok(None);
        assert_eq!(Wired::take(answer.put()), Some(answer));
        let pair = (
            vec![CommitInfo::take(json!(["a", ["b"], "c", "d", "2026-11-23T09:00:00.000Z"])).expect("a commit")],
            7_u32,
        );
        assert_eq!(Wired::take(pair.put()), Some(pair));
        assert_eq!(JobState::take(json!(["Finished", "three"])), None);
    }
}
