//! Jobs on the staging machine. The app uploads one small shell script (`job.sh`) and calls its
//! verbs.
//!
//! ```text
//! host.rs      the engine's port RemoteHost, over a Shell that runs commands; the command line
//!              of each verb
//! read.rs      a command that only reads, in a frame of its own
//! protocol.rs  the frame around an answer, and the parsers of the answers
//! lock.rs      the owner of an environment, as the verbs print it
//! ```
//!
//! Every verb is idempotent. One rename decides whether a job starts or is revoked, and kernel
//! locks tell whether it is alive. A missing result is a state of the job, never a failure.

mod host;
mod lock;
mod protocol;
mod read;

pub use host::{JobHost, OnSilence, Shell};
pub use read::OUT_MAX;
