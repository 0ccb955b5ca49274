# Greenlight job verbs. POSIX sh; needs util-linux flock, setsid, coreutils. One frame is printed between two marks,
# so that banners and noise of a login are told apart from the answer.
set -eu
# Our own files are private. What the payload writes gets the mode that it gets when a person types the command.
mask=$(umask)
umask 077
nonce=$1 verb=$2 id=$3
root=$HOME/.greenlight
jobs=$root/jobs
job=$jobs/$id
say() { printf '\n<<<JOB:%s\n%s\nJOB:%s>>>\n' "$nonce" "$1" "$nonce"; }
hash_of() { sha256sum < "$1" | cut -c1-64; }
# The order of reading is part of the protocol: started, lock, result, size. A free lock seen after started proves that
# nothing runs any more, and a result read after that is final.
state_of() {
  j=$1
  if [ ! -d "$j" ]; then printf 'absent'; return; fi
  if [ ! -d "$j/started" ]; then printf 'waiting 0 0'; return; fi
  read -r boot at < "$j/started/info"
  free=yes
  flock -n -s "$j/lock" true || free=no
  if [ -f "$j/result" ]; then
    read -r code end < "$j/result"
    printf 'finished %s %s %s %s' "$at" "$(stat -c %s "$j/log")" "$code" "$end"
  elif [ "$free" = no ]; then
    printf 'running %s %s' "$at" "$(stat -c %s "$j/log")"
  elif [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
    printf 'rebooted %s %s' "$at" "$(stat -c %s "$j/log")"
  else
    printf 'died %s %s' "$at" "$(stat -c %s "$j/log")"
  fi
}
command -v flock >/dev/null 2>&1 || { say 'noflock'; exit 0; }
command -v setsid >/dev/null 2>&1 || { say 'noflock'; exit 0; }
case $verb in
submit)
  sha=$4
  mkdir -p "$root/staging" "$jobs"
  if [ ! -d "$job" ]; then
    new=$(mktemp -d "$root/staging/$id.XXXXXXXX")
    printf %s "$5" | base64 -d > "$new/cmd.sh"
    [ "$(hash_of "$new/cmd.sh")" = "$sha" ] || { rm -rf "$new"; say 'damaged'; exit 0; }
    : > "$new/lock"
    : > "$new/log"
    cat > "$new/sup.sh" <<'SUPERVISE'
umask 077
cd "$1" || exit 1
[ -d started ] && exit 0
exec 9>>lock
flock -w 5 9 || exit 0
[ -d started ] && exit 0
gate=$(mktemp -d gate.XXXXXXXX) || exit 1
printf '%s %s\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(date +%s)" > "$gate/info" || exit 1
sync "$gate/info" "$gate" || exit 1
mv -T "$gate" started || exit 0
sync . || exit 1
cd "$HOME" || exit 1
( umask "${2:-022}"; exec sh "$1/cmd.sh" ) >> "$1/log" 2>&1 < /dev/null
code=$?
cd "$1" || exit 1
sync log
printf '%s %s\n' "$code" "$(date +%s)" > result.tmp && sync result.tmp && mv -T result.tmp result && sync .
SUPERVISE
    sync "$new/cmd.sh" "$new/sup.sh" "$new"
    if mv -T "$new" "$job" 2>/dev/null; then sync "$jobs"; say 'new'; exit 0; fi
    rm -rf "$new"
  fi
  if [ "$(hash_of "$job/cmd.sh")" = "$sha" ]; then say 'same'; else say 'conflict'; fi
  ;;
launch)
  [ -d "$job" ] || { say 'absent'; exit 0; }
  setsid sh "$job/sup.sh" "$job" "$mask" </dev/null >/dev/null 2>>"$job/sup.err" &
  say 'launched'
  ;;
status) say "$(state_of "$job")" ;;
list)
  found=
  for j in "$jobs/$id"*; do
    [ -d "$j" ] || continue
    found="$found$(basename "$j") $(state_of "$j")
"
  done
  say "$found"
  ;;
output)
  body=$(tail -c "+$(($4 + 1))" "$job/log" | head -c "$5" | base64 -w 0)
  say "$4 $(printf %s "$body" | base64 -d | sha256sum | cut -c1-64) $body"
  ;;
*) say 'unknown' ;;
esac
