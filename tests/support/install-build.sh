#!/bin/sh
# Installs the Debian packages that the build needs, when they are missing. Says what and why. Uses sudo when not root.
set -eu
missing=
need() { # PACKAGE WHY
  if ! dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; then
    echo "missing: $1 ($2)"
    missing="$missing $1"
  fi
}
need build-essential "compiles the C parts of git, SQLite and TLS"
need cmake "builds the TLS library"
need pkg-config "finds system libraries"
need libdbus-1-dev "talks to the keychain"
need libssl-dev "git over HTTPS"
need libwebkit2gtk-4.1-dev "draws the window"
command -v cargo >/dev/null 2>&1 || { echo "Rust is missing. Install it: curl https://sh.rustup.rs -sSf | sh"; exit 1; }
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing
