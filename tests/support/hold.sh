# Sourced by hooks and scripts: holds whoever calls `hold DIRECTORY` while the test has armed that directory.
# Armed once, it holds once: at most 120 seconds, until the test writes `release`.
hold() {
    mv "$1/armed" "$1/held" 2>/dev/null || return 0
    tries=0
    while [ ! -e "$1/release" ] && [ "$tries" -lt 1200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    rm -f "$1/held"
}
