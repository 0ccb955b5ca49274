#!/bin/bash
# Migrates the production database of Rally to 2.1.0. Runs as ec2-user in its own directory.
set -euo pipefail
if [ -z "${CONFIG:-}" ]; then
    echo "run.sh: CONFIG is not set. It has to name application-prod.properties" >&2
    exit 2
fi
if [ ! -r "$CONFIG" ]; then
    echo "run.sh: cannot read $CONFIG" >&2
    exit 2
fi
if [ ! -r changelog/2.1.0.sql ]; then
    echo "run.sh: changelog/2.1.0.sql: No such file; run it in /home/ec2-user/migrate" >&2
    exit 2
fi
if ! command -v rally-migrate >/dev/null; then
    echo "run.sh: rally-migrate: command not found" >&2
    exit 127
fi
exec rally-migrate "$CONFIG" changelog/2.1.0.sql
