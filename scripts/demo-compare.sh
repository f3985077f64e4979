#!/usr/bin/env bash
# The same clients and the same faults, side by side: Kvorum on three machines,
# and a redis-server with two replicas and three Sentinels on three machines
# (processes of this machine, with a network between them that can be cut). The
# leader is killed; then the leader's machine is cut off from the others, and not
# from its own clients. Shows what each had acknowledged, and what each has lost.
#
#   scripts/demo-compare.sh                      under a minute
#   scripts/demo-compare.sh --min-replicas 1     what Redis can be set to against this
#
# It needs redis-server (Debian: redis-server).
set -euo pipefail
exec "$(dirname "$0")/demo/run.sh" compare "$@"
