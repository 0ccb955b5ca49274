//! Arbitrary bytes as a request of GitHub: method, address and body, separated by line ends. The
//! service must answer or refuse; it must not panic or answer with a server error.
#![no_main]

use greenlight_rehearsal::process::rally::probe::Probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let posts = parts.next() == Some(b"POST");
    let rest = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let body = parts.next().unwrap_or_default().to_vec();
    let status = Probe::new().expect("a probe").github(posts, &rest, "application/json", body);
    assert!((200..500).contains(&status), "{rest}: {status}");
});
