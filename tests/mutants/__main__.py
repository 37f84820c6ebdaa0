"""Put a seeded random sample of mistakes into the code, one at a time, and count those that tests notice.

    python -m tests.mutants [--number 150] [--seed 0] [--out mutants.json]

Each mistake is made in a copy of the sources. The tests that run its lines are tried first: those of the
files that ``targets.py`` names for it, then those of all other files, the quickest before the others. If none
fails, so are the other tests of the named files. What was tried before is read from ``--out`` and not tried
again, so an interrupted run goes on. Which test runs which line is kept beside it, and found again only for
tests that have changed, or that run a file that has. ``equivalent.tsv`` lists mistakes that change nothing,
with why; they count neither as noticed nor as missed.
"""

import argparse
import functools
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence, Set
from pathlib import Path

from tests.mutants.coverage_map import CoverageMap, lines_of, read_map
from tests.mutants.forked_tests import HUNG, Outcomes, in_child, prepare, run_tests
from tests.mutants.mutations import Mutation, mutations
from tests.mutants.targets import ROOTS, TESTS

ROOT = Path(__file__).parents[2]
COPIED = ("platform", "tasks", "tests", "pyproject.toml")
ELSEWHERE_S = 30.0
"""How long tests of other files than the named ones may take, which run the lines of a mistake, too."""

GOAL = 0.84
LIMIT_S = 60.0
"""Beside ten times what the tests take without a mistake. A mistake that makes a test hang is noticed, and
told apart: a busy machine may be the reason."""

MISSED = "missed"


def main() -> int:
    """Try the sample; exit code 1 below the goal."""
    arguments = _arguments()
    sample = chosen(arguments.number, arguments.seed)
    tried = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    same = equivalent()
    prepare()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        left = [one for one in sample if f"{one[0]}: {one[1]}" not in same and _key(*one) not in tried]
        known = _mapped(copy, arguments.out.with_suffix(".map.json"))
        for number, (file, mutation) in enumerate(left, start=1):
            key = _key(file, mutation)
            begins = time.monotonic()
            tried[key] = _try(copy, file, mutation, known)
            _say(f"{number:3d} of {len(left)}, {time.monotonic() - begins:4.1f} s: {key}: {tried[key]}")
            arguments.out.write_text(json.dumps(tried, indent=1))
        _check_without_mistake(copy, tried)
    for test in sorted(known.failing):
        _say(f"Fails without any mistake, so it notices none: {test}")
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


def files_of_tests(root: Path) -> list[str]:
    """Return all files of tests that may notice a mistake."""
    return sorted(str(path.relative_to(root)) for room in ROOTS for path in (root / room).rglob("test_*.py"))


def _mapped(copy: Path, kept: Path) -> CoverageMap:
    """Return which tests run which lines, and keep it: what is not known yet is found out."""
    known = read_map(kept)
    known.forget_changed(copy)
    for tests in files_of_tests(copy):
        if tests not in known.seconds:
            known.add(copy, tests)
            known.write(kept)
            taken = known.seconds[tests]
            _say(f"map: {len(taken)} tests, {sum(taken.values()):.1f} s: {tests}")
    return known


def chosen(number: int, seed: int) -> list[tuple[str, Mutation]]:
    """Draw mistakes from all files: first their kind, so that constants don't crowd out the rest."""
    by_kind: dict[str, list[tuple[str, Mutation]]] = {}
    for file in sorted(TESTS):
        for mutation in _mutations_of(file):
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


@functools.cache
def _mutations_of(file: str) -> tuple[Mutation, ...]:
    return tuple(mutations((ROOT / file).read_text(encoding="utf-8")))


def equivalent() -> dict[str, str]:
    """Return mistakes that change nothing -> why."""
    lines = (Path(__file__).parent / "equivalent.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))


def _try(copy: Path, file: str, mutation: Mutation, known: CoverageMap) -> str:
    path = copy / file
    source = path.read_text(encoding="utf-8")
    running = known.running(file, lines_of(source, mutation.line))
    path.write_text(mutation.apply(source), encoding="utf-8")
    try:
        for tests in batches(running, TESTS[file], known):
            outcome = _run(copy, tests, known) if tests else MISSED
            if outcome != MISSED:
                return outcome
        return MISSED
    finally:
        path.write_text(source, encoding="utf-8")


def batches(running: Set[str], named: Sequence[str], known: CoverageMap) -> list[dict[str, set[str]]]:
    """Return what to try, one batch after another, each as file of tests -> some of its tests.

    First those of the named files that run a line of the mistake; then of all other files the quickest that
    do; then the rest of the named files.
    """
    near = {tests: running & known.seconds[tests].keys() for tests in named}
    elsewhere = [
        (seconds, tests, test)
        for tests, of_file in known.seconds.items()
        if tests not in named
        for test, seconds in of_file.items()
        if test in running
    ]
    far: dict[str, set[str]] = {}
    left = ELSEWHERE_S
    for seconds, tests, test in sorted(elsewhere):
        left -= seconds
        if left > 0:
            far.setdefault(tests, set()).add(test)
    rest = {tests: set(known.seconds[tests]) - known.failing - near[tests] for tests in named}
    return [
        {
            tests: batch[tests]
            for tests in sorted(batch, key=lambda one: known.taken(one, batch[one]))
            if batch[tests]
        }
        for batch in (near, far, rest)
    ]


def _run(copy: Path, tests: dict[str, set[str]], known: CoverageMap) -> str:
    """Run tests on a mistake: missed, hung, or noticed by which."""
    expected = sum(known.taken(file, chosen) for file, chosen in tests.items())
    outcomes = Outcomes(chosen=set().union(*tests.values()))

    def work() -> str:
        code = run_tests(list(tests), outcomes, "-x")
        return outcomes.failed[0] if outcomes.failed else "" if code in (0, 5) else f"exit code {code}"

    code, failed = in_child(copy, work, LIMIT_S + 10 * expected)
    if code == HUNG:
        return "hung"
    if code != 0:
        return "noticed by a process that ended"
    return f"noticed by {failed}" if failed else MISSED


def _check_without_mistake(copy: Path, tried: dict[str, str]) -> None:
    """Refuse a score to which tests contribute that fail without a mistake when they are run in part."""
    by = {outcome.removeprefix("noticed by ") for outcome in tried.values() if "::" in outcome}
    outcomes = Outcomes(chosen=by)
    files = sorted({test.split("::")[0] for test in by})

    def work() -> str:
        run_tests(files, outcomes)
        return json.dumps(outcomes.failed)

    code, failed = in_child(copy, work, LIMIT_S * 60)
    if code != 0 or json.loads(failed):
        raise SystemExit(f"Without any mistake these fail, too (exit code {code}): {failed}")


def _score(sample: Sequence[str], tried: dict[str, str], same: set[str]) -> int:
    counted = [key for key in sample if key in tried and key not in same]
    noticed = [key for key in counted if tried[key] != MISSED]
    without = sum(key in same for key in sample)
    for key in counted:
        if tried[key] in (MISSED, "hung"):
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
