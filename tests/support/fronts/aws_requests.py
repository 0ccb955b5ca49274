"""Requests that no client sends: broken bodies, wrong targets, wrong or missing signatures."""

import datetime
import json
import re
import select
import socket
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_client import CLUSTER, FAMILY, LOG_GROUP, REGION, SERVICE, check, ours


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


def sign(target: str, body: bytes, service="ecs", region=REGION, minutes=0, kind=JSON, session=None) -> dict:
    """Headers of a call that botocore's signer signed, with the clock off by so many minutes."""
    headers = {"Content-Type": kind} | ({"X-Amz-Target": target} if target else {})
    request = AWSRequest("POST", ours["url"] + "/", data=body, headers=headers)
    moment = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    with unittest.mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: moment):
        SigV4Auth(Credentials(ours["keyId"], ours["secret"], session), service, region).add_auth(request)
    return dict(request.headers.items())


def check_answer(what: str, status: int, code: str, body: bytes, headers: dict, words="") -> None:
    seen, text = post(body, headers)
    if text.startswith("{"):
        found = json.loads(text).get("__type", "")
    else:
        found = (re.findall(r"<Code>(\w+)</Code>|<(\w+)/>", text) or [("", "")])[0]
        found = found[0] or found[1]
    check((seen, found) == (status, code) and words in text, f"{what}: {status} {code} ({seen} {text[:200]})")


def endless() -> tuple[bytes, int]:
    """The answer to 50 MB of unknown length, and the bytes that were sent before it."""
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


def raw_requests():
    """Calls that no client sends. Signatures are of botocore's signer."""
    ask, body = ECS_TARGET + "ListTasks", json.dumps({"cluster": CLUSTER}).encode()
    seen, text = post(body, sign(ask, body))
    check(seen == 200 and "taskArns" in text, f"a call made by hand is answered ({seen} {text[:200]})")

    check_answer("an unsigned call", 400, "MissingAuthenticationTokenException", body, {"X-Amz-Target": ask, "Content-Type": JSON})
    late = "InvalidSignatureException"
    check_answer("a call of ten minutes ago", 400, late, body, sign(ask, body, minutes=-10), "Signature expired")
    check_answer("a call of ten minutes on", 400, late, body, sign(ask, body, minutes=10), "Signature not yet current")
    check_answer("a call within the skew", 200, "", body, sign(ask, body, minutes=-4))
    check_answer("another region", 400, late, body, sign(ask, body, region="eu-west-1"), "valid region")
    check_answer("another service", 400, late, body, sign(ask, body, service="ecr"), "correct service")
    check_answer("another body", 400, late, b"{}", sign(ask, body), "does not match")
    check_answer("a session of nobody", 400, "UnrecognizedClientException", body, sign(ask, body, session="nobody"))
    bare = sign(ask, body) | {"X-Amz-Meta": "unsigned"}
    check_answer("an unsigned header", 400, late, body, bare, "must be a 'SignedHeader'")
    cut = sign(ask, body)
    cut["Authorization"] = cut["Authorization"].split(", Signature=")[0]
    check_answer("half a signature", 400, "IncompleteSignatureException", body, cut, "'Signature'")
    no_date = {name: value for name, value in sign(ask, body).items() if name != "X-Amz-Date"}
    check_answer("a call without a date", 400, "IncompleteSignatureException", body, no_date)

    nothing = ECS_TARGET + "Nothing"
    check_answer("an unknown operation", 400, "UnknownOperationException", body, sign(nothing, body))
    check_answer("an unknown service", 400, "UnknownOperationException", body, sign("Nobody_2014.ListTasks", body))
    check_answer("no target", 400, "UnknownOperationException", body, sign("", body))
    check_answer("another content type", 404, "UnknownOperationException", body, sign(ask, body, kind="text/xml"))

    for broken in (b"{", b"", b"[]", b"7", b"\xff\xfe", b'{"cluster":"a"}x', b"[" * 100_000):
        check_answer(f"broken JSON {broken[:20]!r}", 400, "SerializationException", broken, sign(ask, broken))
    wrong = {
        "ListTasks": [{"cluster": 7}, {"cluster": {}}, {"cluster": CLUSTER, "maxResults": "1"}, {"cluster": CLUSTER, "nextToken": 7}],
        "DescribeServices": [{"cluster": CLUSTER, "services": SERVICE}, {"cluster": CLUSTER, "services": [7]}],
        "RegisterTaskDefinition": [{"family": FAMILY, "containerDefinitions": {}}, {"family": FAMILY, "containerDefinitions": ["x"]}],
    }
    for operation, bodies in wrong.items():
        for value in bodies:
            value = json.dumps(value).encode()
            check_answer(f"{operation} with {value.decode()}", 400, "SerializationException", value, sign(ECS_TARGET + operation, value))
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
        check_answer(f"{target} with {value.decode()}", 400, code, value, sign(target, value, service=service))

    said, taken = endless()
    is_refused = said.startswith(b"HTTP/1.1 413 ") and taken < 25 << 20
    check(is_refused, f"50 MB are refused before they are read ({taken} bytes, {said[:60]!r})")

    form, kind = b"Action=GetCallerIdentity&Version=2011-06-15", "application/x-www-form-urlencoded"
    check_answer("an unsigned form", 403, "MissingAuthenticationToken", form, {"Content-Type": kind})
    check_answer("an expired form", 403, "SignatureDoesNotMatch", form, sign("", form, service="sts", minutes=-10, kind=kind), "Signature expired")
    for other, code in ((b"Action=Nothing&Version=2011-06-15", "InvalidAction"), (b"Version=2011-06-15", "MissingAction")):
        check_answer(f"the form {other.decode()}", 400, code, other, sign("", other, service="sts", kind=kind))
