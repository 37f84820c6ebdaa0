#!/usr/bin/env bash
# Run a grid in the background and go on if its driver is killed: ./run.sh TASK [options of gridcell run]
set -euo pipefail

if [[ "${1:-}" != --in-background ]]; then
  nohup "$0" --in-background "$@" >>gridcell.log 2>&1 &
  echo "$!" >gridcell.pid
  echo "Process $!, output in gridcell.log; to end it: kill $!"
  exit
fi
shift

driver=
trap '[[ -n "$driver" ]] && kill -TERM "$driver"; stopped=1' TERM INT
stopped=
for ((start = 1; start <= ${GRIDCELL_STARTS:-20}; start++)); do
  gridcell run "$@" &
  driver=$!
  code=0
  wait "$driver" || code=$?
  if [[ -n "$stopped" ]]; then
    wait "$driver" || true # until the driver has said how to go on
    exit 130
  fi
  # Above 128 a signal ended it. Otherwise it ended by itself: 0 done, 1 cells failed, 2 a mistake in the command,
  # 130 somebody asked it to stop.
  ((code > 128 && code != 130)) || exit "$code"
  echo "The driver was ended by signal $((code - 128)) (start $start): going on"
done
exit 1
