#!/bin/sh
# Checks Rust and Node, and installs missing Debian packages of the build. Prints each package and
# its purpose. Uses sudo when not root.
# usage: install-build.sh [--window]
#   --window: also the virtual display and the driver for a machine without a display
set -eu
missing=
need() { # PACKAGE WHY
  if ! dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; then
    echo "missing: $1 ($2)"
    missing="$missing $1"
  fi
}
# at_least WANTED FOUND: whether version FOUND is WANTED or newer
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# The printed command lines must work unchanged on a machine without any of these programs.
curl=
command -v curl >/dev/null || curl="${sudo:+sudo }apt-get update && ${sudo:+sudo }apt-get install -y curl && "
rust=$(rustc --version 2>/dev/null | cut -d ' ' -f 2 || true)
if [ -z "$rust" ] || ! at_least 1.94 "$rust"; then
  echo "Rust 1.94 or newer is needed, ${rust:-none} was found. This line installs it:" >&2
  echo "  ${curl}curl https://sh.rustup.rs -sSf | sh -s -- -y && . \"\$HOME/.cargo/env\"" >&2
  exit 1
fi
node=$(node --version 2>/dev/null | tr -d v || true)
if [ -z "$node" ] || ! at_least 20.19 "$node" || ! command -v npm >/dev/null; then
  echo "Node 20.19 or newer with npm is needed, ${node:-none} was found. This line installs it:" >&2
  echo "  ${curl}curl -fsSL https://deb.nodesource.com/setup_22.x | ${sudo:+sudo }bash - && ${sudo:+sudo }apt-get install -y nodejs" >&2
  exit 1
fi

need build-essential "compiles the C parts of git, SQLite and TLS"
need cmake "builds the TLS library"
need pkg-config "finds system libraries"
need git "serves the repository of the pretend production"
need libdbus-1-dev "talks to the keychain"
need libwebkit2gtk-4.1-dev "draws the window"
if [ "${1:-}" = --window ]; then
  need xvfb "a virtual display, since there is no other"
  need webkit2gtk-driver "presses what a person would press"
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "This machine has no apt-get. Install by its own means what these Debian packages hold:$missing" >&2
  exit 1
fi
if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
  echo "Installing needs root, and there is no sudo. Run this line as root, then try again:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
echo "Installing them with apt-get${sudo:+ and sudo}."
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
