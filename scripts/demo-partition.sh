#!/usr/bin/env bash
# Three nodes, each with an address of its own and a network between them that
# can be cut. The leader is cut off from the other two, and not from its clients:
# there, writes and confirmed reads are refused and READONLY still answers; the
# other side goes on; healing loses nothing.
#
#   scripts/demo-partition.sh                half a minute
#   scripts/demo-partition.sh --cut 30s
#
# It needs no rights. macOS has to be given 127.0.0.2 and 127.0.0.3 first; the
# demo says how.
set -euo pipefail
exec "$(dirname "$0")/demo/run.sh" partition "$@"
