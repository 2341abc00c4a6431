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
. "$root/infra/stand/beside.sh"
port=$(free_port)
# It leaves a file where it is started: not in the tree.
start() {
  cd "$lib" && exec java -Djava.library.path="$lib" -cp "$lib/*" software.amazon.dynamodb.services.local.main.ServerRunner \
    -inMemory -sharedDb -port "$port"
}
export POSTERN_DYNAMODB_ENDPOINT=http://127.0.0.1:$port
# It answers 400 to a request without an operation.
beside "DynamoDB Local" "$POSTERN_DYNAMODB_ENDPOINT" "$@"
