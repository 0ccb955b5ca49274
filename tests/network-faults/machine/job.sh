#!/bin/sh
# A job of about ten seconds. It counts its start outside the job's folder, and writes numbered
# lines with the host's time between lines of arbitrary text. It leaves a file, as a backup does,
# and ends with the code in the file `code`.
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
