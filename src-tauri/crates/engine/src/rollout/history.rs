//! Joins the deployments of the service with AWS's record of service deployments.

use super::goal::{RolloutGoal, Snapshot};
use crate::ports::{Deployment, ServiceDeployment};

/// Largest distance between the two creation times of one deployment, in ms.
const SAME_MS: i64 = 60_000;

/// The record of a listed deployment. The number of the deployment is the last part of the ARN of
/// its service revision; where it is not, revision and time of creation decide.
pub(super) fn of<'a>(deployment: &Deployment, told: &'a [ServiceDeployment]) -> Option<&'a ServiceDeployment> {
    let created = deployment.created_at.as_millisecond();
    told.iter().find(|one| has_id(one, &deployment.id)).or_else(|| {
        told.iter()
            .filter(|one| one.task_definition == deployment.task_definition)
            .map(|one| (one.created_at.as_millisecond().abs_diff(created), one))
            .filter(|(distance, _)| *distance <= SAME_MS.unsigned_abs())
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, one)| one)
    })
}

/// A service deployment that began after another one.
pub(super) fn newer<'a>(than: &ServiceDeployment, told: &'a [ServiceDeployment]) -> Option<&'a ServiceDeployment> {
    told.iter().find(|one| one.created_at > than.created_at)
}

/// Id of the deployment that DescribeServices lists for a service deployment.
pub(super) fn deployment_id(of: &ServiceDeployment) -> String {
    format!("ecs-svc/{}", of.revision_arn.rsplit('/').next().unwrap_or_default())
}

/// Our deployment that is not in charge: as the service lists it, and its record.
pub(super) fn ours<'a>(
    seen: Snapshot<'a>,
    wanted: &RolloutGoal<'_>,
) -> (Option<&'a Deployment>, Option<&'a ServiceDeployment>) {
    let deployments = &seen.service.deployments;
    let listed = deployments
        .iter()
        .filter(|one| one.task_definition == wanted.ours && !wanted.is_earlier(&one.id, one.created_at))
        .max_by_key(|one| (wanted.deployment == Some(one.id.as_str()), one.created_at));
    let told = seen
        .deployments
        .listed()
        .iter()
        .filter(|one| {
            let is_recorded = wanted.deployment.is_some_and(|id| has_id(one, id));
            let is_of_this_release = wanted.since.is_none_or(|since| one.created_at >= since);
            let is_earlier = wanted.is_earlier(&deployment_id(one), one.created_at);
            is_recorded || one.task_definition == wanted.ours && is_of_this_release && !is_earlier
        })
        .max_by_key(|one| one.created_at);
    (listed, told)
}

fn has_id(told: &ServiceDeployment, id: &str) -> bool {
    let number = id.rsplit('/').next().unwrap_or_default();
    !number.is_empty() && told.revision_arn.rsplit('/').next() == Some(number)
}

/// The first reason that AWS gives.
pub(super) fn reason(
    told: Option<&ServiceDeployment>,
    listed: Option<&Deployment>,
    primary: Option<&Deployment>,
) -> String {
    let listed = [listed, primary].into_iter().flatten().map(|one| one.rollout_reason.as_str());
    let reasons = told.map(|one| one.reason.as_str()).into_iter().chain(listed);
    reasons.map(str::trim).find(|reason| !reason.is_empty()).unwrap_or("AWS gives no reason").to_owned()
}
