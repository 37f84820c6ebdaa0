"""Put a seeded random sample of mistakes into the code, one at a time, and count those that tests notice.

    python -m tests.mutants [--number 150] [--seed 0] [--out mutants.json]

Each mistake is made in a copy of the sources. What was tried before is read from ``--out`` and not tried
again, so an interrupted run goes on. ``equivalent.tsv`` lists mistakes that change nothing, with why; they
count neither as noticed nor as missed.
"""

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutations import Mutation, mutations
from tests.mutants.targets import SLOWER, TESTS

ROOT = Path(__file__).parents[2]
COPIED = ("platform", "tasks", "tests", "pyproject.toml")
HEAVY = ("pytest", "hypothesis", "torch", "lightning", "timm", "scipy.stats", "sklearn", "ray", "fsspec")
"""Imported once, before a process is forked for each mistake."""

GOAL = 0.84
LIMIT_S = (
    400.0  # a mistake that makes a test hang is noticed, and told apart: a busy machine may be the reason
)
HUNG = -1


def main() -> int:
    """Try the sample; exit code 1 below the goal."""
    arguments = _arguments()
    sample = chosen(arguments.number, arguments.seed)
    tried = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    same = equivalent()
    for name in HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        clean: set[tuple[str, ...]] = set()  # tests that are known to pass without a mistake
        quickest_first = sorted(sample, key=lambda one: sum(test in SLOWER for test in TESTS[one[0]]))
        for number, (file, mutation) in enumerate(quickest_first, start=1):
            key = _key(file, mutation)
            if f"{file}: {mutation}" in same or key in tried:
                continue
            tests = TESTS[file]
            tried[key] = _try(copy, file, mutation, tests)
            if tried[key] != "missed" and tests not in clean:
                _check_without_mistake(copy, tests)
            clean.add(tests)
            _say(f"{number:3d} {tried[key]:8s} {key}")
            arguments.out.write_text(json.dumps(tried, indent=1))
    same_here = {_key(file, mutation) for file, mutation in sample if f"{file}: {mutation}" in same}
    return _score([_key(file, mutation) for file, mutation in sample], tried, same_here)


def _key(file: str, mutation: Mutation) -> str:
    """Return what a mistake is remembered by: one line may have two alike, and so may two lines."""
    return f"{file}: {mutation} (line {mutation.line})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    return parser.parse_args()


def chosen(number: int, seed: int) -> list[tuple[str, Mutation]]:
    """Draw mistakes from all files: first their kind, so that constants don't crowd out the rest."""
    by_kind: dict[str, list[tuple[str, Mutation]]] = {}
    for file in sorted(TESTS):
        for mutation in mutations((ROOT / file).read_text(encoding="utf-8")):
            by_kind.setdefault(mutation.kind, []).append((file, mutation))
    draw = random.Random(seed)
    for found in by_kind.values():
        draw.shuffle(found)
    kinds = sorted(by_kind)
    drawn: list[tuple[str, Mutation]] = []
    while len(drawn) < number and any(by_kind.values()):
        for kind in kinds:
            if by_kind[kind] and len(drawn) < number:
                drawn.append(by_kind[kind].pop())
    return drawn


def equivalent() -> dict[str, str]:
    """Return mistakes that change nothing -> why."""
    lines = (Path(__file__).parent / "equivalent.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))


def _check_without_mistake(copy: Path, tests: Sequence[str]) -> None:
    code = _run(copy, tests)
    if code != 0:
        raise SystemExit(f"Without any mistake these fail (exit code {code}): {' '.join(tests)}")


def _try(copy: Path, file: str, mutation: Mutation, tests: Sequence[str]) -> str:
    path = copy / file
    source = path.read_text(encoding="utf-8")
    path.write_text(mutation.apply(source), encoding="utf-8")
    try:
        return {0: "missed", HUNG: "hung"}.get(_run(copy, tests), "noticed")
    finally:
        path.write_text(source, encoding="utf-8")


def _run(copy: Path, tests: Sequence[str]) -> int:
    """Run tests in a process in which all that is heavy is imported already; ``HUNG`` if it does not end."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(_tested(copy, tests))
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _tested(copy: Path, tests: Sequence[str]) -> int:
    import pytest

    os.chdir(copy)
    roots = [str(copy / "platform"), str(copy / "tasks")]
    sys.path[:0] = roots
    os.environ["PYTHONPATH"] = os.pathsep.join(roots)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow and not long"]
    return int(pytest.main([*options, *tests]))


def _score(sample: Sequence[str], tried: dict[str, str], same: set[str]) -> int:
    counted = [key for key in sample if key in tried and key not in same]
    noticed = [key for key in counted if tried[key] != "missed"]
    without = sum(key in same for key in sample)
    for key in counted:
        if tried[key] != "noticed":
            _say(f"{tried[key]}: {key}")
    if not counted:
        return 1
    share = len(noticed) / len(counted)
    _say(
        f"{len(noticed)} of {len(counted)} mistakes noticed ({share:.0%}); {without} more change nothing "
        f"(equivalent.tsv); {len(sample)} drawn"
    )
    return int(share < GOAL)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
