"""Peak memory of a head fitted to 50,000 photographs of one's own, read from shards.

Crops of the photographs that scikit-learn and scikit-image ship, seven classes, are imported and a model is
given a head for them. The same number of images held in memory at this size is printed beside what a worker
took at most.

    python -m tests.benchmarks.own_shards --folder /tmp/own-shards --images 50000
"""

import argparse
import io
import os
import resource
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from photographs import PHOTOGRAPHS, photograph

SIDE = 96


def write_archive(path: Path, images: int, seed: int) -> None:
    """Write a tar of class folders with JPEG crops, without a file for each on the disk."""
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


def command(*arguments: str) -> None:
    """Run the command as a user would."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "gridcell", *arguments], check=True)
    print(f"{' '.join(arguments[:3])}: {time.monotonic() - begun:.0f} s", flush=True)


def own_and_mapped(pid: int) -> tuple[int, int]:
    """Return a process's own memory and its pages of files, MB."""
    found = {"RssAnon": 0, "RssFile": 0}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in found:
            found[key] = int(value.split()[0]) // 1024
    return found["RssAnon"], found["RssFile"]


def watched(arguments: list[str]) -> tuple[int, int]:
    """Run the command and return the largest own memory and mapped pages of its process, MB."""
    most = [0, 0]
    with subprocess.Popen([sys.executable, "-m", "gridcell", *arguments]) as process:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.2):
                try:
                    most[:] = map(max, most, own_and_mapped(process.pid))
                except OSError:
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        code = process.wait()
        ended.set()
        thread.join()
    if code:
        raise SystemExit(code)
    return most[0], most[1]


def main() -> None:
    """Write, import, plan and run; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=50_000)
    options = parser.parse_args()
    folder: Path = options.folder
    for name, images, seed in (("pretrain", options.images, 0), ("val", 700, 1), ("street", 700, 2)):
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder / f"{name}.tar"
        if not archive.exists():
            write_archive(archive, images, seed)
        command("data", "import", "folder", "--from", str(archive), "--to", str(folder / "sets" / name))
    model = ["--set", "pretrainings.imagenet.input_size=65", "--set", "downstream=[val,street]"]
    data = ["--set", "data.source=shards", "--set", f"data.root={folder / 'sets'}"]
    run = ["run", "imagenet-rib", "--suite", "lite", "--executor", "inline", "--select", "method=pre"]
    own, mapped = watched([*run, *data, *model, "--storage", str(folder / "runs")])
    print(f"{options.images} images of {SIDE} px: {own} MB of its own at most, {mapped} MB of pages of files")
    print(f"held in memory they would take {options.images * SIDE * SIDE * 3 / 1e6:.0f} MB more")
    print(
        f"largest child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB; {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
