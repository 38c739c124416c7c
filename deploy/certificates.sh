#!/bin/sh
# Makes an authority and certificates for the connections inside of a deployment: engines and nodes.
#
#   deploy/certificates.sh DIR [NAME[=HOST[,HOST…]]…]
#
# DIR/ca.crt is what all trust; DIR/NAME/node.crt and node.key belong to the engine NAME, reached as HOST (or NAME) or
# localhost; DIR/node is the folder for --cluster-tls, the same for all nodes. What is there already stays, so it can run
# again for more names. DIR/ca.key can make any machine a node: move it off this machine when you are done.
#
# Valid for 825 days (authority: ten years). Servers read new files without a restart.
set -eu

[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir=$1
shift
umask 022
mkdir -p "$dir"
cd "$dir"

if [ ! -f ca.key ]; then
  (umask 077; openssl ecparam -name prime256v1 -genkey -noout -out ca.key)
  openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=Parley authority" -out ca.crt \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
fi

certificate() { # FOLDER NAMES USES
  [ ! -f "$1/node.crt" ] || return 0
  mkdir -p "$1"
  (umask "${key_mask:-077}"; openssl ecparam -name prime256v1 -genkey -noout -out "$1/node.key")
  openssl req -new -key "$1/node.key" -subj "/CN=$1" -out "$1/node.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n' "$2" "$3" >"$1/node.ext"
  openssl x509 -req -in "$1/node.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days 825 -extfile "$1/node.ext" -out "$1/node.crt"
  rm "$1/node.csr" "$1/node.ext"
}

# Nodes know each other by the authority and this one name, whatever their addresses are.
certificate node DNS:node.parley.internal serverAuth,clientAuth
cp ca.crt node/ca.crt

for one in "$@"; do
  name=${one%%=*}
  hosts=DNS:localhost,IP:127.0.0.1
  for host in $(printf %s "${one#*=}" | tr , ' '); do
    case $host in
      *[!0-9.]*) hosts=$hosts,DNS:$host ;;
      *) hosts=$hosts,IP:$host ;;
    esac
  done
  certificate "$name" "$hosts" serverAuth
done
