#!/bin/sh
# Makes the locked buckets and the two users of a Parley store on MinIO, and may be run again. It needs mc and, from the
# environment: STORE (https://HOST:PORT), OWNER_PASSWORD, WRITER_PASSWORD, READER_PASSWORD. OWNER is the owner's name,
# PARLEY_BUCKET what the names of buckets and users begin with, CERTIFICATES the folder of the authority's ca.crt.
set -eu
here=$(dirname "$0")
: "${STORE:?}" "${OWNER_PASSWORD:?}" "${WRITER_PASSWORD:?}" "${READER_PASSWORD:?}"
name=${PARLEY_BUCKET:-parley}
authority=${CERTIFICATES:-/certificates}/ca.crt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/mc/certs/CAs"
[ ! -f "$authority" ] || cp "$authority" "$work/mc/certs/CAs/parley.crt"
export MC_CONFIG_DIR="$work/mc"

# The password reaches mc by its standard input, not by the command line that everybody on the machine may read.
tries=0
until printf '%s\n%s\n' "${OWNER:-owner}" "$OWNER_PASSWORD" | mc --quiet alias set store "$STORE" >/dev/null 2>"$work/why"; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { cat "$work/why" >&2; exit 1; }
  sleep 1
done

bucket() { # CLASS DAYS: a default lock that nobody shortens
  mc --quiet mb --ignore-existing --with-lock "store/$name-$1"
  mc --quiet retention set --default COMPLIANCE "$2d" "store/$name-$1"
  mc --quiet ilm import "store/$name-$1" <"$here/lifecycle-$1.json"
}

user() { # ROLE PASSWORD
  policy=$here/$1-policy.json
  if [ "$name" != parley ]; then
    sed "s/:::parley-/:::$name-/g" "$policy" >"$work/$1.json"
    policy=$work/$1.json
  fi
  printf '%s\n%s\n' "$name-$1" "$2" | mc --quiet admin user add store >/dev/null
  mc --quiet admin policy create store "$name-$1" "$policy"
  case $(mc --quiet admin user info store "$name-$1") in
  *"PolicyName: $name-$1"*) ;; # to attach what is attached is an error
  *) mc --quiet admin policy attach store "$name-$1" --user "$name-$1" ;;
  esac
}

bucket attachment 180
bucket part 7
bucket recording 180
user writer "$WRITER_PASSWORD"
user reader "$READER_PASSWORD"
