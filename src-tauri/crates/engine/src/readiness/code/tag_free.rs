//! The tag of this version is free.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{PortResult, RemoteRef};

pub struct TagFree;

#[async_trait]
impl Check for TagFree {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::TagFree
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.run.names.tag, &subject.reads.refs().await?))
    }
}

fn judge(tag: &str, refs: &[RemoteRef]) -> Finding {
    let full = format!("refs/tags/{tag}");
    match refs.iter().find(|one| one.name == full) {
        None => Finding::ready(format!("The label {tag} is free")),
        Some(there) => Finding::later(
            format!("The label {tag} is on GitHub already, at {}", there.commit().get(..7).unwrap_or_default()),
            "Prepare goes on with it only if it is at the commit of this release. A label is never moved.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn only_the_tag_of_this_version_counts() {
        let tag = |name: &str| RemoteRef { name: name.into(), id: "t".into(), peeled: Some("c0ffee00".into()) };
        assert_eq!(
            judge("v2.1.0", &[tag("refs/tags/v2.1.0.1"), tag("refs/heads/v2.1.0")]).state,
            ReadinessState::Ready
        );
        let taken = judge("v2.1.0", &[tag("refs/tags/v2.1.0")]);
        assert_eq!(taken.state, ReadinessState::Later);
        assert!(taken.sentence.ends_with("c0ffee0"), "{}", taken.sentence);
    }
}
