#!/bin/sh
# The job of about ten seconds: it counts its start outside of the job's folder, writes numbered lines with the time of
# this machine, and between them lines of anything that is text at all. It leaves a file, as a backup does, and
# ends with the code that it was told.
echo "$$" >> "$HOME/starts"
n=0
while [ "$n" -lt 50 ]; do
    n=$((n + 1))
    echo "line $n $(date +%s%3N)"
    cat "$HOME/noise/$((n % 8))"
    sleep 0.19
done
mkdir -p "$HOME/dumps"
echo "all of it" > "$HOME/dumps/one.dump"
exit "$(cat "$HOME/code")"
