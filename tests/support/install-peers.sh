#!/bin/sh
# Installs the missing Debian or Ubuntu packages of the tests' real peers, and creates the AWS
# peer's Python environment. Prints each package and its purpose. May run any number of times.
# usage: install-peers.sh [DIRECTORY of the Python environment, by default target/peers]
set -eu
here=$(CDPATH= cd -- "$(dirname "$0")" && pwd)
peers=${1:-${GREENLIGHT_PEERS_DIR:-$here/../../target/peers}}

root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "installing packages needs root: run this script as root, or install sudo" >&2
        exit 1
    fi
}

missing=
want() {
    if ! dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; then
        echo "missing: $1 ($2)"
        missing="$missing $1"
    fi
}

want git "the repository and git's own http-backend"
want nginx-light "the front of the git server"
want fcgiwrap "runs git http-backend behind nginx"
want curl "a foreign client of GitHub, AWS and the site"
want openssl "hashes the git token for nginx"
want openssh-server "the staging machine"
want openssh-client "keys of the staging machine, and a foreign client"
want sudo "the backup script runs as root through a sudo rule"
want util-linux "private namespaces of the staging machine"
want iproute2 "a network of its own for each machine that is cut off"
want nftables "cuts that network"
want procps "watching processes"
want busybox "one of the shells that the job verbs run in"
want dash "another"
want bash "another"
want postgresql "the production database, and the programs of its backup, migration and restore"
want python3 "the web process and the AWS peer"
want python3-venv "the AWS peer's own packages"
want dbus "a session bus for the keychain"
want gnome-keyring "the keychain"
want libsecret-tools "a foreign client of the keychain"
want xvfb "a display for the window"
want webkit2gtk-driver "drives the window from outside"
want libwebkit2gtk-4.1-0 "the window itself, and MiniBrowser for the test of the driver"

if [ -n "$missing" ]; then
    root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # The peers need only the programs. Without this policy, postgresql would create and start a
    # server, and nginx and sshd would start.
    policy=/usr/sbin/policy-rc.d
    made=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
        root chmod 755 "$policy"
        made=1
    fi
    status=0
    # shellcheck disable=SC2086
    root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing || status=$?
    if [ -n "$made" ]; then
        root rm -f "$policy"
    fi
    [ "$status" = 0 ] || exit "$status"
fi
sh "$here/moto-venv.sh" "$peers"
sh "$here/prism.sh" "$peers"
echo "peers: everything is there"
