# Greenlight job verbs: sh THIS NONCE VERB ID MACHINE [ARGUMENTS]. POSIX sh (dash, bash, busybox as shell); needs flock and setsid
# of util-linux, and coreutils. Each verb may be repeated blindly. It prints one frame between two marks, so that
# banners and noise of a login are told apart from the answer. One statement stands on a line: the tests stop it at each.
set -eu
# A login environment may forbid to write over a file.
set +C
# Our own files are private. What the payload writes gets the mode that it gets when a person types the command.
mask=$(umask)
umask 077
nonce=$1
verb=$2
id=$3
# The machine that is meant, by its id, or `any` before anybody knows it.
wanted=$4
root=$HOME/.greenlight
jobs=$root/jobs
job=$jobs/$id
environments=$root/environments
say() { printf '\n<<<JOB:%s\n%s\nJOB:%s>>>\n' "$nonce" "$1" "$nonce"; }
hash_of() { sha256sum < "$1" | cut -c1-64; }
# The first line of a file, without a process of its own; fails when there is none. Its end may be missing.
line_of() {
  first=
  read -r first < "$1" || [ -n "$first" ] || return 1
  echo "$first"
}
# Seconds that the machine has been up: no clock that somebody sets.
up() {
  passed=$(line_of /proc/uptime)
  echo "${passed%%.*}"
}
# The machine together with the place where it keeps its gates: a home folder that is empty, or another one, knows nothing of
# what this machine did.
machine_id() { echo "$(line_of /etc/machine-id).$(line_of "$root/store" 2> /dev/null || echo none)"; }
# Gives that place its name, once. Only whoever does not know the machine yet does this.
name_store() {
  mkdir -p "$root"
  new=$(mktemp "$root/store.XXXXXXXX")
  tr -d - < /proc/sys/kernel/random/uuid > "$new"
  sync "$new"
  # The first one wins.
  ln "$new" "$root/store" 2> /dev/null || true
  rm -f "$new"
  sync "$root" "$HOME"
}
# The value of a name in a line of name=value; nothing when it has none.
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
# The same in the one line of a file.
value() { field "$1" "$(line_of "$2")"; }
# Whether nobody holds a lock. Asked with a shared one, for which whoever wants to hold it waits.
is_free() { (flock -n -s 4) 4< "$1"; }

# Whether a job may still begin, by the clock and, for as long as the machine was not restarted, without one.
in_time() {
  [ "$(date +%s)" -le "$(value not_after "$1/spec")" ] || return 1
  [ "$boot" != "$(value boot "$1/spec")" ] || [ "$(up)" -le "$(value until "$1/spec")" ]
}

# The one gate of a job: whoever moves the directory `started` into place decides its fate, once and durably. Fails when
# somebody else did.
gate() {
  new=$(mktemp -d "$job/gate.XXXXXXXX") || return 1
  note="kind=$1 why=$2 boot=$boot machine=$here at=$(date +%s)"
  echo "$note" > "$new/info" || return 1
  sync "$new/info" "$new" || return 1
  # Asked last: whoever waited for a lock, or stood still with the machine, begins nothing after its time.
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

# Everything that leads to the job is on disk.
settle() { sync "$job" "$jobs" "$root" "$HOME"; }

# The order of reading is part of the protocol: started, locks, result, size. The lock of the supervisor is taken before
# `started` is there and let go at its end, so a free lock that is seen after `started` proves that it ended, and a
# result that is read after that is final.
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
      # Held by its own supervisor on the way to the gate, it is not busy.
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

# Moves a filled directory of `staging` into place. Fails when the job is there already.
place() {
  sync "$1"/* "$1" || return 1
  if ! mv -T "$1" "$job" 2> /dev/null; then
    rm -rf "$1"
    return 1
  fi
  settle
}

# SHA256 NOT_AFTER UNTIL MUTEX MAY_CANCEL
spec() {
  printf 'v=1 id=%s sha256=%s not_after=%s boot=%s until=%s mutex=%s may_cancel=%s\n' "$id" "$1" "$2" "$boot" "$3" "$4" "$5"
}

# An attempt follows one that is over: the next number is not handed out while the one before may still start.
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

# Who holds an environment, as one line; `run=nobody` when nobody does. A file is replaced whole, so it is read without a lock.
# One that is there and cannot be read is not nobody: then this fails.
holder_of() {
  line=run=nobody
  if [ -e "$environments/$1/holder" ]; then
    line=$(line_of "$environments/$1/holder") || return 1
  fi
  seen=$(line_of "$environments/$1/seen" 2> /dev/null) || seen=0
  echo "$line seen=$seen machine=$here boot=$boot"
}
# The run that holds an environment; nothing, which is no run, when that cannot be read.
run_of() { field run "$(holder_of "$1")"; }
# Whoever wants to change who holds an environment waits until this process is done.
keep_holder() {
  mkdir -p "$environments/$1"
  exec 5>> "$environments/$1/lock"
  flock -w 10 5
}
# A time for people to read. Nothing is decided by it, also not by its failure.
note_seen() {
  { date +%s > "$environments/$1/seen.tmp" && mv -T "$environments/$1/seen.tmp" "$environments/$1/seen"; } || true
}

# RUN FROM SHA256: takes the environment for RUN when FROM, or `nobody`, still holds it; who takes it is the standard input.
hold() {
  mkdir -p "$root/staging"
  # Read before the lock is taken: a connection that stalls keeps nobody waiting.
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
  # Also when whoever moved it into place was stopped before it was durable.
  sync "$environments/$id" "$environments" "$root" "$HOME"
  rm -f "$who"
  note_seen "$id"
  say "ours $(holder_of "$id")"
}

# RUN: whether it still holds the environment.
still() {
  keep_holder "$id" || exit 1
  if [ "$(run_of "$id")" != "$1" ]; then
    say "other $(holder_of "$id")"
    return
  fi
  note_seen "$id"
  say "ours $(holder_of "$id")"
}

# RUN: gives the environment back.
leave() {
  keep_holder "$id" || exit 1
  if [ "$(run_of "$id")" != "$1" ]; then
    say "other $(holder_of "$id")"
    return
  fi
  rm "$environments/$id/holder"
  sync "$environments/$id"
  say left
}

# Whether the output and the result of a job find room: 1 GiB and 10,000 files. A disk that does not count files has room.
has_room() {
  room=$(stat -f -c 'blocks=%a size=%S all=%c files=%d' "$root") || return 1
  for part in $room; do
    eval "room_${part%%=*}=\${part#*=}"
  done
  [ $((room_blocks * (room_size / 512) / 2048)) -ge 1024 ] || return 1
  [ "$room_all" -eq 0 ] || [ "$room_files" -ge 10000 ]
}

# SHA256 SECONDS MUTEX MAY_CANCEL ENVIRONMENT RUN: SECONDS from now on it may start, when RUN holds ENVIRONMENT; the script
# is the standard input.
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
    spec "$1" $((now + $2)) $((since + $2)) "$3" "$4" > "$filled/spec"
    : > "$filled/log"
    : > "$filled/lock.sup"
    : > "$filled/lock.tree"
    : >> "$root/mutex/$3"
    exec 6>> "$root/jobs.lock"
    flock -w 10 6 || exit 1
    keep_holder "$5" || exit 1
    if [ "$(run_of "$5")" != "$6" ]; then
      rm -rf "$filled"
      say "other $(holder_of "$5")"
      return
    fi
    if ! is_next; then
      rm -rf "$filled"
      say unfinished
      return
    fi
    # What connections that were cut left behind.
    find "$root/staging" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} + || true
    if place "$filled"; then
      say new
      return
    fi
    # Somebody else put it there, or nobody did.
    [ -d "$job" ] || exit 1
  fi
  # One of which nothing but the name is there is being closed.
  if [ "$(value kind "$job/started/info" 2> /dev/null)" = revoked ] || [ "$(value sha256 "$job/spec")" = none ]; then
    say revoked
  elif [ "$(value sha256 "$job/spec")" = "$1" ]; then
    say same
  else
    say conflict
  fi
}

# MASK ENVIRONMENT RUN: runs the job, detached from every connection. Only one supervisor passes the gate, and only while RUN
# holds ENVIRONMENT.
supervise() {
  cd "$job"
  [ ! -d started ] || exit 0
  exec 8>> lock.sup
  flock -w 5 8 || exit 0
  [ ! -d started ] || exit 0
  in_time "$job" || exit 0
  # What runs is what arrived.
  [ "$(hash_of cmd.sh)" = "$(value sha256 spec)" ] || exit 0
  exec 7>> "$root/mutex/$(value mutex spec)"
  flock -w 5 7 || exit 0
  # Taken before the gate: whoever sees `started` finds it held or the payload ended.
  exec 9>> lock.tree
  flock -w 5 9 || exit 0
  keep_holder "$2" || exit 0
  [ "$(run_of "$2")" = "$3" ] || exit 0
  # The place of the result is kept free: it is written over, so a log that fills the disk does not cost it.
  printf '%255s\n' '' > "$job/result.tmp"
  sync "$job/result.tmp"
  gate run launched || exit 0
  exec 5>&-
  cd "$HOME"
  (umask "$1" && exec setsid sh "$job/cmd.sh" 8>&-) >> "$job/log" 2>&1 < /dev/null &
  payload=$!
  exec 9>&-
  # Whatever fails besides, its end is written down.
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
  if [ "$(run_of "$1")" != "$2" ]; then
    say "other $(holder_of "$1")"
    return
  fi
  setsid sh "$0" "$nonce" supervise "$id" "$wanted" "$mask" "$1" "$2" < /dev/null > /dev/null 2>> "$job/sup.err" &
  say launched
}

# Closes the gate for ever, for a reason in one word, also of a job whose packets are still under way.
revoke() {
  mkdir -p "$root/staging" "$root/mutex" "$jobs"
  if [ ! -d "$job" ]; then
    filled=$(mktemp -d "$root/staging/$id.XXXXXXXX")
    spec none 0 0 none no > "$filled/spec"
    place "$filled" || true
  fi
  if gate revoked "$1"; then
    say won
    return
  fi
  case $(value kind "$job/started/info") in
    revoked)
      # Whoever closed it may have been stopped before it was durable.
      settle
      say won
      ;;
    run) say lost ;;
    # Neither: this machine could not close it, on a full disk for example, and it may still start.
    *) exit 1 ;;
  esac
}

cancel() {
  case $(state_of "$job") in
    state=running* | state=orphaned*) ;;
    *)
      say over
      return
      ;;
  esac
  if [ "$(value may_cancel "$job/spec")" != yes ]; then
    say refused
    return
  fi
  if [ ! -f "$job/group" ]; then
    say early
    return
  fi
  kill -TERM "-$(cat "$job/group")" 2> /dev/null || true
  say cancelled
}

output() {
  size=$(stat -c %s "$job/log")
  if [ "$1" -gt "$size" ]; then
    say past
    return
  fi
  # Nothing is written: a job that filled the disk is read too.
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
# Locks are those of the kernel, and a rename replaces nothing. Asked by the verb that comes before any job.
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
# Another machine knows nothing of what this one did: it may neither act nor answer in its place (INV-S2).
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
  cancel) cancel ;;
  holder) say "$(holder_of "$id")" ;;
  hold) hold "$@" ;;
  still) still "$@" ;;
  leave) leave "$@" ;;
  *) say unknown ;;
esac
