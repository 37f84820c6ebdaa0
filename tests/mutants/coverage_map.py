"""Which tests run which lines, so that a mistake is tried with the tests that can notice it."""

import ast
import hashlib
import json
from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.mutants.forked_tests import Outcomes, in_child, run_tests

LIMIT_S = 900.0
TRACED = ("platform", "tasks")
"""Below a copy. The tests themselves are not traced: each counts as a whole."""


@dataclass
class CoverageMap:
    """What the tests of some files do where there is no mistake.

    Attributes:
        seconds: file of tests -> test -> how long it took, in the order of the file.
        failing: tests that fail without any mistake: they notice nothing.
        lines: file -> line -> the tests that ran it, without those that only import it.
        made_of: file of tests -> itself and each file whose lines its tests ran -> digest of that file.
    """

    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    made_of: dict[str, dict[str, str]] = field(default_factory=dict)

    def running(self, file: str, lines: Set[int]) -> set[str]:
        """Return the tests that run one of the lines of a file, or any line of it if none is given."""
        ran = self.lines.get(file, {})
        return (
            set().union(*(tests for line, tests in ran.items() if line in lines or not lines)) - self.failing
        )

    def taken(self, tests: str, some: Iterable[str]) -> float:
        """Return how many seconds some tests of a file took."""
        return sum(self.seconds[tests][test] for test in some)

    def add(self, copy: Path, tests: str) -> None:
        """Run a file of tests, and note which lines each test runs."""
        code, answer = in_child(copy, lambda: _traced(copy, tests), LIMIT_S)
        if not answer:
            raise SystemExit(f"Without any mistake {tests} does not end as tests do (exit code {code})")
        self.seconds[tests], failed, lines = json.loads(answer)
        self.failing.update(failed)
        for file, ran in lines.items():
            known = self.lines.setdefault(file, {})
            for line, by in ran.items():
                known.setdefault(int(line), set()).update(by)
        self.made_of[tests] = {file: _digest(copy / file) for file in {tests, *lines}}

    def forget_changed(self, copy: Path) -> None:
        """Drop what is known of tests that have changed, or that ran a file which has changed."""
        now: dict[str, str] = {}
        for files in self.made_of.values():
            for file in files.keys() - now.keys():
                now[file] = _digest(copy / file)
        for tests, files in list(self.made_of.items()):
            if any(now[file] != digest for file, digest in files.items()):
                self._forget(tests)

    def _forget(self, tests: str) -> None:
        of_file = self.seconds.pop(tests).keys()
        self.failing.difference_update(of_file)
        for file in self.made_of.pop(tests):
            for by in self.lines.get(file, {}).values():
                by.difference_update(of_file)

    def write(self, path: Path) -> None:
        """Write it to a file of JSON."""
        path.write_text(json.dumps(asdict(self), default=sorted), encoding="utf-8")


def read_map(path: Path) -> CoverageMap:
    """Return what was written, or an empty map."""
    if not path.exists():
        return CoverageMap()
    found = json.loads(path.read_text(encoding="utf-8"))
    lines = {
        file: {int(line): set(tests) for line, tests in ran.items()} for file, ran in found["lines"].items()
    }
    return CoverageMap(found["seconds"], set(found["failing"]), lines, found["made_of"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def lines_of(source: str, line: int) -> set[int]:
    """Return the lines whose run may show a mistake of a line; none if that lies in no function.

    These are the lines of the innermost statement around it; of one that holds others, only its head. A
    default value in a function's head is used wherever the function is run, so all its lines count.
    """
    node: ast.AST = ast.parse(source)
    inside = False
    while inner := next((child for child in ast.iter_child_nodes(node) if _spans(child, line)), None):
        node = inner
        inside |= isinstance(node, _FUNCTIONS)
    if not inside:
        return set()
    first, last = _ends(node)
    body = getattr(node, "body", None)
    if isinstance(node, _FUNCTIONS):
        return set(range(node.body[0].lineno, last + 1))
    return set(range(first, max(first + 1, body[0].lineno) if isinstance(body, list) else last + 1))


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def _spans(node: ast.AST, line: int) -> bool:
    if not isinstance(node, _STATEMENTS):
        return False
    first, last = _ends(node)
    return first <= line <= last


def _ends(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno, _ends(node.body[-1])[1]
    assert isinstance(node, ast.stmt | ast.excepthandler)
    return node.lineno, node.end_lineno or node.lineno


def _traced(copy: Path, tests: str) -> str:
    import coverage

    sources = [str(copy / root / "*") for root in TRACED]
    traced = coverage.Coverage(data_file=None, config_file=False, include=sources, messages=False)
    traced.start()
    outcomes = Outcomes(at_start=traced.switch_context)
    code = run_tests([tests], outcomes)
    traced.stop()
    if code not in (0, 1, 5):
        return ""
    data = traced.get_data()
    lines = {}
    for path in sorted(data.measured_files()):
        by_line = {
            line: names
            for line, contexts in data.contexts_by_lineno(path).items()
            if (names := [name for name in contexts if name])
        }
        if by_line:
            lines[str(Path(path).relative_to(copy))] = by_line
    return json.dumps([outcomes.seconds, outcomes.failed, lines])
