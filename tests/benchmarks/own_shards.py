"""Memory of a worker that fits a head to 50,000 photographs of one's own, read from shards.

Crops of the photographs that scikit-learn and scikit-image ship, seven classes, are imported, and a real
model is given a head for them and tested. Beside it stands what these pictures would take if they were held.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

import numpy as np

from photographs import PHOTOGRAPHS, photograph

AIMS = {"50,000 photographs: worker's own memory, GB": "<= 2.5"}
IMAGES, SIDE = 50_000, 96


def measure() -> dict[str, float]:
    """Return the memory of one run, in GB; takes several minutes."""
    with tempfile.TemporaryDirectory() as name:
        import_sets(Path(name))
        own, mapped = run(Path(name))
    return {
        "50,000 photographs: worker's own memory, GB": own / 1e9,
        "50,000 photographs: worker's pages of files, GB": mapped / 1e9,
        "50,000 photographs: held at this size, GB": IMAGES * SIDE * SIDE * 3 / 1e9,
        "50,000 photographs: held at 224 px, GB": IMAGES * 224 * 224 * 3 / 1e9,
    }


def import_sets(folder: Path) -> None:
    """Write crops and import them as four sets."""
    for seed, (name, images) in enumerate(
        {"pretrain": IMAGES, "val": 700, "street": 700, "studio": 700}.items()
    ):
        write_archive(folder / f"{name}.tar", images, seed)
        to = folder / "sets" / name
        _gridcell("data", "import", "folder", "--from", str(folder / f"{name}.tar"), "--to", str(to)).wait()


def write_archive(path: Path, images: int, seed: int) -> None:
    """Write a tar of class folders with JPEG crops."""
    rng = np.random.default_rng(seed)
    wholes = {name: photograph(name) for name in PHOTOGRAPHS}
    smaller = {name: one.resize((one.width // 2, one.height // 2)) for name, one in wholes.items()}
    with tarfile.open(path, "w") as tar:
        for number in range(images):
            name = list(PHOTOGRAPHS)[number % len(PHOTOGRAPHS)]
            one = smaller[name]
            left, top = (int(rng.integers(0, length - SIDE + 1)) for length in one.size)
            buffer = io.BytesIO()
            one.crop((left, top, left + SIDE, top + SIDE)).save(buffer, "JPEG", quality=90)
            about = tarfile.TarInfo(f"crops/{name}/{number:06d}.jpg")
            about.size = buffer.tell()
            tar.addfile(about, io.BytesIO(buffer.getvalue()))


def run(folder: Path) -> tuple[int, int]:
    """Fit the head and test it in one process; return its own memory and of files at most, bytes."""
    settings = ["data.source=shards", f"data.root={folder / 'sets'}", "pretrainings.imagenet.input_size=65"]
    overrides = [part for one in [*settings, "downstream=[studio,street]"] for part in ("--set", one)]
    command = ["run", "imagenet-rib", "--suite", "lite", "--executor", "inline", "--select", "method=pre"]
    most = [0, 0]
    ended = threading.Event()
    with _gridcell(*command, *overrides, "--storage", str(folder / "runs")) as process:

        def watch() -> None:
            while not ended.wait(0.2):
                try:
                    most[:] = map(max, most, _memory(process.pid))
                except (OSError, KeyError):  # it has just ended
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        code = process.wait()
        ended.set()
        thread.join()
    if code:
        raise RuntimeError(f"The run ended with exit code {code}")
    return most[0], most[1]


def _gridcell(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "gridcell", *arguments], stdout=subprocess.DEVNULL)


def _memory(pid: int) -> list[int]:
    """Return a process's own memory and its pages of files, bytes."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return [int(status[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile")]
