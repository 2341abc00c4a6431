#!/usr/bin/env bash
# Runs a command that looks at Postern's pages in Chromium:
#
#   infra/stand/browser.sh go test ./acceptance/browser
#
# POSTERN_CHROMIUM tells the command where the browser is, POSTERN_AXE where axe-core is. Needs npm, and root if Chromium
# (Debian's package) is not there yet; axe-core it keeps in .build/, named by its version. Profiles of the browser go into a
# folder that ends as this does.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
axe_version=4.14.1
# Of the archive: what npm was given must be what was reviewed.
axe_integrity=sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==
axe=$root/.build/axe-core-$axe_version

if ! command -v chromium >/dev/null; then
  if [ "$(id -u)" != 0 ]; then
    echo "There is no chromium here. Install it (Debian: apt-get install chromium), or run this as root." >&2
    exit 1
  fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq chromium; } >&2
fi
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
if [ ! -e "$axe/package/axe.min.js" ]; then
  (cd "$temporary" && npm pack --silent "axe-core@$axe_version" >/dev/null)
  archive=$temporary/axe-core-$axe_version.tgz
  got=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
  if [ "$got" != "$axe_integrity" ]; then
    echo "axe-core $axe_version is not what it was: $got" >&2
    exit 1
  fi
  mkdir -p "$temporary/axe" "$root/.build"
  tar -xzf "$archive" -C "$temporary/axe"
  rm -rf "$axe"
  mv "$temporary/axe" "$axe"
fi
POSTERN_CHROMIUM=$(command -v chromium)
POSTERN_AXE=$axe/package/axe.min.js
export POSTERN_CHROMIUM POSTERN_AXE
TMPDIR=$temporary "$@"
