//! Opens web pages in the browser of this computer.

use greenlight_engine::loopback::is_loopback;
use greenlight_types::{ErrorCode, Failure, Profile};
use tauri::Url;

/// Opens a web page of the product. A page of another host could carry data away in its address.
///
/// # Errors
/// `BadInput` when the address is no page of a host that the profile names, or no browser opens it.
pub fn open_page(profile: &Profile, url: &str) -> Result<(), Failure> {
    let page = checked(profile, url)?;
    tauri_plugin_opener::open_url(page.as_str(), None::<&str>).map_err(|error| refuse("no browser opens it", error))
}

fn checked(profile: &Profile, url: &str) -> Result<Url, Failure> {
    let page = Url::parse(url).map_err(|error| refuse("it is no address of a web page", error))?;
    let is_plain = page.username().is_empty() && page.password().is_none();
    let host = page.host_str().unwrap_or_default();
    // As for the profile itself: plain http to this computer only.
    let is_web = page.scheme() == "https" || page.scheme() == "http" && is_loopback(host);
    if !is_web || !is_plain || url.chars().any(char::is_control) {
        return Err(refuse("it is no address of a web page", url.escape_debug()));
    }
    let hosts = hosts(profile);
    if !hosts.iter().any(|known| known == host) {
        return Err(refuse(&format!("only pages of {} are opened", hosts.join(", ")), host));
    }
    Ok(page)
}

/// The hosts of the pages that the profile names, each once.
fn hosts(profile: &Profile) -> Vec<String> {
    let pages = [
        &profile.git.url,
        &profile.github.actions_page,
        &profile.aws.task_definitions_page,
        &profile.site.url,
        &profile.site.version_url,
    ];
    let mut hosts: Vec<String> =
        pages.iter().filter_map(|page| Url::parse(page).ok()?.host_str().map(str::to_owned)).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn refuse(problem: &str, cause: impl std::fmt::Display) -> Failure {
    let problem = format!("The page is not opened: {problem}.");
    Failure::new(ErrorCode::BadInput, "open the page").with("field", "url").with("problem", problem).because(cause)
}

#[cfg(test)]
mod tests {
    use greenlight_engine::profile::{BUILT_IN, BUILT_IN_NAME, parse};

    use super::*;

    #[test]
    fn opens_only_pages_of_the_hosts_of_the_profile() {
        let profile = parse(BUILT_IN_NAME, BUILT_IN).expect("the built-in profile is good");
        for good in [
            "https://github.com/rallyforresearch/rally/actions/runs/1",
            "https://us-east-1.console.aws.amazon.com/ecs/home?region=us-east-1#/taskDefinitions",
            "https://rally.partners.org/login",
        ] {
            assert_eq!(checked(&profile, good).expect(good).as_str(), good);
        }
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ftp://github.com",
            "https://git\nhub.com/",
            "",
            "http://github.com/",
            "https://evil.example/?data=secret",
            "https://github.com.evil.example/",
            "https://github.com@evil.example/",
            "https://user:word@github.com/",
        ] {
            assert_eq!(checked(&profile, bad).expect_err(bad).code, ErrorCode::BadInput);
        }
    }
}
