#!/usr/bin/env bash
# What a change must pass beside "go test ./...", which is not repeated here.
#
#   scripts/check.sh              all of it
#   KVORUM_SIM_SEEDS=50 scripts/check.sh    a shorter simulation (500 seeds by default)
#
# Tests that compare with a real redis-server are skipped where there is none,
# unless CI=true or KVORUM_REQUIRE_REDIS is set.
set -euo pipefail
cd "$(dirname "$0")/.."

seeds="${KVORUM_SIM_SEEDS:-500}"
if [[ "${CI:-}" == true ]] || command -v redis-server >/dev/null; then
  export KVORUM_REQUIRE_REDIS=1
fi

# A step's own failures must end in its status: errexit does not hold in there.
step() {
  local title="$1" began=$SECONDS
  shift
  printf '== %s\n' "$title"
  if ! "$@"; then
    printf '== %s: FAILED after %d s\n' "$title" $((SECONDS - began)) >&2
    exit 1
  fi
  printf '== %s: ok, %d s\n' "$title" $((SECONDS - began))
}

formatted() {
  local files
  files="$(find . -name '*.go' -not -path './.*' -print0 | xargs -0 gofmt -l)"
  if [[ -n "$files" ]]; then
    printf 'gofmt would change:\n%s\n' "$files"
    return 1
  fi
}

# The binary is static, and runs on Linux and macOS.
builds() {
  local target
  for target in linux/amd64 darwin/arm64; do
    CGO_ENABLED=0 GOOS="${target%/*}" GOARCH="${target#*/}" go build -o /dev/null ./cmd/kvorum || return 1
  done
}

vetted() {
  go vet ./... && go vet -tags kvorum_faults ./... && go vet -tags kvorum_later ./fsm/command
}

linted() {
  go tool staticcheck ./... && go tool staticcheck -tags kvorum_faults ./...
}

# go.mod lists what is used, and nothing else.
tidied() {
  go mod verify && go mod tidy -diff
}

# Builds with faults planted on purpose, each of which a checker must find.
planted() {
  local checkers=(./fsm ./cmd/internal/simulation)
  local faults=TestPlantedFaultsAreFound finder status=0
  local found # not piped to grep -q: it leaves at the first match, and the writer dies of SIGPIPE
  found="$(go test -tags kvorum_faults -list Planted ./cmd/internal/simulation)" || return 1
  if [[ "$found" != *"$faults"* ]]; then
    echo "the simulation has no test $faults"
    return 1
  fi
  # A fault is planted in a whole process, so that its seeds run one after the other:
  # what finds the faults and what finds nothing without them are two processes.
  go test -count=1 -timeout 8m -tags kvorum_faults -run "^$faults\$" ./cmd/internal/simulation &
  finder=$!
  go test -count=1 -timeout 8m -tags kvorum_faults -run Planted -skip "^$faults\$" "${checkers[@]}" || status=1
  wait "$finder" || status=1
  return "$status"
}

# The race detector sees what runs in the test's own process. So -short leaves out the
# tests that run a built binary, in which it is not, and those that go byte after byte, or
# through megabytes, on one goroutine; of the simulation it has fewer seeds. "go test ./..."
# runs all of it.
#
# In virtual time (testing/synctest) two processors break the detector: up to Go 1.26 the
# timers of a bubble share one of its contexts, whichever processor runs them
# (golang/go#78156). So such packages run on one: it sees races all the same, since it
# goes by what is ordered, not by what happens at once.
raced() {
  local uses='{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}'
  local all bubbles
  all="$(go list -f "$uses" ./...)" || return 1
  bubbles="$(awk '/ testing\/synctest/ { print $1 }' <<<"$all")"
  if [[ -z "$bubbles" ]]; then
    echo 'no package was found whose tests run in virtual time'
    return 1
  fi
  # shellcheck disable=SC2046,SC2086 # lists of packages
  go test -race -short -timeout 12m $(awk '!/ testing\/synctest/ { print $1 }' <<<"$all") &&
    go test -race -short -timeout 12m -cpu 1 $bubbles
}

step 'gofmt' formatted
step 'go vet' vetted
step 'static builds' builds
step 'staticcheck' linted
step 'go.mod' tidied
step 'tidy: arrows, sizes, names, the purity of fsm' go test -count=1 -timeout 2m ./internal/tidy
step 'tests with the race detector' raced
step 'damaged directories, crashes and failing disks: the sweeps in short' go test -count=1 -timeout 10m ./scripts/damage -sweeps
step "simulation, $seeds seeds, $seeds with changes of the membership, and $seeds with upgrades" go test -count=1 -timeout 12m ./cmd/internal/simulation -sim.seeds="$seeds"
step 'planted faults are found' planted
printf '== all passed in %d s\n' $SECONDS
