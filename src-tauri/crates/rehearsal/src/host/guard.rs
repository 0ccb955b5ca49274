//! Refuses commands and scripts that name a path outside the private folder, before a shell runs
//! them.
//!
//! It scans words and does not evaluate the shell language. It stops an honest profile or script
//! from touching the real machine, for example by a path that was not rebased or a link that leads
//! out. It is no sandbox against an attacker.

use std::path::{Component, Path, PathBuf};

/// Longest accepted text, in bytes.
pub const TEXT_MAX: usize = 4 * 1024 * 1024;

/// Outside paths that every script needs: programs, and facts about the machine that are only read.
const ALLOWED_FOLDERS: [&str; 2] = ["/bin/", "/usr/bin/"];
const ALLOWED_FILES: [&str; 7] =
    ["/bin", "/usr/bin", "/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/etc/machine-id"];

/// Checks a command or script.
///
/// # Errors
/// A sentence that names the first refused path.
pub fn check(text: &str, root: &Path) -> Result<(), String> {
    if text.len() > TEXT_MAX {
        return Err(format!("the pretend host takes at most {TEXT_MAX} bytes of script"));
    }
    let root = root.canonicalize().map_err(|error| format!("the pretend host has no folder: {error}"))?;
    for (at, _) in text.match_indices('/') {
        let before = text.get(..at).unwrap_or_default();
        let named = word(text.get(at..).unwrap_or_default());
        if starts_a_path(before) {
            check_place(named, before, &root)?;
        } else if climbs(before, named) {
            return Err(refusal("..", "a path that climbs"));
        }
    }
    for (at, _) in text.match_indices('~') {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + 1..).and_then(|after| after.chars().next());
        let is_start = before.is_none_or(|c| c.is_whitespace() || "=:'\"".contains(c));
        if is_start && after.is_some_and(|c| c.is_ascii_alphabetic()) {
            return Err(refusal("~user", "the home of another user"));
        }
    }
    Ok(())
}

/// Whether a slash after this text begins an absolute path rather than continuing a word.
fn starts_a_path(before: &str) -> bool {
    if before.ends_with("http:")
        || before.ends_with("https:")
        || before.ends_with("http:/")
        || before.ends_with("https:/")
    {
        return false;
    }
    let bare = before.trim_end_matches(['\'', '"', '\\']);
    match bare.chars().next_back() {
        None => true,
        Some(c) => c.is_whitespace() || "=:;&|<>(`,!".contains(c),
    }
}

/// The path at the start of this text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || "'\"\\;&|<>()`:,$*?[]{}#=".contains(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Whether a relative path climbs: `../x`, `a/../b`, `x/..`.
fn climbs(before: &str, named: &str) -> bool {
    let last: &str =
        before.rsplit(|c: char| c.is_whitespace() || "'\"=:;&|<>(`/}".contains(c)).next().unwrap_or_default();
    last == ".." || named.split('/').any(|part| part == "..")
}

fn check_place(named: &str, before: &str, root: &Path) -> Result<(), String> {
    if named == "/" && is_arithmetic(before) {
        return Ok(());
    }
    let parts: Vec<&str> = named.split('/').collect();
    if parts.contains(&"..") {
        return Err(refusal(named, "a path that climbs"));
    }
    let is_allowed = ALLOWED_FILES.contains(&named) || ALLOWED_FOLDERS.iter().any(|folder| named.starts_with(folder));
    if is_allowed || is_kernel_fact(&parts) {
        return Ok(());
    }
    if Path::new(named).starts_with(root) && leads_inside(Path::new(named), root) {
        return Ok(());
    }
    Err(refusal(named, "a place outside its folder"))
}

/// Whether a path is a readable fact in `/proc`. Links that lead back to the real machine are
/// excluded.
fn is_kernel_fact(parts: &[&str]) -> bool {
    parts.get(1) == Some(&"proc")
        && parts.len() > 2
        && !parts.iter().any(|part| ["root", "cwd", "fd", "map_files"].contains(part))
}

/// Whether the existing part of the path stays inside the folder after links are resolved.
fn leads_inside(named: &Path, root: &Path) -> bool {
    let mut rest = PathBuf::new();
    for part in named.components() {
        match part {
            Component::ParentDir => return false,
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::Normal(_) => rest.push(part),
        }
    }
    let mut known = rest.as_path();
    loop {
        // A dangling link leads out too: a file may be created at its target.
        if let Ok(resolved) = known.canonicalize() {
            return resolved.starts_with(root);
        }
        if known.is_symlink() {
            return false;
        }
        let Some(parent) = known.parent() else { return false };
        known = parent;
    }
}

/// Whether the text ends inside `$((…`, where a slash is a division.
fn is_arithmetic(before: &str) -> bool {
    before.rfind("$((").is_some_and(|open| !before.get(open..).unwrap_or_default().contains("))"))
}

fn refusal(named: &str, what: &str) -> String {
    format!(
        "the pretend host refuses '{named}': {what}. Practice must not touch this computer; \
         rebase the path into the private folder"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), String> {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().canonicalize().unwrap();
        check(&text.replace("ROOT", inside.to_str().unwrap()), root.path())
    }

    #[test]
    fn accepts_scripts_that_stay_in_the_folder() {
        for text in [
            "echo hello",
            "cd 'ROOT/opt/backup/bin' && sudo -n ./backupRallyPROD.sh",
            "bash -lc 'cd '\\''ROOT/home/ec2-user/migrate'\\'' && CONFIG=ROOT/x ./run.sh'",
            "j=\"$HOME/.greenlight/jobs/$id\"; test -d \"$j\"/started && cat \"$j/log\" 2>/dev/null",
            "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/$$/stat; cat /proc/self/stat",
            "test -r /etc/machine-id && /usr/bin/sha256sum < x/y",
            "#!/bin/sh\nmb=$(( size / 1024 ))\nsed -n 's/a/b/p' f",
            "for f in ~/.greenlight/jobs/*/spec; do echo \"$f\"; done",
            "rm -rf \"${dir:?}\"/tmp.x; echo ${x//a/b}",
            "# see https://example.org/a/b",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_and_names_a_path_outside() {
        for (text, named) in [
            ("cat /etc/passwd", "/etc/passwd"),
            ("cd '/opt/backup/bin' && ls", "/opt/backup/bin"),
            ("bash -lc 'cd '\\''/home/ec2-user/migrate'\\'' && ./run.sh'", "/home/ec2-user/migrate"),
            ("CONFIG=/home/ec2-user/x ./run.sh", "/home/ec2-user/x"),
            ("echo x >/tmp/y", "/tmp/y"),
            ("PATH=$PATH:/usr/local/bin x", "/usr/local/bin"),
            ("rm -rf / ", "/"),
            ("rm -rf /*", "/"),
            ("cat ROOT/../secret", ".."),
            ("cat ../../x", ".."),
            ("cat \"$HOME/../x\"", ".."),
            ("cd ~root", "~user"),
            ("cat /proc/self/root/etc/shadow", "/proc/self/root"),
            ("cat /usr/bin/../../etc/passwd", ".."),
        ] {
            let refused = verdict(text).expect_err(text);
            assert!(refused.contains(named), "{text}: {refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_link_that_leads_outside() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("way-out")).unwrap();
        let text = format!("cat {}/way-out/passwd", root.path().canonicalize().unwrap().display());
        assert!(check(&text, root.path()).unwrap_err().contains("outside its folder"));
    }
}
