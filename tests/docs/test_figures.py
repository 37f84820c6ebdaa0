"""The tables of what was measured are those of the figures that were kept, whoever merged them."""

import json

from tests.benchmarks._record import FIGURES, README, keep, with_table


def test_the_page_shows_the_figures_that_are_kept():
    page = README.read_text(encoding="utf-8")
    assert with_table(page, json.loads(FIGURES.read_text(encoding="utf-8"))) == page


def test_what_is_measured_again_replaces_its_table_alone(tmp_path):
    figures, page = tmp_path / "figures.json", tmp_path / "README.md"
    page.write_text("before\n<!-- figures -->\n<!-- /figures -->\nby hand\n")

    def measured(value):
        where = {"machine": "M", "load": 1.5, "date": "D", "commit": "C", "seconds": 2.0}
        return {**where, "figures": {"time (s)": value, "again (s)": value}, "aims": {"time (s)": "<= 3"}}

    keep({"one": measured(2.0), "two": measured(2.5)}, figures, page)
    keep({"one": measured(4.0)}, figures, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("<!-- /figures -->\nby hand\n")
    assert "| time (s) | 4 | <= 3 | missed |" in text
    assert "| time (s) | 2.5 | <= 3 | met |" in text
    assert text.index("time (s)") < text.index("again (s)"), "in the order in which they were measured"
    assert text.count("### one") == text.count("### two") == 1
