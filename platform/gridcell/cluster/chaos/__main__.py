"""``python -m gridcell.cluster.chaos [FAULT ...]`` runs the faults; exit code 0 if each is survived."""

import sys

from gridcell.cluster.chaos.run import run_faults

verdicts = run_faults(sys.argv[1:], lambda line: print(line, flush=True))  # noqa: T201
survived = sum(verdict.survived for verdict in verdicts)
print(f"{survived} of {len(verdicts)} faults survived")  # noqa: T201
sys.exit(survived < len(verdicts))
