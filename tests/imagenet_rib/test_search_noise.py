"""The noise of a search's score over the images that it holds out."""

import numpy as np
import pytest

from imagenet_rib.report.search_noise import standard_error


def answered(draws, count, right):
    return {name: draws.random(count) < right for name in ("val", "v2")}


@pytest.mark.parametrize("metric", ["mRI", "val", "gain"])
def test_the_error_over_held_out_images_is_that_of_a_bootstrap(metric):
    draws = np.random.default_rng(3)
    first = {seed: ("v2", answered(draws, 60, 0.6)) for seed in range(2)}
    second = {seed: ("v2", answered(draws, 60, 0.7)) for seed in range(2)}
    shares = {"mRI": {"val": 0.5, "v2": 0.5}, "val": {"val": 1.0}, "gain": {"v2": 1.0}}[metric]
    drawn = []
    for _ in range(4_000):
        places = {name: draws.integers(60, size=60) for name in ("val", "v2")}
        drawn.append(
            sum(
                share
                * 100
                * np.mean(
                    [second[s][1][n][places[n]].mean() - first[s][1][n][places[n]].mean() for s in first]
                )
                for n, share in shares.items()
            )
        )
    assert standard_error(first, second, metric) == pytest.approx(np.std(drawn), rel=0.06)


def test_no_error_is_claimed_where_images_are_no_independent_sample():
    draws = np.random.default_rng(4)
    one, other = (answered(draws, 20, 0.5) for _ in range(2))
    assert standard_error({"a": ("v2", one)}, {"a": ("v2", other)}, "mRI") > 0
    assert (
        standard_error(
            {"a": ("c", {"c": one["v2"], **one})}, {"a": ("c", {"c": other["v2"], **other})}, "mRI"
        )
        is None
    )
    assert standard_error({"a": ("v2", one)}, {"b": ("v2", other)}, "mRI") is None
    fewer = {name: right[:10] for name, right in other.items()}
    assert standard_error({"a": ("v2", one)}, {"a": ("v2", fewer)}, "mRI") is None
    assert standard_error({}, {}, "mRI") is None
    assert standard_error({"a": ("v2", one)}, {"a": ("v2", one)}, "mRI") is None  # no width of zero
