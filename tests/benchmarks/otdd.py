"""OTDD: time and peak memory against the number of samples, and ten classes of 2,000 in 512 dimensions.

Every measurement has a process of its own, so that one's peak
memory is not another's.
"""

import json
import resource
import subprocess
import sys
import time

AIMS = {"10 classes x 2,000 x 512 features (s)": "<= 60"}

_CASES = {
    **{f"{way}, {n:,} x {n:,}": (n, 64, way, n) for way in ("exact", "sinkhorn") for n in (1000, 2000)},
    "10 classes x 2,000 x 512 features": (20_000, 512, "exact", 2000),
}
"""Name -> samples of either set, dimensions, solver, cap."""


def measure() -> dict[str, float]:
    """Return seconds, and peak megabytes above what the process held before, next to those stated."""
    figures: dict[str, float] = {}
    for name in _CASES:
        run = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        figures |= {f"{name} ({key})": value for key, value in json.loads(run.stdout).items()}
    return figures


def _measure_one(name: str) -> dict[str, float]:
    import numpy as np
    import ot  # noqa: F401 - its import takes seconds, which are not the distance's
    import torch

    from imagenet_rib.distance.otdd import otdd
    from imagenet_rib.distance.sets import LabelledFeatures

    torch.set_num_threads(1)
    n, d, solver, cap = _CASES[name]
    rng = np.random.default_rng(0)

    def draw(shift: float) -> LabelledFeatures:
        labels = rng.integers(10, size=n)
        centres = rng.normal(size=(10, d))
        features = rng.standard_normal((n, d), dtype=np.float32) + centres[labels].astype(np.float32) + shift
        return LabelledFeatures("drawn", features, labels)

    a, b = draw(0.0), draw(0.2)
    before, start = _peak_mb(), time.perf_counter()
    found = otdd(a, b, solver=solver, max_samples=cap, repeats=1)
    seconds = time.perf_counter() - start
    return {"s": seconds, "peak MB": _peak_mb() - before, "stated MB": found.memory / 1e6}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(_measure_one(sys.argv[1])))  # noqa: T201 - to the process that asked
