#!/bin/sh
# Installs the missing Debian packages of `make package` and `make test-package`. Prints each
# package and its purpose. Uses sudo when not root. May run any number of times.
# usage: install-package.sh [--test]
#   --test: also the programs that install the package in a fresh Debian, and judge it
set -eu
missing=
need() { # PACKAGE WHY
  if ! dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; then
    echo "missing: $1 ($2)"
    missing="$missing $1"
  fi
}

need python3 "prepares the files of the packages"
if [ "${1:-}" = --test ]; then
  need debootstrap "makes the fresh Debian"
  need debian-archive-keyring "the signatures of its packages"
  need lintian "judges the .deb"
  need appstream "judges the metainfo"
  need desktop-file-utils "judges the desktop entry"
  need rpm "reads the .rpm"
  need util-linux "namespaces, in which everything ends with the test"
  need iproute2 "a network without a way out"
fi
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
  echo "Installing needs apt-get, and root or sudo. Install these Debian packages, then try again:$missing" >&2
  exit 1
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
