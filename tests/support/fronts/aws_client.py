"""boto3 clients of the simulator, whose answers are checked against botocore's descriptions."""

import json
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

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
    """Members that the description does not have, or that are of another type."""
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
    """Keeps the unparsed body of the last answer."""

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
    """An answer of the simulator, checked against the description."""
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


def check_refusal(pair, code: str, operation: str, **parameters):
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
