//! AWS has room to replace a server (TRAP-E5).

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct ReplacementRoom;

#[async_trait]
impl Check for ReplacementRoom {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::ReplacementRoom
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let service = subject.reads.service().await?;
        let settings = &service.settings;
        Ok(judge(service.desired, settings.minimum_percent, settings.maximum_percent))
    }
}

/// Percentages of a service that sends none (ECS API, `DeploymentConfiguration`).
const DEFAULT: (u32, u32) = (100, 200);

fn judge(desired: u32, minimum: Option<u32>, maximum: Option<u32>) -> Finding {
    let (minimum, maximum) = (minimum.unwrap_or(DEFAULT.0), maximum.unwrap_or(DEFAULT.1));
    let share = |percent: u32| u64::from(desired) * u64::from(percent);
    // ECS rounds the smallest number up and the largest down.
    let (least, most) = (share(minimum).div_ceil(100), share(maximum) / 100);
    let desired = u64::from(desired);
    if most > desired {
        return Finding::ready("AWS starts a new server before it stops an old one");
    }
    if least < desired {
        return Finding::choose(
            format!("AWS stops {} of {desired} servers before it starts new ones", desired - least),
            "The site has fewer servers until the new version serves. It serves only after the migration.",
        )
        .instruct("Ask a developer whether that is enough for the site.");
    }
    Finding::blocked(
        format!("AWS can neither stop nor add a server (minimum {minimum} %, maximum {maximum} %)"),
        "The new version would never start.",
    )
    .instruct("Ask a developer to change the percentages of the service.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn the_percentages_leave_room_in_one_direction() {
        for (desired, minimum, maximum, state) in [
            (2, None, None, ReadinessState::Ready),
            (2, Some(100), Some(200), ReadinessState::Ready),
            (2, Some(50), Some(100), ReadinessState::Choose),
            (2, Some(100), Some(100), ReadinessState::Blocked),
            // 150 % of one server is still one, and 60 % is one.
            (1, Some(60), Some(150), ReadinessState::Blocked),
            (1, Some(0), Some(100), ReadinessState::Choose),
        ] {
            assert_eq!(judge(desired, minimum, maximum).state, state, "{desired} {minimum:?} {maximum:?}");
        }
    }
}
