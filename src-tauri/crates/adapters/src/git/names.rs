//! Checks addresses, object ids and ref names at the border. Later code uses them unchecked.

use git2::{Oid, Reference};
use greenlight_engine::ports::PortResult;
use greenlight_types::{ErrorCode, Failure};
use reqwest::Url;

use greenlight_engine::loopback::is_loopback;

/// Address of the repository: `https`, or `http` to this computer. It has no user, password or
/// query.
#[derive(Clone, Debug)]
pub(super) struct Address(Url);

impl Address {
    pub(super) fn parse(text: &str) -> PortResult<Self> {
        let bad = |why: &str| {
            Failure::new(ErrorCode::BadProfile, "use the address of the repository")
                .with("url", text.chars().take(200).collect::<String>())
                .because(why)
                .hint("A good address is https://github.com/owner/name.git")
        };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        let is_local = url.host_str().is_some_and(is_loopback);
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err(bad("only https is used (http only to this computer)"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // The address may contain a secret.
            return Err(bad("the address holds a user or a password").with("url", ""));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("the address has parts after the path"));
        }
        Ok(Self(url))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

/// The refs of the app: its own objects in the clone, and the environment locks on the remote.
pub(super) const OWN: &str = "refs/greenlight/";

/// Parses a full object id of 40 hex digits. libgit2 would pad a shorter one.
pub(super) fn object_id(text: &str) -> PortResult<Oid> {
    let refused = |why: String| Failure::new(ErrorCode::Internal, "use an object id").because(why);
    if text.len() != 40 {
        return Err(refused(format!("\u{201c}{}\u{201d} is not a full id", text.chars().take(50).collect::<String>())));
    }
    Oid::from_str(text).map_err(|error| refused(error.message().to_owned()))
}

/// Accepts a full ref name below one of `roots`.
pub(super) fn ref_name(text: &str, roots: &[&str]) -> PortResult<String> {
    if Reference::is_valid_name(text) && roots.iter().any(|root| text.starts_with(root)) {
        return Ok(text.to_owned());
    }
    Err(Failure::new(ErrorCode::BadInput, "use a name in the repository")
        .with("name", text.chars().take(200).collect::<String>())
        .because(format!("it is not a full name beneath {}", roots.join(" or "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_https_and_http_to_this_computer_only() {
        for good in
            ["https://github.com/a/b.git", "http://127.0.0.1:8080/a.git", "http://localhost/a", "http://[::1]:1/a"]
        {
            Address::parse(good).expect(good);
        }
        for bad in [
            "http://github.com/a/b.git",
            "http://127.0.0.1.example.com/a",
            "ssh://git@github.com/a/b.git",
            "git@github.com:a/b.git",
            "file:///tmp/a",
            "/tmp/a",
            "https://user:secret@github.com/a",
            "https://github.com/a?b=c",
        ] {
            let failure = Address::parse(bad).expect_err(bad);
            assert_eq!(failure.code, ErrorCode::BadProfile, "{bad}");
            assert!(
                !failure.to_string().contains("secret") && !failure.params["url"].contains("secret"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn refuses_short_ref_names_and_patterns() {
        for bad in
            ["v2.1.0", "refs/heads/*", "refs/heads/a:refs/heads/b", "refs/heads/a..b", "refs/notes/x", "+refs/heads/a"]
        {
            ref_name(bad, &["refs/heads/", "refs/tags/"]).expect_err(bad);
        }
        ref_name("refs/tags/v2.1.0", &["refs/heads/", "refs/tags/"]).expect("a full name");
        object_id("abc").expect_err("a short id");
    }
}
