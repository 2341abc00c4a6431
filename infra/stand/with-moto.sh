#!/usr/bin/env bash
# Runs a command with moto beside it, which answers as SQS, SES and KMS do:
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
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
pid=$!
stop() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT TERM
export POSTERN_MOTO_ENDPOINT=http://127.0.0.1:$port
for _ in $(seq 150); do
  if curl -s -o /dev/null "$POSTERN_MOTO_ENDPOINT/moto-api/"; then
    "$@"
    exit
  fi
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.2
done
echo "moto did not start:" >&2
cat "$log" >&2
exit 1
