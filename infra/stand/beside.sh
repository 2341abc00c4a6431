# What the scripts here share: sourced, not run.

# free_port prints a port that nobody listens on.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# beside NAME URL COMMAND... runs the function start in the background, waits until URL answers, runs COMMAND, stops what was
# started, and ends as COMMAND does.
beside() {
  local name=$1 url=$2
  shift 2
  log=$(mktemp)
  (start) >"$log" 2>&1 &
  pid=$!
  stop() {
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$log"
  }
  trap stop EXIT
  trap 'exit 130' INT TERM
  for _ in $(seq 150); do
    if curl -s -o /dev/null "$url"; then
      "$@"
      exit
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  echo "$name did not start:" >&2
  cat "$log" >&2
  exit 1
}
