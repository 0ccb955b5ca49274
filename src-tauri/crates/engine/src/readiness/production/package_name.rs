//! The name of the package is free.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{Image, PortResult},
    time,
};

pub struct PackageName;

#[async_trait]
impl Check for PackageName {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::PackageName
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let there = subject.reads.package().await?;
        let may_overwrite = if there.is_some() { subject.reads.may_overwrite_packages().await? } else { None };
        Ok(judge(&subject.run.names.image_tag, there.as_ref(), may_overwrite))
    }
}

fn judge(tag: &str, there: Option<&Image>, may_overwrite: Option<bool>) -> Finding {
    let Some(image) = there else { return Finding::ready(format!("The package name {tag} is free")) };
    let sentence = format!("A package {tag} is there since {}", time::in_words(image.pushed_at));
    if may_overwrite == Some(false) {
        return Finding::later(
            sentence,
            "It cannot be overwritten. The build is possible only if the package is of the commit of this release.",
        );
    }
    Finding::later(sentence, "Deploy asks whether the release uses it or builds again.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};

    use super::*;

    #[test]
    fn a_package_that_is_there_is_a_choice() {
        let image = Image { digest: "sha256:ab".into(), pushed_at: Timestamp::EPOCH };
        assert_eq!(judge("V2", None, None).state, ReadinessState::Ready);
        let mutable = judge("V2", Some(&image), Some(true));
        let immutable = judge("V2", Some(&image), Some(false));
        assert_eq!((mutable.state, immutable.state), (ReadinessState::Later, ReadinessState::Later));
        assert_ne!(mutable.meaning, immutable.meaning);
    }
}
