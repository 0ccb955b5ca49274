"""The operations of the app, called by boto3: answers, pages and refusals."""

import datetime
import time

from botocore.exceptions import ClientError, ParamValidationError

from aws_client import (
    CLUSTER,
    FAMILY,
    IMAGES,
    LOG_GROUP,
    SERVICE,
    answered,
    call,
    check,
    check_refusal,
    checked,
    client,
    ecr,
    ecs,
    fault,
    logs,
    ours,
    settings,
    sts,
)


def operations():
    identity = call(sts, "get_caller_identity")
    check(identity["Account"] == settings["account"], "the identity names the account")

    service = call(ecs, "describe_services", cluster=CLUSTER, services=[SERVICE])["services"][0]
    check(service["deployments"][0]["status"] == "PRIMARY", "the newest deployment is PRIMARY")
    check(isinstance(service["deployments"][0]["createdAt"], datetime.datetime), "a time is read as a time")
    unknown = call(ecs, "describe_services", cluster=CLUSTER, services=["nobody"])
    check(unknown["failures"][0]["reason"] == "MISSING", "an unknown service is MISSING")

    clusters = call(ecs, "list_clusters")["clusterArns"]
    listed = call(ecs, "describe_clusters", clusters=[*clusters, "nobody"])
    check([one["clusterName"] for one in listed["clusters"]] == [CLUSTER], "the cluster is listed")
    check(listed["failures"][0]["reason"] == "MISSING", "an unknown cluster is MISSING")
    services = call(ecs, "list_services", cluster=CLUSTER)["serviceArns"]
    check([arn.rsplit("/", 1)[-1] for arn in services] == [SERVICE], "the service is listed")
    arns = call(ecs, "list_tasks", cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
    check(len(arns) == service["desiredCount"], "every wanted task is listed")
    pages = list(ecs[0].get_paginator("list_tasks").paginate(cluster=CLUSTER, serviceName=SERVICE, PaginationConfig={"PageSize": 1}))
    check([arn for page in pages for arn in page["taskArns"]] == arns and len(pages) > 1, "tasks are listed over pages")
    tasks = call(ecs, "describe_tasks", cluster=CLUSTER, tasks=arns)["tasks"]
    check({task["taskArn"] for task in tasks} == set(arns), "every listed task is described")
    gone = call(ecs, "describe_tasks", cluster=CLUSTER, tasks=["0" * 32])
    check(gone["failures"][0]["reason"] == "MISSING", "an unknown task is MISSING")
    call(ecs, "list_tasks", cluster=CLUSTER, serviceName=SERVICE, desiredStatus="STOPPED")

    service_deployments(service)

    newest = call(ecs, "describe_task_definition", taskDefinition=FAMILY, include=["TAGS"])
    by_arn = call(ecs, "describe_task_definition", taskDefinition=newest["taskDefinition"]["taskDefinitionArn"])
    check(by_arn["taskDefinition"]["revision"] == newest["taskDefinition"]["revision"], "a revision is found by its ARN")
    body = registrable(newest)
    saved = call(ecs, "register_task_definition", **body)
    check(saved["taskDefinition"]["revision"] == newest["taskDefinition"]["revision"] + 1, "a revision is the next number")
    check(saved.get("tags") == newest["tags"], "tags are saved with a revision")

    call(ecs, "update_service", cluster=CLUSTER, service=SERVICE, taskDefinition=saved["taskDefinition"]["taskDefinitionArn"])
    begun = newest_deployment()["serviceDeploymentArn"]
    stopped = call(ecs, "stop_service_deployment", serviceDeploymentArn=begun, stopType="ROLLBACK")
    check(stopped["serviceDeploymentArn"] == begun, "a deployment that is under way is stopped")
    # The old servers still serve, so the way back may be over at once.
    back = newest_deployment()["status"]
    check(back in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"), "a stop puts the revision before it back")

    call(ecr, "describe_repositories", repositoryNames=[IMAGES])
    images = call(ecr, "describe_images", repositoryName=IMAGES)["imageDetails"]
    tag = images[0]["imageTags"][0]
    one = call(ecr, "describe_images", repositoryName=IMAGES, imageIds=[{"imageTag": tag}])["imageDetails"]
    check(one[0]["imageDigest"] == images[0]["imageDigest"], "an image is found by its tag")
    by_digest = [{"imageDigest": images[0]["imageDigest"]}]
    call(ecr, "describe_images", repositoryName=IMAGES, imageIds=by_digest)
    pages = list(ecr[0].get_paginator("describe_images").paginate(repositoryName=IMAGES, PaginationConfig={"PageSize": 1}))
    check(sum(len(page["imageDetails"]) for page in pages) == len(images), "images are listed over pages")

    log_pages()
    missed = {*settings["operations"], "GetCallerIdentity"} - answered
    check(not missed, f"every operation of the front was asked {sorted(missed)}")


def service_deployments(service: dict):
    """Service deployments, and the changes of the service: a new threshold, a forced deployment, its stop."""
    here = {"cluster": CLUSTER, "service": SERVICE}
    before = newest_deployment()
    arn = before["targetServiceRevision"]["arn"]
    revision = call(ecs, "describe_service_revisions", serviceRevisionArns=[arn])["serviceRevisions"][0]
    check(revision["taskDefinition"] == service["taskDefinition"], "the revision of a deployment names its settings")
    gone = call(ecs, "describe_service_deployments", serviceDeploymentArns=[before["serviceDeploymentArn"] + "x"])
    check(gone["failures"][0]["reason"] == "MISSING", "an unknown deployment is MISSING")

    configuration = service["deploymentConfiguration"]
    threshold = {"type": "COUNT", "value": 40}
    breaker = {**configuration["deploymentCircuitBreaker"], "enable": True, "thresholdConfiguration": threshold}
    changed = call(ecs, "update_service", **here, deploymentConfiguration={**configuration, "deploymentCircuitBreaker": breaker})
    told = changed["service"]["deploymentConfiguration"]["deploymentCircuitBreaker"]
    check(told["thresholdConfiguration"] == threshold, "a threshold is changed")
    check(len(changed["service"]["deployments"]) == len(service["deployments"]), "a threshold starts no deployment")
    counter = newest_deployment()["deploymentCircuitBreaker"]
    check(counter["threshold"] == 40, "the counter has the new threshold")

    forced = call(ecs, "update_service", **here, taskDefinition=service["taskDefinition"], forceNewDeployment=True)
    check(len(forced["service"]["deployments"]) > len(service["deployments"]), "a forced deployment begins")
    after = newest_deployment()
    check(after["serviceDeploymentArn"] != before["serviceDeploymentArn"], "a forced deployment has a record of its own")
    pages = list(ecs[0].get_paginator("list_service_deployments").paginate(**here, PaginationConfig={"PageSize": 1})) \
        if ecs[0].can_paginate("list_service_deployments") else []
    check(not pages or len(pages) > 1, "deployments are listed over pages")
    check_refusal(ecs, "ConflictException", "stop_service_deployment", serviceDeploymentArn=after["serviceDeploymentArn"], stopType="ROLLBACK")
    call(ecs, "update_service", **here, deploymentConfiguration=configuration)


def newest_deployment() -> dict:
    listed = call(ecs, "list_service_deployments", cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
    arns = [one["serviceDeploymentArn"] for one in listed]
    described = call(ecs, "describe_service_deployments", serviceDeploymentArns=arns)["serviceDeployments"]
    return max(described, key=lambda one: one["createdAt"])


def log_pages():
    """The log, whose first page is empty although more follow (TRAP-L4)."""
    question = {"logGroupName": LOG_GROUP, "startTime": 0}
    first = call(logs, "filter_log_events", **question)
    check(first["events"] == [] and bool(first.get("nextToken")), "a page may be empty and have a token")
    whole, deadline = [], time.monotonic() + 60
    # The simulated servers write while they serve. Waits for lines for three pages.
    while len(whole) < 9 and time.monotonic() < deadline:
        whole = [event["eventId"] for page in read_log(question, 10_000) for event in page["events"]]
    until = 1 + max((event["timestamp"] for page in read_log(question, 10_000) for event in page["events"]), default=0)
    check(len(whole) >= 9, f"the log has lines for three pages ({len(whole)})")
    pages = read_log(question, 3)
    paged = [event["eventId"] for page in pages for event in page["events"]]
    check(paged[: len(whole)] == whole, "a log is read over its pages to the same lines")
    check(len(paged) == len(set(paged)), "no line comes twice")
    check(all(len(page["events"]) <= 3 for page in pages), "no page is longer than was asked")
    check(all(page.get("nextToken") for page in pages[:-1]) and not pages[-1].get("nextToken"), "the last page has no token")
    later = read_log({**question, "startTime": until}, 10_000)
    check(all(event["timestamp"] >= until for page in later for event in page["events"]), "a log begins where it was asked")


def read_log(question: dict, size: int) -> list[dict]:
    pages = logs[0].get_paginator("filter_log_events").paginate(**question, PaginationConfig={"PageSize": size})
    return list(pages)


def registrable(described: dict) -> dict:
    """The body of a registration that copies a revision."""
    answer_only = {
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
        "registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt",
    }
    body = {name: value for name, value in described["taskDefinition"].items() if name not in answer_only}
    return body | ({"tags": described["tags"]} if described.get("tags") else {})


def refusals():
    check_refusal(ecs, "ClusterNotFoundException", "describe_services", cluster="nobody", services=[SERVICE])
    check_refusal(ecs, "ClusterNotFoundException", "list_tasks", cluster="nobody")
    check_refusal(ecs, "ServiceNotFoundException", "list_tasks", cluster=CLUSTER, serviceName="nobody")
    check_refusal(ecs, "InvalidParameterException", "describe_services", cluster=CLUSTER, services=[])
    check_refusal(ecs, "InvalidParameterException", "list_tasks", cluster=CLUSTER, maxResults=1000)
    check_refusal(ecs, "InvalidParameterException", "list_tasks", cluster=CLUSTER, nextToken="elsewhere")
    check_refusal(ecs, "ServiceNotFoundException", "list_service_deployments", cluster=CLUSTER, service="nobody")
    check_refusal(ecs, "ServiceNotFoundException", "update_service", cluster=CLUSTER, service="nobody")
    check_refusal(ecs, "ClientException", "update_service", cluster=CLUSTER, service=SERVICE, taskDefinition=f"{FAMILY}:9999")
    check_refusal(ecs, "ServiceDeploymentNotFoundException", "stop_service_deployment", serviceDeploymentArn="nobody")
    check_refusal(ecs, "ClientException", "describe_task_definition", taskDefinition="nobody")
    check_refusal(ecs, "ClientException", "register_task_definition", family=FAMILY, containerDefinitions=[])
    check_refusal(ecr, "RepositoryNotFoundException", "describe_images", repositoryName="nobody")
    check_refusal(ecr, "RepositoryNotFoundException", "describe_repositories", repositoryNames=["nobody"])
    check_refusal(ecr, "ImageNotFoundException", "describe_images", repositoryName=IMAGES, imageIds=[{"imageTag": "nobody"}])
    check_refusal(logs, "ResourceNotFoundException", "filter_log_events", logGroupName="nobody")
    check_refusal(logs, "InvalidParameterException", "filter_log_events", logGroupName=LOG_GROUP, nextToken="elsewhere")
    wrong_key = {**ours, "keyId": "AKIASOMEBODYELSE0000"}
    check_refusal(client("ecs", wrong_key), "UnrecognizedClientException", "list_tasks", cluster=CLUSTER)
    wrong_secret = {**ours, "secret": "0" * 40}
    check_refusal(client("ecs", wrong_secret), "InvalidSignatureException", "list_tasks", cluster=CLUSTER)
    check_refusal(client("logs", wrong_secret), "InvalidSignatureException", "filter_log_events", logGroupName=LOG_GROUP)
    for made, code in ((client("sts", wrong_key), "InvalidClientTokenId"), (client("sts", wrong_secret), "SignatureDoesNotMatch")):
        try:
            made[0].get_caller_identity()
            fault(f"STS did not refuse with {code}")
        except ClientError as error:
            check(error.response["Error"]["Code"] == code, f"GetCallerIdentity is refused with {code}")
    try:
        ecs[0].list_tasks(cluster=CLUSTER, desiredStatus=7)
        fault("boto3 does not check parameters")
    except ParamValidationError:
        checked.append("boto3 checks parameters before it asks")
