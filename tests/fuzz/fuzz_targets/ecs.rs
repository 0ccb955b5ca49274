//! Arbitrary bytes as a request of ECS, ECR or Logs. The first byte selects the operation, the rest
//! is the body. The service must answer or refuse; it must not panic or answer with a server error.
#![no_main]

use greenlight_rehearsal::process::rally::probe::{OPERATIONS, Probe};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let probe = Probe::new().expect("a probe");
    let operation = OPERATIONS[usize::from(*first) % OPERATIONS.len()];
    let status = match serde_json::from_slice(body) {
        Ok(body) => probe.operation(operation, &body),
        Err(_) => probe.aws(operation, "application/x-amz-json-1.1", "", body.to_vec()),
    };
    assert!((200..500).contains(&status), "{operation}: {status}");
});
