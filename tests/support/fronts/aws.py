"""AWS's own clients (boto3 and the command line) against the pretend production, and moto beside it.

usage: aws.py SETTINGS.json

Every answer is checked against botocore's description of the operation: a member that it does not know, or one of
another type, is a fault. What moto also implements is asked of both and compared member by member; a difference has to
stand in differences.toml with its source, and a line there that is no difference any more is a fault too.
Prints what was checked, the table, and ends with 1 after the first part that did not agree.
"""

import datetime
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import tomllib
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import boto3
import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

REGION = "us-east-1"
CLUSTER = "rally-prod"
SERVICE = CONTAINER = LOG_GROUP = "rally-prod-webapp"
FAMILY = IMAGES = "rally-prod"

settings = json.loads(Path(sys.argv[1]).read_text())
faults: list[str] = []
checked: list[str] = []
# Operations whose answer matched the description.
answered: set[str] = set()


def fault(text: str) -> None:
    faults.append(text)


def check(is_so: bool, text: str) -> None:
    checked.append(text)
    if not is_so:
        fault(text)


# --- answers against botocore's description ---------------------------------------------------

JSON_TYPES = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": (int, float),
    "double": (int, float),
    "float": (int, float),
}


def shape_faults(value, shape, at: str):
    """Members that the description does not know, or that are of another type."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"{at} is {type(value).__name__}, a structure is described"
            return
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{at}.{name} is not described"
            elif inner is not None:
                yield from shape_faults(inner, shape.members[name], f"{at}.{name}")
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{at} is {type(value).__name__}, a list is described"
            return
        for inner in value:
            yield from shape_faults(inner, shape.member, f"{at}[]")
    elif shape.type_name == "map":
        for inner in value.values():
            yield from shape_faults(inner, shape.value, f"{at}{{}}")
    else:
        expected = JSON_TYPES.get(shape.type_name)
        is_bool = isinstance(value, bool) and shape.type_name != "boolean"
        if expected and (is_bool or not isinstance(value, expected)):
            yield f"{at} is {type(value).__name__}, {shape.type_name} is described"
        enum = getattr(shape, "enum", [])
        if shape.type_name == "string" and enum and value not in enum:
            yield f"{at} is {value!r}, none of {enum}"


class Bodies:
    """Keeps the body of the last answer, as it came."""

    def __init__(self, client, is_ours: bool):
        self.raw = None
        self.client, self.is_ours = client, is_ours
        client.meta.events.register("response-received.*.*", self.keep)

    def keep(self, response_dict=None, parsed_response=None, context=None, **_):
        if response_dict is None:
            return
        try:
            self.raw = json.loads(response_dict["body"])
        except ValueError:
            self.raw = None


def client(service: str, to: dict, **more):
    config = Config(region_name=REGION, retries={"max_attempts": 0, "mode": "standard"}, **more)
    made = boto3.client(
        service,
        endpoint_url=to["url"],
        aws_access_key_id=to["keyId"],
        aws_secret_access_key=to["secret"],
        config=config,
    )
    return made, Bodies(made, to is settings["ours"])


def call(pair, operation: str, **parameters):
    """An answer of ours, checked against the description."""
    made, bodies = pair
    answer = getattr(made, operation)(**parameters)
    name = made.meta.method_to_api_mapping[operation]
    shape = made.meta.service_model.operation_model(name).output_shape
    if bodies.raw is not None and shape is not None:
        for text in shape_faults(bodies.raw, shape, name):
            fault(f"answer of {name}: {text}")
    answered.add(name)
    has_id = bool(answer["ResponseMetadata"].get("RequestId"))
    check(has_id, f"{name} answers as described, with a request id")
    return answer


def refused(pair, code: str, operation: str, **parameters):
    made, _ = pair
    name = made.meta.method_to_api_mapping[operation]
    try:
        getattr(made, operation)(**parameters)
    except ClientError as error:
        seen = error.response["Error"]["Code"]
        check(seen == code, f"{name} is refused with {code} ({seen}: {error.response['Error'].get('Message')})")
        model = made.meta.service_model
        known = {shape.error_code for shape in model.error_shapes}
        if seen not in known and seen not in COMMON:
            fault(f"{name}: {seen} is no error of the service")
        return error.response
    fault(f"{name} with {parameters} was not refused")
    return None


# Errors of every service (AWS: "Common Error Types").
COMMON = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "ValidationException",
    "UnknownOperationException",
    "SerializationException",
}

ours = settings["ours"]
ecs, ecr, logs, sts = (client(name, ours) for name in ("ecs", "ecr", "logs", "sts"))


def operations():
    identity = call(sts, "get_caller_identity")
    check(identity["Account"] == settings["account"], "the identity names the account")

    service = call(ecs, "describe_services", cluster=CLUSTER, services=[SERVICE])["services"][0]
    check(service["deployments"][0]["status"] == "PRIMARY", "the newest deployment is PRIMARY")
    check(isinstance(service["deployments"][0]["createdAt"], datetime.datetime), "a time is read as a time")
    unknown = call(ecs, "describe_services", cluster=CLUSTER, services=["nobody"])
    check(unknown["failures"][0]["reason"] == "MISSING", "an unknown service is MISSING")

    arns = call(ecs, "list_tasks", cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
    check(len(arns) == service["desiredCount"], "every wanted task is listed")
    pages = list(ecs[0].get_paginator("list_tasks").paginate(cluster=CLUSTER, serviceName=SERVICE, PaginationConfig={"PageSize": 1}))
    check([arn for page in pages for arn in page["taskArns"]] == arns and len(pages) > 1, "tasks are listed over pages")
    tasks = call(ecs, "describe_tasks", cluster=CLUSTER, tasks=arns)["tasks"]
    check({task["taskArn"] for task in tasks} == set(arns), "every listed task is described")
    gone = call(ecs, "describe_tasks", cluster=CLUSTER, tasks=["0" * 32])
    check(gone["failures"][0]["reason"] == "MISSING", "an unknown task is MISSING")
    call(ecs, "list_tasks", cluster=CLUSTER, serviceName=SERVICE, desiredStatus="STOPPED")

    newest = call(ecs, "describe_task_definition", taskDefinition=FAMILY, include=["TAGS"])
    by_arn = call(ecs, "describe_task_definition", taskDefinition=newest["taskDefinition"]["taskDefinitionArn"])
    check(by_arn["taskDefinition"]["revision"] == newest["taskDefinition"]["revision"], "a revision is found by its ARN")
    body = registrable(newest)
    saved = call(ecs, "register_task_definition", **body)
    check(saved["taskDefinition"]["revision"] == newest["taskDefinition"]["revision"] + 1, "a revision is the next number")
    check(saved.get("tags") == newest["tags"], "tags are saved with a revision")

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
    """What a copy of a revision sends."""
    answer_only = {
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
        "registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt",
    }
    body = {name: value for name, value in described["taskDefinition"].items() if name not in answer_only}
    return body | ({"tags": described["tags"]} if described.get("tags") else {})


def refusals():
    refused(ecs, "ClusterNotFoundException", "describe_services", cluster="nobody", services=[SERVICE])
    refused(ecs, "ClusterNotFoundException", "list_tasks", cluster="nobody")
    refused(ecs, "ServiceNotFoundException", "list_tasks", cluster=CLUSTER, serviceName="nobody")
    refused(ecs, "InvalidParameterException", "describe_services", cluster=CLUSTER, services=[])
    refused(ecs, "InvalidParameterException", "list_tasks", cluster=CLUSTER, maxResults=1000)
    refused(ecs, "InvalidParameterException", "list_tasks", cluster=CLUSTER, nextToken="elsewhere")
    refused(ecs, "ClientException", "describe_task_definition", taskDefinition="nobody")
    refused(ecs, "ClientException", "register_task_definition", family=FAMILY, containerDefinitions=[])
    refused(ecr, "RepositoryNotFoundException", "describe_images", repositoryName="nobody")
    refused(ecr, "RepositoryNotFoundException", "describe_repositories", repositoryNames=["nobody"])
    refused(ecr, "ImageNotFoundException", "describe_images", repositoryName=IMAGES, imageIds=[{"imageTag": "nobody"}])
    refused(logs, "ResourceNotFoundException", "filter_log_events", logGroupName="nobody")
    refused(logs, "InvalidParameterException", "filter_log_events", logGroupName=LOG_GROUP, nextToken="elsewhere")
    wrong_key = {**ours, "keyId": "AKIASOMEBODYELSE0000"}
    refused(client("ecs", wrong_key), "UnrecognizedClientException", "list_tasks", cluster=CLUSTER)
    wrong_secret = {**ours, "secret": "0" * 40}
    refused(client("ecs", wrong_secret), "InvalidSignatureException", "list_tasks", cluster=CLUSTER)
    refused(client("logs", wrong_secret), "InvalidSignatureException", "filter_log_events", logGroupName=LOG_GROUP)
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


def post(body: bytes, headers: dict) -> tuple[int, str]:
    request = urllib.request.Request(ours["url"] + "/", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, f"the connection was closed: {error}"


ECS_TARGET = "AmazonEC2ContainerServiceV20141113."
JSON = "application/x-amz-json-1.1"


def signed(target: str, body: bytes, service="ecs", region=REGION, minutes=0, kind=JSON, session=None) -> dict:
    """Headers of a call that botocore's signer signed, with the clock off by so many minutes."""
    headers = {"Content-Type": kind} | ({"X-Amz-Target": target} if target else {})
    request = AWSRequest("POST", ours["url"] + "/", data=body, headers=headers)
    moment = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    with unittest.mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: moment):
        SigV4Auth(Credentials(ours["keyId"], ours["secret"], session), service, region).add_auth(request)
    return dict(request.headers.items())


def sent(what: str, status: int, code: str, body: bytes, headers: dict, words="") -> None:
    seen, text = post(body, headers)
    if text.startswith("{"):
        found = json.loads(text).get("__type", "")
    else:
        found = (re.findall(r"<Code>(\w+)</Code>|<(\w+)/>", text) or [("", "")])[0]
        found = found[0] or found[1]
    check((seen, found) == (status, code) and words in text, f"{what}: {status} {code} ({seen} {text[:200]})")


def endless() -> tuple[bytes, int]:
    """What comes back while 50 MB of unknown length are sent, and how many bytes were taken before."""
    place = urllib.parse.urlsplit(ours["url"])
    lines = ["POST / HTTP/1.1", f"Host: {place.netloc}", f"Content-Type: {JSON}", f"X-Amz-Target: {ECS_TARGET}ListTasks"]
    piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())
        taken = 0
        while taken < 50 << 20 and not select.select([connection], [], [], 0)[0]:
            try:
                connection.sendall(piece)
            except OSError:
                break
            taken += 0x10000
        try:
            return connection.recv(4096), taken
        except OSError as error:
            return str(error).encode(), taken


def by_hand():
    """What no client would send, with signatures of botocore's signer where there is one."""
    ask, body = ECS_TARGET + "ListTasks", json.dumps({"cluster": CLUSTER}).encode()
    seen, text = post(body, signed(ask, body))
    check(seen == 200 and "taskArns" in text, f"a call made by hand is answered ({seen} {text[:200]})")

    sent("an unsigned call", 400, "MissingAuthenticationTokenException", body, {"X-Amz-Target": ask, "Content-Type": JSON})
    late = "InvalidSignatureException"
    sent("a call of ten minutes ago", 400, late, body, signed(ask, body, minutes=-10), "Signature expired")
    sent("a call of ten minutes on", 400, late, body, signed(ask, body, minutes=10), "Signature not yet current")
    sent("a call within the skew", 200, "", body, signed(ask, body, minutes=-4))
    sent("another region", 400, late, body, signed(ask, body, region="eu-west-1"), "valid region")
    sent("another service", 400, late, body, signed(ask, body, service="ecr"), "correct service")
    sent("another body", 400, late, b"{}", signed(ask, body), "does not match")
    sent("a session of nobody", 400, "UnrecognizedClientException", body, signed(ask, body, session="nobody"))
    bare = signed(ask, body) | {"X-Amz-Meta": "unsigned"}
    sent("an unsigned header", 400, late, body, bare, "must be a 'SignedHeader'")
    cut = signed(ask, body)
    cut["Authorization"] = cut["Authorization"].split(", Signature=")[0]
    sent("half a signature", 400, "IncompleteSignatureException", body, cut, "'Signature'")
    no_date = {name: value for name, value in signed(ask, body).items() if name != "X-Amz-Date"}
    sent("a call without a date", 400, "IncompleteSignatureException", body, no_date)

    nothing = ECS_TARGET + "Nothing"
    sent("an unknown operation", 400, "UnknownOperationException", body, signed(nothing, body))
    sent("an unknown service", 400, "UnknownOperationException", body, signed("Nobody_2014.ListTasks", body))
    sent("no target", 400, "UnknownOperationException", body, signed("", body))
    sent("another content type", 404, "UnknownOperationException", body, signed(ask, body, kind="text/xml"))

    for broken in (b"{", b"", b"[]", b"7", b"\xff\xfe", b'{"cluster":"a"}x', b"[" * 100_000):
        sent(f"broken JSON {broken[:20]!r}", 400, "SerializationException", broken, signed(ask, broken))
    wrong = {
        "ListTasks": [{"cluster": 7}, {"cluster": {}}, {"cluster": CLUSTER, "maxResults": "1"}, {"cluster": CLUSTER, "nextToken": 7}],
        "DescribeServices": [{"cluster": CLUSTER, "services": SERVICE}, {"cluster": CLUSTER, "services": [7]}],
        "RegisterTaskDefinition": [{"family": FAMILY, "containerDefinitions": {}}, {"family": FAMILY, "containerDefinitions": ["x"]}],
    }
    for operation, bodies in wrong.items():
        for value in bodies:
            value = json.dumps(value).encode()
            sent(f"{operation} with {value.decode()}", 400, "SerializationException", value, signed(ECS_TARGET + operation, value))
    missing = [
        ("ecs", ECS_TARGET + "ListTasks", {}, "ClusterNotFoundException"),
        ("ecs", ECS_TARGET + "DescribeServices", {"cluster": CLUSTER}, "InvalidParameterException"),
        ("ecs", ECS_TARGET + "DescribeTasks", {"cluster": CLUSTER}, "InvalidParameterException"),
        ("ecs", ECS_TARGET + "DescribeTaskDefinition", {}, "ClientException"),
        ("ecs", ECS_TARGET + "RegisterTaskDefinition", {"family": FAMILY}, "ClientException"),
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeImages", {}, "InvalidParameterException"),
        ("logs", "Logs_20140328.FilterLogEvents", {}, "InvalidParameterException"),
        ("logs", "Logs_20140328.FilterLogEvents", {"logGroupName": LOG_GROUP, "nextToken": "elsewhere"}, "InvalidParameterException"),
    ]
    for service, target, value, code in missing:
        value = json.dumps(value).encode()
        sent(f"{target} with {value.decode()}", 400, code, value, signed(target, value, service=service))

    said, taken = endless()
    is_refused = said.startswith(b"HTTP/1.1 413 ") and taken < 25 << 20
    check(is_refused, f"50 MB are refused before they are read ({taken} bytes, {said[:60]!r})")

    form, kind = b"Action=GetCallerIdentity&Version=2011-06-15", "application/x-www-form-urlencoded"
    sent("an unsigned form", 403, "MissingAuthenticationToken", form, {"Content-Type": kind})
    sent("an expired form", 403, "SignatureDoesNotMatch", form, signed("", form, service="sts", minutes=-10, kind=kind), "Signature expired")
    for other, code in ((b"Action=Nothing&Version=2011-06-15", "InvalidAction"), (b"Version=2011-06-15", "MissingAction")):
        sent(f"the form {other.decode()}", 400, code, other, signed("", other, service="sts", kind=kind))


def command_line():
    """The aws program, through a part of the same."""
    place = str(Path(sys.executable).parent / "aws")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": settings["home"],
        "AWS_ACCESS_KEY_ID": ours["keyId"],
        "AWS_SECRET_ACCESS_KEY": ours["secret"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
    }

    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, place, "--endpoint-url", ours["url"], "--output", "json", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    for words in (
        ("sts", "get-caller-identity"),
        ("ecs", "describe-services", "--cluster", CLUSTER, "--services", SERVICE),
        ("ecs", "list-tasks", "--cluster", CLUSTER, "--service-name", SERVICE, "--page-size", "1"),
        ("ecs", "describe-task-definition", "--task-definition", FAMILY, "--include", "TAGS"),
        ("ecr", "describe-images", "--repository-name", IMAGES),
        ("logs", "filter-log-events", "--log-group-name", LOG_GROUP, "--page-size", "5"),
    ):
        ended = run(*words)
        check(ended.returncode == 0 and json.loads(ended.stdout), f"aws {' '.join(words[:2])} {ended.stderr.strip()}")
    lines = json.loads(run("logs", "filter-log-events", "--log-group-name", LOG_GROUP, "--page-size", "3").stdout)["events"]
    check(len(lines) >= 9, f"aws reads the log past its empty page ({len(lines)} lines)")
    ended = run("ecs", "describe-task-definition", "--task-definition", "nobody")
    check("(ClientException)" in ended.stderr, "aws names the error of an unknown family")


# --- moto --------------------------------------------------------------------------------------


def paths(value, at=""):
    """Every member of an answer: its path, type, and its value where it is the same for everybody."""
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


for part in (operations, refusals, by_hand, command_line, table):
    part()
    if faults:
        break
print(f"{len(checked)} checks by boto3 {boto3.__version__} and the aws program")
for text in faults:
    print(f"FAULT {text}")
sys.exit(1 if faults else 0)
