#!/usr/bin/env bash
# Runs the cluster of docker-compose.yml for real, and breaks it in every way
# that one machine allows, while clients of all three nodes count and write.
# What was acknowledged is looked up by value after each blow.
#
#   scripts/compose-test.sh
#
# It has a project, ports, images and volumes of its own, so that a cluster that
# runs here is not touched, and removes them however it ends. Where there is no
# Docker engine it says so and succeeds. It needs redis-cli (Debian: redis-tools).
set -euo pipefail
cd "$(dirname "$0")/.."

project="kvorum-test-$$"
nodes=(n1 n2 n3)
image_bytes_max=$((40 << 20))
dir="$(mktemp -d)"
declare -A port health_port
writers=()
stage='the beginning'

# --- the story and its end ---------------------------------------------------

chapter() {
  stage="$1"
  printf '\n%s\n' "$1"
}

say() { printf '  %3d s  %s\n' "$SECONDS" "$1"; }

fail() {
  printf '  %3d s  FAILED: %s\n' "$SECONDS" "$1" >&2
  exit 1
}

# evidence: what the nodes said last, after whatever went wrong.
evidence() {
  printf '\nscripts/compose-test.sh failed at "%s".\n' "$stage"
  compose ps || true
  local node
  for node in "${nodes[@]}"; do
    printf '\n--- the last lines of %s\n' "$node"
    docker logs --tail 30 "$(container "$node")" 2>&1 || true
  done
}

# within SECONDS WHAT COMMAND…: waits until the command succeeds.
within() {
  local seconds="$1" what="$2" end=$((SECONDS + $1))
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "not within $seconds s: $what"
    sleep 0.2
  done
}

clean_up() {
  local status=$?
  trap - EXIT
  rm -f "$dir/writing"
  if ((${#writers[@]})); then
    kill "${writers[@]}" 2>/dev/null || true
    wait "${writers[@]}" 2>/dev/null || true
  fi
  ((status == 0)) || evidence >&2
  compose down -v --remove-orphans --rmi local -t 2 >"$dir/down" 2>&1 || cat "$dir/down" >&2
  rm -rf "$dir"
  exit "$status"
}

# --- the engine ----------------------------------------------------------------

if docker compose version >/dev/null 2>&1; then
  compose_command=(docker compose)
else
  compose_command=(docker-compose)
fi

compose() { timeout 900 "${compose_command[@]}" -p "$project" "$@"; }

# quietly COMMAND…: what it prints matters only if it fails.
quietly() { "$@" >"$dir/output" 2>&1 || { cat "$dir/output" >&2; fail "$*"; }; }

# container NODE: its container's id, running or not.
container() {
  docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1"
}

inspect() { docker inspect -f "$2" "$(container "$1")"; }

healthy() { [[ "$(inspect "$1" '{{.State.Health.Status}}' 2>/dev/null)" == healthy ]]; }
unhealthy() { [[ "$(inspect "$1" '{{.State.Health.Status}}')" == unhealthy ]]; }
all_healthy() { healthy n1 && healthy n2 && healthy n3; }

# --- the nodes, as clients see them ------------------------------------------------

# ask NODE COMMAND…: redis-cli's answer, or what kept it from one.
ask() { timeout 20 redis-cli -p "${port[$1]}" "${@:2}" 2>&1; }

# field NODE NAME: one field of its RAFT STATUS.
field() { ask "$1" RAFT STATUS | awk -v name="$2" 'NR % 2 && !found && $0 == name { getline; print; found = 1 }'; }

# others NODE: the other two.
others() { printf '%s\n' "${nodes[@]}" | grep -vx "$1"; }

# leader NODE…: who leads according to the first of these that knows.
leader() {
  local node known
  for node in "$@"; do
    known="$(field "$node" leader)"
    if [[ "$known" == *@* ]]; then
      echo "${known%@*}"
      return
    fi
  done
  return 1
}

# another_leads LOST: the other two have agreed on one of them.
another_leads() {
  local a b
  read -r a b < <(others "$1" | xargs)
  [[ "$(leader "$a")" == "$(leader "$b")" && "$(leader "$a")" != "$1" && -n "$(leader "$a")" ]]
}

await_leader() {
  within 30 'all nodes know who leads' leader "${nodes[@]}" >/dev/null
  leader "${nodes[@]}"
}

# same_digest: all have applied the same entries and given the same replies.
same_digest() {
  local node
  for node in "${nodes[@]}"; do
    printf '%s %s\n' "$(field "$node" applied-index)" "$(field "$node" applied-hash)"
  done >"$dir/digests"
  ! grep -qvE '^[0-9]+ [0-9a-f]{16}$' "$dir/digests" && [[ "$(sort -u "$dir/digests" | wc -l)" == 1 ]]
}

# server NODE: how the leader's configuration knows it: "id@incarnation suffrage", one line for each.
server() {
  ask "$(leader "${nodes[@]}")" RAFT STATUS | awk -v want="$1" '
    listed && name == "id" { id = $0 }
    listed && name == "suffrage" && index(id, want "@") == 1 { print id, $0 }
    $0 == "servers" { listed = 1 }
    { name = $0 }'
}

replaced() { [[ "$(server "$1")" == "$1@"*' voter' && "$(server "$1")" != "$2" ]]; }

# --- the writers -------------------------------------------------------------------

# write_through NODE: a client that counts with INCR and writes keys, one after
# the other, and notes what it was told: counted, kept, refused or in doubt.
write_through() {
  local node="$1" i=0 answer
  while [[ -e "$dir/writing" ]]; do
    i=$((i + 1))
    answer="$(ask "$node" INCR counter || true)"
    if [[ "$answer" =~ ^[0-9]+$ ]]; then echo "$answer" >>"$dir/counted.$node"; else note "$node" "INCR: $answer"; fi
    answer="$(ask "$node" SET "key:$node:$i" "value $i of $node" || true)"
    if [[ "$answer" == OK ]]; then echo "$i" >>"$dir/kept.$node"; else note "$node" "SET: $answer"; fi
    sleep 0.05
  done
}

# note NODE WHAT: an answer that acknowledges nothing; in doubt unless it says
# that nothing was done.
note() {
  case "$2" in
  *'was not applied'* | *'Could not connect'* | *LOADING*) echo "$2" >>"$dir/refused.$1" ;;
  *) echo "$2" >>"$dir/doubts.$1" ;;
  esac
}

start_writers() {
  local node
  touch "$dir/writing"
  writers=()
  for node in "${nodes[@]}"; do
    touch "$dir"/{counted,kept,refused,doubts}."$node"
    write_through "$node" &
    writers+=($!)
  done
}

stop_writers() {
  rm -f "$dir/writing"
  wait "${writers[@]}"
  writers=()
}

lines() { cat "$@" | wc -l; }

# flows NODE…: each of these nodes goes on acknowledging.
flows() {
  local node had
  for node in "$@"; do
    had="$(lines "$dir/kept.$node")"
    within 30 "a client of $node is answered" more_than "$had" "$dir/kept.$node"
  done
}

more_than() { (($(lines "$2") > $1 + 2)); }

# complaints NODE…: how many answers were not an acknowledgement.
complaints() {
  local node
  for node in "$@"; do cat "$dir/refused.$node" "$dir/doubts.$node"; done | wc -l
}

# --- the verdict ---------------------------------------------------------------------

# nothing_lost: looks every acknowledged write up, through all nodes.
nothing_lost() {
  local node writer counted doubts counter
  for writer in "${nodes[@]}"; do
    cp "$dir/kept.$writer" "$dir/wanted.$writer" # the writers go on
  done
  cat "$dir"/counted.* >"$dir/counted"
  counted="$(lines "$dir/counted")"
  [[ -z "$(sort "$dir/counted" | uniq -d)" ]] || fail 'one number was given to two clients that counted'
  for node in "${nodes[@]}"; do
    counter="$(ask "$node" GET counter)"
    doubts="$(cat "$dir"/doubts.* | grep -c '^INCR' || true)"
    [[ "$counter" =~ ^[0-9]+$ ]] || fail "GET counter through $node: $counter"
    ((counter >= counted)) || fail "through $node the counter is $counter, and $counted increments were acknowledged: some are lost"
    [[ -e "$dir/writing" ]] || ((counter <= counted + doubts)) ||
      fail "the counter is $counter, with $counted increments acknowledged and $doubts in doubt: some were done twice"
    for writer in "${nodes[@]}"; do
      sed "s/.*/GET key:$writer:&/" "$dir/wanted.$writer" | ask "$node" >"$dir/found" || true
      sed "s/.*/value & of $writer/" "$dir/wanted.$writer" | diff - "$dir/found" >"$dir/difference" ||
        fail "through $node, not what was acknowledged to the client of $writer (< wanted, > found): $(head -n 6 "$dir/difference")"
    done
  done
  say "Nothing acknowledged is gone: $counted counts and $(lines "$dir"/wanted.*) keys, read through all three."
}

# --- the chapters ----------------------------------------------------------------------

choose_ports() {
  local candidate=$((25000 + RANDOM % 800)) node
  for node in "${nodes[@]}" http1 http2 http3; do
    while (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((candidate + 1)); done
    case "$node" in
    n?) port[$node]=$candidate ;;
    *) health_port[n${node#http}]=$candidate ;;
    esac
    candidate=$((candidate + 1))
  done
  export KVORUM_HOST=127.0.0.1 KVORUM_REQUIREPASS='' KVORUM_VERSION=compose-test
  export KVORUM_N1_PORT="${port[n1]}" KVORUM_N2_PORT="${port[n2]}" KVORUM_N3_PORT="${port[n3]}"
  export KVORUM_N1_HTTP_PORT="${health_port[n1]}" KVORUM_N2_HTTP_PORT="${health_port[n2]}" KVORUM_N3_HTTP_PORT="${health_port[n3]}"
}

build() {
  chapter 'Building the image'
  KVORUM_BUILD_IMAGE="$(scripts/docker-base.sh 2>"$dir/output")" || { cat "$dir/output" >&2; fail scripts/docker-base.sh; }
  export KVORUM_BUILD_IMAGE
  quietly compose build
  say "Built from $KVORUM_BUILD_IMAGE. The clock starts."
  SECONDS=0
}

come_up() {
  chapter 'Coming up, one node first'
  quietly compose up -d n1
  within 30 'n1 says that it waits for the others' waits_alone
  say "n1 waits, and is not healthy: $(docker exec "$(container n1)" /kvorum health 2>&1 | sed 's/.*not ready: //' || true)"
  quietly compose up -d
  within 60 'all three are healthy' all_healthy
  say "With n2 and n3 all are healthy; $(await_leader) leads."
}

# waits_alone: n1 is not ready, and Docker's own check has found that at least once.
waits_alone() {
  local said
  (($(inspect n1 '{{len .State.Health.Log}}') > 0)) || return 1
  said="$(docker exec "$(container n1)" /kvorum health 2>&1)" && fail 'n1 is healthy before there is a cluster'
  [[ "$said" == *'not ready'* ]] && ! healthy n1
}

# expect WHAT HAVE WANT
expect() { [[ "$2" == "$3" ]] || fail "$1 is \"$2\", not \"$3\""; }

confined() {
  chapter 'Looking at what runs'
  local node image bytes
  for node in "${nodes[@]}"; do
    expect "the user of $node" "$(inspect "$node" '{{.Config.User}}')" 65532:65532
    expect "the root of $node read-only" "$(inspect "$node" '{{.HostConfig.ReadonlyRootfs}}')" true
    expect "what $node may do" "$(inspect "$node" '{{.HostConfig.CapDrop}} {{.HostConfig.Privileged}}')" '[ALL] false'
    expect "the published ports of $node" \
      "$(inspect "$node" '{{range $p, $at := .NetworkSettings.Ports}}{{range $at}}{{$p}}={{.HostIp}}:{{.HostPort}} {{end}}{{end}}')" \
      "6379/tcp=127.0.0.1:${port[$node]} 8379/tcp=127.0.0.1:${health_port[$node]} "
    expect "what $node tells clients" "$(field "$node" leader-address)" "127.0.0.1:${port[$(leader "$node")]}"
  done
  image="$(inspect n1 '{{.Image}}')"
  bytes="$(docker image inspect -f '{{.Size}}' "$image")"
  ((bytes < image_bytes_max)) || fail "the image has $bytes bytes"
  ! docker exec "$(container n1)" /bin/sh -c true >/dev/null 2>&1 || fail 'the image has a shell'
  [[ "$(docker exec "$(container n1)" /kvorum version)" == "kvorum $KVORUM_VERSION ("* ]] || fail 'the binary does not say the version that the build was told'
  say "A user without rights, a read-only root, no shell, $((bytes / 1000000)) MB; clients and health are published, peers are not."
}

through_each() {
  chapter 'Writing and reading through each node'
  local writer reader
  for writer in "${nodes[@]}"; do
    expect "SET through $writer" "$(ask "$writer" SET "from:$writer" "hello from $writer")" OK
    for reader in "${nodes[@]}"; do
      expect "GET through $reader" "$(ask "$reader" GET "from:$writer")" "hello from $writer"
    done
  done
  start_writers
  flows "${nodes[@]}"
  say 'What any node was told, each tells at once. From now on a client of each node counts and writes keys.'
}

# unheard BEFORE NODE…: the clients of these nodes have heard no error since.
unheard() {
  local before="$1"
  shift
  if (($(complaints "$@") != before)); then
    for node in "$@"; do tail -n 3 "$dir/refused.$node" "$dir/doubts.$node" >&2; done
    fail "clients of $* heard an error"
  fi
}

kill_leader() {
  chapter 'Killing the leader'
  local lost rest before was
  lost="$(await_leader)"
  was="$(server "$lost")"
  mapfile -t rest < <(others "$lost")
  before="$(complaints "${rest[@]}")"
  quietly docker kill -s KILL "$(container "$lost")"
  within 30 "another node than $lost leads" another_leads "$lost"
  say "$lost led, and is dead; $(leader "${rest[@]}") leads."
  flows "${rest[@]}"
  unheard "$before" "${rest[@]}"
  say "Clients of ${rest[0]} and ${rest[1]} heard no error."
  quietly docker start "$(container "$lost")"
  within 60 "$lost is healthy again" healthy "$lost"
  flows "$lost"
  expect "$lost in the configuration" "$(server "$lost")" "$was"
  say "$lost is back as the server that it was, and healthy."
  nothing_lost
}

pause_leader() {
  chapter 'Pausing the leader'
  local lost rest before
  lost="$(await_leader)"
  mapfile -t rest < <(others "$lost")
  before="$(complaints "${rest[@]}")"
  quietly docker pause "$(container "$lost")"
  within 30 "another node than $lost leads" another_leads "$lost"
  flows "${rest[@]}"
  quietly docker unpause "$(container "$lost")"
  within 60 "$lost is healthy again" healthy "$lost"
  flows "${nodes[@]}"
  unheard "$before" "${rest[@]}"
  say "$lost led, stood still and woke up; $(await_leader) leads. Clients of ${rest[0]} and ${rest[1]} heard no error."
  nothing_lost
}

cut_leader() {
  chapter 'Cutting the leader from the network'
  local lost rest before
  lost="$(await_leader)"
  mapfile -t rest < <(others "$lost")
  before="$(complaints "${rest[@]}")"
  quietly docker network disconnect "${project}_kvorum" "$(container "$lost")"
  within 30 "another node than $lost leads" another_leads "$lost"
  within 30 "$lost, which is alone, is unhealthy" unhealthy "$lost"
  expect "whether $lost runs" "$(inspect "$lost" '{{.State.Running}}')" true
  flows "${rest[@]}"
  say "$lost led; now it runs alone and is unhealthy, and $(leader "${rest[@]}") leads."
  quietly docker network connect --alias "$lost" "${project}_kvorum" "$(container "$lost")"
  within 60 "$lost is healthy again" healthy "$lost"
  flows "${nodes[@]}"
  unheard "$before" "${rest[@]}"
  say "Healed: $lost is healthy. Clients of ${rest[0]} and ${rest[1]} heard no error."
  stop_writers
  within 30 'all digests agree' same_digest
  say "The writers rest; all three have the digest $(head -n 1 "$dir/digests" | cut -d ' ' -f 2) at entry $(head -n 1 "$dir/digests" | cut -d ' ' -f 1)."
  nothing_lost
}

wipe_one() {
  chapter "Wiping a follower's volume"
  local lost was
  lost="$(others "$(await_leader)" | head -n 1)"
  was="$(server "$lost")"
  quietly compose rm -s -f "$lost"
  quietly docker volume rm "${project}_$lost"
  quietly compose up -d "$lost"
  within 60 "$lost has been replaced by a new server, which is a voter" replaced "$lost" "$was"
  within 60 "$lost is healthy" healthy "$lost"
  expect 'the number of servers' "$(for node in "${nodes[@]}"; do server "$node"; done | wc -l)" 3
  say "${was% *} is gone; ${lost} is back as $(server "$lost" | cut -d ' ' -f 1), a voter."
  within 30 'all digests agree' same_digest
  nothing_lost
}

# another_image: puts another image under the names of the nodes' own, as the build of a new version does.
another_image() {
  local node
  quietly docker build -t "$project-rolled" - <<<"FROM $(inspect n1 '{{.Config.Image}}')
LABEL kvorum.test=rolled"
  for node in "${nodes[@]}"; do
    quietly docker tag "$project-rolled" "$(inspect "$node" '{{.Config.Image}}')"
  done
  quietly docker rmi "$project-rolled"
}

# errors_heard: what clients were told, other than that their own node is closed or starting.
errors_heard() {
  cat "$dir"/{refused,doubts}.* | grep -vE 'Could not connect|LOADING|Server closed the connection|Connection reset|I/O error' || true
}

roll_all() {
  chapter 'Rolling all three to another image'
  local node before
  declare -A was
  start_writers
  flows "${nodes[@]}"
  before="$(errors_heard)"
  for node in "${nodes[@]}"; do was[$node]="$(server "$node")"; done
  another_image
  COMPOSE_PROJECT_NAME="$project" timeout 300 scripts/rolling-restart.sh --compose | sed -u 's/^/         /' ||
    fail 'scripts/rolling-restart.sh did not finish'
  flows "${nodes[@]}"
  within 60 'all three are healthy' all_healthy
  for node in "${nodes[@]}"; do
    expect "$node in the configuration" "$(server "$node")" "${was[$node]}"
    expect "whether $node runs the other image" "$(inspect "$node" '{{index .Config.Labels "kvorum.test"}}')" rolled
  done
  expect 'what clients were told meanwhile' "$(errors_heard)" "$before"
  stop_writers
  say 'All have the other image and their old data; no client heard an error, but that its own node was away or starting.'
  within 30 'all digests agree' same_digest
  nothing_lost
}

go_down() {
  chapter 'Going down'
  quietly compose down -v --rmi local
  expect 'what is left' "$(docker ps -aq --filter "label=com.docker.compose.project=$project"
    docker volume ls -q --filter "label=com.docker.compose.project=$project"
    docker network ls -q --filter "label=com.docker.compose.project=$project")" ''
  say 'No container, volume or network is left.'
}

if ! docker info >/dev/null 2>&1; then
  echo 'scripts/compose-test.sh: skipped, there is no Docker engine on this machine ("docker info" fails)'
  exit 0
fi
for tool in "${compose_command[0]}" redis-cli; do
  command -v "$tool" >/dev/null || { echo "scripts/compose-test.sh needs $tool (Debian: docker-compose, redis-tools)" >&2; exit 1; }
done
trap clean_up EXIT
trap 'exit 1' INT TERM
choose_ports
build
come_up
confined
through_each
kill_leader
pause_leader
cut_leader
wipe_one
roll_all
go_down
printf '\nThe cluster in containers keeps what it promised: %d s.\n' "$SECONDS"
