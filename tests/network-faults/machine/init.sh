#!/bin/sh
# First process of a lane's host, in its own network, mount and process namespaces. FOLDER/home
# becomes the home of root, the only user that every Linux has. All processes of the host end with
# this one.
# usage: init.sh FOLDER SSHD
set -eu
mount -n --make-rprivate /
mount -n --bind "$1/home" /root
mkdir -p /run/sshd
cd /root
"$2" -D -f "$1/sshd_config" -E "$1/sshd.log" &
# Jobs outlive their sessions and become children of this process. Only a signal ends it.
while :; do
    wait || true
    sleep 1
done
