"""Compares the answers of the simulator and of moto, member by member."""

import datetime
import json
import re
import tomllib
from pathlib import Path

from botocore.exceptions import ClientError

from aws_answers import registrable
from aws_client import (
    CLUSTER,
    FAMILY,
    IMAGES,
    LOG_GROUP,
    client,
    ecr,
    ecs,
    fault,
    logs,
    settings,
    sts,
)


def paths(value, at=""):
    """Path and type of every member of an answer, and its value unless each side has its own."""
    if isinstance(value, dict):
        yield at or ".", "structure"
        for name, inner in value.items():
            yield from paths(inner, f"{at}.{name}")
    elif isinstance(value, list):
        yield at, "list"
        for inner in value:
            yield from paths(inner, f"{at}[]")
    elif isinstance(value, bool):
        yield at, f"boolean {value}"
    elif value is None:
        yield at, "null"
    else:
        name = at.removesuffix("[]").rsplit(".", 1)[-1]
        kind = "number" if isinstance(value, (int, float)) else "text"
        yield at, kind if name in VARYING or at.startswith(".Error.") else f"{kind} {value!r}"


# Members with a value of each side's own: ids, times, sizes, addresses. All other values have to be
# equal.
VARYING = {
    "eventId", "timestamp", "ingestionTime", "message", "logStreamName", "nextToken",
    "registeredAt", "registeredBy", "revision", "taskDefinitionArn", "createdAt",
    "imagePushedAt", "imageDigest", "imageSizeInBytes", "UserId", "Arn",
}


def compare(operation: str, one, other):
    """Differences of two answers: (operation, member, ours, moto's)."""
    mine, motos = {}, {}
    for known, value in ((mine, one), (motos, other)):
        for at, kind in paths(value):
            known.setdefault(at, set()).add(kind)
    for at in sorted(mine.keys() | motos.keys()):
        # A missing parent is the difference, so its members are not compared.
        parent = at.removesuffix("[]") if at.endswith("[]") else at.rsplit(".", 1)[0] or "."
        if at != "." and (parent in mine) != (parent in motos):
            continue
        left, right = (", ".join(sorted(side.get(at, {"absent"}))) for side in (mine, motos))
        if left != right:
            yield operation, at, left, right


def moto_differences():
    moto = settings["moto"]
    theirs = {name: client(name, moto) for name in ("ecs", "ecr", "logs", "sts")}
    mine = {"ecs": ecs, "ecr": ecr, "logs": logs, "sts": sts}
    described = ecs[0].describe_task_definition(taskDefinition=FAMILY, include=["TAGS"])
    body = registrable(described)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 7, "digest": "sha256:" + "0" * 64},
            "layers": [],
        }
    )
    image = ecr[0].describe_images(repositoryName=IMAGES)["imageDetails"][0]["imageTags"][0]
    theirs["ecr"][0].create_repository(repositoryName=IMAGES)
    theirs["ecr"][0].put_image(repositoryName=IMAGES, imageManifest=manifest, imageTag=image)
    theirs["logs"][0].create_log_group(logGroupName=LOG_GROUP)
    theirs["logs"][0].create_log_stream(logGroupName=LOG_GROUP, logStreamName="web/webapp/1")
    now = int(datetime.datetime.now().timestamp() * 1000)
    for number in range(12):
        events = [{"timestamp": now - 1000 + number, "message": f"line {number}"}]
        theirs["logs"][0].put_log_events(logGroupName=LOG_GROUP, logStreamName="web/webapp/1", logEvents=events)
    theirs["ecs"][0].create_cluster(clusterName=CLUSTER)
    questions = [
        ("RegisterTaskDefinition", "ecs", "register_task_definition", body),
        ("DescribeTaskDefinition", "ecs", "describe_task_definition", {"taskDefinition": FAMILY, "include": ["TAGS"]}),
        ("DescribeTaskDefinition of nobody", "ecs", "describe_task_definition", {"taskDefinition": "nobody"}),
        ("DescribeServices of nobody", "ecs", "describe_services", {"cluster": CLUSTER, "services": ["nobody"]}),
        ("ListTasks elsewhere", "ecs", "list_tasks", {"cluster": "nobody"}),
        ("DescribeTasks of nobody", "ecs", "describe_tasks", {"cluster": CLUSTER, "tasks": ["0" * 32]}),
        ("DescribeRepositories", "ecr", "describe_repositories", {"repositoryNames": [IMAGES]}),
        ("DescribeRepositories of nobody", "ecr", "describe_repositories", {"repositoryNames": ["nobody"]}),
        ("DescribeImages", "ecr", "describe_images", {"repositoryName": IMAGES, "imageIds": [{"imageTag": image}]}),
        ("DescribeImages of nobody", "ecr", "describe_images", {"repositoryName": IMAGES, "imageIds": [{"imageTag": "nobody"}]}),
        ("DescribeImages elsewhere", "ecr", "describe_images", {"repositoryName": "nobody"}),
        ("FilterLogEvents", "logs", "filter_log_events", {"logGroupName": LOG_GROUP, "startTime": 0, "limit": 2}),
        ("FilterLogEvents of nobody", "logs", "filter_log_events", {"logGroupName": "nobody"}),
        ("GetCallerIdentity", "sts", "get_caller_identity", {}),
    ]
    for name, service, operation, parameters in questions:
        answers = []
        for side in (mine[service], theirs[service]):
            try:
                answer = getattr(side[0], operation)(**parameters)
                # Skips empty pages to the first page with events.
                while answer.get("events") == [] and answer.get("nextToken"):
                    answer = getattr(side[0], operation)(**parameters, nextToken=answer["nextToken"])
                answer.pop("ResponseMetadata")
                answers.append(json.loads(json.dumps(answer, default=lambda _: 0)))
            except ClientError as error:
                told = error.response["Error"]
                answers.append({"Error": {"Code": told["Code"], "Message": told.get("Message", "")}})
        codes = [answer.get("Error", {}).get("Code") for answer in answers]
        messages = [re.sub(r"\d{12}|'[^']*'", "…", answer.get("Error", {}).get("Message", "")) for answer in answers]
        if codes[0] != codes[1]:
            yield name, "Error.Code", str(codes[0]), str(codes[1])
        elif messages[0] != messages[1]:
            yield name, "Error.Message", messages[0], messages[1]
        yield from compare(name, *answers)


def table():
    listed = tomllib.loads(Path(settings["differences"]).read_text()).get("difference", [])
    known = {(row["operation"], row["member"]): row for row in listed}
    seen = {}
    for operation, member, left, right in moto_differences():
        seen[(operation, member)] = (left, right)
    print("\ndifferences of the pretend production and moto, and which one AWS does")
    for (operation, member), (left, right) in sorted(seen.items()):
        row = known.get((operation, member))
        says = f"AWS {row['aws']} ({row['source']})" if row else "NOT EXPLAINED"
        print(f"  {operation}: {member}: ours {left!r}, moto's {right!r}. {says}")
        if row is None or (row["ours"], row["motos"]) != (left, right):
            fault(f"a difference that no line explains: {operation}: {member}: ours {left!r}, moto's {right!r}")
    for key in known.keys() - seen.keys():
        fault(f"this difference is none any more: {key}")
    print(f"  {len(seen)} differences\n")
