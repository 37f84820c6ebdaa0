"""What interrupted a run: a section of its page, and a file of its own beside the page.

Results and ``summary.json`` are the same whether or not a run was interrupted, so neither can tell.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_END = "</main>"


def add_interruptions(interruptions: Mapping[str, Mapping[str, float]], page: Path) -> None:
    """Write ``run.json`` beside a page; where anything happened, add a section at the page's end.

    Args:
        interruptions: failure class -> ``attempts`` that ended without a result, ``seconds`` and perhaps
            ``steps`` of work lost with them, and cells ``given_up``.
        page: of a report; one without a ``<main>`` stays as it is.
    """
    told = json.dumps({"interruptions": interruptions}, indent=1, sort_keys=True)
    page.with_name("run.json").write_text(f"{told}\n", encoding="utf-8")
    if not interruptions:
        return
    before, end, after = page.read_text(encoding="utf-8").rpartition(_END)
    if end:
        page.write_text(f"{before}{_section(interruptions)}{end}{after}", encoding="utf-8")


def _section(interruptions: Mapping[str, Mapping[str, float]]) -> str:
    from gridcell.report.page import environment

    total: Counter[str] = Counter()
    for entry in interruptions.values():
        total.update(entry)
    template = environment([]).get_template("interruptions.html.jinja")
    return template.render(interruptions=interruptions, total=total)
