#!/usr/bin/env bash
# Make this host a node of a Ray cluster, in the foreground: ./node.sh head | ./node.sh worker HEAD_ADDRESS
# Further options of `ray start` may follow, such as --num-gpus=4.
set -euo pipefail

export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}" RAY_USAGE_STATS_ENABLED=0
# Workers keep the memory that they free: on CPUs networks train twice as fast (gridcell.execute.allocation).
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=1073741824
port="${GRIDCELL_RAY_PORT:-6379}"
ulimit -n "$(ulimit -Hn)"

case "${1:-}" in
  head)
    shift
    exec ray start --head --block --port="$port" --dashboard-host=127.0.0.1 --disable-usage-stats \
      --min-worker-port=10002 --max-worker-port=10999 "$@"
    ;;
  worker)
    head="${2:?'usage: ./node.sh worker HEAD_ADDRESS'}"
    shift 2
    exec ray start --block --address="$head:$port" --disable-usage-stats \
      --min-worker-port=10002 --max-worker-port=10999 "$@"
    ;;
  *)
    echo "usage: $0 head | worker HEAD_ADDRESS  [options of ray start]" >&2
    exit 2
    ;;
esac
