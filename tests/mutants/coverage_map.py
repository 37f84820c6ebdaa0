"""Which tests run which lines, so that a mistake is tried with the tests that can notice it."""

import ast
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.mutants.forked_tests import Outcomes, in_child, run_tests

LIMIT_S = 900.0


@dataclass
class CoverageMap:
    """What the tests of some files do where there is no mistake.

    Attributes:
        sources: digest of the sources that were tested.
        seconds: file of tests -> test -> how long it took, in the order of the file.
        failing: tests that fail without any mistake: they notice nothing.
        lines: file -> line -> the tests that ran it, without those that only import it.
    """

    sources: str
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def running(self, file: str, lines: Iterable[int]) -> set[str]:
        """Return the tests that run one of the lines of a file."""
        ran = self.lines.get(file, {})
        return set().union(*(ran.get(line, set()) for line in lines)) - self.failing

    def add(self, copy: Path, tests: str, files: Iterable[str]) -> None:
        """Run a file of tests, and note which lines of ``files`` each test runs."""
        if tests in self.seconds:
            return
        code, answer = in_child(copy, lambda: _traced(copy, tests, list(files)), LIMIT_S)
        if not answer:
            raise SystemExit(f"Without any mistake {tests} does not end as tests do (exit code {code})")
        seconds, failed, lines = json.loads(answer)
        self.seconds[tests] = seconds
        self.failing.update(failed)
        for file, ran in lines.items():
            known = self.lines.setdefault(file, {})
            for line, by in ran.items():
                known.setdefault(int(line), set()).update(by)

    def write(self, path: Path) -> None:
        """Write it to a file of JSON."""
        path.write_text(json.dumps(asdict(self), default=sorted), encoding="utf-8")


def read_map(path: Path, sources: str) -> CoverageMap:
    """Return what was written of the same sources, or an empty map."""
    if not path.exists():
        return CoverageMap(sources)
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["sources"] != sources:
        return CoverageMap(sources)
    lines = {
        file: {int(line): set(tests) for line, tests in ran.items()} for file, ran in found["lines"].items()
    }
    return CoverageMap(sources, found["seconds"], set(found["failing"]), lines)


def digest(copy: Path) -> str:
    """Return a digest of all Python files below a folder."""
    of_all = hashlib.sha256()
    for path in sorted(copy.rglob("*.py")):
        of_all.update(f"{path.relative_to(copy)}\0".encode())
        of_all.update(path.read_bytes())
    return of_all.hexdigest()


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


def _traced(copy: Path, tests: str, files: list[str]) -> str:
    import coverage

    traced = coverage.Coverage(
        data_file=None, config_file=False, include=[str(copy / file) for file in files], messages=False
    )
    traced.start()
    outcomes = Outcomes(at_start=traced.switch_context)
    code = run_tests([tests], outcomes)
    traced.stop()
    if code not in (0, 1, 5):
        return ""
    data = traced.get_data()
    lines = {
        file: {
            line: names
            for line, contexts in data.contexts_by_lineno(str(copy / file)).items()
            if (names := [name for name in contexts if name])
        }
        for file in files
    }
    return json.dumps([outcomes.seconds, outcomes.failed, lines])
