#!/bin/sh
# Backs up a deployment and restores it. OPERATIONS.md, "Backup and restore", says what goes where and why.
#
#   deploy/restore-drill.sh backup  MAIN VAULT LEDGER     the three places, on different machines in real use
#   deploy/restore-drill.sh ledger  LEDGER                append what was erased to the ledger (hourly)
#   deploy/restore-drill.sh restore MAIN VAULT LEDGER     into empty databases, or an empty data folder
#
# Settings are the server's own, in the environment: PARLEY_DATABASE, PARLEY_VAULT and PARLEY_ROOT_KEY, or for the embedded size
# PARLEY_DATA (and PARLEY_ROOT_KEY, if it lies elsewhere). PARLEY names the program if it is not in PATH. Other users of
# this machine see passwords in addresses while pg_dump runs: keep them in ~/.pgpass instead.
#
# PostgreSQL is backed up while the nodes serve. The embedded size is copied, so stop the server first. The restore ends
# before anything is served: start the server when it says so.
set -eu
umask 077
parley=${PARLEY:-parley}

die() {
  echo "restore-drill: $*" >&2
  exit 1
}

usage() {
  sed -n '4,6s/^#  *//p' "$0" >&2
  exit 2
}

embedded() { [ -z "${PARLEY_DATABASE:-}${PARLEY_VAULT:-}" ]; }

settings() {
  if embedded; then
    [ -n "${PARLEY_DATA:-}" ] || die "set PARLEY_DATA, or PARLEY_DATABASE and PARLEY_VAULT"
  else
    [ -n "${PARLEY_DATABASE:-}" ] && [ -n "${PARLEY_VAULT:-}" ] && [ -n "${PARLEY_ROOT_KEY:-}" ] ||
      die "set PARLEY_DATABASE, PARLEY_VAULT and PARLEY_ROOT_KEY"
  fi
}

# stopped keeps the server from starting until this script ends.
stopped() {
  exec 9>>"$PARLEY_DATA/lock"
  flock -n 9 || die "a server runs in $PARLEY_DATA: stop it first"
}

# empty says that a folder is not there or holds nothing.
empty() { [ ! -d "$1" ] || [ -z "$(ls -A "$1")" ]; }

# The ledger is only ever appended to: what the vault has buried and the ledger does not tell yet. A line that was cut by a
# crash costs nothing: the newline ends it, and it comes again whole.
ledger() { # LEDGER
  "$parley" keys export-erased >"$1.new" || die "the vault does not tell what it erased"
  printf '\n' >>"$1"
  awk 'NR == FNR { told[$0]; next } !($0 in told)' "$1" "$1.new" >"$1.more"
  cat "$1.more" >>"$1"
  sync
  rm "$1.new" "$1.more"
}

# The main part first, the vault second: a key is in the vault before anything is sealed with it, so the later copy of the
# vault has the key of all that the earlier copy of the rest holds. The other way round the last messages would be
# unreadable for ever. The ledger is last: it may only ever be newer than both.
backup() { # MAIN VAULT LEDGER
  mkdir -p "$1" "$2" "$(dirname "$3")"
  empty "$1" && empty "$2" || die "$1 or $2 is not empty: one folder a backup"
  if embedded; then
    stopped
    (cd "$PARLEY_DATA" && tar cf - --exclude=./keys --exclude=./lock .) >"$1/data.tar"
    (cd "$PARLEY_DATA/keys" && tar cf - --exclude=./root.key --exclude=./lock --exclude=./tmp .) >"$2/keys.tar"
  else
    pg_dump --format=custom --file="$1/database.dump" --dbname="$PARLEY_DATABASE"
    pg_dump --format=custom --file="$2/vault.dump" --dbname="$PARLEY_VAULT"
  fi
  ledger "$3"
}

# The vault first, and buried again in it at once what was erased since the backup (L1): if the ledger is not there or can't
# be followed, there is nothing yet that could be served.
restore() { # MAIN VAULT LEDGER
  [ -s "$3" ] || die "no ledger at $3: without it erased keys would come back. Take the newest one there is"
  if embedded; then
    restore_keys "$2"
  else
    pg_restore --exit-on-error --single-transaction --no-owner --dbname="$PARLEY_VAULT" "$2/vault.dump" ||
      die "the vault is not restored; its database must be empty"
  fi
  "$parley" keys replay-erased <"$3" || die "the ledger could not be followed to its end: mend it, drop the vault, and begin anew"
  if embedded; then
    tar xf "$1/data.tar" -C "$PARLEY_DATA"
  else
    pg_restore --exit-on-error --single-transaction --no-owner --dbname="$PARLEY_DATABASE" "$1/database.dump" ||
      die "the main database is not restored; it must be empty"
  fi
  echo "restore-drill: restored; start the server"
}

restore_keys() { # VAULT
  keys=$PARLEY_DATA/keys
  mkdir -p "$keys/tmp"
  [ -z "$(ls -A "$PARLEY_DATA" | grep -vx keys)" ] || die "$PARLEY_DATA is not empty"
  [ -z "$(ls -A "$keys" | grep -vxE 'tmp|root\.key')" ] || die "$keys is not empty"
  [ -f "$keys/root.key" ] || [ -n "${PARLEY_ROOT_KEY:-}" ] || die "put the root key into $keys/root.key first; it is in no backup"
  tar xf "$1/keys.tar" -C "$keys"
}

case "${1:-} $#" in
  "backup 4" | "restore 4" | "ledger 2") ;;
  *) usage ;;
esac
settings
"$@"
