//! Texts of the scripts, shims and start-up files on the simulated host. `@ROOT@` is replaced by
//! the private folder when `host.rs` writes them.

/// Programs as path below the root, and text.
pub const PROGRAMS: [(&str, &str); 12] = [
    ("shims/date", DATE),
    ("shims/hostname", HOSTNAME),
    ("shims/whoami", WHOAMI),
    ("shims/id", ID),
    ("shims/sudo", SUDO),
    ("shims/su", SU),
    ("shims/uname", UNAME),
    (".world/ask", ASK),
    ("opt/backup/bin/backupRallyPROD.sh", BACKUP),
    ("home/ec2-user/migrate/run.sh", RUN),
    ("home/ec2-user/tools/bin/rally-migrate", RALLY_MIGRATE),
    ("home/ec2-user/tools/bin/rally-schema", RALLY_SCHEMA),
];

/// Other files as path below the root, and text.
pub const TEXTS: [(&str, &str); 4] = [
    ("home/ec2-user/.bash_profile", BASH_PROFILE),
    ("home/ec2-user/.profile", PROFILE),
    ("home/ec2-user/migrate/application-prod.properties", PROPERTIES),
    ("opt/backup/bin/README", BACKUP_README),
];

/// `date` on the World's clock. Calls that name a time or a file go to the real program.
const DATE: &str = r#"#!/bin/sh
for word in "$@"; do
  case $word in
    -s*|--set*) echo "date: cannot set date: Operation not permitted" >&2; exit 1 ;;
    -d*|--date*|-r*|--reference*|-f*|--file*|--help|--version) exec /bin/date "$@" ;;
  esac
done
read -r origin real speed <"@ROOT@/.world/clock" || exec /bin/date "$@"
now=$(/bin/date +%s%3N)
virtual=$(( origin + (now - real) * speed ))
exec /bin/date -d "@$(( virtual / 1000 )).$(printf '%03d' $(( virtual % 1000 )))" "$@"
"#;

const HOSTNAME: &str = "#!/bin/sh\necho rally-staging\n";

const UNAME: &str = r#"#!/bin/sh
case ${1:-} in -n) echo rally-staging ;; *) exec /usr/bin/uname "$@" ;; esac
"#;

const WHOAMI: &str = "#!/bin/sh\necho \"${PRETEND_USER:-ec2-user}\"\n";

const ID: &str = r#"#!/bin/sh
user=${PRETEND_USER:-ec2-user}
number=1000; [ "$user" = root ] && number=0
case "$*" in
  -u|-g) echo "$number" ;;
  -un|-gn|'-u -n'|'-n -u') echo "$user" ;;
  *) echo "uid=$number($user) gid=$number($user) groups=$number($user)" ;;
esac
"#;

const SU: &str = "#!/bin/sh\necho 'su: Authentication failure' >&2\nexit 1\n";

/// `sudo` with one rule: the backup script runs as root without a password.
const SUDO: &str = r#"#!/bin/sh
allowed=@ROOT@/opt/backup/bin/backupRallyPROD.sh
asked=no
while [ $# -gt 0 ]; do
  case $1 in
    -n|--non-interactive|-H|-S|-k) shift ;;
    -l|--list) asked=list; shift ;;
    -nl|-ln) asked=list; shift ;;
    -u) shift; [ $# -gt 0 ] && shift ;;
    -p) shift; [ $# -gt 0 ] && shift ;;
    --) shift; break ;;
    -*) echo "sudo: the pretend sudo does not know '$1'" >&2; exit 1 ;;
    *) break ;;
  esac
done
if [ $# -eq 0 ]; then
  [ "$asked" = list ] || { echo 'usage: sudo [-n] command' >&2; exit 1; }
  echo "User ec2-user may run the following commands on rally-staging:"
  echo "    (root) NOPASSWD: $allowed"
  exit 0
fi
case $1 in
  */*) folder=$(cd "$(dirname "$1")" 2>/dev/null && pwd -P); named=$folder/$(basename "$1") ;;
  *) named=$(command -v "$1" || echo "$1") ;;
esac
if [ "$named" != "$allowed" ]; then
  echo 'sudo: a password is required' >&2
  exit 1
fi
if [ "$asked" = list ]; then
  shift
  echo "$allowed${*:+ $*}"
  exit 0
fi
program=$1
shift
exec env -i HOME=@ROOT@/root USER=root LOGNAME=root SUDO_USER=ec2-user PRETEND_USER=root LANG=C.UTF-8 \
  PATH=@ROOT@/shims:/usr/bin:/bin GREENLIGHT_PRETEND_HOST=@ROOT@ "$program" "$@"
"#;

/// Asks the World for work (`backup`, `migration`), prints its output as it comes, and ends with
/// its exit code.
const ASK: &str = r#"#!/bin/sh
world=@ROOT@/.world
id=$1-$(/bin/date +%s%N)-$$
printf '%s %s\n' "$1" $$ >"$world/requests/$id.tmp" && mv "$world/requests/$id.tmp" "$world/requests/$id.ask" || exit 75
out=$world/requests/$id.out
seen=0
alone=0
while :; do
  ended=no
  [ -f "$world/requests/$id.exit" ] && ended=yes
  if [ -f "$out" ]; then
    size=$(wc -c <"$out")
    if [ "$size" -gt "$seen" ]; then
      tail -c +$(( seen + 1 )) "$out" | head -c $(( size - seen ))
      seen=$size
    fi
  fi
  [ "$ended" = yes ] && exit "$(cat "$world/requests/$id.exit")"
  if kill -0 "$(cat "$world/pid" 2>/dev/null || echo none)" 2>/dev/null; then
    alone=0
  else
    alone=$(( alone + 1 ))
    [ "$alone" -gt 600 ] && { echo 'the pretend host was switched off' >&2; exit 137; }
  fi
  sleep 0.1
done
"#;

const BACKUP: &str = r#"#!/bin/bash
# Backup of the Rally production database. Run as root, in this directory.
set -u
if [ "$(whoami)" != root ]; then
  echo "backupRallyPROD.sh: must be run as root" >&2
  exit 1
fi
if [ "$(pwd -P)" != "@ROOT@/opt/backup/bin" ]; then
  echo "backupRallyPROD.sh: ../dumps not found; run me in my own directory" >&2
  exit 2
fi
dumps=../dumps
name=rally-$(date +%Y-%m-%dT%H%M%S).dump
part=$dumps/.$name.part
echo "$(date '+%H:%M:%S') Backup of rally (PROD) starts"
"@ROOT@/.world/ask" backup
code=$?
if [ "$code" -eq 1 ]; then
  # A full disk: the part that was written stays behind, and is no backup.
  head -c $(( 3 * 1024 * 1024 )) /dev/urandom >"$part"
fi
if [ "$code" -ne 0 ]; then
  echo "$(date '+%H:%M:%S') Backup FAILED with $code" >&2
  exit "$code"
fi
head -c $(( 12 * 1024 * 1024 )) /dev/urandom | gzip -1 >"$part" || exit 3
gzip -t <"$part" || exit 4
mv "$part" "$dumps/$name" || exit 5
touch -d "@$(date +%s)" "$dumps/$name"
ls -1 "$dumps"/rally-*.dump | sort | head -n -10 | while read -r old; do rm -f "$old"; done
echo "$(date '+%H:%M:%S') Wrote $dumps/$name ($(wc -c <"$dumps/$name") bytes)"
echo "$(date '+%H:%M:%S') Backup of rally (PROD) is complete"
"#;

const RUN: &str = r#"#!/bin/bash
# Brings the schema of the Rally production database to this release. Run as ec2-user, with CONFIG set.
set -u
if [ "$(whoami)" != ec2-user ]; then
  echo "run.sh: run me as ec2-user, not as $(whoami)" >&2
  exit 2
fi
if [ -z "${CONFIG:-}" ]; then
  echo "run.sh: CONFIG is not set. It names the properties file of the database." >&2
  exit 3
fi
if [ ! -r "$CONFIG" ]; then
  echo "run.sh: cannot read CONFIG=$CONFIG" >&2
  exit 3
fi
echo "$(date '+%H:%M:%S') Migrating with $CONFIG"
rally-migrate --config "$CONFIG"
code=$?
echo "$(date '+%H:%M:%S') rally-migrate ended with $code"
exit "$code"
"#;

const RALLY_MIGRATE: &str = r#"#!/bin/sh
[ "${1:-}" = --config ] || { echo 'usage: rally-migrate --config FILE' >&2; exit 64; }
grep -q '^spring.datasource.url=' "$2" || { echo "rally-migrate: no spring.datasource.url in $2" >&2; exit 65; }
echo "Database $(sed -n 's/^spring.datasource.url=//p' "$2")"
exec "@ROOT@/.world/ask" migration
"#;

/// Prints version and name of the database. Changes nothing.
const RALLY_SCHEMA: &str = r#"#!/bin/sh
[ -n "${CONFIG:-}" ] || { echo 'rally-schema: CONFIG is not set' >&2; exit 64; }
exec cat "@ROOT@/.world/database"
"#;

/// Only this file puts `rally-migrate` on PATH: a login shell finds it, a plain channel does not.
const BASH_PROFILE: &str = r#"# ~/.bash_profile
PATH=@ROOT@/shims:$HOME/tools/bin:/usr/bin:/bin
export PATH
"#;

/// For login shells other than bash; without the tools, as on the real machine.
const PROFILE: &str = "PATH=@ROOT@/shims:/usr/bin:/bin\nexport PATH\n";

const PROPERTIES: &str = "\
# Database of the pretend production
spring.datasource.url=jdbc:postgresql://rally-prod-db.pretend.internal:5432/rally
spring.datasource.username=rally_migrate
spring.datasource.password=pretend-only
spring.liquibase.change-log=classpath:db/changelog-master.xml
";

const BACKUP_README: &str = "backupRallyPROD.sh writes ../dumps/rally-DATE.dump (gzip). It takes about 8 minutes.\n";
