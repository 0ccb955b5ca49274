#!/bin/sh
# Installs prism and GitHub's API description. A repeated call only compares the pinned list with
# the installed one. Test programs may call it at the same time.
# usage: prism.sh DIRECTORY
set -eu
wanted=$(dirname "$0")/fronts/prism
place=$1/prism
mkdir -p "$place"
exec 9>"$1/prism.lock"
flock 9
if [ -x "$place/node_modules/.bin/prism" ] && cmp -s "$wanted/package-lock.json" "$place/installed.json"; then
    exit 0
fi
command -v npm >/dev/null || {
    echo "this peer (prism) needs Node.js 20 with npm" >&2
    exit 1
}
rm -rf "$place/node_modules"
cp "$wanted/package.json" "$wanted/package-lock.json" "$place"
(cd "$place" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
cp "$wanted/package-lock.json" "$place/installed.json"
