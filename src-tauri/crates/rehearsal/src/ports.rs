//! The engine's ports on an in-process World: the rules behind the fronts, without a protocol, for
//! thousands of releases.
//!
//! A [`Wire`] decides the fate of each call: it may never arrive, lose its answer, or end the app.

mod aws;
mod catalog;
mod git;
mod github;
mod host;
mod pull_requests;

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{Clock, PortResult, RawPorts, Site, SiteAnswer};
use greenlight_types::{Changed, ErrorCode, Failure, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use crate::world::{
    World,
    git::Objects,
    host::Packet,
    record::{Actor, Caller, Op},
};

/// Fate of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The call and its answer arrive.
    Calm,
    /// The call never arrives.
    Unreached,
    /// The service asks to slow down and does nothing.
    Throttled,
    /// The call has its effect, and the answer is lost.
    Lost,
    /// The call arrives after this time.
    Late(Duration),
    /// The caller gets no answer, and an order for the host arrives after this time.
    Delayed(Duration),
    /// The app ends before the call leaves.
    EndsBefore,
    /// The app ends after the call had its effect.
    EndsAfter,
}

/// A call of a port's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Name of the port's method.
    pub name: &'static str,
    /// Whether the call changes something outside.
    pub is_changing: bool,
    /// Whether the call leaves this computer.
    pub is_remote: bool,
}

/// The connection between the app and the World.
pub trait Wire: Send + Sync {
    /// Current time, in ms since 1970.
    fn now_ms(&self) -> i64;
    /// Decides the fate of a call.
    fn fate(&self, call: Call) -> Fate;
    /// Ends the app. The call that ends it never returns.
    fn end_app(&self);
    /// Called after each visit to the World. New entries of the record can be taken here.
    fn passed(&self, world: &mut World);
}

/// Ports of one start of the app to an in-process World.
#[derive(Clone)]
pub struct InProcess {
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
    process: u32,
}

impl InProcess {
    /// `clone` is the app's local repository, which survives the end of the app. `process` counts
    /// the starts.
    #[must_use]
    pub fn new(
        world: Arc<Mutex<World>>,
        clone: Arc<Mutex<Objects>>,
        clock: Arc<dyn Clock>,
        wire: Arc<dyn Wire>,
        process: u32,
    ) -> Self {
        Self { world, clone, clock, wire, process }
    }

    /// The ports, as the engine gets them once they are cleaned.
    #[must_use]
    pub fn ports(self) -> RawPorts {
        let clock = Arc::clone(&self.clock);
        let all = Arc::new(self);
        RawPorts {
            git: all.clone(),
            builds: all.clone(),
            pull_requests: all.clone(),
            task_definitions: all.clone(),
            services: all.clone(),
            images: all.clone(),
            logs: all.clone(),
            identity: all.clone(),
            catalog: all.clone(),
            host: all.clone(),
            site: all,
            clock,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    fn clone_of_app(&self) -> MutexGuard<'_, Objects> {
        self.clone.lock()
    }

    /// Makes a call that only reads.
    async fn read<T>(&self, name: &'static str, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        self.call(Call { name, is_changing: false, is_remote: true }, work).await
    }

    /// Makes a call that changes something outside.
    async fn change<T>(&self, name: &'static str, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        self.call(Call { name, is_changing: true, is_remote: true }, work).await
    }

    /// Works on this computer. The work cannot be lost, but the app can end before or after it.
    async fn here<T>(&self, name: &'static str, work: impl FnOnce(&mut Objects) -> T) -> T {
        match self.wire.fate(Call { name, is_changing: false, is_remote: false }) {
            Fate::EndsBefore => self.end().await,
            Fate::EndsAfter => {
                work(&mut self.clone_of_app());
                self.end().await
            }
            Fate::Calm | Fate::Unreached | Fate::Throttled | Fate::Lost | Fate::Late(_) | Fate::Delayed(_) => {
                work(&mut self.clone_of_app())
            }
        }
    }

    async fn call<T>(&self, call: Call, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        let fate = self.wire.fate(call);
        self.bring(fate, call, work).await
    }

    /// Sends an order to the host. It may arrive long after its connection was given up.
    async fn order<T>(
        &self,
        name: &'static str,
        machine_id: &str,
        packet: Packet,
        work: impl FnOnce(&mut World) -> PortResult<T>,
    ) -> PortResult<T> {
        let call = Call { name, is_changing: true, is_remote: true };
        let fate = self.wire.fate(call);
        if let Fate::Delayed(pause) = fate {
            let due_ms = self.wire.now_ms().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
            self.world().delay(packet, machine_id, due_ms);
        }
        self.bring(fate, call, work).await
    }

    async fn bring<T>(&self, fate: Fate, call: Call, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        match fate {
            Fate::Unreached => {
                return Err(Failure::new(ErrorCode::Unreachable, summary(call)).because("connection refused"));
            }
            Fate::Throttled => return Err(Failure::new(ErrorCode::Throttled, summary(call)).because("slow down")),
            Fate::EndsBefore => return self.end().await,
            Fate::Late(pause) => self.clock.sleep(pause).await,
            // Only an order for the host still arrives after its connection was given up.
            Fate::Delayed(_) => return Err(lost(call)),
            Fate::Calm | Fate::Lost | Fate::EndsAfter => {}
        }
        let answer = self.visit(matches!(fate, Fate::Calm | Fate::Late(_)), work);
        match fate {
            Fate::EndsAfter => self.end().await,
            Fate::Lost | Fate::Delayed(_) => Err(lost(call)),
            Fate::Calm | Fate::Late(_) | Fate::Unreached | Fate::Throttled | Fate::EndsBefore => answer,
        }
    }

    /// Advances the World and applies one call to it.
    fn visit<T>(&self, is_answered: bool, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        let mut world = self.world();
        world.advance(self.wire.now_ms());
        world.record.called_by(Caller { actor: Actor::App, process: self.process, is_answered, is_late: false });
        let answer = work(&mut world);
        self.wire.passed(&mut world);
        answer
    }

    async fn end<T>(&self) -> T {
        self.wire.end_app();
        pending().await
    }
}

/// Failure of a call without an answer. The effect of a changing call is unknown.
fn lost(call: Call) -> Failure {
    let changed = if call.is_changing { Changed::Unknown } else { Changed::Nothing };
    Failure::new(ErrorCode::TimedOut, summary(call)).because("no answer in time").changed(changed)
}

fn summary(call: Call) -> String {
    format!("ask the world ({})", call.name)
}

/// A time as events store it.
fn stamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::EPOCH)
}

#[async_trait]
impl Site for InProcess {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        let shows_version = url.ends_with("/about");
        self.read("site", |world| {
            let version = world.serving_version();
            if shows_version {
                let at = world.now_ms();
                world.record.told(at, Op::SiteAnswered { version: version.clone() });
            }
            Ok(match version {
                Some(version) => {
                    SiteAnswer { status: 200, body: format!("<footer>Version {version}</footer>"), took_ms: 42 }
                }
                None => SiteAnswer { status: 503, body: "no server is healthy".to_owned(), took_ms: 42 },
            })
        })
        .await
    }
}
