//! Tests account, cluster, service, start-up settings, packages and log on AWS.

use greenlight_types::{AwsProfile, ErrorCode, Failure, Profile};

use super::{
    super::templates::count_followers,
    tested::{Tested, no_answer, not_checked, right, unknown, wrong},
};
use crate::{
    ports::{AwsIdentity, PortResult, Ports, ServiceSnapshot, TaskDefinition, revision_name},
    steps::image_of,
};

const PACKAGES: [&str; 2] = ["aws.image_repository", "aws.image_tag"];
pub(super) const KEYS: [&str; 9] = [
    "aws.account",
    "aws.region",
    "aws.cluster",
    "aws.service",
    "aws.family",
    "aws.container",
    "aws.image_repository",
    "aws.image_tag",
    "aws.log_group",
];

pub(super) async fn test(ports: &Ports, profile: &Profile) -> Vec<Tested> {
    let aws = &profile.aws;
    let mut tested = of_account(aws, ports.identity.whoami().await);
    if tested.len() > 1 {
        return tested;
    }
    let service = async { if aws.cluster.is_empty() { None } else { Some(ports.services.describe().await) } };
    let newest = ports.task_definitions.describe(&aws.family);
    let log = ports.logs.page(ports.clock.now().as_millisecond(), None);
    let (service, newest, tags, log) = tokio::join!(service, newest, ports.catalog.image_tags(), log);
    tested.extend(service.into_iter().flat_map(|service| of_service(aws, service)));
    tested.extend(of_family(aws, newest));
    tested.extend(of_packages(aws, tags));
    tested.extend(of_log(log.map(|_| ())));
    tested
}

/// Names of another account may be equal, so nothing is tested there.
fn of_account(aws: &AwsProfile, identity: PortResult<AwsIdentity>) -> Vec<Tested> {
    match identity {
        Ok(identity) if identity.account == aws.account => vec![right(KEYS[0], "You are signed in there")],
        Ok(identity) => {
            let mut tested = vec![wrong(KEYS[0], format!("The sign-in is for account {}", identity.account))];
            tested.extend(not_checked(&KEYS[1..], "The sign-in is for another account"));
            tested
        }
        Err(failure) => no_answer(&KEYS, "AWS", &failure),
    }
}

fn of_service(aws: &AwsProfile, found: PortResult<Option<ServiceSnapshot>>) -> Vec<Tested> {
    let names = ["aws.region", "aws.cluster", "aws.service"];
    let is_asked = !aws.service.is_empty();
    let mut tested = match found {
        Ok(Some(service)) => vec![
            right(names[0], "Found, in use"),
            right(names[1], "Found, in use"),
            right(names[2], format!("{} of {} servers run", service.running, service.desired)),
        ],
        Ok(None) => vec![
            right(names[0], "Answers"),
            right(names[1], "Found"),
            wrong(names[2], "The cluster has no such service"),
        ],
        Err(failure) if failure.code == ErrorCode::AwsMissing => vec![
            right(names[0], "Answers"),
            wrong(names[1], "AWS has no such cluster in this region"),
            unknown(names[2], "The cluster is not found"),
        ],
        Err(failure) => no_answer(&names, "AWS", &failure),
    };
    // An empty name is not wrong: it is asked.
    tested.retain(|one| one.key != "aws.service" || is_asked);
    tested
}

fn of_family(aws: &AwsProfile, newest: PortResult<Option<TaskDefinition>>) -> Vec<Tested> {
    let names = ["aws.family", "aws.container"];
    match newest {
        Ok(Some(newest)) => {
            let name = revision_name(&newest.arn).to_owned();
            let container = match image_of(&newest, &aws.container) {
                Some(image) => right(names[1], format!("Runs {}", image.rsplit('/').next().unwrap_or(image))),
                None => wrong(names[1], format!("{name} has no such container")),
            };
            vec![right(names[0], format!("Newest is {}", newest.revision)), container]
        }
        Ok(None) => vec![
            wrong(names[0], "AWS has no such start-up settings"),
            unknown(names[1], "The start-up settings are not found"),
        ],
        Err(failure) => no_answer(&names, "AWS", &failure),
    }
}

fn of_packages(aws: &AwsProfile, tags: PortResult<Vec<String>>) -> Vec<Tested> {
    let tags = match tags {
        Ok(tags) => tags,
        Err(failure) if failure.code == ErrorCode::AwsMissing => {
            let mut tested = vec![wrong(PACKAGES[0], "AWS has no such repository")];
            tested.extend(not_checked(&PACKAGES[1..], "The repository is not found"));
            return tested;
        }
        Err(failure) => return no_answer(&PACKAGES, "AWS", &failure),
    };
    let tag = match count_followers(&aws.image_tag, &tags) {
        0 if tags.is_empty() => unknown(PACKAGES[1], "No package is there to compare"),
        0 => wrong(PACKAGES[1], format!("None of the last {} packages follows it", tags.len())),
        count => right(PACKAGES[1], format!("{count} of the last {} packages follow it", tags.len())),
    };
    vec![right(PACKAGES[0], "Found"), tag]
}

fn of_log(read: Result<(), Failure>) -> Vec<Tested> {
    const KEY: &str = "aws.log_group";
    match read {
        Ok(()) => vec![right(KEY, "Can be read")],
        Err(failure) if failure.code == ErrorCode::AwsMissing => vec![wrong(KEY, "AWS has no such log")],
        Err(failure) => no_answer(&[KEY], "AWS", &failure),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::TestVerdict::{self, NotChecked, Right, Wrong};
    use serde_json::json;

    use super::*;
    use crate::act::test_support::draft;

    fn verdicts(tested: Vec<Tested>) -> Vec<TestVerdict> {
        tested.into_iter().map(|one| one.verdict).collect()
    }

    fn aws() -> AwsProfile {
        let mut aws = draft().profile.aws;
        (aws.cluster, aws.service) = ("prod".into(), "web".into());
        aws
    }

    fn fails<T>(code: ErrorCode) -> PortResult<T> {
        Err(Failure::new(code, "ask AWS"))
    }

    #[test]
    fn a_sign_in_of_another_account_is_named() {
        let identity = |account: &str| Ok(AwsIdentity { account: account.into(), arn: String::new() });
        assert_eq!(verdicts(of_account(&aws(), identity(&aws().account))), [Right]);
        let other = of_account(&aws(), identity("111122223333"));
        assert_eq!((other[0].verdict, other[0].sentence.contains("111122223333")), (Wrong, true));
        assert_eq!(verdicts(other)[1..], [NotChecked; 8], "names in another account may be equal");
        assert_eq!(verdicts(of_account(&aws(), fails(ErrorCode::TimedOut))), [NotChecked; 9]);
    }

    #[test]
    fn cluster_and_service_are_told_apart() {
        assert_eq!(verdicts(of_service(&aws(), Ok(None))), [Right, Right, Wrong]);
        assert_eq!(verdicts(of_service(&aws(), fails(ErrorCode::AwsMissing))), [Right, Wrong, NotChecked]);
        assert_eq!(verdicts(of_service(&aws(), fails(ErrorCode::TimedOut))), [NotChecked; 3]);
        let unnamed = AwsProfile { service: String::new(), ..aws() };
        assert_eq!(verdicts(of_service(&unnamed, Ok(None))), [Right, Right]);
    }

    #[test]
    fn the_newest_revision_has_the_container() {
        let newest = |container: &str| {
            Ok(Some(TaskDefinition {
                arn: "arn:aws:ecs:us-east-1:1:task-definition/web:142".into(),
                revision: 142,
                definition: json!({ "containerDefinitions": [{ "name": container, "image": "r.io/web:1" }] }),
                tags: json!([]),
                registered: None,
            }))
        };
        let found = of_family(&aws(), newest(&aws().container));
        assert_eq!((found[0].sentence.as_str(), found[1].sentence.as_str()), ("Newest is 142", "Runs web:1"));
        assert_eq!(verdicts(of_family(&aws(), newest("sidecar"))), [Right, Wrong]);
        assert_eq!(verdicts(of_family(&aws(), Ok(None))), [Wrong, NotChecked]);
    }

    #[test]
    fn names_of_packages_are_compared_with_the_last_ones() {
        let tag = "RALLY-V2_0_1_11-RELEASE".to_owned();
        assert_eq!(verdicts(of_packages(&aws(), Ok(vec![tag, "latest".into()]))), [Right, Right]);
        assert_eq!(verdicts(of_packages(&aws(), Ok(vec!["latest".into()]))), [Right, Wrong]);
        assert_eq!(verdicts(of_packages(&aws(), Ok(Vec::new()))), [Right, NotChecked]);
        assert_eq!(verdicts(of_packages(&aws(), fails(ErrorCode::AwsMissing))), [Wrong, NotChecked]);
    }

    #[test]
    fn a_missing_log_is_wrong() {
        assert_eq!(verdicts(of_log(Ok(()))), [Right]);
        assert_eq!(verdicts(of_log(fails(ErrorCode::AwsMissing))), [Wrong]);
        assert_eq!(verdicts(of_log(fails(ErrorCode::PermissionMissing))), [NotChecked]);
    }
}
