"""Time, memory and error of delta on 50,000 pictures of 32 x 32 x 3 in a folder, with a planted nearest pair.

The same pictures are measured with delta from all pairs and with extreme values, each in a process of its
own, so that its processor time and its largest memory are its own. ``python -m tests.benchmarks
exact_resolution``; ``GRIDCELL_PICTURES`` sets another number of pictures.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = 10
PLANTED = 4  # features in which the nearest pair differs, each by one level
AIMS = {
    "exact: relative error of delta": "<= 1e-6",
    "exact: peak memory, MiB": "<= 1000",
    "extreme values / exact: processor time": ">= 1",
}

_CHILD = """
import json, resource, sys, time
from generalization_difficulty import measure
from generalization_difficulty.data.files import open_data
begun = time.perf_counter()
options = json.loads(sys.argv[2])
found = measure(open_data(sys.argv[1]), eps=0.01, **options)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "delta": found.task.delta, "m": found.m_estimate, "log2_bits": found.difficulty.log2_bits,
    "cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - begun, "peak": used.ru_maxrss / 1024,
}))
"""


def pictures(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures whose power falls with frequency as that of photographs does.

    Args:
        n: pictures.
        seed: of the draw.

    Returns:
        uint8 (n, 32, 32, 3) and int64 (n,) labels; pictures 7 and n - 3 are the nearest of two classes.
    """
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.rfftfreq(32), indexing="ij"))
    filtered = np.maximum(frequency, 1 / 32) ** -1.5  # 192 components then hold 94 % of the variance
    mix = np.array([[1.0, 0.25, 0.1], [1.0, 0.0, -0.2], [1.0, -0.25, 0.1]])  # colours go together
    images = np.empty((n, 32, 32, 3), dtype=np.uint8)
    for start in range(0, n, 1000):
        count = min(1000, n - start)
        noise = random.standard_normal((count, 3, 32, 32))
        smooth = np.fft.irfft2(np.fft.rfft2(noise) * filtered, s=(32, 32))
        colours = np.einsum("cd,ndhw->nhwc", mix, smooth)
        contrast = random.gamma(4, 12, (count, 1, 1, 1)) / colours.std()
        images[start : start + count] = np.clip(128 + contrast * colours, 0, 255).astype(np.uint8)
    labels = random.integers(CLASSES, size=n)
    images[7] = images[n - 3]
    images[7].reshape(-1)[:PLANTED] ^= 1
    labels[7], labels[n - 3] = 0, 1
    return images, labels


def write_folder(root: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write ``root/<class>/<number>.png``."""
    from PIL import Image

    for label in range(CLASSES):
        (root / str(label)).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(root / str(label) / f"{number:06}.png", compress_level=1)


def measured(folder: Path, **options: Any) -> dict[str, float]:
    """Measure a folder in a process of its own."""
    command = [sys.executable, "-c", _CHILD, str(folder), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def measure() -> dict[str, float]:
    """Return the figures of both ways to find delta, and of m alone."""
    n = int(os.environ.get("GRIDCELL_PICTURES", "50000"))
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        write_folder(Path(place), *pictures(n))
        ways = {"exact": {"resolution": "exact"}, "extreme values": {"resolution": "evt"}}
        ways |= {"m alone": {"resolution": 1.0}, "delta alone": {"resolution": "exact", "m": 20.0}}
        ways["reading alone"] = {"resolution": 1.0, "m": 20.0}
        for name, options in ways.items():
            found = measured(Path(place), **options)
            if name in ("exact", "extreme values"):
                true = np.sqrt(PLANTED) / 255
                figures[f"{name}: relative error of delta"] = abs(found["delta"] / true - 1)
            figures[f"{name}: processor time, s"] = found["cpu"]
            figures[f"{name}: seconds"] = found["wall"]
            figures[f"{name}: peak memory, MiB"] = found["peak"]
    times = [figures[f"{name}: processor time, s"] for name in ("extreme values", "exact")]
    figures["extreme values / exact: processor time"] = times[0] / times[1]
    return figures
