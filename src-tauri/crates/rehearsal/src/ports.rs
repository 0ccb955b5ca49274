//! The World as the engine's ports, in process: the same rules as behind the fronts, without a protocol, for releases by
//! the thousand. What happens to a call on its way (never arrives, answer lost, the app ends) is decided by a [`Wire`].

mod aws;
mod git;
mod github;
mod host;

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{Clock, PortResult, Ports, Site, SiteAnswer};
use greenlight_types::{Changed, ErrorCode, Failure, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use crate::world::{
    World,
    git::Objects,
    host::Packet,
    record::{Actor, Caller, Op},
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer arrives.
    Calm,
    /// It never arrives.
    Unreached,
    /// The service asks to slow down and does nothing.
    Throttled,
    /// It arrives, has its effect, and the answer is lost.
    Lost,
    /// It arrives after that time.
    Late(Duration),
    /// Nobody answers, and an order for the staging machine arrives after that time.
    Delayed(Duration),
    /// The app ends before it leaves.
    EndsBefore,
    /// The app ends after it had its effect.
    EndsAfter,
}

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Name of the port's method.
    pub name: &'static str,
    /// Whether it changes something outside.
    pub is_changing: bool,
    /// Whether it leaves this computer at all.
    pub is_remote: bool,
}

/// Everything between the app and the World.
pub trait Wire: Send + Sync {
    /// Now, in ms since 1970.
    fn now_ms(&self) -> i64;
    /// Decides what happens to a call.
    fn fate(&self, call: Call) -> Fate;
    /// The app ends now; the call that ends it never returns.
    fn end_app(&self);
    /// A call was in the World: what it wrote down can be taken.
    fn passed(&self, world: &mut World);
}

/// The World in process, as one start of the app reaches it.
#[derive(Clone)]
pub struct InProcess {
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
    clock: Arc<dyn Clock>,
    wire: Arc<dyn Wire>,
    process: u32,
}

impl InProcess {
    /// `clone` is the app's own copy of the repository, which stays when the app ends; `process` counts its starts.
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

    /// The engine's ports.
    #[must_use]
    pub fn ports(self) -> Ports {
        let clock = Arc::clone(&self.clock);
        let all = Arc::new(self);
        Ports {
            git: all.clone(),
            builds: all.clone(),
            task_definitions: all.clone(),
            services: all.clone(),
            images: all.clone(),
            logs: all.clone(),
            identity: all.clone(),
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

    /// A call that reads.
    async fn read<T>(&self, name: &'static str, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        self.call(Call { name, is_changing: false, is_remote: true }, work).await
    }

    /// A call that changes something outside.
    async fn change<T>(&self, name: &'static str, work: impl FnOnce(&mut World) -> PortResult<T>) -> PortResult<T> {
        self.call(Call { name, is_changing: true, is_remote: true }, work).await
    }

    /// Work on this computer: it cannot be lost, but the app can end before or after it.
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

    /// An order for the staging machine, which may arrive long after its connection was given up.
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
            // Only an order that a machine takes by itself is still under way when its connection is given up.
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

    /// One visit to the World.
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

/// No answer came: of a changing call nobody knows whether it was acted on.
fn lost(call: Call) -> Failure {
    let changed = if call.is_changing { Changed::Unknown } else { Changed::Nothing };
    Failure::new(ErrorCode::TimedOut, summary(call)).because("no answer in time").changed(changed)
}

fn summary(call: Call) -> String {
    format!("ask the world ({})", call.name)
}

/// A time as events carry it.
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
