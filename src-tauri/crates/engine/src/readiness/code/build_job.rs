//! The last build has a job with the name of the profile.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{BuildJob, PortResult},
    steps::build_jobs,
};

pub struct BuildJobName;

#[async_trait]
impl Check for BuildJobName {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::BuildJob
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    /// A rollback builds nothing.
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let builds = subject.reads.builds().await?;
        let Some(last) = builds.iter().filter(|one| one.status == "completed").max_by_key(|one| one.created_at) else {
            return Ok(Finding::unknown(
                "No build of the last 30 days has ended",
                "The name of the build job is not compared.",
            ));
        };
        let jobs = subject.reads.jobs(&last.id).await?;
        Ok(judge(&subject.run.profile.github.build_job, last.number, &jobs))
    }
}

/// Most names of jobs in the sentence.
const NAMED: usize = 8;

fn judge(wanted: &str, number: u32, jobs: &[BuildJob]) -> Finding {
    if !build_jobs(jobs, wanted).is_empty() {
        return Finding::ready(format!("The job \u{201c}{wanted}\u{201d} was in the last build ({number})"));
    }
    let names: Vec<&str> = jobs.iter().take(NAMED).map(|job| job.name.as_str()).collect();
    Finding::blocked(
        format!("The last build ({number}) has no job \u{201c}{wanted}\u{201d}. It has: {}", names.join(", ")),
        "The app could not tell when the package is built.",
    )
    .value("github.build_job")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Repair};

    use super::*;

    #[test]
    fn fault_1_a_job_is_compared_before_anything_is_published() {
        let job = |name: &str| BuildJob {
            id: name.into(),
            name: name.into(),
            status: "completed".into(),
            conclusion: Some("success".into()),
            started_at: None,
            completed_at: None,
            steps: Vec::new(),
        };
        for name in ["build", "release / build", "build (17)"] {
            assert_eq!(judge("build", 87, &[job("test"), job(name)]).state, ReadinessState::Ready, "{name}");
        }
        let other = judge("build", 87, &[job("package"), job("deploy")]);
        assert_eq!(other.state, ReadinessState::Blocked);
        assert!(other.sentence.ends_with("It has: package, deploy"), "{}", other.sentence);
        assert_eq!(other.repair, Some(Repair::Value { key: "github.build_job".into() }));
    }
}
