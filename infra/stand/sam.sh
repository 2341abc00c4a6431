#!/usr/bin/env bash
# The AWS SAM CLI, of the version that Postern is built with:
#
#   infra/stand/sam.sh validate --lint --region eu-central-1
#
# Uses a `sam` of that version if there is one; else it makes a Python environment of its own in .build/.
set -euo pipefail
version=1.170.0
root=$(cd "$(dirname "$0")/../.." && pwd)
export SAM_CLI_TELEMETRY=0
if [ "$(sam --version 2>/dev/null)" = "SAM CLI, version $version" ]; then
  exec sam "$@"
fi
venv=$root/.build/sam-$version
if [ ! -f "$venv/.complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q "aws-sam-cli==$version" >&2
  touch "$venv/.complete"
fi
exec "$venv/bin/sam" "$@"
