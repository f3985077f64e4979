#!/usr/bin/env bash
# Measures Kvorum beside a local redis-server that syncs every write, one after
# the other: redis-benchmark SET and GET, 50 clients, 64-byte values, pipelines
# of 1, 16 and 64, through the leader and through a follower, with both log
# stores. Prints the medians in requests per second and their ratios to
# redis-server as a Markdown table. Run it on a quiet machine.
#
#   scripts/bench.sh              3 rounds, 10 seconds or so for each figure
#   ROUNDS=5 STORES=bolt scripts/bench.sh
#   SCALE=10 scripts/bench.sh     a tenth of the requests: a quick look
set -euo pipefail
cd "$(dirname "$0")/.."

rounds="${ROUNDS:-3}"
scale="${SCALE:-1}"
port="${PORT:-17379}"
read -ra stores <<<"${STORES:-bolt wal}"
pipelines=(1 16 64)
declare -A requests=([1]=400000 [16]=2000000 [64]=4000000)

dir="$(mktemp -d)"
running=
stop() {
  if [[ -n "$running" ]]; then
    kill "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
    running=
  fi
}
trap 'stop; rm -rf "$dir"' EXIT

for tool in redis-server redis-benchmark redis-cli; do
  command -v "$tool" >/dev/null || { echo "$tool is needed (Debian: redis-server, redis-tools)" >&2; exit 1; }
done
CGO_ENABLED=0 go build -o "$dir/kvorum" ./cmd/kvorum

# await FILE PATTERN PORT: the line of a log that says that it serves.
await() {
  local i
  for ((i = 0; i < 300; i++)); do
    if grep -q "$2" "$1" && redis-cli -p "$3" ping >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  echo "it does not serve:" >&2
  cat "$1" >&2
  return 1
}

# measure LABEL PORT PIPELINE: appends "LABEL PIPELINE SET|GET rps" to the results.
measure() {
  local label="$1" at="$2" pipeline="$3" n=$((requests[$3] / scale))
  redis-benchmark -p "$at" -t set,get -n "$n" -c 50 -d 64 -r 100000 -P "$pipeline" --csv |
    tr -d '"' | awk -F, -v label="$label" -v p="$pipeline" '$1 == "SET" || $1 == "GET" { print label, p, $1, $2 }' >>"$dir/results"
}

run_redis() {
  mkdir -p "$dir/redis"
  redis-server --port "$port" --dir "$dir/redis" --save '' --appendonly yes --appendfsync always >"$dir/redis.log" 2>&1 &
  running=$!
  await "$dir/redis.log" 'Ready to accept' "$port"
  local p
  for p in "${pipelines[@]}"; do measure redis "$port" "$p"; done
  stop
  rm -rf "$dir/redis"
}

run_kvorum() {
  local store="$1" leader follower p
  KVORUM_LOG_STORE="$store" "$dir/kvorum" local --port "$port" --dir "$dir/data" >"$dir/kvorum.log" 2>&1 &
  running=$!
  await "$dir/kvorum.log" '^ready: leader' "$port"
  leader="$(sed -n 's/^ready: leader .*:\([0-9]*\)$/\1/p' "$dir/kvorum.log" | head -n 1)"
  follower=$((port == leader ? port + 1 : port))
  for p in "${pipelines[@]}"; do
    measure "$store-leader" "$leader" "$p"
    measure "$store-follower" "$follower" "$p"
  done
  stop
  rm -rf "$dir/data"
}

for ((round = 1; round <= rounds; round++)); do
  echo "round $round of $rounds" >&2
  run_redis
  for store in "${stores[@]}"; do run_kvorum "$store"; done
done

awk '
  { key = $1 " " $3 " " $2; count[key]++; value[key, count[key]] = $4 }
  function median(key,   i, j, n, t, a) {
    n = count[key]
    for (i = 1; i <= n; i++) a[i] = value[key, i] + 0
    for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j-1]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t }
    return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
  }
  END {
    print "| requests/s (ratio) | SET P=1 | P=16 | P=64 | GET P=1 | P=16 | P=64 |"
    print "|---|---|---|---|---|---|---|"
    rows = split("redis bolt-leader bolt-follower wal-leader wal-follower", row, " ")
    for (r = 1; r <= rows; r++) {
      if (!count[row[r] " SET 1"]) continue
      line = "| " row[r]
      for (op = 0; op < 2; op++) for (k = 0; k < 3; k++) {
        key = (op ? "GET" : "SET") " " (k == 0 ? 1 : k == 1 ? 16 : 64)
        m = median(row[r] " " key)
        line = line sprintf(" | %d", m)
        if (row[r] != "redis") line = line sprintf(" (%.2f)", m / median("redis " key))
      }
      print line " |"
    }
  }' "$dir/results"
