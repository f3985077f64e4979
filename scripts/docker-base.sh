#!/usr/bin/env bash
# Sees to it that there is an image to build with, and prints its name: the
# Dockerfile's own, or, where no image registry can be reached, a local stand-in made
# from this machine's Go toolchain, shell and module cache, so that the very same
# Dockerfile builds. The stand-in has a name of its own: no other build takes it for the
# image that it stands in for.
#
#   export KVORUM_BUILD_IMAGE="$(scripts/docker-base.sh)"
#
# What it does it says on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

label=kvorum.stand-in
base="$(sed -n 's/^ARG KVORUM_BUILD_IMAGE=//p' Dockerfile)"
[[ "$base" == golang:* ]] || { echo "the Dockerfile has no ARG KVORUM_BUILD_IMAGE=golang:…" >&2; exit 1; }
stand_in="kvorum-stand-in/$base"

say() { printf 'docker-base: %s\n' "$1" >&2; }
fail() {
  printf 'docker-base: %s\n' "$1" >&2
  exit 1
}

# What the stand-in is made of, as one number: it is made again when that changes.
ingredients() {
  { go version; cat go.mod go.sum scripts/docker-base.sh; } | sha256sum | cut -c 1-16
}

# labelled IMAGE: what a stand-in is made of; "" for another image, or none.
labelled() { docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null || true; }

# tools DIR: puts the commands that RUN needs into DIR, with their libraries.
tools() {
  local tool file
  for tool in sh mkdir; do
    file="$(readlink -f "$(command -v "$tool")")"
    install -D "$file" "$1/bin/$tool"
    # ldd fails for a static binary, which needs nothing.
    { ldd "$file" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
      install -D "$(readlink -f "$library")" "$1$library"
    done
  done
  install -d -m 1777 "$1/tmp"
}

# modules DIR: puts the modules of go.mod into DIR, from this machine's cache as
# far as they are in it.
modules() {
  local cache
  go mod download
  cache="$(go env GOMODCACHE)/cache/download"
  GOFLAGS=-modcacherw GOPROXY="file://$cache" GOSUMDB=off GOMODCACHE="$1/go/pkg/mod" go mod download
}

make_stand_in() {
  local version tag="${base#golang:}"
  command -v go >/dev/null || fail "no registry has $base, and there is no Go on this machine to stand in for it"
  version="$(go env GOVERSION)"
  [[ "$version." == "go$tag."* ]] || fail "no registry has $base, and this machine's Go is $version"
  say "no registry can be reached; making a stand-in for $base from this machine's $version"

  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/root"
  tools "$scratch/root"
  modules "$scratch/root"
  tar -C "$scratch/root" -cf "$scratch/image.tar" --owner=0 --group=0 .
  tar -C "$(go env GOROOT)" -rhf "$scratch/image.tar" --owner=0 --group=0 \
    --exclude=./test --exclude=./api --exclude=./doc --transform='s,^\.,./usr/local/go,' .
  docker import --change "LABEL $label=$(ingredients)" \
    --change 'ENV PATH=/usr/local/go/bin:/bin GOPATH=/go GOTOOLCHAIN=local GOPROXY=off GOFLAGS=' \
    "$scratch/image.tar" "$stand_in" >/dev/null
  say "made; \"docker rmi $stand_in\" removes it"
}

docker info >/dev/null 2>&1 || fail 'there is no Docker engine to ask (docker info fails)'
# An earlier release of this gave its stand-in the real image's name.
[[ -z "$(labelled "$base")" ]] || docker rmi "$base" >&2
if docker image inspect "$base" >/dev/null 2>&1; then
  say "$base is here"
  echo "$base"
elif refusal="$(timeout 600 docker pull -q "$base" 2>&1)"; then
  say "$base has been pulled"
  echo "$base"
else
  if [[ "$(labelled "$stand_in")" == "$(ingredients)" ]]; then
    say "the stand-in for $base is up to date"
  else
    printf '%s\n' "$refusal" >&2
    make_stand_in
  fi
  echo "$stand_in"
fi
