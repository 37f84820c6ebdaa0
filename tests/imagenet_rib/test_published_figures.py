"""Published figures beside ours: the right ones, the right means, and nothing where a value is missing."""

import pytest

from gridcell.errors import UserError
from imagenet_rib.report.published import as_rows, beside, read_figures
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.tables import published_table
from imagenet_rib.settings import DOWNSTREAM
from rib_evaluations import AFTER, PRE, SETS, after, before

OWN = """
- source: mine
  error: 0.5
  figures:
    - {model: net.tag, method: ft, tested: others, before: 50, after: 51}
    - {model: net.tag, method: ft, downstream: a, tested: val, before: 90, after: 79, error: 0.1}
    - {model: other.tag, method: ft, tested: others, before: 50, after: 51}
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN)
    return read_figures(tmp_path / "own.yaml")


def test_the_shipped_figures_are_the_papers_collapse():
    sources = read_figures()
    overall = {f.model: f.after - f.before for f in sources[0].figures}
    assert len(overall) == 7
    assert overall["vit_base_patch16_clip_224.laion2b_ft_in1k"] == pytest.approx(-38.1)
    assert overall["vit_base_patch16_224.augreg_in21k_ft_in1k"] == pytest.approx(-5.5)
    for source in sources:
        for figure in source.figures:
            assert figure.tested in (*DOWNSTREAM, "val", "others")


def test_ours_are_the_means_over_the_same_places(own):
    summary = summarise([before(), *after("ft")], SETS)
    found = {(c.downstream, c.when): c for c in beside(summary, {"m": "net.tag"}, own)}
    pairs = [(i, j) for i in "abc" for j in "abc" if i != j]
    expected = {
        (None, "before"): sum(PRE[j] for _, j in pairs) / 6,
        (None, "after"): sum(AFTER[i][j] for i, j in pairs) / 6,
        ("a", "before"): 90,
        ("a", "after"): 80,
        ("a", "change"): -10,
    }
    assert {key: found[key].ours for key in expected} == pytest.approx(expected)
    assert found[None, "change"].ours == pytest.approx(summary["mRI"]["m"]["ft"]["mean"])
    assert found["a", "after"].difference == pytest.approx(1)
    assert (found["a", "after"].error, found["a", "change"].error, found[None, "after"].error) == (
        0.1,
        0.2,
        0.5,
    )


def test_what_is_not_complete_is_not_compared(own):
    evaluations = [before(), *after("ft")[:2]]
    found = {(c.downstream, c.when): c for c in beside(summarise(evaluations, SETS), {"m": "net.tag"}, own)}
    assert found[None, "after"].ours is None
    assert found[None, "after"].difference is None
    assert found[None, "before"].ours is not None
    assert found["a", "after"].ours == pytest.approx(80)


def test_models_and_methods_that_a_suite_lacks_are_left_out(own):
    summary = summarise([before(), *after("lwf")], SETS)
    assert beside(summary, {"m": "net.tag"}, own) == []
    assert beside(summarise([before(), *after("ft")], SETS), {"m": "unknown"}, own) == []


def test_the_table_says_published_ours_and_difference(own):
    summary = summarise([before(), *after("ft")], SETS)
    rows = as_rows(beside(summary, {"m": "net.tag"}, own))
    text = published_table(rows).__html__()
    assert [row["when"] for row in rows] == ["before", "after", "change"] * 2
    assert rows[4] == {
        "model": "m",
        "method": "ft",
        "downstream": "a",
        "tested": "val",
        "when": "after",
        "source": "mine",
        "published": 79,
        "error": 0.1,
        "ours": 80,
        "difference": 1,
    }
    assert "79.0 ± 0.1" in text


@pytest.mark.parametrize("text", ["- {source: x}", "- {source: x, figures: [{model: 3}]}", ": ["])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(UserError, match=r"f\.yaml"):
        read_figures(tmp_path / "f.yaml")


@pytest.mark.parametrize(("before", "fits"), [(0, True), (100, True), (100.5, False), (-0.5, False)])
def test_accuracies_are_percent(tmp_path, before, fits):
    figure = f"{{model: m, method: ft, tested: val, before: {before}, after: 3}}"
    (tmp_path / "f.yaml").write_text(f"- {{source: x, error: 0.1, figures: [{figure}]}}")
    if fits:
        assert read_figures(tmp_path / "f.yaml")
    else:
        with pytest.raises(UserError, match="before' is wrong"):
            read_figures(tmp_path / "f.yaml")
