#!/usr/bin/env bash
# Restarts all nodes of a cluster, one after the other, without an error to
# clients that reconnect: each is asked to stop (SIGTERM), hands leadership over
# if it leads, answers what it has read, and ends; the next one follows when all
# are ready: back, less than a second behind, and voters. The leader comes last.
#
#   scripts/rolling-restart.sh [DIR]         the nodes of "kvorum local --restart --dir DIR" (default: kvorum-data)
#   scripts/rolling-restart.sh --compose     the nodes among the services of docker-compose.yml in this folder; one whose
#                                            image was built anew before comes back with that: a rolling upgrade
#
# A voter that is not among them is named, and nothing is restarted: the cluster could lose its majority. What is
# no member any more is left alone.
#
# COMPOSE_PROJECT_NAME and COMPOSE_FILE are heeded, as by Compose itself.
# STOP_WITHIN (30) and BACK_WITHIN (120) bound, in seconds, how long one node may
# take to end and to be back. It stops at the first node that takes longer, with
# the reason and exit code 1; the others have not been touched then.
set -euo pipefail

stop_within="${STOP_WITHIN:-30}"
back_within="${BACK_WITHIN:-120}"
began="${EPOCHREALTIME/[.,]/}"

# since MICROSECONDS: the time since then, for people.
since() { local d=$((${EPOCHREALTIME/[.,]/} - $1)); printf '%d.%d s' $((d / 1000000)) $((d / 100000 % 10)); }
say() { printf '%-10s %s\n' "$(since "$began")" "$1"; }
fail() { printf '%s\n' "rolling-restart: $1" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

# within SECONDS COMMAND…: repeats the command until it succeeds or time is over.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# alone PATH: refuses to go on beside another that restarts the same nodes: each would take
# one of them away. A system without flock (macOS) does not notice.
alone() {
  command -v flock >/dev/null || return 0
  local lock
  exec {lock}<"$1"
  flock -n "$lock" || fail "nothing is restarted: another rolling-restart.sh is at work on $1; wait for its end"
}

# --- nodes of kvorum local -------------------------------------------------------

# A node's HTTP port lies 2000 above its client port, which follow each other.
http_port() { echo $((first_port + ${1#n} - 1 + 2000)); }

# ask NODE PATH: the status and the body of its health port's answer.
ask() {
  timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET %s HTTP/1.0\r\n\r\n" "$2" >&3 && cat <&3' - \
    "$(http_port "$1")" "$2" 2>/dev/null | tr -d '\r' | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p; 1,/^$/!p'
}

# local_members NODE: what members it knows, as "n1 true" for a voter and "n1 false" for another.
local_members() {
  ask "$1" /status | grep -o '"server":"[^"]*","voter":[a-z]*' | sed 's/^"server":"\([^@"]*\).*:/\1 /'
}

# serves PID NODE: whether the process is that node, by what it was started with. A pid
# file may be left from an earlier run, and its number be anybody's by now.
serves() {
  local arguments=() text data
  if [[ -d /proc/self ]]; then
    mapfile -d '' -t arguments 2>/dev/null <"/proc/$1/cmdline" || return 1
    [[ "${arguments[1]:-}" == serve && "${arguments[2]:-}" == "--id=$2" ]] || return 1
    for text in "${arguments[@]}"; do
      [[ "$text" != --data=* || ! "${text#--data=}" -ef "$dir/$2/data" ]] || return 0
    done
    return 1
  fi
  text="$(ps -ww -o args= -p "$1" 2>/dev/null)" # macOS
  data="${text#* --data=}"
  [[ "$text" == *" serve --id=$2 "* && "${data%% --cluster=*}" -ef "$dir/$2/data" ]]
}

# local_process NODE: the process that its pid file names, if that is the node.
local_process() {
  local process
  process="$(cat "$dir/$1/pid" 2>/dev/null)" || return 0
  if [[ "$process" =~ ^[0-9]+$ ]] && serves "$process" "$1"; then echo "$process"; fi
}

local_absence() {
  if [[ -e "$dir/$1/pid" ]]; then
    echo "$1 is not restarted: $dir/$1/pid is stale: the process that it names, $(cat "$dir/$1/pid"), is not $1; nothing was signalled"
  else
    echo "$1 does not run"
  fi
}

# server: the server that a node's /status or its identity.json names first: its own.
server() { grep -o '"server": *"[^"]*"' | head -n 1 | cut -d '"' -f 4; }

local_ready() {
  local here answering
  answer="$(ask "$1" /readyz || true)"
  [[ "$answer" == 200* ]] || { reason="${answer#*$'\n'}"; reason="${reason:-it does not answer}"; return 1; }
  here="$(server <"$dir/$1/data/identity.json" 2>/dev/null || true)"
  answering="$(ask "$1" /status | server || true)"
  [[ -n "$here" && "$answering" == "$here" ]] ||
    { reason="port $(http_port "$1") is answered by ${answering:-nobody}, and $dir/$1 is that of ${here:-no server}: is another cluster on its ports?"; return 1; }
}

local_leads() { [[ "$(ask "$1" /status || true)" == *'"leading":true'* ]]; }

local_stop() { kill -TERM "$(local_process "$1")"; }
local_gone() { ! serves "$2" "$1"; }
local_start() { :; } # kvorum local --restart does it

local_advice() {
  local log="$dir/$1/log"
  if [[ -z "$(local_process "$1")" ]]; then
    echo 'nothing starts it again: is "kvorum local" running, and with --restart?'
  else
    echo "see $log, which ends with: $(tail -n 1 "$log" 2>/dev/null)"
  fi
}

local_nodes() {
  dir="${1:-kvorum-data}"
  [[ -f "$dir/local.json" ]] || fail "$dir is no directory of \"kvorum local\": it has no local.json; name the one that was given as --dir"
  alone "$dir/local.json"
  local count
  count="$(sed -n 's/.*"nodes": *\([0-9]*\).*/\1/p' "$dir/local.json")"
  first_port="$(sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$dir/local.json")"
  [[ -n "$count" && -n "$first_port" ]] || fail "$dir/local.json cannot be read"
  nodes=()
  for ((i = 1; i <= count; i++)); do nodes+=("n$i"); done
}

# --- services of docker compose --------------------------------------------------

compose() { "${compose_command[@]}" "$@"; }

# find_container SERVICE: asked of Compose once, and again after a start, since
# docker-compose takes its time.
declare -A containers
find_container() { containers[$1]="$(compose ps -q "$1" 2>/dev/null || true)"; }

compose_members() {
  docker exec "${containers[$1]}" /kvorum members list 2>/dev/null | awk 'NR > 1 { print $1, ($2 == "nonvoter" ? "false" : "true") }'
}

compose_absence() { echo "$1 does not run"; }
compose_process() { echo "${containers[$1]}"; }

compose_ready() {
  [[ -n "${containers[$1]}" ]] || { reason='it has no container (is COMPOSE_PROJECT_NAME as it was for "up"?)'; return 1; }
  answer="$(timeout 10 docker exec "${containers[$1]}" /kvorum health 2>&1)" && return
  reason="${answer##*$'\n'}"
  return 1
}

# The leader is told by the answer of any ready node: "…, leader n2@…".
compose_leads() { compose_ready "$1" && [[ "$answer" == *"leader $1@"* ]]; }

compose_stop() { compose stop -t "$stop_within" "$1" >/dev/null 2>&1; }
compose_gone() { [[ "$(docker inspect -f '{{.State.Running}}' "$2" 2>/dev/null)" != true ]]; }
compose_start() { compose up -d --no-deps "$1" >/dev/null 2>&1 && find_container "$1"; }
compose_advice() { echo "see: ${compose_command[*]} logs $1"; }

compose_nodes() {
  alone .
  if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose_command=(docker-compose)
  else
    fail 'neither "docker compose" nor "docker-compose" is there'
  fi
  nodes=()
  local service
  for service in $(compose ps --services 2>/dev/null); do
    find_container "$service"
    [[ "$(docker inspect -f '{{.Config.Entrypoint}}' "${containers[$service]}" 2>/dev/null)" != '[/kvorum]' ]] || nodes+=("$service")
  done
  ((${#nodes[@]})) || fail 'no node runs here (is this the folder of docker-compose.yml, and COMPOSE_PROJECT_NAME as it was for "up"?)'
}

# --- the roll ----------------------------------------------------------------------

# only_members: leaves those of the nodes that are members, and refuses to go on
# if a voter is missing among them.
only_members() {
  local node id voter known='' members=()
  for node in "${nodes[@]}"; do
    known="$("${kind}_members" "$node")" && [[ -n "$known" ]] && break
  done
  [[ -n "$known" ]] || fail "nothing is restarted: none of ${nodes[*]} says who the members are"
  while read -r id voter; do
    if [[ " ${nodes[*]} " == *" $id "* ]]; then
      members+=("$id")
    elif [[ "$voter" == true ]]; then
      fail "nothing is restarted: $id is a voter, and not among the nodes that are restarted here (${nodes[*]}); restart all by hand, one after the other"
    fi
  done <<<"$known"
  for node in "${nodes[@]}"; do
    [[ " ${members[*]} " == *" $node "* ]] || say "$node is no member of the cluster, and is left alone"
  done
  nodes=("${members[@]}")
}

all_ready() {
  local node
  for node in "${nodes[@]}"; do
    "${kind}_ready" "$node" || { waits_for="$node"; return 1; }
  done
}

# one NODE: restarts it and returns when it is back.
one() {
  local node="$1" process began_here
  # Not before everybody is well: with one node less there must still be a majority.
  within "$back_within" all_ready || fail "$node is not restarted: $waits_for is not ready: $reason"
  process="$("${kind}_process" "$node")"
  [[ -n "$process" ]] || fail "$("${kind}_absence" "$node")"
  began_here="${EPOCHREALTIME/[.,]/}"
  say "$node: asked to stop"
  "${kind}_stop" "$node" || fail "$node could not be asked to stop"
  within "$stop_within" "${kind}_gone" "$node" "$process" ||
    fail "$node has not ended within $stop_within s; $("${kind}_advice" "$node")"
  say "$node: gone after $(since "$began_here")"
  "${kind}_start" "$node" || fail "$node could not be started; $("${kind}_advice" "$node")"
  reason='it does not answer'
  within "$back_within" back "$node" ||
    fail "$node is not back within $back_within s: $reason; $("${kind}_advice" "$node")"
  say "$node: back after $(since "$began_here"): ${answer##*$'\n'}"
}

back() { [[ -n "$("${kind}_process" "$1")" ]] && "${kind}_ready" "$1"; }

kind=local
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --compose) kind=compose; shift ;;
  -*) usage >&2; exit 2 ;;
esac
reason='' answer='' waits_for=''
"${kind}_nodes" "$@"
only_members

all_ready || fail "nothing is restarted: $waits_for is not ready: $reason"
leader=''
order=()
for node in "${nodes[@]}"; do
  if "${kind}_leads" "$node"; then leader="$node"; else order+=("$node"); fi
done
say "${#nodes[@]} nodes are ready${leader:+, $leader leads and comes last}"
for node in "${order[@]}" $leader; do one "$node"; done
within "$back_within" all_ready || fail "$waits_for is not ready: $reason"
say "all ${#nodes[@]} nodes have been restarted"
