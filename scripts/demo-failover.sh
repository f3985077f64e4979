#!/usr/bin/env bash
# Three nodes count; their leader is killed (kill -9) again and again, and
# started again. Shows who leads, the writes per second and each pause, and ends
# with what was acknowledged, found, lost and doubled.
#
#   scripts/demo-failover.sh                 processes of this machine, half a minute
#   scripts/demo-failover.sh --kills 20
#   scripts/demo-failover.sh --compose       the containers of docker-compose.yml
set -euo pipefail
exec "$(dirname "$0")/demo/run.sh" failover "$@"
