//! Every value that the runbook does not give was confirmed by a person.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, Realm, Unconfirmed};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;
use crate::profile;

pub struct Settings;

#[async_trait]
impl Check for Settings {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Settings
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&profile::unconfirmed(&subject.run.profile), subject.run.realm))
    }
}

fn judge(missing: &[Unconfirmed], realm: Realm) -> Finding {
    let Some(first) = missing.first() else { return Finding::ready("Every value of this product is confirmed") };
    let labels: Vec<&str> = missing.iter().map(|value| value.label.as_str()).collect();
    let sentence = format!("Not confirmed yet: {}", labels.join("; "));
    match realm {
        Realm::Production => Finding::blocked(sentence, "The release needs them.").value(&first.key),
        Realm::Practice => Finding::choose(sentence, "Production asks for them. Practice goes on without."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_missing_value_blocks_production_only() {
        let missing =
            [Unconfirmed { key: "aws.cluster".into(), label: "Cluster".into(), why: "The runbook names none.".into() }];
        assert_eq!(judge(&[], Realm::Production).state, ReadinessState::Ready);
        assert_eq!(judge(&missing, Realm::Practice).state, ReadinessState::Choose);
        let blocked = judge(&missing, Realm::Production);
        assert_eq!(blocked.state, ReadinessState::Blocked);
        assert_eq!(blocked.repair, Some(greenlight_types::Repair::Value { key: "aws.cluster".into() }));
    }
}
