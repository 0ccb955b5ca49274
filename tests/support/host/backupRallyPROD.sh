#!/bin/bash
# Backs up the production database of Rally. Runs as root in its own directory.
set -euo pipefail
if [ ! -f ./backup.conf ]; then
    echo "backupRallyPROD.sh: ./backup.conf: No such file; run it in /opt/backup/bin" >&2
    exit 1
fi
. ./backup.conf
. /opt/peer/hold.sh
echo "$(date +%s) $(id -un)" >>/opt/peer/backup-starts
file=/opt/backup/dumps/rally-prod-$(date -u +%Y%m%dT%H%M%SZ).dump
echo "Backing up database $PGDATABASE on $PGHOST:$PGPORT"
slow=$(cat /opt/peer/slow-seconds)
for part in 25 50 75; do
    sleep "$(awk "BEGIN { print $slow / 3 }")"
    echo "$part %"
done
if [ -e /opt/peer/backup-fails ]; then
    echo "pg_dump: error: connection to server was lost" >&2
    exit 1
fi
if [ -e /opt/peer/backup-hold/before/armed ]; then hold /opt/peer/backup-hold/before; fi
pg_dump --format=custom --file="$file.part"
if [ -e /opt/peer/backup-truncates ]; then truncate -s "$(($(stat -c %s "$file.part") * 3 / 5))" "$file.part"; fi
mv "$file.part" "$file"
if [ -e /opt/peer/backup-hold/after/armed ]; then hold /opt/peer/backup-hold/after; fi
echo "100 %"
echo "Wrote $file ($(stat -c %s "$file") bytes)"
