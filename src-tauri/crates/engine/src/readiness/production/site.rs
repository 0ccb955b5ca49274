//! The site answers.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct SiteAnswers;

#[async_trait]
impl Check for SiteAnswers {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Site
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let answer = subject.reads.site(&subject.run.profile.site.url).await?;
        Ok(judge(answer.status, answer.took_ms))
    }
}

fn judge(status: u16, took_ms: u32) -> Finding {
    if status < 400 {
        return Finding::ready(format!("The site answers normally, {took_ms} ms"));
    }
    Finding::choose(
        format!("The site answers with an error ({status})"),
        "Production is not healthy before the release. A failure could not be told from one of the release.",
    )
    .instruct("Ask a developer why, before you start.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn an_error_of_the_site_is_a_choice() {
        assert_eq!(judge(200, 142).state, ReadinessState::Ready);
        assert_eq!(judge(302, 142).state, ReadinessState::Ready);
        assert_eq!(judge(503, 142).state, ReadinessState::Choose);
    }
}
