"""The aws program, which calls some of the operations."""

import json
import os
import subprocess
import sys
from pathlib import Path

from aws_client import CLUSTER, FAMILY, IMAGES, LOG_GROUP, REGION, SERVICE, check, ours, settings


def command_line():
    """Calls some of the operations with the aws program."""
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
