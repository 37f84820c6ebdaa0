"""From stored results to the report: what the platform knows, in the words of this task."""

from pathlib import Path

from gridcell.task import Findings, Report


def write(findings: Findings, out: Path) -> Report:
    """Write the report's files and return what the terminal shows."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "report.html"
    page.write_text(findings.title)
    return Report(page, [str({r.cell.title: dict(r.metrics) for r in findings.results.values()})])
