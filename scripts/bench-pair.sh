#!/usr/bin/env bash
# Compares two builds of kvorum, one after the other in turn (A B A B …), on a
# quiet machine: redis-benchmark SET and GET with 64-byte values through the
# leader, 50 clients at pipelines of 1 and 16, and one client alone. Prints each
# figure's median over the rounds, and the ratio of B to A.
#
#   scripts/bench-pair.sh OLD-BINARY NEW-BINARY
#   ROUNDS=5 SCALE=10 scripts/bench-pair.sh …    a tenth of the requests
set -euo pipefail

rounds="${ROUNDS:-5}"
scale="${SCALE:-1}"
port="${PORT:-17379}"
[[ $# == 2 && -x "$1" && -x "$2" ]] || { echo "usage: scripts/bench-pair.sh OLD-BINARY NEW-BINARY" >&2; exit 1; }
declare -A binary=([A]="$1" [B]="$2")

dir="$(mktemp -d -p "${BENCH_DIR:-/var/tmp}")"
running=
stop() {
  if [[ -n "$running" ]]; then
    kill "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
    running=
  fi
}
trap 'stop; rm -rf "$dir"' EXIT

# measure WHICH LEADER-PORT TITLE CLIENTS PIPELINE REQUESTS
measure() {
  redis-benchmark -p "$2" -t set,get -n $(($6 / scale)) -c "$4" -d 64 -r 100000 -P "$5" --csv |
    tr -d '"' | awk -F, -v which="$1" -v title="$3" '$1 == "SET" || $1 == "GET" { print which, $1 "-" title, $2, $5, $7 }' >>"$dir/results"
}

run() {
  local which="$1" i leader
  "${binary[$which]}" local --port "$port" --dir "$dir/data" >"$dir/kvorum.log" 2>&1 &
  running=$!
  for ((i = 0; i < 300; i++)); do
    grep -q '^ready: leader' "$dir/kvorum.log" && break
    sleep 0.1
  done
  leader="$(sed -n 's/^ready: leader .*:\([0-9]*\)$/\1/p' "$dir/kvorum.log" | head -n 1)"
  [[ -n "$leader" ]] || { cat "$dir/kvorum.log" >&2; exit 1; }
  measure "$which" "$leader" 50-clients-P1 50 1 200000
  measure "$which" "$leader" 50-clients-P16 50 16 1000000
  measure "$which" "$leader" 1-client 1 1 20000
  stop
  rm -rf "$dir/data"
}

for ((round = 1; round <= rounds; round++)); do
  echo "round $round of $rounds" >&2
  run A
  run B
done

echo '| | A: requests/s | B: requests/s | ratio | A: p50, p99 ms | B: p50, p99 ms |'
echo '|---|---|---|---|---|---|'
# median WHICH TITLE COLUMN
median() {
  awk -v w="$1" -v t="$2" -v c="$3" '$1 == w && $2 == t { print $c }' "$dir/results" | sort -n |
    awk '{ a[NR] = $1 } END { print (NR % 2) ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'
}
for title in SET-50-clients-P1 SET-50-clients-P16 SET-1-client GET-50-clients-P1 GET-50-clients-P16 GET-1-client; do
  a="$(median A "$title" 3)" b="$(median B "$title" 3)"
  printf '| %s | %.0f | %.0f | %.2f | %s, %s | %s, %s |\n' "$title" "$a" "$b" "$(awk "BEGIN { print $b / $a }")" \
    "$(median A "$title" 4)" "$(median A "$title" 5)" "$(median B "$title" 4)" "$(median B "$title" 5)"
done
