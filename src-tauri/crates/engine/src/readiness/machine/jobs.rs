//! No job of this product runs on the staging machine.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{JobStatus, PortResult};

pub struct Jobs;

#[async_trait]
impl Check for Jobs {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MachineJobs
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.reads.machine_jobs().await?))
    }
}

fn judge(jobs: &[JobStatus]) -> Finding {
    let running: Vec<&str> = jobs.iter().filter(|job| job.state.is_alive()).map(|job| job.id.as_str()).collect();
    if running.is_empty() {
        return Finding::ready("No script of this product runs on the staging machine");
    }
    Finding::later(
        format!("A script runs on the staging machine: {}", running.join(", ")),
        "Deploy refuses a second one until it has ended.",
    )
    .instruct("Wait until it has ended, or ask who started it.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::ports::JobState;

    #[test]
    fn a_running_job_is_named() {
        let job =
            |state| JobStatus { id: "rally.prod.backup.2.1.0.a1".into(), state, started_at: None, output_bytes: 0 };
        assert_eq!(judge(&[]).state, ReadinessState::Ready);
        assert_eq!(judge(&[job(JobState::NotStarted)]).state, ReadinessState::Ready);
        let found = judge(&[job(JobState::Running)]);
        assert_eq!(found.state, ReadinessState::Later);
        assert!(found.sentence.ends_with("backup.2.1.0.a1"), "{}", found.sentence);
    }
}
