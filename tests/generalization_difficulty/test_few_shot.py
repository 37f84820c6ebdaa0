"""Few-shot learning measured from images: against brute force, by hand, and from folders."""

import json
from contextlib import suppress
from dataclasses import replace
from itertools import combinations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image
from tests.generalization_difficulty.test_grid import run

from generalization_difficulty import Alphabet, MetaLearning, measure_few_shot, support_sets
from generalization_difficulty.data.alphabets import draw_alphabets, open_alphabets
from generalization_difficulty.estimate.dimension import Dimension
from generalization_difficulty.estimate.few_shot import _support_sets
from gridcell.errors import UserError


@pytest.fixture(scope="module")
def drawn():
    return draw_alphabets(3, 6, 8, 16, seed=0)


def dimension(points, groups, k=5):
    """Return the estimate from the k nearest of the same group, from all pairs."""
    distances = np.sqrt(np.square(points[:, None] - points).sum(axis=2))
    distances[groups[:, None] != groups] = np.inf
    np.fill_diagonal(distances, np.inf)
    nearest = np.sort(distances, axis=1)[:, :k]
    return 1 / np.log(nearest[:, -1:] / nearest[:, :-1]).mean()


def test_ingredients_equal_brute_force(drawn):
    found = measure_few_shot(drawn, eps=0.01, ways=5)
    points = np.concatenate([one.points for one in drawn]) / 255
    groups = np.repeat(np.arange(3), 48)
    characters = np.concatenate([one.characters for one in drawn]) + 6 * groups
    assert found.copies == 0
    assert found.within.value == pytest.approx(dimension(points, groups), rel=1e-9)
    assert found.across.value == pytest.approx(dimension(points, np.zeros_like(groups)), rel=1e-9)
    distances = np.sqrt(np.square(points[:, None] - points).sum(axis=2))
    delta = distances[characters[:, None] != characters].min()
    task = MetaLearning(
        n=support_sets([6, 6, 6], ways=5, drawings=8),
        m_within=round(found.within.value),
        m_across=round(found.across.value),
        radius=np.linalg.norm(points, axis=1).max(),
        delta=delta,
        eps=0.01,
        ways=5,
    )
    assert found.difficulty.log2_bits == pytest.approx(task.difficulty().log2_bits, abs=1e-9)
    low, high = found.log2_bits
    assert low < found.difficulty.log2_bits < high


def test_where_a_corner_of_the_ranges_has_no_difficulty_the_others_still_give_the_upper_end(drawn):
    """With that many support sets the lower dimensions leave nothing to be told; the upper ones do."""
    found = measure_few_shot(drawn, eps=0.01, ways=5)
    task = MetaLearning(n=10**10, m_within=2.0, m_across=3.0, radius=3.0, delta=1.0, eps=0.01, ways=5)
    wide = replace(found, task=task, within=Dimension(2.0, 0.5), across=Dimension(3.0, 0.5))
    ends = (2 - 1.96 * 0.5, 2.0, 2 + 1.96 * 0.5), (3 - 1.96 * 0.5, 3.0, 3 + 1.96 * 0.5)
    bits = []
    for within, across in product(*ends):
        with suppress(UserError):
            bits.append(replace(task, m_within=within, m_across=across).difficulty().log2_bits)
    assert 0 < len(bits) < 9
    assert wide.log2_bits == (None, pytest.approx(max(bits)))


@given(st.lists(st.integers(1, 5), min_size=3, max_size=7), st.integers(2, 3))
def test_support_sets_of_unequal_characters(drawings, ways):
    assert _support_sets(drawings, ways) == sum(prod(chosen) for chosen in combinations(drawings, ways))


def test_support_sets_of_small_alphabets_are_counted_as_published():
    assert _support_sets([20] * 14, 20) == support_sets([14])
    assert _support_sets([20] * 26, 20) == support_sets([26])


def test_folders_of_dark_ink_are_read_as_ink(drawn, tmp_path):
    for alphabet in drawn:
        for number, (points, character) in enumerate(zip(alphabet.points, alphabet.characters, strict=True)):
            folder = tmp_path / "set" / alphabet.name / f"character{character:02}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - points.reshape(16, 16)).save(folder / f"{number:03}.png")
    found = open_alphabets(str(tmp_path / "set"), None, "dark")
    for one, other in zip(found, drawn, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.characters, other.characters)
    as_is = open_alphabets(str(tmp_path / "set"), None, "as-is")
    assert as_is[0].points.shape == (48, 256)


def test_the_suite_measures_a_folder(drawn, store, tmp_path):
    test_folders_of_dark_ink_are_read_as_ink(drawn, tmp_path)
    chosen = f"few_shot.mine={{path: {tmp_path / 'set'}, ways: 5}}"
    run(store, tmp_path / "report", "custom", chosen, seeds=1)
    summary = json.loads((tmp_path / "report/summary.json").read_text())
    expected = measure_few_shot(drawn, eps=0.01, ways=5)
    assert summary["log2_bits"]["mine"] == pytest.approx(expected.difficulty.log2_bits)
    assert summary["ranges"]["mine"] == pytest.approx(list(expected.log2_bits))
    assert "Few-shot learning, measured from images" in (tmp_path / "report/report.html").read_text()


def test_what_is_no_set_of_alphabets_is_one_sentence(drawn, tmp_path):
    with pytest.raises(UserError, match="has no alphabets"):
        open_alphabets(str(tmp_path), None, "dark")
    with pytest.raises(UserError, match="give two or more"):
        measure_few_shot(drawn[:1], eps=0.01)
    few = Alphabet("few", drawn[0].points[:4], drawn[0].characters[:4])
    with pytest.raises(UserError, match="Of the images of few 4 are distinct: 5 neighbours need at least 6"):
        measure_few_shot([drawn[1], few], eps=0.01)
