#!/usr/bin/env bash
# Runs a command with moto beside it, which answers as SQS, SES and KMS do (and well enough for postern doctor as DynamoDB):
#
#   infra/stand/with-moto.sh go test ./shared/keys/kms ./shared/queue/sqs
#
# POSTERN_MOTO_ENDPOINT tells the command where it is, and this ends as the command does. Needs Python 3 and curl; what it
# fetches it keeps in .build/.
set -euo pipefail
version=5.2.5
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/.build/moto-$version
if [ ! -f "$venv/.complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q "moto[server,sqs,ses,kms]==$version" >&2
  touch "$venv/.complete"
fi
. "$root/infra/stand/beside.sh"
port=$(free_port)
start() { exec "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"; }
export POSTERN_MOTO_ENDPOINT=http://127.0.0.1:$port
beside moto "$POSTERN_MOTO_ENDPOINT/moto-api/" "$@"
