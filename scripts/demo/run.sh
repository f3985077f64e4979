#!/usr/bin/env bash
# Builds kvorum and the demo in a folder of this run and becomes the demo, which
# removes that folder at the end. The file made-by proves to it whose the folder is: exec
# keeps the process id.
set -euo pipefail
from="$PWD"
for given in "${@:2}"; do
  case "$given" in
    -bin | --bin | -bin=* | --bin=*)
      echo "--bin is what this script says to the demo; it builds what it runs" >&2
      exit 1
      ;;
  esac
done
cd "$(dirname "$0")/../.."
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT # until the demo, which does the same
CGO_ENABLED=0 go build -o "$dir/" ./cmd/kvorum ./scripts/demo
echo $$ >"$dir/made-by"
exec "$dir/demo" "$1" --bin "$dir" --from "$from" "${@:2}"
