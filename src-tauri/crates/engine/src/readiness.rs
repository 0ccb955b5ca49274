//! The checks before Prepare and before Deploy. All run at once. None can change anything: a check
//! gets [`Reads`], which has no changing method.

mod check;
mod code;
mod computer;
mod computer_state;
pub(crate) mod last_look;
mod machine;
mod production;
mod reads;
#[cfg(test)]
mod tests;
mod workflow_text;

use std::time::Duration;

use greenlight_types::{ConfirmedMachine, ErrorCode, Failure, Readiness, ReadinessRow, Retry, RunView};
use tokio::time::Instant;

use crate::{ports::HostAddress, step::StepContext};
use check::{Check, Finding, Subject};
use reads::Reads;

pub use computer_state::{ComputerState, KeepAwake, KeyFileState, Power};

/// Maximum duration of one check.
const CHECK_MAX: Duration = Duration::from_secs(20);

/// The checks in the order of the page.
const CHECKS: [&dyn Check; 52] = [
    &code::settings::Settings,
    &code::github_sign_in::GithubSignIn,
    &code::branches::Branches,
    &code::merges_cleanly::MergesCleanly,
    &code::commit_checks::CommitChecks,
    &code::version_file::VersionFile,
    &code::large_files::LargeFiles,
    &code::submodules::Submodules,
    &code::tag_free::TagFree,
    &code::push_rules::PushRules,
    &code::workflow::Workflow,
    &code::workflow_inputs::WorkflowInputs,
    &code::workflow_triggers::WorkflowTriggers,
    &code::workflow_concurrency::WorkflowConcurrency,
    &code::workflow_deploys::WorkflowDeploys,
    &code::approvals::Approvals,
    &code::build_job::BuildJobName,
    &code::build_under_way::BuildUnderWay,
    &code::lock_free::LockFree,
    &production::aws_sign_in::AwsSignIn,
    &production::servers::Servers,
    &production::deployment::NoDeployment,
    &production::controller::Controller,
    &production::newest_settings::NewestSettings,
    &production::roles::Roles,
    &production::secrets::Secrets,
    &production::container::Container,
    &production::package_name::PackageName,
    &production::breaker::Breaker,
    &production::replacement_room::ReplacementRoom,
    &production::health_checks::HealthChecks,
    &production::alarms::Alarms,
    &production::hooks::Hooks,
    &production::bake_time::BakeTime,
    &production::log_group::LogGroup,
    &production::site::SiteAnswers,
    &production::site_version::SiteVersion,
    &machine::answers::Answers,
    &machine::sign_in::SignIn,
    &machine::jobs::Jobs,
    &machine::clock::MachineClock,
    &machine::login_shell::LoginShell,
    &machine::sudo::Sudo,
    &machine::backup_script::BackupScript,
    &machine::backup_space::BackupSpace,
    &machine::migration_script::MigrationScript,
    &computer::KeychainAnswers,
    &computer::KeyFilePrivate,
    &computer::DiskSpace,
    &computer::OnMains,
    &computer::awake::StaysAwake,
    &computer::clock::ComputerClock,
];

/// Runs every check that belongs to the state of the run. `machine` is the staging machine that a
/// person confirmed, if there is one.
pub(crate) async fn look(cx: &StepContext, machine: Option<ConfirmedMachine>, computer: ComputerState) -> Readiness {
    let run: &RunView = &cx.run();
    let address = machine.map(|machine| HostAddress {
        address: machine.address.trim().to_owned(),
        port: machine.port,
        user: run.profile.host.user.clone(),
        fingerprint: machine.fingerprint,
        machine_id: String::new(),
    });
    let reads = Reads::new(cx, run, address);
    let subject = Subject { run, reads: &reads, computer: &computer };
    let begun = Instant::now();
    let wanted: Vec<&dyn Check> = CHECKS.into_iter().filter(|check| check.is_for(&subject)).collect();
    let rows = futures::future::join_all(wanted.iter().map(|check| row(*check, &subject))).await;
    let machine_commands = wanted.iter().filter_map(|check| check.command(run)).collect();
    Readiness { rows, at: reads.now(), took_ms: ms(begun), machine_commands }
}

async fn row(check: &dyn Check, subject: &Subject<'_>) -> ReadinessRow {
    let begun = Instant::now();
    let late = || {
        Failure::new(ErrorCode::TimedOut, "finish this check")
            .because(format!("there was no answer within {} seconds", CHECK_MAX.as_secs()))
            .retry(Retry::Safe)
    };
    let found = tokio::time::timeout(CHECK_MAX, check.look(subject)).await.unwrap_or_else(|_| Err(late()));
    let (finding, failure) = match found {
        Ok(finding) => (finding, None),
        Err(failure) => (Finding::of_failure(&failure), Some(failure)),
    };
    let Finding { state, sentence, meaning, repair } = finding;
    ReadinessRow {
        check: check.id(),
        group: check.group(),
        state,
        sentence,
        meaning,
        repair,
        failure,
        took_ms: ms(begun),
    }
}

fn ms(begun: Instant) -> u32 {
    u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX)
}
