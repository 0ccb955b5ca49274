#!/bin/sh
# The first process of the staging machine, in a mount and pid namespace of its own. It mounts the
# machine's own files over those of this computer, visible only inside, and runs sshd. When it ends,
# every process in the namespace ends.
# usage: init.sh FOLDER SSHD
set -eu
folder=$1
sshd=$2
mount -n --make-rprivate /
for name in passwd group shadow sudoers sudoers.d; do
    mount -n --bind "$folder/etc/$name" "/etc/$name"
done
# Built in the folder and moved as a whole, because the folder may be below one of these places.
layer() {
    mkdir -p "$folder/layer"
    mount -n -t tmpfs -o mode=755 layer "$folder/layer"
    mkdir -p "$folder/layer/$2"
    [ -z "$3" ] || mount -n --bind "$folder/$3" "$folder/layer/$2"
}
layer /home ec2-user home
mount -n --move "$folder/layer" /home
layer /opt backup backup
mkdir -p "$folder/layer/peer"
mount -n --bind "$folder/control" "$folder/layer/peer"
mount -n --move "$folder/layer" /opt
layer /run sshd ''
mount -n --move "$folder/layer" /run
layer /var/log sshd ''
mount -n --move "$folder/layer" /var/log
"$sshd" -D -f "$folder/etc/sshd_config" -E "$folder/sshd.log" &
# The test may start a second sshd, so this process ends only by a signal.
while :; do
    wait || true
    sleep 1
done
