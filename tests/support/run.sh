#!/bin/sh
# `make run` after installation and build: opens the app on the simulator. Without a display it
# plays the whole release in a window on a virtual display, and leaves pictures and the audit trail
# in out/.
# usage: run.sh APP PRACTISE
set -eu
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  echo "Opening Greenlight on the pretend production. Nothing real is touched."
  exec "$1"
fi
echo "This machine has no display. A release is played in a window on a virtual one, at 60 times the speed;"
echo "its pictures and its record go to out/."
exec "$2" "$1" out
