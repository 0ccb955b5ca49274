"""Tests the AWS fronts of the simulator with AWS's own clients, and compares them with moto.

usage: aws.py SETTINGS.json

Every answer is checked against botocore's description of the operation. A member that the
description does not have, or a member of another type, is a fault. Operations that moto has are
called on both sides and compared member by member. Each difference must be a line of
differences.toml with its source. A line that no longer matches a difference is a fault too.
Prints the checks and the table. Ends with 1 after the first part with a fault.
"""

import sys

import boto3

# The modules of this folder leave no compiled copies in the tree.
sys.dont_write_bytecode = True

from aws_answers import operations, refusals  # noqa: E402
from aws_client import checked, faults  # noqa: E402
from aws_moto import table  # noqa: E402
from aws_program import command_line  # noqa: E402
from aws_requests import raw_requests  # noqa: E402

for part in (operations, refusals, raw_requests, command_line, table):
    part()
    if faults:
        break
print(f"{len(checked)} checks by boto3 {boto3.__version__} and the aws program")
for text in faults:
    print(f"FAULT {text}")
sys.exit(1 if faults else 0)
