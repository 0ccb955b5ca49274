//! The secrets of the newest task definition are in the account and the region of the profile.

use async_trait::async_trait;
use greenlight_types::{AwsProfile, ReadinessCheck, ReadinessGroup};
use serde_json::Value;

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Secrets;

#[async_trait]
impl Check for Secrets {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Secrets
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.run.profile.aws, &subject.reads.newest().await?.definition))
    }
}

/// Most names in the sentence.
const NAMED: usize = 4;

fn judge(aws: &AwsProfile, definition: &Value) -> Finding {
    let all = references(definition);
    let elsewhere: Vec<String> =
        all.iter().filter_map(|(name, place)| Some(format!("{name} ({})", elsewhere(aws, place)?))).collect();
    if elsewhere.is_empty() {
        return match all.len() {
            0 => Finding::ready("The start-up settings name no secret"),
            several => Finding::ready(format!("The secrets of the program ({several}) are in account {}", aws.account)),
        };
    }
    let shown = elsewhere.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = elsewhere.len().saturating_sub(NAMED);
    let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Finding::choose(
        format!("The program takes secrets from another place: {shown}{and_more}"),
        "The new version does not start if that place refuses them.",
    )
    .instruct("Ask a developer whether these are the secrets of production.")
}

/// Names and places of all secrets (ECS API, `ContainerDefinition`: `secrets`,
/// `logConfiguration.secretOptions` and `repositoryCredentials`).
fn references(definition: &Value) -> Vec<(&str, &str)> {
    let containers = definition["containerDefinitions"].as_array();
    let mut found = Vec::new();
    for container in containers.into_iter().flatten() {
        let lists = [&container["secrets"], &container["logConfiguration"]["secretOptions"]];
        for entry in lists.into_iter().filter_map(Value::as_array).flatten() {
            if let (Some(name), Some(place)) = (entry["name"].as_str(), entry["valueFrom"].as_str()) {
                found.push((name, place));
            }
        }
        if let Some(place) = container["repositoryCredentials"]["credentialsParameter"].as_str() {
            found.push(("the password of the image repository", place));
        }
    }
    found
}

/// Account and region of a reference that is not in those of the profile. A name without ARN is in
/// both. An ARN is `arn:partition:service:region:account:…`.
fn elsewhere(aws: &AwsProfile, place: &str) -> Option<String> {
    let mut parts = place.strip_prefix("arn:")?.split(':').skip(2);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_other = |there: &str, ours: &str| !there.is_empty() && there != ours;
    match (is_other(account, &aws.account), is_other(region, &aws.region)) {
        (true, _) => Some(format!("account {account}, {region}")),
        (false, true) => Some(region.to_owned()),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;
    use serde_json::json;

    use super::*;
    use crate::act::test_support::draft;

    #[test]
    fn a_secret_of_another_account_or_region_is_a_choice() {
        let aws = AwsProfile { account: "1234".into(), region: "us-east-1".into(), ..draft().profile.aws };
        for (place, part) in [
            ("arn:aws:ssm:us-east-1:1234:parameter/db", None),
            ("arn:aws:secretsmanager:us-east-1:1234:secret:db-a1", None),
            ("/rally/prod/db", None),
            ("arn:aws:ssm:us-east-1:9999:parameter/db", Some("DB (account 9999, us-east-1)")),
            ("arn:aws:ssm:eu-west-1:1234:parameter/db", Some("DB (eu-west-1)")),
            ("arn:", None),
        ] {
            let definition = json!({ "containerDefinitions": [{ "secrets": [{ "name": "DB", "valueFrom": place }] }] });
            let found = judge(&aws, &definition);
            let state = if part.is_some() { ReadinessState::Choose } else { ReadinessState::Ready };
            assert_eq!(found.state, state, "{place}");
            assert!(found.sentence.contains(part.unwrap_or("are in account 1234")), "{}", found.sentence);
        }
        assert!(judge(&aws, &Value::Null).sentence.contains("no secret"));
    }

    #[test]
    fn every_kind_of_reference_counts() {
        let container = json!({
            "secrets": [{ "name": "A", "valueFrom": "a" }],
            "logConfiguration": { "secretOptions": [{ "name": "B", "valueFrom": "b" }] },
            "repositoryCredentials": { "credentialsParameter": "c" }
        });
        let definition = json!({ "containerDefinitions": [container, { "secrets": [{ "name": "broken" }] }] });
        let names: Vec<&str> = references(&definition).into_iter().map(|(_, place)| place).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
