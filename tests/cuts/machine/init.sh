#!/bin/sh
# The first process of a lane's machine, in network, mount and process namespaces of its own: its folder is the home of
# root, who is the only user of every Linux, and sshd runs in front. When it ends, everything in here ends.
# usage: init.sh FOLDER SSHD
set -eu
mount -n --make-rprivate /
mount -n --bind "$1/home" /root
mkdir -p /run/sshd
cd /root
"$2" -D -f "$1/sshd_config" -E "$1/sshd.log" &
# Jobs outlive their sessions here and become children of this process, which only ends by a signal.
while :; do
    wait || true
    sleep 1
done
