//! Profiles that are written and read back, and their differences.

use std::collections::BTreeMap;

use greenlight_types::{
    AwsProfile, BackupProfile, EndpointProfile, GitProfile, GithubProfile, HostProfile, LogProfile, MigrationProfile,
    Product, ProfileDifference, RestoreProfile, SiteCheck, SiteProfile,
};
use proptest::{collection, option, prelude::*};

use super::*;

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,20}"
}

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._/-]{1,12}"
}

fn maybe(one: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    option::of(one).prop_map(Option::unwrap_or_default)
}

/// Text on one line with quotes, backslashes and letters of other scripts.
fn line() -> impl Strategy<Value = String> {
    "[\\PC\"\\\\]{0,12}".prop_map(|text| format!("{text}x"))
}

/// Any text, with line breaks and control characters.
fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn template() -> impl Strategy<Value = String> {
    ("[A-Za-z\"\\\\_-]{0,6}", prop_oneof!["\\{version\\}", "\\{version4\\}", "\\{version4_\\}"])
        .prop_map(|(before, part)| before + &part)
}

fn address() -> impl Strategy<Value = String> {
    "https://[a-z]{1,8}\\.org(/[a-z0-9]{0,5})?"
}

fn path() -> impl Strategy<Value = String> {
    "/[a-z \"\\\\]{1,9}"
}

fn product() -> impl Strategy<Value = Product> {
    (id(), line(), id(), line()).prop_map(|(id, name, environment, environment_name)| Product {
        id,
        name,
        environment,
        environment_name,
    })
}

fn git() -> impl Strategy<Value = GitProfile> {
    (address(), word(), template(), template(), word(), template()).prop_map(
        |(url, main, branch, tag, version_key, version_value)| GitProfile {
            url,
            main,
            branch,
            tag,
            version_file: format!("src/{}", version_key.replace(['/', '.'], "a")),
            version_key,
            version_value,
        },
    )
}

fn github() -> impl Strategy<Value = GithubProfile> {
    let inputs = collection::btree_map(text(), line().prop_map(|text| text.replace(['{', '}'], "")), 0..3);
    ("[a-z]{1,5}/[a-z.]{1,5}", maybe(word()), text(), inputs, address()).prop_map(
        |(repository, workflow, build_job, inputs, actions_page)| GithubProfile {
            repository,
            workflow,
            build_job,
            inputs,
            actions_page,
        },
    )
}

fn aws() -> impl Strategy<Value = AwsProfile> {
    ("[0-9]{12}", maybe(word()), maybe(word()), collection::vec(word(), 5), template(), address()).prop_map(
        |(account, cluster, service, words, image_tag, task_definitions_page)| {
            let word = |at: usize| words[at].clone();
            AwsProfile {
                account,
                region: word(0),
                cluster,
                service,
                family: word(1),
                container: word(2),
                image_repository: word(3),
                image_tag,
                log_group: word(4),
                task_definitions_page,
            }
        },
    )
}

fn host() -> impl Strategy<Value = HostProfile> {
    let shell = prop_oneof![Just(String::new()), Just("bash -lc".to_owned())];
    (template(), text(), 1..=u16::MAX, word(), text(), maybe("SHA256:[A-Za-z0-9]{4}"), shell).prop_map(
        |(name, address, port, user, key_file, fingerprint, login_shell)| HostProfile {
            name,
            address,
            port,
            user,
            key_file,
            fingerprint,
            login_shell,
        },
    )
}

fn backup() -> impl Strategy<Value = BackupProfile> {
    let probe = maybe(line().prop_map(|text| format!("{text} {{file}}")));
    (path(), line(), text(), maybe(path()), "[a-z*\"\\\\]{0,6}", any::<u32>(), probe, 1..=u32::MAX, any::<bool>())
        .prop_map(
            |(
                directory,
                command,
                become_root,
                artifact_directory,
                artifact_pattern,
                artifact_min_mib,
                artifact_probe,
                max_age_minutes,
                may_skip,
            )| BackupProfile {
                directory,
                command,
                become_root,
                artifact_directory,
                artifact_pattern,
                artifact_min_mib,
                artifact_probe,
                max_age_minutes,
                may_skip,
            },
        )
}

fn migration() -> impl Strategy<Value = MigrationProfile> {
    let environment = collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,5}", line(), 0..3);
    (path(), line(), environment, text()).prop_map(|(directory, command, environment, probe)| MigrationProfile {
        directory,
        command,
        environment,
        probe,
    })
}

fn site() -> impl Strategy<Value = SiteProfile> {
    let pattern = prop_oneof![Just(String::new()), Just("\"version\":\"([^\"]+)\"".to_owned())];
    let checks = collection::btree_map(id(), line(), 0..3);
    (address(), maybe(address()), pattern, checks).prop_map(|(url, version_url, version_pattern, checks)| SiteProfile {
        url,
        version_url,
        version_pattern,
        checks: checks.into_iter().rev().map(|(id, text)| SiteCheck { id, text }).collect(),
    })
}

fn by_step<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = BTreeMap<StepId, T>> {
    collection::btree_map(proptest::sample::select(StepId::ALL.to_vec()), value, 0..3)
}

fn restore() -> impl Strategy<Value = RestoreProfile> {
    (text(), option::of(any::<u32>()), text()).prop_map(|(procedure, minutes, who)| RestoreProfile {
        procedure,
        minutes,
        who,
    })
}

fn logs() -> impl Strategy<Value = LogProfile> {
    (any::<u32>(), collection::vec("[a-z\"]{0,4}(\\\\d)?", 0..3))
        .prop_map(|(keep_days, expected_failures)| LogProfile { keep_days, expected_failures })
}

fn endpoints() -> impl Strategy<Value = Option<EndpointProfile>> {
    let custom = (option::of(address()), option::of(address()));
    option::of(custom.prop_map(|(github, aws)| EndpointProfile { github, aws }))
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let durations = by_step((1..60_u32, 60..90_u32));
    let first = (product(), git(), github(), aws(), host(), backup());
    let second = (migration(), site(), durations, by_step(text()), restore(), logs(), endpoints());
    (first, second).prop_map(|((product, git, github, aws, host, backup), second)| {
        let (migration, site, durations, who_to_call, restore, logs, endpoints) = second;
        Profile {
            schema: 1,
            product,
            git,
            github,
            aws,
            host,
            backup,
            migration,
            site,
            durations,
            who_to_call,
            restore,
            logs,
            endpoints,
        }
    })
}

/// The keys of the rows, in their order.
fn keys(rows: &[ProfileDifference]) -> Vec<&str> {
    rows.iter().map(|row| row.key.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_written_profile_reads_back_as_the_same(profile in any_profile()) {
        let text = to_toml(&profile);
        let read = parse("written.toml", &text);
        prop_assert_eq!(read.as_ref(), Ok(&profile), "{}", text);
    }

    #[test]
    fn only_equal_profiles_have_no_differences(one in any_profile(), other in any_profile()) {
        prop_assert_eq!(difference(&one, &one), Vec::new());
        prop_assert_eq!(difference(&one, &other).is_empty(), one == other);
        let back = difference(&other, &one);
        prop_assert_eq!(difference(&one, &other).len(), back.len());
    }
}

#[test]
fn the_built_in_profile_is_written_and_read_back() {
    let written = to_toml(&rally());
    assert_eq!(parse("written.toml", &written), Ok(rally()), "{written}");
    assert!(written.contains("\n[aws]\n# AWS account, twelve digits\naccount = \"676917001797\"\n"), "{written}");
    assert!(!written.contains("[endpoints]"), "{written}");
}

#[test]
fn differences_name_each_row_in_the_order_of_the_file() {
    let (old, mut new) = (rally(), rally());
    new.aws.cluster = "rally".to_owned();
    new.github.inputs.insert("level".to_owned(), "full".to_owned());
    new.durations.insert(StepId::BackUp, (10, 12));
    new.durations.remove(&StepId::FollowBuild);
    new.site.checks = vec![SiteCheck { id: "check-1".to_owned(), text: "Sign in".to_owned() }];
    new.restore.minutes = Some(45);
    let rows = difference(&old, &new);
    assert_eq!(
        keys(&rows),
        [
            "github.inputs.level",
            "aws.cluster",
            "site.checks",
            "durations.BackUp",
            "durations.FollowBuild",
            "restore.minutes"
        ]
    );
    let shown = |at: usize| (rows[at].old.as_deref(), rows[at].new.as_deref());
    assert_eq!(shown(0), (None, Some("full")));
    assert_eq!(shown(1), (Some(""), Some("rally")));
    assert_eq!(shown(2), (None, Some("check-1: Sign in")));
    assert_eq!(shown(3), (Some("7 to 9"), Some("10 to 12")));
    assert_eq!(shown(4), (Some("20 to 25"), None));
    assert_eq!(rows[1].label, "ECS cluster");
}

#[test]
fn a_check_that_was_put_first_is_the_only_row() {
    let check = |id: &str| SiteCheck { id: id.to_owned(), text: "Look".to_owned() };
    let (mut old, mut new) = (rally(), rally());
    old.site.checks = vec![check("b"), check("c")];
    new.site.checks = vec![check("a"), check("b"), check("c")];
    let rows = difference(&old, &new);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].new.as_deref(), Some("a: Look"));
    new.site.checks = vec![check("c"), check("b")];
    assert!(!difference(&old, &new).is_empty(), "another order is a difference");
}
