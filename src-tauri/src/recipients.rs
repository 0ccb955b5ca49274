//! The servers and the product that get each credential, as the profile names them. A profile that
//! names another server finds no credential, and a person saves one for it.

use greenlight_adapters::{github, keychain::Recipients};
use greenlight_types::Profile;
use tauri::Url;

pub fn of(profile: &Profile) -> Recipients {
    let product = &profile.product.id;
    let custom = profile.endpoints.as_ref();
    let api = custom.and_then(|custom| custom.github.as_deref()).unwrap_or(github::GITHUB);
    let aws = custom.and_then(|custom| custom.aws.as_deref()).map_or("AWS".to_owned(), server);
    Recipients {
        github: format!("{product}: {} and {}", server(&profile.git.url), server(api)),
        aws: format!("{product}: account {} at {aws}", profile.aws.account),
        staging_key: product.clone(),
    }
}

/// Host and port of an address.
fn server(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str());
    match (host, parsed.as_ref().and_then(Url::port)) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_engine::profile::{BUILT_IN, BUILT_IN_NAME, parse};
    use greenlight_types::EndpointProfile;

    use super::*;

    #[test]
    fn another_server_account_or_product_is_another_recipient() {
        let rally = parse(BUILT_IN_NAME, BUILT_IN).expect("the built-in profile is good");
        let known = of(&rally);
        assert_eq!(known.github, "rally: github.com and api.github.com");
        let changed = |change: &dyn Fn(&mut Profile)| {
            let mut profile = rally.clone();
            change(&mut profile);
            of(&profile)
        };
        let endpoints = |github: Option<&str>, aws: Option<&str>| {
            Some(EndpointProfile { github: github.map(str::to_owned), aws: aws.map(str::to_owned) })
        };
        let git = changed(&|profile| profile.git.url = "https://evil.example/rally.git".to_owned());
        let api = changed(&|profile| profile.endpoints = endpoints(Some("https://evil.example"), None));
        let port = changed(&|profile| profile.git.url = "https://github.com:8443/rally.git".to_owned());
        for other in [git, api, port] {
            assert_ne!(other.github, known.github);
        }
        let account = changed(&|profile| profile.aws.account = "000000000000".to_owned());
        let endpoint = changed(&|profile| profile.endpoints = endpoints(None, Some("https://evil.example")));
        for other in [account, endpoint] {
            assert_ne!(other.aws, known.aws);
        }
        let product = changed(&|profile| profile.product.id = "other".to_owned());
        assert!(product.github != known.github && product.aws != known.aws && product.staging_key != known.staging_key);
        let other_words = changed(&|profile| profile.aws.cluster = "another".to_owned());
        assert_eq!(other_words, known, "a setting that no credential is sent to");
    }
}
