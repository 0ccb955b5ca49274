# Greenlight job verbs: sh THIS NONCE VERB ID MACHINE [ARGUMENTS]. POSIX sh (dash, bash, busybox as
# shell). Needs flock and setsid of util-linux, and coreutils. Each verb is idempotent. Each verb
# but supervise prints one frame between two marks, which separate the answer from the banners of a
# login. Each line has one statement: the tests interrupt the script at each.
set -eu
# A login environment may forbid overwriting a file.
set +C
# The files of the app are private. The payload's files get the mode that they get when a person
# types the command.
mask=$(umask)
umask 077
nonce=$1
verb=$2
id=$3
# Id of the machine that the caller expects, or `any` before the caller knows it.
wanted=$4
root=$HOME/.greenlight
jobs=$root/jobs
job=$jobs/$id
environments=$root/environments
say() { printf '\n<<<JOB:%s\n%s\nJOB:%s>>>\n' "$nonce" "$1" "$nonce"; }
hash_of() { sha256sum < "$1" | cut -c1-64; }
# The first line of a file, read without a subprocess. Its line end may be missing. Fails when there
# is no line.
line_of() {
  first=
  read -r first < "$1" || [ -n "$first" ] || return 1
  echo "$first"
}
# Uptime in seconds. Unlike the clock, it cannot be set.
up() {
  passed=$(line_of /proc/uptime)
  echo "${passed%%.*}"
}
# Id of the machine and of its job folder. An empty or different home folder does not know the jobs
# that this machine ran.
machine_id() { echo "$(line_of /etc/machine-id).$(line_of "$root/store" 2> /dev/null || echo none)"; }
# Names the job folder, once. Called only for a caller that does not know the machine yet.
name_store() {
  mkdir -p "$root"
  new=$(mktemp "$root/store.XXXXXXXX")
  tr -d - < /proc/sys/kernel/random/uuid > "$new"
  sync "$new"
  # The first writer wins.
  ln "$new" "$root/store" 2> /dev/null || true
  rm -f "$new"
  sync "$root" "$HOME"
}
# The value of a name in a line of name=value. Empty when the name is absent.
field() {
  for one in $2; do
    case $one in
      "$1="*)
        echo "${one#*=}"
        return
        ;;
    esac
  done
}
# The same for the first line of a file.
value() { field "$1" "$(line_of "$2")"; }
# Whether a lock is free. The check takes a shared lock for a moment; a process that wants the lock
# waits for it.
is_free() { (flock -n -s 4) 4< "$1"; }

# Whether a job may still start, by the clock and, until the machine restarts, also by the uptime.
in_time() {
  [ "$(date +%s)" -le "$(value not_after "$1/spec")" ] || return 1
  [ "$boot" != "$(value boot "$1/spec")" ] || [ "$(up)" -le "$(value until "$1/spec")" ]
}

# The start latch of a job. The process that moves the directory `started` into place decides its
# fate, once and durably. Fails when another process did.
gate() {
  new=$(mktemp -d "$job/gate.XXXXXXXX") || return 1
  note="kind=$1 why=$2 boot=$boot machine=$here at=$(date +%s)"
  echo "$note" > "$new/info" || return 1
  sync "$new/info" "$new" || return 1
  # Checked last: a process that waited for a lock, or was suspended with the machine, must not
  # start the job after its time.
  if [ "$1" = run ] && ! in_time "$job"; then
    rm -rf "$new"
    return 1
  fi
  if ! mv -T "$new" "$job/started" 2> /dev/null; then
    rm -rf "$new"
    return 1
  fi
  settle
}

# Everything on the path to the job becomes durable.
settle() { sync "$job" "$jobs" "$root" "$HOME"; }

# The order of reading is part of the protocol: started, locks, result, size. The supervisor takes
# its lock before `started` exists and releases it at its end. So a free lock seen after `started`
# proves that the supervisor ended, and a result read after that is final.
state_of() {
  j=$1
  facts="machine=$here boot=$boot now=$(date +%s)"
  if [ ! -d "$j" ]; then
    echo "state=absent $facts"
    return
  fi
  if [ ! -d "$j/started" ]; then
    state=waiting
    if ! is_free "$root/mutex/$(value mutex "$j/spec")"; then
      # A mutex that the job's own supervisor has on the way to the latch does not make it busy.
      is_free "$j/lock.sup" && state=busy
    fi
    in_time "$j" || state=expired
    echo "state=$state $facts"
    return
  fi
  info=$(line_of "$j/started/info") || info=
  at=$(field at "$info")
  if [ "$(field kind "$info")" = revoked ]; then
    echo "state=revoked at=$at why=$(field why "$info") $facts"
    return
  fi
  supervisor=free
  is_free "$j/lock.sup" || supervisor=held
  tree=free
  is_free "$j/lock.tree" || tree=held
  ended=
  if [ -f "$j/result" ]; then
    state=finished
    ended="exit=$(value exit "$j/result") end=$(value at "$j/result") "
  elif [ "$supervisor" = held ]; then
    state=running
  elif [ "$tree" = held ]; then
    state=orphaned
  elif [ "$(field machine "$info")" != "$here" ]; then
    state=moved
  elif [ "$(field boot "$info")" != "$boot" ]; then
    state=rebooted
  else
    state=died
  fi
  echo "state=$state at=$at bytes=$(stat -c %s "$j/log" 2> /dev/null || echo 0) $ended$facts"
}

# Moves a filled directory of `staging` into place. Fails when the job exists already.
place() {
  sync "$1"/* "$1" || return 1
  if ! mv -T "$1" "$job" 2> /dev/null; then
    rm -rf "$1"
    return 1
  fi
  settle
}

# SHA256 NOT_AFTER UNTIL MUTEX
spec() {
  printf 'v=1 id=%s sha256=%s not_after=%s boot=%s until=%s mutex=%s\n' "$id" "$1" "$2" "$boot" "$3" "$4"
}

# An attempt needs a finished predecessor. The next number is refused while the one before may still
# start.
is_next() {
  number=${id##*.a}
  case $number in
    '' | 0 | 1 | *[!0-9]*) return 0 ;;
  esac
  before=$(state_of "$jobs/${id%.a*}.a$((number - 1))")
  case $before in
    state=finished* | state=revoked* | state=died* | state=rebooted*) return 0 ;;
    *) return 1 ;;
  esac
}

# The owner of an environment as one line, with a placeholder as run when there is none. The file is
# replaced as a whole, so it is read without a lock. An unreadable owner file is an error, not an
# absent owner.
holder_of() {
  line=run=nobody
  if [ -e "$environments/$1/holder" ]; then
    line=$(line_of "$environments/$1/holder") || return 1
  fi
  seen=$(line_of "$environments/$1/seen" 2> /dev/null) || seen=0
  echo "$line seen=$seen machine=$here boot=$boot"
}
# The run that owns an environment. Empty, and so equal to no run, when the owner cannot be read.
run_of() { field run "$(holder_of "$1")"; }
# ENVIRONMENT RUN: whether RUN owns ENVIRONMENT. Answers with the owner if it does not.
owns() {
  [ "$(run_of "$1")" != "$2" ] || return 0
  say "other $(holder_of "$1")"
  return 1
}
# Locks the owner of an environment until this process ends.
keep_holder() {
  mkdir -p "$environments/$1"
  exec 5>> "$environments/$1/lock"
  flock -w 10 5
}
# A time for display. No decision uses it, and a failed write is ignored.
note_seen() {
  { date +%s > "$environments/$1/seen.tmp" && mv -T "$environments/$1/seen.tmp" "$environments/$1/seen"; } || true
}

# RUN FROM SHA256: gives the lock of the environment to RUN if the run in the owner line still is
# FROM. Standard input describes the new owner.
hold() {
  mkdir -p "$root/staging"
  # Read before the lock is taken, so a stalled connection blocks no other process.
  who=$(mktemp "$root/staging/who.XXXXXXXX")
  cat > "$who"
  if [ "$(hash_of "$who")" != "$3" ]; then
    rm -f "$who"
    say damaged
    return
  fi
  keep_holder "$id" || exit 1
  if [ "$(run_of "$id")" != "$1" ]; then
    if [ "$(run_of "$id")" != "$2" ]; then
      rm -f "$who"
      say "other $(holder_of "$id")"
      return
    fi
    echo "run=$1 at=$(date +%s) who=$(base64 -w 0 < "$who")" > "$environments/$id/holder.tmp"
    sync "$environments/$id/holder.tmp"
    mv -T "$environments/$id/holder.tmp" "$environments/$id/holder"
  fi
  # Also for a process that was killed after the move and before the sync.
  sync "$environments/$id" "$environments" "$root" "$HOME"
  rm -f "$who"
  note_seen "$id"
  say "ours $(holder_of "$id")"
}

# RUN: whether RUN still owns the environment.
still() {
  keep_holder "$id" || exit 1
  owns "$id" "$1" || return 0
  note_seen "$id"
  say "ours $(holder_of "$id")"
}

# RUN: releases the environment if RUN owns it.
leave() {
  keep_holder "$id" || exit 1
  owns "$id" "$1" || return 0
  rm "$environments/$id/holder"
  sync "$environments/$id"
  say left
}

# Whether the disk has room for the output and the result of a job: 1 GiB and 10,000 files. A file
# system that does not count files has room.
has_room() {
  room=$(stat -f -c 'blocks=%a size=%S all=%c files=%d' "$root") || return 1
  for part in $room; do
    eval "room_${part%%=*}=\${part#*=}"
  done
  [ $((room_blocks * (room_size / 512) / 2048)) -ge 1024 ] || return 1
  [ "$room_all" -eq 0 ] || [ "$room_files" -ge 10000 ]
}

# SHA256 SECONDS MUTEX ENVIRONMENT RUN: submits a job that may start within SECONDS if
# RUN owns ENVIRONMENT. Standard input is the script.
submit() {
  mkdir -p "$root/staging" "$root/mutex" "$jobs"
  case $(stat -f -c %T "$root") in
    nfs* | cifs | smb*)
      say remotefs
      return
      ;;
  esac
  if ! has_room; then
    say full
    return
  fi
  if [ ! -d "$job" ]; then
    filled=$(mktemp -d "$root/staging/$id.XXXXXXXX")
    cat > "$filled/cmd.sh"
    if [ "$(hash_of "$filled/cmd.sh")" != "$1" ]; then
      rm -rf "$filled"
      say damaged
      return
    fi
    now=$(date +%s)
    since=$(up)
    spec "$1" $((now + $2)) $((since + $2)) "$3" > "$filled/spec"
    : > "$filled/log"
    : > "$filled/lock.sup"
    : > "$filled/lock.tree"
    : >> "$root/mutex/$3"
    exec 6>> "$root/jobs.lock"
    flock -w 10 6 || exit 1
    keep_holder "$4" || exit 1
    if [ "$(run_of "$4")" != "$5" ]; then
      rm -rf "$filled"
      say "other $(holder_of "$4")"
      return
    fi
    if ! is_next; then
      rm -rf "$filled"
      say unfinished
      return
    fi
    # Removes leftovers of lost connections.
    find "$root/staging" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} + || true
    if place "$filled"; then
      say new
      return
    fi
    # Another process placed the job, or the move failed.
    [ -d "$job" ] || exit 1
  fi
  # A job with only a name (sha256=none) is being revoked.
  if [ "$(value kind "$job/started/info" 2> /dev/null)" = revoked ] || [ "$(value sha256 "$job/spec")" = none ]; then
    say revoked
  elif [ "$(value sha256 "$job/spec")" = "$1" ]; then
    say same
  else
    say conflict
  fi
}

# MASK ENVIRONMENT RUN: runs the job, detached from every connection. Only one supervisor passes the
# latch, and only while RUN owns ENVIRONMENT.
supervise() {
  cd "$job"
  [ ! -d started ] || exit 0
  exec 8>> lock.sup
  flock -w 5 8 || exit 0
  [ ! -d started ] || exit 0
  in_time "$job" || exit 0
  # The stored script must be the submitted one.
  [ "$(hash_of cmd.sh)" = "$(value sha256 spec)" ] || exit 0
  exec 7>> "$root/mutex/$(value mutex spec)"
  flock -w 5 7 || exit 0
  # Taken before the latch. A process that sees `started` finds this lock taken, or the payload has
  # ended.
  exec 9>> lock.tree
  flock -w 5 9 || exit 0
  keep_holder "$2" || exit 0
  [ "$(run_of "$2")" = "$3" ] || exit 0
  # Reserves the space of the result. It is overwritten in place, so a log that fills the disk does
  # not cost the result.
  printf '%255s\n' '' > "$job/result.tmp"
  sync "$job/result.tmp"
  gate run launched || exit 0
  exec 5>&-
  cd "$HOME"
  (umask "$1" && exec setsid sh "$job/cmd.sh" 8>&-) >> "$job/log" 2>&1 < /dev/null &
  payload=$!
  exec 9>&-
  # An error here must not lose the result.
  echo "$payload" > "$job/group" || true
  code=0
  wait "$payload" || code=$?
  sync "$job/log" || true
  size=$(stat -c %s "$job/log") || size=0
  printf '%-255s\n' "exit=$code bytes=$size at=$(date +%s) boot=$boot" 1<> "$job/result.tmp"
  sync "$job/result.tmp" || true
  mv -T "$job/result.tmp" "$job/result"
  sync "$job"
}

# ENVIRONMENT RUN
launch() {
  if [ ! -d "$job" ]; then
    say absent
    return
  fi
  owns "$1" "$2" || return 0
  setsid sh "$0" "$nonce" supervise "$id" "$wanted" "$mask" "$1" "$2" < /dev/null > /dev/null 2>> "$job/sup.err" &
  say launched
}

# REASON: revokes the job for ever, also one whose submission is still under way.
revoke() {
  mkdir -p "$root/staging" "$root/mutex" "$jobs"
  if [ ! -d "$job" ]; then
    filled=$(mktemp -d "$root/staging/$id.XXXXXXXX")
    spec none 0 0 none > "$filled/spec"
    place "$filled" || true
  fi
  if gate revoked "$1"; then
    say won
    return
  fi
  case $(value kind "$job/started/info") in
    revoked)
      # The process that revoked it may have been killed before its sync.
      settle
      say won
      ;;
    run) say lost ;;
    # This machine could not revoke it, for example on a full disk, and it may still start.
    *) exit 1 ;;
  esac
}

# The process groups of a session as arguments of kill, then `foreign` if this user may not signal
# one of its processes. A program such as timeout makes a group of its own.
groups_of() {
  for one in /proc/[0-9]*; do
    { read -r line < "$one/stat"; } 2> /dev/null || continue
    # The name of the program may have spaces. State, parent, group and session follow it.
    set -- "$1" ${line##*') '}
    [ "$5" = "$1" ] || continue
    echo "-$4"
    kill -0 "${one#/proc/}" 2> /dev/null || [ ! -e "$one/stat" ] || echo foreign
  done | sort -u
}

# ENVIRONMENT RUN SIGNAL: sends a signal to every process of a script that runs. Where one of them
# belongs to another user, sudo sends it to all, or no process gets it.
stop() {
  owns "$1" "$2" || return 0
  case $(state_of "$job") in
    state=running* | state=orphaned*) ;;
    *)
      say over
      return
      ;;
  esac
  if [ ! -s "$job/group" ]; then
    say early
    return
  fi
  group=$(line_of "$job/group")
  groups=$(groups_of "$group")
  answer=signalled
  case $groups in
    *foreign) sudo -n kill "-$3" -- ${groups%foreign} 2> /dev/null || answer="foreign $group" ;;
    *) kill "-$3" $groups 2> /dev/null || true ;;
  esac
  say "$answer"
}

output() {
  size=$(stat -c %s "$job/log")
  if [ "$1" -gt "$size" ]; then
    say past
    return
  fi
  # Writes nothing, so the output of a job that filled the disk can be read.
  piece=$(tail -c "+$(($1 + 1))" "$job/log" | head -c "$2" | base64 -w 0)
  say "$1 $(echo "$piece" | base64 -d | sha256sum | cut -c1-64) $piece"
}

list() {
  found=
  for one in "$jobs/$id"*; do
    [ -d "$one" ] || continue
    found="$found$(basename "$one") $(state_of "$one")
"
  done
  say "$found"
}

for program in flock setsid sha256sum base64; do
  command -v "$program" > /dev/null || {
    say "without $program"
    exit 0
  }
done
# The protocol needs kernel locks, and a rename that replaces nothing. The verb hold acquires the
# environment lock before any job, so it checks them.
if [ "$verb" = hold ]; then
  flock --version 2> /dev/null | grep -q util-linux || {
    say 'without flock of util-linux'
    exit 0
  }
  mv --version 2> /dev/null | grep -q 'GNU coreutils' || {
    say 'without mv of GNU coreutils'
    exit 0
  }
fi
if [ "$wanted" = any ] && [ ! -s "$root/store" ]; then
  name_store
fi
# Another machine does not know the jobs of this one. It must not act or answer in its place
# (INV-S2).
here=$(machine_id)
boot=$(line_of /proc/sys/kernel/random/boot_id)
if [ "$wanted" != any ] && [ "$wanted" != "$here" ]; then
  say "replaced $here"
  exit 0
fi
shift 4
case $verb in
  submit) submit "$@" ;;
  launch) launch "$@" ;;
  supervise) supervise "$@" ;;
  status) say "$(state_of "$job")" ;;
  list) list ;;
  output) output "$@" ;;
  revoke) revoke "$@" ;;
  stop) stop "$@" ;;
  holder) say "$(holder_of "$id")" ;;
  hold) hold "$@" ;;
  still) still "$@" ;;
  leave) leave "$@" ;;
  *) say unknown ;;
esac
