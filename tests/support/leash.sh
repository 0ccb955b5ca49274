#!/bin/sh
# Runs a program in a session of its own until the program ends or this script's stdin closes. The
# test has the other end of that pipe, so the program and its children end with the test, even after
# SIGKILL. A signal to the test's process group, from a terminal or timeout(1), ends the test and
# not this script.
# usage: leash.sh SIGNAL PROGRAM [ARGUMENT...]
signal=$1
shift
exec 3<&0
trap '' HUP INT TERM
(
    trap - HUP INT TERM
    exec setsid "$@" 3<&- </dev/null
) &
program=$!
(
    read -r _ <&3
    # Before setsid has run there is no group yet.
    kill -s "$signal" -- "-$program" || kill -s "$signal" "$program"
    tries=0
    while kill -s 0 -- "-$program" && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -s KILL -- "-$program"
) 2>/dev/null &
watch=$!
wait "$program"
code=$?
kill -s KILL "$watch" 2>/dev/null
kill -s KILL -- "-$program" 2>/dev/null
exit "$code"
