#!/bin/sh
# The certificates of the tests: two authorities of our own, servers for a.example and *.b.example, a client
# that the first authority vouches for, and a stranger that only the other one knows. EC P-256, valid for a
# hundred years from a fixed date, so that no test ever fails for a clock. The authorities' keys are thrown away:
# to add a certificate, run this again, and all are made anew.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# sign FOLDER EXTENSIONS ARGUMENTS: `openssl ca`, as nothing else of OpenSSL 3.0 takes the dates.
sign() {
  folder=$1 extensions=$2
  shift 2
  cat >"$folder/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $folder/index
new_certs_dir = $folder
serial = $folder/serial
rand_serial = yes
default_md = sha256
policy = any
[any]
organizationName = supplied
commonName = supplied
[extensions]
$extensions
CONF
  : >>"$folder/index"
  openssl ca -batch -notext -preserveDN -config "$folder/ca.conf" -extensions extensions -keyfile "$folder/key" \
    -startdate 20240101000000Z -enddate 21240101000000Z "$@" 2>/dev/null
}

request() { # SUBJECT KEY OUT
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "$1" -keyout "$2" -out "$3" 2>/dev/null
}

authority() { # NAME COMMON-NAME: makes NAME.pem
  mkdir "$scratch/$1"
  request "/O=Sluice Tests/CN=$2" "$scratch/$1/key" "$scratch/$1/csr"
  sign "$scratch/$1" "basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash" -selfsign -in "$scratch/$1/csr" -out "$1.pem"
}

leaf() { # NAME AUTHORITY SUBJECT SANS USAGE: makes NAME.cert.pem and NAME.key.pem
  request "$3" "$1.key.pem" "$scratch/$1.csr"
  sign "$scratch/$2" "basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = $5
subjectAltName = $4" -cert "$2.pem" -in "$scratch/$1.csr" -out "$1.cert.pem"
}

authority ca "Test Authority"
authority other-ca "Other Authority"
leaf a.example ca "/O=Sluice Tests/CN=a.example" "DNS:a.example,DNS:localhost,IP:127.0.0.1" serverAuth
leaf wildcard.b.example ca "/O=Sluice Tests/CN=*.b.example" "DNS:*.b.example" serverAuth
leaf client ca "/O=Sluice Tests/CN=client" "URI:spiffe://test/client" clientAuth
leaf stranger other-ca "/O=Strangers/CN=stranger" "URI:spiffe://test/stranger" clientAuth
