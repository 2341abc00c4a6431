#!/usr/bin/env bash
# Runs a command with Amazon's DynamoDB Local beside it:
#
#   infra/stand/with-dynamodb.sh go test ./shared/store/dynamo
#
# POSTERN_DYNAMODB_ENDPOINT tells the command where it is, and this ends as the command does. Needs Java 17, Maven, Python 3
# and curl; what it fetches it keeps in .build/, until dynamodb-pom.xml changes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
pom=$root/infra/stand/dynamodb-pom.xml
lib=$root/.build/dynamodb-local
if ! cmp -s "$pom" "$lib/.complete"; then
  rm -rf "$lib"
  mkdir -p "$lib"
  mvn -q -B -Dstyle.color=never -f "$pom" dependency:copy-dependencies -DoutputDirectory="$lib" >&2
  cp "$pom" "$lib/.complete"
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
# It leaves a file where it is started: not in the tree.
(cd "$lib" && exec java -Djava.library.path="$lib" -cp "$lib/*" software.amazon.dynamodb.services.local.main.ServerRunner \
  -inMemory -sharedDb -port "$port" >"$log" 2>&1) &
pid=$!
stop() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT TERM
export POSTERN_DYNAMODB_ENDPOINT=http://127.0.0.1:$port
for _ in $(seq 150); do
  # It answers 400 to a request without an operation.
  if curl -s -o /dev/null "$POSTERN_DYNAMODB_ENDPOINT"; then
    "$@"
    exit
  fi
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.2
done
echo "DynamoDB Local did not start:" >&2
cat "$log" >&2
exit 1
