# Sourced by hooks and scripts. `hold DIRECTORY` waits if the test has armed that directory. An
# armed directory holds once: until the test writes `release`, at most 120 seconds.
hold() {
    mv "$1/armed" "$1/held" 2>/dev/null || return 0
    tries=0
    while [ ! -e "$1/release" ] && [ "$tries" -lt 1200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    rm -f "$1/held"
}
