#!/usr/bin/env bash
# Runs a command with a Docker engine and the image that functions run in:
#
#   infra/stand/with-docker.sh docker run ...
#
# Uses the engine that runs here, if one does. Else, as root, it starts one of its own (Debian's packages docker.io and
# iptables, which it installs where they are missing) and stops it as this ends. Where the image cannot be pulled it makes a
# stand-in of busybox, which static Go bootstraps are content with. POSTERN_DOCKER_HOST_ADDRESS tells the command at which
# address containers reach this machine.
set -euo pipefail
case $(uname -m) in
  aarch64 | arm64) arch=arm64 ;;
  *) arch=x86_64 ;;
esac
image=public.ecr.aws/lambda/provided:al2023-$arch
temporary=$(mktemp -d)
engine=
stop() {
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  rm -rf "$temporary"
}
trap stop EXIT
trap 'exit 130' INT TERM

packages() { # those of Debian that are missing, as root
  if [ "$(id -u)" != 0 ]; then
    echo "Install $* here, or run this as root." >&2
    exit 1
  fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"; } >&2
}

if ! docker info >/dev/null 2>&1; then
  if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
    packages docker.io iptables
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "No Docker engine runs here. Start one, or run this as root." >&2
    exit 1
  fi
  export DOCKER_HOST=unix://$temporary/docker.sock
  dockerd --host "$DOCKER_HOST" --data-root "$temporary/data" --exec-root "$temporary/exec" --pidfile "$temporary/docker.pid" \
    >"$temporary/docker.log" 2>&1 &
  engine=$!
  for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  if ! docker info >/dev/null 2>&1; then
    echo "dockerd did not start:" >&2
    tail -n 20 "$temporary/docker.log" >&2
    exit 1
  fi
fi

if ! docker image inspect "$image" >/dev/null 2>&1 && ! timeout 120 docker pull -q "$image" >/dev/null 2>&1; then
  busybox=$(command -v busybox || true)
  if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
    packages busybox-static
    busybox=$(command -v busybox)
  fi
  mkdir -p "$temporary"/image/{bin,tmp,var/task,var/runtime,opt,etc}
  chmod 1777 "$temporary/image/tmp"
  cp "$busybox" "$temporary/image/bin/busybox"
  for name in sh mv chmod ls cat mkdir cp rm ln env; do
    ln -s /bin/busybox "$temporary/image/bin/$name"
  done
  tar -C "$temporary/image" -c . | docker import -c 'WORKDIR /var/task' - "$image" >/dev/null
fi
POSTERN_DOCKER_HOST_ADDRESS=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
export POSTERN_DOCKER_HOST_ADDRESS
"$@"
