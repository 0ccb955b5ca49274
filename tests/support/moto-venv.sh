#!/bin/sh
# Creates the Python environment of the AWS peer. A repeated call only compares the pinned list with
# the installed one. Test programs may call it at the same time.
# usage: moto-venv.sh DIRECTORY
set -eu
wanted=$(dirname "$0")/requirements.txt
venv=$1/moto
mkdir -p "$1"
exec 9>"$1/moto.lock"
flock 9
if [ -x "$venv/bin/moto_server" ] && cmp -s "$wanted" "$venv/installed.txt"; then
    exit 0
fi
command -v python3 >/dev/null || {
    echo "this peer (AWS) needs python3: apt-get install --no-install-recommends python3 python3-venv" >&2
    exit 1
}
rm -rf "$venv"
python3 -m venv "$venv" || {
    echo "this peer (AWS) needs venv: apt-get install --no-install-recommends python3-venv" >&2
    exit 1
}
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$venv/installed.txt"
