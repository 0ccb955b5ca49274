//! Tests of the profile: the built-in one, refusals with their line, confirmed values.

mod round_trip;
pub(super) mod schema;

use greenlight_types::{Profile, StepId, Version};

use super::*;

fn rally() -> Profile {
    parse(BUILT_IN_NAME, BUILT_IN).expect("the built-in profile is good")
}

fn with(from: &str, to: &str) -> ProfileError {
    assert!(BUILT_IN.contains(from), "the test must change something: {from}");
    parse("rally.toml", &BUILT_IN.replacen(from, to, 1)).expect_err(to)
}

#[test]
fn every_name_of_the_runbook_comes_from_the_built_in_profile() {
    let profile = rally();
    let (_, names) = names(&profile, " 2.1.0 ").expect("a version");
    assert_eq!(names.branch, "v2.1.0");
    assert_eq!(names.version_value, "2.1.0.0-RELEASE");
    assert_eq!(names.image, "676917001797.dkr.ecr.us-east-1.amazonaws.com/rally-prod:RALLY-V2_1_0_0-RELEASE");
    assert_eq!(names.staging_machine, "Rally 2.1.0 AWS EC2 staging instance");
    assert_eq!(profile.durations[&StepId::FollowBuild], (20, 25));
    assert_eq!(profile.migration.environment["CONFIG"], "/home/ec2-user/migrate/application-prod.properties");
}

#[test]
fn values_missing_in_the_runbook_wait_for_a_person() {
    let keys: Vec<String> = unconfirmed(&rally()).into_iter().map(|open| open.key).collect();
    assert_eq!(keys.len(), 12, "{keys:?}");
    assert!(keys.contains(&"aws.cluster".to_owned()) && keys.contains(&"site.checks".to_owned()), "{keys:?}");
}

#[test]
fn each_confirmed_value_leaves_the_list_and_lands_in_the_profile() {
    let mut profile = rally();
    for (key, value) in [
        ("github.workflow", "deploy.yml"),
        ("github.build_job", "build and push"),
        ("aws.cluster", "rally"),
        ("aws.service", "rally-prod-webapp"),
        ("site.version_url", "https://rally.partners.org/version"),
        ("site.version_pattern", "version=([0-9.]+)"),
        ("site.checks", "Sign in works\n\n The search finds something \n"),
        ("backup.artifact_directory", "/opt/backup/files"),
        ("backup.artifact_pattern", "rally-*.dump"),
        ("restore.procedure", "Wiki page 12"),
        ("restore.minutes", "45"),
        ("restore.who", "Ada Example"),
    ] {
        set_value(&mut profile, key, value).expect(key);
    }
    assert_eq!(unconfirmed(&profile), Vec::new());
    assert_eq!(profile.site.checks[1].text, "The search finds something");
    assert_eq!(profile.site.checks[1].id, "check-2");
}

/// A value that Setup accepts is accepted in a file, too.
#[test]
fn every_accepted_value_survives_a_file() {
    const TYPED: [&str; 26] = [
        "main",
        "v{version}",
        "V{version4_}-RELEASE",
        "a b",
        "a/b.yml",
        "/opt/x",
        "./run.sh --all",
        "sudo -n",
        "45",
        "0",
        "7-9",
        "https://x.org/a",
        "version=([0-9.]+)",
        "A=1\nB=two",
        "CONFIG-FILE=/x",
        "1A=2",
        "A={version}",
        "x\ny",
        "rally-*.dump",
        "check {file}",
        "~/.ssh/id",
        "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\u{e4}\"'\\$(x)",
        "host.example",
        "{other}",
        "",
    ];
    let mut accepted = 0;
    for value in setup_values(&rally()) {
        for typed in TYPED {
            let mut profile = rally();
            if set_value(&mut profile, &value.key, typed).is_ok() {
                accepted += 1;
                let read = parse("again.toml", &to_toml(&profile));
                assert_eq!(read.as_ref(), Ok(&profile), "{} = {typed:?}", value.key);
            }
        }
    }
    assert!(accepted > 150, "only {accepted} were accepted");
}

#[test]
fn a_value_of_the_runbook_cannot_be_confirmed_away() {
    let mut profile = rally();
    let before = profile.clone();
    for (key, value) in [
        ("aws.account", "111111111111"),
        ("aws.cluster", "two words"),
        ("site.version_url", "http://rally.partners.org/version"),
        ("site.version_pattern", "no group"),
        ("backup.artifact_directory", "files"),
        ("restore.minutes", "soon"),
        ("site.checks", " \n "),
    ] {
        let failure = set_value(&mut profile, key, value).expect_err(key);
        assert_eq!(failure.params["field"], key);
    }
    assert_eq!(profile, before);
}

#[test]
fn a_bad_profile_is_refused_with_line_problem_and_expectation() {
    for (from, to, problem, expected) in [
        (
            "\"bash -lc\"",
            "\"bash -lc | tee log\"",
            "host.login_shell is \u{201c}bash -lc | tee log\u{201d}",
            "bash -lc",
        ),
        ("\"bash -lc\"", "\"python3 -c\"", "host.login_shell is \u{201c}python3 -c\u{201d}", "sh, bash, dash"),
        ("account = \"676917001797\"", "account = \"67691700179\"", "aws.account", "twelve digits"),
        ("tag = \"v{version}\"", "tag = \"v2.1.0\"", "git.tag", "exactly one of"),
        ("branch = \"v{version}\"", "branch = \"v{version}{x}\"", "git.branch", "no other braces"),
        ("url = \"https://git", "url = \"http://git", "git.url", "https"),
        ("directory = \"/opt", "directory = \"opt", "backup.directory", "absolute"),
        ("CONFIG = \"/home", "CONFIG = \"\" # \"", "CONFIG", "one line"),
        ("FollowBuild = [20, 25]", "FollowBuild = [25, 20]", "durations.FollowBuild", "lowest"),
        ("schema = 1", "schema = 2", "schema", "1"),
        ("version_pattern = \"\"", "version_pattern = \"(\"", "site.version_pattern", "group"),
        ("expected_failures = []", "expected_failures = [\"(\"]", "regular expression", "regular"),
        ("family = ", "familly = ", "unknown field `familly`", "family"),
        ("port = 22", "port = \"22\"", "invalid type", "u16"),
        ("[logs]", "[endpoints]\naws = \"http://10.0.0.1\"\n[logs]", "endpoints.aws", "127.0.0.1"),
        ("[site]", "[site", "", ""),
    ] {
        let error = with(from, to);
        let at = BUILT_IN.split(from).next().map_or(0, |before| before.lines().count());
        assert!(error.problem.contains(problem), "{to}: {error}");
        assert!(error.expected.contains(expected), "{to}: {error}");
        assert!(error.line.abs_diff(at) <= 2, "{to}: line {} instead of about {at}", error.line);
    }
}

#[test]
fn a_missing_section_is_named() {
    let error = with("[restore]\nprocedure = \"\"", "procedure = \"\"");
    assert!(error.problem.contains("procedure") || error.problem.contains("restore"), "{error}");
}

#[test]
fn loopback_may_be_plain_and_nothing_else() {
    for good in ["https://x.org/a", "http://127.0.0.1:8080/x", "http://localhost:1", "http://[::1]:1/"] {
        assert!(value::is_address(good), "{good}");
    }
    for bad in [
        "http://x.org",
        "https://",
        "https://a:b@x.org",
        "http://127.0.0.1.evil.org",
        "ftp://x",
        "http://127.0.0.1@x.org",
    ] {
        assert!(!value::is_address(bad), "{bad}");
    }
}

#[test]
fn refuses_a_bad_version_with_field_and_example() {
    let failure = names(&rally(), "v2.1.0").expect_err("the letter v");
    assert_eq!(failure.params["field"], "version");
    assert!(failure.params["problem"].contains("2.1.0"), "{failure}");
    let _: Version = names(&rally(), "2.0.1.11").expect("a version").0;
}
