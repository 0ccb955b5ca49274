//! Rows of AWS and of the site.

use greenlight_types::{
    ErrorCode, Failure,
    ReadinessCheck::{
        Alarms, AwsSignIn, BakeTime, Breaker, Container, Controller, Deployment, HealthChecks, Hooks, LogGroup,
        NewestSettings, PackageName, ReplacementRoom, Roles, Secrets, Servers, Site, SiteVersion,
    },
    ReadinessState::{Blocked, Choose, Later, Ready, Unknown},
    Timestamp,
};
use serde_json::{Value, json};

use super::{
    super::answers::{Answers, definition, deployment, lost, signed_out},
    NO_ANSWER, Row,
};
use crate::ports::{
    BreakerThreshold, CircuitBreaker, DeploymentAlarms, DeploymentController, DeploymentStatus, DeploymentStrategy,
    Image, RolloutState, SiteAnswer, TaskStatus,
};

pub fn rows() -> Vec<Row> {
    [servers(), settings(), definitions(), others()].into_iter().flatten().collect()
}

fn without_service(world: &mut Answers) {
    world.service = lost();
}

fn image_of(world: &mut Answers, image: &str) {
    let mut running = definition(&world.run, 142);
    running.definition["containerDefinitions"][0]["image"] = json!(image);
    world.running = Ok(Some(running));
}

fn shows(world: &mut Answers, status: u16, body: &str) {
    world.site = Ok(SiteAnswer { status, body: body.into(), took_ms: 42 });
}

fn servers() -> Vec<Row> {
    vec![
        Row(AwsSignIn, Ready, "Signed in to AWS as arn:", |_| {}),
        Row(AwsSignIn, Blocked, "belongs to account 9", |world| {
            if let Ok(identity) = &mut world.aws {
                identity.account = "9".into();
            }
        }),
        Row(AwsSignIn, Blocked, "No sign-in for AWS", |world| world.aws = signed_out()),
        Row(AwsSignIn, Unknown, NO_ANSWER, |world| world.aws = lost()),
        Row(Servers, Ready, "2 of 2 servers serve on 2.0.1.11", |_| {}),
        Row(Servers, Choose, "1 of 2 servers serve", |world| {
            if let Ok(tasks) = &mut world.tasks {
                tasks[0].last_status = TaskStatus::Pending;
            }
        }),
        Row(Servers, Choose, "no server at all", |world| world.service(|service| service.desired = 0)),
        Row(Servers, Blocked, "AWS has no such service", |world| world.service = Ok(None)),
        Row(Servers, Blocked, "may not look at the service", |world| {
            world.service = Err(Failure::new(ErrorCode::PermissionMissing, "describe the service"));
        }),
        Row(Servers, Unknown, NO_ANSWER, without_service),
        Row(Deployment, Ready, "No deployment is under way", |_| {}),
        Row(Deployment, Choose, "AWS is putting rally-prod:142 in place", |world| {
            let one = deployment(&world.run, DeploymentStatus::Primary, RolloutState::InProgress);
            world.service(|service| service.deployments = vec![one]);
        }),
        Row(Deployment, Unknown, NO_ANSWER, without_service),
        Row(LogGroup, Ready, "can be read", |_| {}),
        Row(LogGroup, Unknown, NO_ANSWER, |world| world.log = lost()),
    ]
}

fn settings() -> Vec<Row> {
    vec![
        Row(Controller, Ready, "one after another", |_| {}),
        Row(Controller, Choose, "in another way (BLUE_GREEN)", |world| {
            world.service(|service| service.settings.strategy = DeploymentStrategy::parse("BLUE_GREEN"));
        }),
        Row(Controller, Blocked, "Another program replaces the servers (CODE_DEPLOY)", |world| {
            world.service(|service| service.settings.controller = DeploymentController::CodeDeploy);
        }),
        Row(Controller, Unknown, NO_ANSWER, without_service),
        Row(Breaker, Ready, "AWS does not give up", |_| {}),
        Row(Breaker, Later, "AWS gives up after", |world| {
            world.service(|service| {
                service.settings.breaker = Some(CircuitBreaker {
                    is_enabled: true,
                    rolls_back: true,
                    threshold: BreakerThreshold::default(),
                    resets_on_healthy_task: true,
                });
            });
        }),
        Row(Breaker, Unknown, NO_ANSWER, without_service),
        Row(ReplacementRoom, Ready, "AWS starts a new server before", |_| {}),
        Row(ReplacementRoom, Choose, "AWS stops 1 of 2 servers", |world| {
            world.service(|service| {
                (service.settings.minimum_percent, service.settings.maximum_percent) = (Some(50), Some(100));
            });
        }),
        Row(ReplacementRoom, Blocked, "can neither stop nor add", |world| {
            world.service(|service| service.settings.maximum_percent = Some(100));
        }),
        Row(ReplacementRoom, Unknown, NO_ANSWER, without_service),
        Row(HealthChecks, Ready, "after 120 s", |_| {}),
        Row(HealthChecks, Choose, "no grace period", |world| {
            world.service(|service| service.settings.grace_seconds = None);
        }),
        Row(HealthChecks, Unknown, NO_ANSWER, without_service),
        Row(Alarms, Ready, "No alarm", |_| {}),
        Row(Alarms, Choose, "Alarms can end a deployment: 5xx", |world| {
            let alarms = DeploymentAlarms { names: vec!["5xx".into()], is_enabled: true, rolls_back: true };
            world.service(|service| service.settings.alarms = Some(alarms));
        }),
        Row(Alarms, Unknown, NO_ANSWER, without_service),
        Row(Hooks, Ready, "No function", |_| {}),
        Row(Hooks, Choose, "smoke-test", |world| {
            world.service(|service| service.settings.hooks = vec!["smoke-test".into()]);
        }),
        Row(Hooks, Unknown, NO_ANSWER, without_service),
        Row(BakeTime, Ready, "AWS stops the old servers as soon", |_| {}),
        Row(BakeTime, Choose, "for 10 min", |world| {
            world.service(|service| service.settings.bake_minutes = Some(10));
        }),
        Row(BakeTime, Unknown, NO_ANSWER, without_service),
    ]
}

fn definitions() -> Vec<Row> {
    vec![
        Row(NewestSettings, Ready, "are the ones that run", |_| {}),
        Row(NewestSettings, Later, "were saved by dev", |world| world.newer(|_| {})),
        Row(NewestSettings, Unknown, NO_ANSWER, |world| world.newest = lost()),
        Row(Container, Ready, "runs a package of rally-prod", |_| {}),
        Row(Container, Choose, "of another repository", |world| image_of(world, "docker.io/nginx")),
        Row(Container, Blocked, "has no container", |world| world.run.profile.aws.container = "other".into()),
        Row(Container, Unknown, NO_ANSWER, |world| world.running = lost()),
        Row(Roles, Ready, "have the roles of those that run", |_| {}),
        Row(Roles, Choose, "the role for the program is missing (it was run)", |world| {
            world.newer(|definition| definition["taskRoleArn"] = Value::Null);
        }),
        Row(Roles, Unknown, NO_ANSWER, |world| world.newest = lost()),
        Row(Secrets, Ready, "The secrets of the program (1)", |_| {}),
        Row(Secrets, Choose, "DB (account 9, eu-west-1)", |world| {
            world.newer(|definition| {
                definition["containerDefinitions"][0]["secrets"][0]["valueFrom"] =
                    json!("arn:aws:ssm:eu-west-1:9:parameter/db");
            });
        }),
        Row(Secrets, Unknown, NO_ANSWER, |world| world.newest = lost()),
    ]
}

fn others() -> Vec<Row> {
    vec![
        Row(PackageName, Ready, "is free", |_| {}),
        Row(PackageName, Later, "is there since", |world| {
            world.package = Ok(Some(Image { digest: "sha256:ab".into(), pushed_at: Timestamp::EPOCH }));
        }),
        Row(PackageName, Unknown, NO_ANSWER, |world| world.package = lost()),
        Row(Site, Ready, "The site answers normally", |_| {}),
        Row(Site, Choose, "with an error (503)", |world| shows(world, 503, "")),
        Row(Site, Unknown, NO_ANSWER, |world| world.site = lost()),
        Row(SiteVersion, Ready, "The site shows 2.0.1.11-RELEASE", |_| {}),
        Row(SiteVersion, Blocked, "shows no version", |world| shows(world, 200, "")),
        Row(SiteVersion, Choose, "answers with an error (503)", |world| shows(world, 503, "")),
        Row(SiteVersion, Unknown, "is not read", |world| world.run.profile.site.version_url.clear()),
        Row(SiteVersion, Unknown, NO_ANSWER, |world| world.site = lost()),
    ]
}
