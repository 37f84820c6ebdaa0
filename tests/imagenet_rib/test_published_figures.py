"""Published figures beside ours: the right ones, the right means, and nothing where a value is missing."""

import pytest

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.grid.published_figures import SHIPPED, read_figures
from imagenet_rib.report.published import as_rows, beside
from imagenet_rib.report.results import figures_beside
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
    sources = read_figures(SHIPPED)
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


@pytest.mark.parametrize(("sets", "compared"), [(["c", "b", "a"], True), (["a", "b"], False), (None, True)])
def test_a_mean_is_compared_with_one_over_the_same_sets_alone(tmp_path, sets, compared):
    text = OWN if sets is None else OWN.replace("error: 0.5", f"sets: [{', '.join(sets)}]")
    (tmp_path / "own.yaml").write_text(text)
    figures = read_figures(tmp_path / "own.yaml")
    found = beside(summarise([before(), *after("ft")], SETS), {"m": "net.tag"}, figures)
    ours = {(one.downstream, one.when): one.ours is not None for one in found}
    assert ours[None, "before"] is ours[None, "change"] is compared
    assert ours["a", "after"] is True  # no mean


@pytest.mark.parametrize(("source", "sources"), [("published", 2), ("digits", 0)])
def test_the_shipped_figures_are_compared_with_the_published_sets_alone(tmp_path, source, sources):
    """Sets that are derived here have the same names."""
    settings = {"data": {"source": source}}
    assert len(figures_beside(settings)) == sources
    (tmp_path / "own.yaml").write_text(OWN)
    more = figures_beside(settings | {"published_figures": [str(tmp_path / "own.yaml")]})
    assert [one.source for one in more[sources:]] == ["mine"]


def test_a_suite_names_files_of_its_own(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN)
    (note,) = (
        load_suite(find_task("imagenet-rib"), "mini", [f"published_figures=[{tmp_path}/own.yaml]"])
        .grid()
        .notes
    )
    said = "3 of 3 published figures are of a model or method that this suite lacks, first ft of net.tag"
    assert note.endswith(f"own.yaml: {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tested: val", "tested: vall", "Unknown set in '.*own.yaml': 'vall': did you mean 'val'"),
        ("downstream: a", "downstream: others", "Unknown set in '.*own.yaml': 'others'"),
        ("other.tag", "net.tag", r"2 figures of one thing \(net.tag, ft, each set, others\) from 'mine'"),
        (
            "after: 79",
            "after: 179",
            r"0\.figures\.1\.after' is wrong: it must be at most 100 .*own\.yaml', line 6",
        ),
        ("method: ft, downstream", "methd: ft, downstream", r"0\.figures\.1\.methd': did you mean 'method'"),
        ("before: 90", "before: .nan", r"0\.figures\.1\.before' is wrong: a finite number is expected"),
        ("after: 79", "after: true", r"a finite number is expected, not true or false .*own\.yaml', line 6"),
        ("after: 79", "after: '79'", r"a finite number is expected, not text .*own\.yaml', line 6"),
    ],
)
def test_figures_that_mean_nothing_are_refused_at_planning(tmp_path, old, new, said):
    assert old in OWN
    (tmp_path / "own.yaml").write_text(OWN.replace(old, new))
    with pytest.raises(UserError, match=said):
        load_suite(find_task("imagenet-rib"), "mini", [f"published_figures=[{tmp_path}/own.yaml]"]).grid()


def test_figures_are_read_as_settings_are(tmp_path):
    """By YAML 1.2: in 1.1 ``079`` is text, ``070`` is 56, and ``7.9e1`` without a sign is text."""
    for written, meant in (("070", 70.0), ("079", 79.0), ("7.9e1", 79.0)):
        (tmp_path / "own.yaml").write_text(OWN.replace("after: 79", f"after: {written}"))
        assert read_figures(tmp_path / "own.yaml")[0].figures[1].after == meant


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
