#!/usr/bin/env bash
# Make this host a node of a Ray cluster, in the foreground: ./node.sh head | ./node.sh worker HEAD_ADDRESS
# Further options of `ray start` may follow, such as --num-gpus=4. With --node-ip-address=127.0.0.1 the head
# listens on this host alone; it then takes no worker.
set -euo pipefail

export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}" RAY_USAGE_STATS_ENABLED=0
# Workers keep the memory that they free: on CPUs networks train twice as fast (gridcell.execute.allocation).
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=1073741824
port="${GRIDCELL_RAY_PORT:-6379}"
ulimit -n "$(ulimit -Hn)"

# Ray replaces a loopback address by the host's own, without a word, and then listens to all. This switch of Ray's
# keeps all its ports on 127.0.0.1.
stay_here() {
  export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
  echo "Ray listens on 127.0.0.1 alone: no other node can join." >&2
}

is_loopback() { [[ "$1" == 127.* || "$1" == localhost || "$1" == ::1 ]]; }

case "${1:-}" in
  head)
    shift
    kept=()
    while (($#)); do
      case "$1" in
        --node-ip-address) address="${2:-}" && shift $(($# > 1 ? 2 : 1)) ;;
        --node-ip-address=*) address="${1#*=}" && shift ;;
        *) kept+=("$1") && shift && continue ;;
      esac
      if is_loopback "$address"; then stay_here; else kept+=("--node-ip-address=$address"); fi
    done
    set -- ${kept[@]+"${kept[@]}"}
    exec ray start --head --block --port="$port" --dashboard-host=127.0.0.1 --disable-usage-stats \
      --min-worker-port=10002 --max-worker-port=10999 "$@"
    ;;
  worker)
    head="${2:?'usage: ./node.sh worker HEAD_ADDRESS'}"
    shift 2
    if is_loopback "$head"; then
      echo "Ray takes this host's own address in place of $head. A head that was started with" \
        "--node-ip-address=127.0.0.1 does not answer there: start it without, or run on the head alone." >&2
    fi
    exec ray start --block --address="$head:$port" --disable-usage-stats \
      --min-worker-port=10002 --max-worker-port=10999 "$@"
    ;;
  *)
    echo "usage: $0 head | worker HEAD_ADDRESS  [options of ray start]" >&2
    exit 2
    ;;
esac
