//! The app's end of the socket to the simulator. It carries requests, durable events, views and, in
//! exact mode, the points that the app reaches.

use std::{
    io::{Error, Read as _, Result, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use greenlight_engine::{ports::Clock, ports::PortResult};
use greenlight_types::{ErrorCode, Failure};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    frame,
    point::{Moment, is_own_work},
};

/// The link of one process.
pub struct Link {
    socket: PathBuf,
    clock: Arc<dyn Clock>,
    /// Open connections without a request.
    idle: Mutex<Vec<UnixStream>>,
    /// Connection for points, or `None` without exact mode.
    points: Option<Mutex<UnixStream>>,
    calls: AtomicU64,
}

impl Link {
    /// Connects. With `is_exact`, every point is reported, and each call and write blocks the whole
    /// process, so that the same release reaches the same points.
    ///
    /// # Errors
    /// When the socket has no listener.
    pub fn new(socket: PathBuf, clock: Arc<dyn Clock>, is_exact: bool) -> Result<Self> {
        let points = if is_exact { Some(Mutex::new(UnixStream::connect(&socket)?)) } else { None };
        Ok(Self { socket, clock, idle: Mutex::default(), points, calls: AtomicU64::new(0) })
    }

    /// Whether each call and write blocks the whole process.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.points.is_some()
    }

    /// Reports a point. It does not return when the app is killed there.
    pub fn point(&self, moment: Moment, name: &str) {
        let Some(stream) = &self.points else { return };
        let stream = stream.lock();
        let told = frame::write(&*stream, &json!({ "kind": "point", "moment": moment.words(), "name": name }));
        let mut go_on = [0];
        if let Err(error) = told.and_then(|()| (&*stream).read_exact(&mut go_on)) {
            alone(&error);
        }
    }

    /// Sends a message and waits for its receipt.
    pub fn tell(&self, message: &Value) {
        self.exchange(message).map_or_else(|error| alone(&error), |(stream, _)| self.give_back(stream));
    }

    /// Makes one call of a port.
    ///
    /// # Errors
    /// The failure that the port returned.
    pub async fn ask<T: DeserializeOwned>(self: &Arc<Self>, name: &'static str, args: Value) -> PortResult<T> {
        let now_ms = self.clock.now().as_millisecond();
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let message = json!({ "kind": "call", "call": call, "name": name, "now": now_ms, "args": args });
        let own = is_own_work(name);
        let came = if self.is_exact() {
            self.point(if own { Moment::BeforeWork } else { Moment::BeforeSend }, name);
            self.exchange(&message)
        } else {
            let link = Arc::clone(self);
            // A dropped call also drops its connection, and then counts as unanswered.
            tokio::task::spawn_blocking(move || link.exchange(&message))
                .await
                .unwrap_or_else(|error| Err(Error::other(error)))
        };
        let (stream, answer) = came.unwrap_or_else(|error| alone(&error));
        self.point(if own { Moment::AfterWork } else { Moment::AfterReceive }, name);
        if let Err(error) = frame::write(&stream, &json!({ "kind": "got", "call": call })) {
            alone(&error);
        }
        self.give_back(stream);
        let unreadable = || Failure::new(ErrorCode::Internal, format!("read the answer to {name}"));
        serde_json::from_value(answer).unwrap_or_else(|_| Err(unreadable()))
    }

    /// Sends one message and returns its answer.
    fn exchange(&self, message: &Value) -> Result<(UnixStream, Value)> {
        let idle = self.idle.lock().pop();
        let stream = idle.map_or_else(|| UnixStream::connect(&self.socket), Ok)?;
        frame::write(&stream, message)?;
        let name = message["name"].as_str().unwrap_or_default();
        if message["kind"] == "call" && !is_own_work(name) {
            self.point(Moment::BeforeReceive, name);
        }
        let answer = frame::read(&stream)?;
        Ok((stream, answer))
    }

    fn give_back(&self, stream: UnixStream) {
        self.idle.lock().push(stream);
    }
}

/// Without the simulator the test is over, and no process may remain.
fn alone(error: &Error) -> ! {
    let _nobody_reads = writeln!(std::io::stderr(), "the pretend production is gone: {error}");
    std::process::exit(4)
}
