//! Tests of the redactor: every spelling of a canary, every split of a stream.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_types::{ErrorCode, Failure};
use proptest::prelude::*;

use super::{spellings::percent, *};

const CANARY: &str = "c4nary/Se+cret\"x\\y=zq";

fn redactor() -> Redactor {
    let redactor = Redactor::default();
    redactor.add("GitHub token", CANARY);
    redactor
}

#[test]
fn each_encoding_of_a_secret_is_replaced() {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for before in ["", "a", "ab", "abc"] {
        let blob = STANDARD.encode(format!("{before}{CANARY}:more"));
        let clean = redactor().text(&format!("Authorization {blob} end")).into_string();
        assert!(clean.contains("[GitHub token]") && clean.ends_with(" end"), "{before}: {clean}");
    }
    let json = serde_json::to_string(CANARY).expect("a text");
    for text in [CANARY.to_owned(), hex.clone(), hex.to_uppercase(), percent(CANARY.as_bytes(), false), json] {
        let clean = redactor().text(&format!("before {text} after")).into_string();
        assert!(clean.contains("[GitHub token]"), "{text}: {clean}");
        assert!(!clean.contains("c4nary"), "{clean}");
    }
}

#[test]
fn shapes_of_secrets_are_replaced_although_nobody_registered_them() {
    let redactor = Redactor::default();
    for (text, clean) in [
        ("key AKIAIOSFODNN7EXAMPLE.", "key [AWS key id]."),
        ("ghp_0123456789abcdef0123", "[GitHub token]"),
        ("github_pat_11ABCDEFG0123456789_x", "[GitHub token]"),
        ("jdbc password=hunter2; next", "jdbc password=[password]; next"),
        ("DB_PASSWORD = 'two words' x", "DB_PASSWORD = [password] x"),
        ("{\"dbPassword\": \"a\\\"b\", \"n\": 1}", "{\"dbPassword\": \"[password]\", \"n\": 1}"),
        ("https://user:pw@host/x", "https://[password]@host/x"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a [private key] b"),
        ("the token of GitHub was refused: password wrong", "the token of GitHub was refused: password wrong"),
    ] {
        assert_eq!(redactor.text(text).as_str(), clean);
    }
}

/// Every notation holds the secret `S3cr3t-x9`, or a token of its service.
const SECRETS: [&str; 58] = [
    "password: S3cr3t-x9",
    "  password:   S3cr3t-x9",
    "db.password = S3cr3t-x9",
    "PGPASSWORD=S3cr3t-x9 ./backup.sh",
    "MYSQL_PWD=S3cr3t-x9 mysql",
    "spring.datasource.password=S3cr3t-x9",
    "password='S3cr3t-x9",
    "password => 'S3cr3t-x9'",
    "pg_dump --password S3cr3t-x9 rally",
    "pg_dump --password=S3cr3t-x9 rally",
    "tool --api-key 'S3cr3t-x9'",
    "mysql -u root -pS3cr3t-x9 rally",
    "mysqldump -h db -p'S3cr3t-x9' rally",
    "sshpass -p S3cr3t-x9 ssh host",
    "curl -s -u ann:S3cr3t-x9 https://host/",
    "Authorization: Basic S3cr3t-x9",
    "authorization: Bearer S3cr3t-x9",
    "-H 'Authorization: token S3cr3t-x9' -v",
    "Proxy-Authorization: Basic S3cr3t-x9",
    "{\"Authorization\":\"Bearer S3cr3t-x9\"}",
    "authorization: S3cr3t-x9",
    "sent Bearer S3cr3t-x9-0123456789",
    "x-api-key: S3cr3t-x9",
    "X-Amz-Security-Token: S3cr3t-x9",
    "X-Auth-Key: S3cr3t-x9",
    "api_key=S3cr3t-x9",
    "https://host/x?api_key=S3cr3t-x9&page=2",
    "apiKey: S3cr3t-x9",
    "Cookie: theme=dark; SESSION=S3cr3t-x9",
    "Set-Cookie: JSESSIONID=S3cr3t-x9; Path=/",
    "GET /x;jsessionid=S3cr3t-x9",
    "https://ann:pass@S3cr3t-x9@host/x",
    "https://S3cr3t-x9@host/rally.git",
    "jdbc:postgresql://ann:S3cr3t-x9@db:5432/rally",
    "https:\\/\\/ann:S3cr3t-x9@host\\/x",
    "ALTER ROLE rally PASSWORD 'S3cr3t-x9';",
    "CREATE USER x IDENTIFIED BY 'S3cr3t-x9'",
    "<password>S3cr3t-x9</password>",
    "<db:password type=\"plain\">S3cr3t-x9</db:password>",
    "<property name=\"db.password\" value=\"S3cr3t-x9\"/>",
    "<entry key=\"client-secret\">S3cr3t-x9</entry>",
    "{\"name\": \"DB_PASSWORD\", \"value\": \"S3cr3t-x9\"}",
    "{\"value\":\"S3cr3t-x9\",\"name\":\"SSH_KEY\"}",
    "{\\\"name\\\":\\\"API_TOKEN\\\",\\\"value\\\":\\\"S3cr3t-x9\\\"}",
    "{\"clientSecret\":\"S3cr3t-x9\"}",
    "{\"credential\": \"S3cr3t-x9\"}",
    "{'private_key': 'S3cr3t-x9'}",
    "{\\\"password\\\":\\\"S3cr3t-x9\\\"}",
    "{\"password\": 893893893}",
    "password\\u003dS3cr3t-x9",
    "password%3DS3cr3t-x9",
    "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTM2NyM3QifQ.S3cr3t-x9_0123456789",
    "ghs_0123456789abcdef0123",
    "ghs_123456_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTM2NyM3QifQ.S3cr3t-x9_0123456789",
    "xoxb-1234567890-abcdefS3cr3t",
    "https://hooks.slack.com/services/T00/B00/S3cr3tx9",
    "glpat-S3cr3t-x9-0123456789",
    "AKIAIOSFODNN7EXAMPLE",
];

#[test]
fn hides_a_secret_in_every_notation() {
    let redactor = Redactor::default();
    let parts = ["S3cr3t", "893893", "0123456789abcdef", "AKIAIOS", "eyJhbG"];
    let leaks: Vec<(&str, CleanText)> = SECRETS
        .iter()
        .map(|text| (*text, redactor.text(text)))
        .filter(|(_, clean)| parts.iter().any(|part| clean.as_str().contains(part)))
        .collect();
    assert_eq!(leaks, [], "not hidden");
}

/// Ordinary output of scripts, servers and tools.
const ORDINARY: [&str; 48] = [
    "token = varchar",
    "ALTER TABLE users ADD COLUMN token = varchar(255)",
    "password varchar(255) NOT NULL",
    "password: wrong",
    "password = null",
    "add column reset_token varchar",
    "the token of GitHub was refused: password wrong",
    "Password authentication failed for user rally",
    "FATAL: password authentication failed for user \"rally\"",
    "sudo: a password is required",
    "Enter password: ",
    "PWD=/home/ann OLDPWD=/",
    "Unexpected token: }",
    "SyntaxError: Unexpected token < in JSON at position 0",
    "secret: see the vault",
    "use --password-file /etc/rally/pw",
    "run with --no-password rally",
    "primary_key = id, foreign_key: users",
    "tokens: 512, max_tokens=512",
    "\"token_type\": \"Bearer\", \"expires_in\": 3600",
    "\"secrets\": [{\"name\": \"DB_PASSWORD\", \"valueFrom\": \"arn:aws:ssm:us-east-1:1:parameter/rally\"}]",
    "secretName: rally-tls",
    "passwordEncoder=bcrypt",
    "password_file=/run/secrets/db",
    "std::token::Kind",
    "[=====>      ] 45%  1.2 MB/s",
    "########## 100.0%",
    "45% |=====        | token 3 of 12",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gVGhlIHF1aWNrIGJyb3du",
    "AAAAC3NzaC1lZDI1NTE5AAAAIJ0Yt0b8qk1c2Hn5s7mQhR3m",
    "ssh://git@github.com/rally/rally.git",
    "git@github.com:rally/rally.git",
    "postgres://rally@db:5432/rally",
    "https://host:8443/a?mail=ann@example.org",
    "see http://localhost:8080/about and mail ops@example.org",
    "mysql -u root -p rally < dump.sql",
    "mysql -P3306 -h db rally",
    "curl -f http://localhost:8080/about",
    "Cookie policy accepted",
    "Authorization: required",
    "basic authorization is off",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "key: value, name: rally",
    "eyJust a word",
    "[2026-11-28 12:00:00] INFO c.r.TokenService : 3 tokens renewed",
];

#[test]
fn keeps_ordinary_output() {
    let redactor = Redactor::default();
    let changed: Vec<(&str, CleanText)> = ORDINARY
        .iter()
        .map(|text| (*text, redactor.text(text)))
        .filter(|(text, clean)| clean.as_str() != *text)
        .collect();
    assert_eq!(changed, [], "changed");
}

#[test]
fn a_text_that_was_cleaned_stays_the_same() {
    let redactor = Redactor::default();
    for text in SECRETS {
        let clean = redactor.text(text);
        assert_eq!(redactor.text(clean.as_str()), clean, "{text}");
    }
}

fn lines_of(log: &str) -> Vec<String> {
    let (mut lines, redactor) = (Lines::default(), Redactor::default());
    log.lines().map(|line| lines.next(&redactor, line).into_string()).collect()
}

#[test]
fn a_private_key_is_hidden_line_by_line_and_the_log_goes_on_after_it() {
    let log =
        "start\n-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nqwerty\n-----END RSA PRIVATE KEY-----\nthe end";
    let clean = ["start", "[private key]", "[private key]", "[private key]", "[private key]", "the end"];
    assert_eq!(lines_of(log), clean);
}

#[test]
fn a_private_key_is_hidden_behind_a_prefix_and_between_other_lines() {
    let log = "12:00 INFO -----BEGIN RSA PRIVATE KEY-----\n12:00 INFO Proc-Type: 4,ENCRYPTED\n12:00 INFO\n\
               12:00 INFO MIIEowIBAAKCAQEAxyz0123456789\nan ordinary line of words\n12:00 INFO c2Vjb25kIGxpbmUgb2Yga2V5\n\
               12:00 INFO -----END RSA PRIVATE KEY-----\n12:00 INFO done";
    let clean = lines_of(log);
    let all = clean.join("\n");
    assert!(!all.contains("MIIE") && !all.contains("c2Vj"), "{all}");
    assert!(clean.contains(&"an ordinary line of words".to_owned()), "{all}");
    assert_eq!(clean.last().map(String::as_str), Some("12:00 INFO done"));
}

#[test]
fn a_key_that_never_ends_does_not_swallow_the_log() {
    let clean = lines_of("-----BEGIN PRIVATE KEY-----\nan ordinary line of words\ndone");
    assert_eq!(clean, ["[private key]", "an ordinary line of words", "done"]);
}

#[test]
fn a_secret_over_the_cut_of_a_long_line_is_found() {
    let secret = "c4nary-S3cr3t-0123456789";
    let redactor = Redactor::default();
    redactor.add("GitHub token", secret);
    for hidden in [secret, "password=hunter2hunter2", "ghp_0123456789abcdef0123"] {
        for before in (64 * 1024 - 40..64 * 1024 + 8).chain([79 * 1024]) {
            let line = format!("{} {hidden} {}\n", "a".repeat(before), "b".repeat(70 * 1024));
            let mut whole: Vec<CleanText> = Stream::default().push(&redactor, line.as_bytes());
            let (mut stream, mut read) = (Stream::default(), Vec::new());
            for chunk in line.as_bytes().chunks(64 * 1024) {
                read.extend(stream.push(&redactor, chunk));
            }
            assert_eq!(read, whole, "the reads make no difference");
            let text: String = whole.drain(..).map(CleanText::into_string).collect();
            assert!(text.contains("[GitHub token]") || text.contains("[password]"), "{hidden} {before}");
            assert!(!text.contains("hunter2") && !text.contains("0123456789"), "{hidden} {before}");
        }
    }
}

#[test]
fn failures_lose_their_secrets_and_keep_their_ids() {
    let failure = Failure::new(ErrorCode::Unreachable, format!("ask {CANARY}"))
        .because(format!("sent {CANARY}"))
        .hint(CANARY)
        .with("url", CANARY)
        .with("job", CANARY);
    let clean = redactor().failure(failure);
    assert_eq!(clean.params["job"], CANARY);
    assert_eq!(clean.code, ErrorCode::Unreachable);
    let texts = [&clean.summary, &clean.causes[0], &clean.hints[0], &clean.params["url"]];
    assert!(texts.iter().all(|text| !text.contains("c4nary") && text.contains("[GitHub token]")), "{clean:?}");
}

#[test]
fn a_short_secret_does_not_blank_out_ordinary_words() {
    let redactor = Redactor::default();
    redactor.add("passphrase", "a");
    redactor.add("passphrase", "");
    assert_eq!(redactor.text("a banana").as_str(), "a banana");
}

#[test]
fn hides_secret_values_of_a_task_definition_and_nothing_else() {
    let definition = |value: &str| {
        serde_json::json!({ "family": "rally", "containerDefinitions": [{ "name": "web", "environment": [
            { "name": "SPRING_DATASOURCE_PASSWORD", "value": value },
            { "name": "PROFILE", "value": "prod" },
            { "name": "DATABASE", "value": "jdbc:postgresql://ann:hunter2@db/rally" },
        ]}]})
    };
    let shown = hidden(&definition("correct horse"));
    let value = |at: usize| shown["containerDefinitions"][0]["environment"][at]["value"].as_str().expect("a text");
    assert_eq!(value(0), "[hidden sha256:4104d36f]");
    assert_eq!(value(1), "prod");
    assert!(value(2).starts_with("[hidden sha256:"));
    assert_eq!(hidden(&definition("correct horse")), shown, "the same definition is hidden in the same way");
    assert_ne!(hidden(&definition("another")), shown, "a changed value is seen");
    for name in ["api_KEY", "passwd", "PASSPHRASE", "clientSecret", "TOKEN", "credentials"] {
        assert!(names_secret(name), "{name}");
    }
    assert!(!names_secret("SPRING_PROFILES_ACTIVE"));
}

proptest! {
    #[test]
    fn a_secret_is_found_however_the_bytes_arrive(cuts in prop::collection::vec(0_usize..60, 0..6)) {
        let text = format!("one\r\nleft {CANARY} right\nlast {CANARY}");
        let (redactor, mut stream, mut found) = (redactor(), Stream::default(), Vec::new());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            found.extend(stream.push(&redactor, &text.as_bytes()[from..cut]));
            from = cut;
        }
        found.extend(stream.finish(&redactor));
        let found: Vec<String> = found.into_iter().map(CleanText::into_string).collect();
        prop_assert_eq!(found, ["one", "left [GitHub token] right", "last [GitHub token]"]);
    }

    #[test]
    fn no_text_makes_it_panic(secret in ".*", text in ".*") {
        let redactor = Redactor::default();
        redactor.add("x", &secret);
        let _ = Lines::default().next(&redactor, &text);
    }

    #[test]
    fn no_secret_survives(secret in "[!-~]{8,40}", before in "[ -~]{0,10}", after in "[ -~]{0,10}") {
        prop_assume!(!"[GitHub token]".contains(&secret) && !"[password]".contains(&secret));
        let redactor = Redactor::default();
        redactor.add("x", &secret);
        let clean = redactor.text(&[before, secret.clone(), after].concat()).into_string();
        prop_assert!(!clean.contains(&secret));
    }
}
