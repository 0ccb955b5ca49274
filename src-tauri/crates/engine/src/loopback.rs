//! Whether a host name always means this computer. Plain http is accepted only then.

use std::net::IpAddr;

/// `localhost`, or an address of the loopback network; an IPv6 address may have the brackets of a
/// URL.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_computer_are_loopback() {
        for host in ["localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "localhost.example.com", "127.0.0.1.example.com", "0.0.0.0", "192.0.2.10", "[::2]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
