"""Merges against torch's own averaging, exact end points, and what a linear model must predict."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from gridcell.errors import UserError
from imagenet_rib.learning.merging import average, interpolate, model_stock


def network(seed, dtype=torch.float32):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(dtype)
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    model[1].num_batches_tracked.fill_(seed)
    return model


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_ends_of_the_line_are_exact(dtype):
    a, b = network(1, dtype).state_dict(), network(2, dtype).state_dict()
    assert same(interpolate(a, b, 0), a)
    assert same(interpolate(a, b, 1), b)


@given(st.floats(0, 1))
def test_between_the_ends_every_float_lies_on_the_line(alpha):
    a, b = network(1, torch.float64).state_dict(), network(2, torch.float64).state_dict()
    merged = interpolate(a, b, alpha)
    for name in a:
        if a[name].is_floating_point():
            assert torch.allclose(merged[name], torch.lerp(a[name], b[name], alpha), rtol=1e-12, atol=1e-14)
    assert merged["1.num_batches_tracked"] == (b if alpha else a)["1.num_batches_tracked"]


@given(st.floats(0, 1))
def test_a_merged_linear_model_predicts_the_merged_predictions(alpha):
    torch.manual_seed(0)
    a, b, merged = (nn.Linear(3, 4).double() for _ in range(3))
    merged.load_state_dict(interpolate(a.state_dict(), b.state_dict(), alpha))
    x = torch.randn(5, 3, dtype=torch.float64)
    assert torch.allclose(merged(x), (1 - alpha) * a(x) + alpha * b(x), rtol=1e-9, atol=1e-12)


def test_an_average_is_torchs_averaged_model():
    models = [network(seed) for seed in range(4)]
    reference = AveragedModel(models[0], use_buffers=True)
    for model in models:
        reference.update_parameters(model)
    ours = average([model.state_dict() for model in models])
    for name, tensor in reference.module.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(ours[name], tensor, rtol=1e-5, atol=1e-6), name
    assert ours["1.num_batches_tracked"] == 3  # the last ingredient's


@given(st.integers(1, 7))
def test_equal_ingredients_give_themselves_back(count):
    weights = network(3).state_dict()
    assert same(average([weights] * count), weights)


def test_an_average_of_two_is_the_middle_of_the_line():
    a, b = network(1).state_dict(), network(2).state_dict()
    assert same(average([a, b]), interpolate(a, b, 0.5))


def test_merging_leaves_its_ingredients_alone_and_shares_nothing():
    a, b = network(1).state_dict(), network(2).state_dict()
    copies = [{k: v.clone() for k, v in weights.items()} for weights in (a, b)]
    for merged in (interpolate(a, b, 0), interpolate(a, b, 0.3), interpolate(a, b, 1), average([a, b])):
        for tensor in merged.values():
            tensor.zero_()
    assert same(a, copies[0])
    assert same(b, copies[1])


@pytest.mark.parametrize("merge", [lambda a, b: interpolate(a, b, 0.5), lambda a, b: average([a, b])])
def test_weights_that_do_not_match_are_refused_by_name(merge):
    weights = network(1).state_dict()
    fewer = {name: tensor for name, tensor in weights.items() if name != "2.bias"}
    wider = {**weights, "0.weight": torch.zeros(4, 9)}
    for pair in ((weights, fewer), (fewer, weights)):
        with pytest.raises(UserError, match=r"'2\.bias' is missing"):
            merge(*pair)
    with pytest.raises(UserError, match=r"'0.weight' has the shapes \(4, 3\) and \(4, 9\)"):
        merge(weights, wider)


def test_an_empty_soup_is_refused():
    with pytest.raises(UserError, match="at least one"):
        average([])


def test_a_model_stock_follows_the_papers_share():
    """Two movements of equal length at an angle: the merge lies at 2 c / (1 + c) of the way to their mean."""
    anchor = {"w": torch.zeros(2, dtype=torch.float64), "n": torch.tensor(1)}
    for degrees in (10.0, 60.0, 89.0):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        tuned = [{"w": torch.tensor([1.0, 0.0]).double(), "n": torch.tensor(2)}]
        tuned += [{"w": torch.tensor([c, s]).double(), "n": torch.tensor(3)}]
        found = model_stock(anchor, tuned)
        expected = 2 * c / (1 + c) * torch.tensor([1 + c, s]).double() / 2
        torch.testing.assert_close(found["w"], expected)
        assert int(found["n"]) == 3


def test_a_model_stock_of_those_that_agree_is_their_mean_and_of_those_that_do_not_the_anchor():
    anchor, one = {"w": torch.ones(3)}, {"w": torch.tensor([2.0, 3.0, 4.0])}
    torch.testing.assert_close(model_stock(anchor, [one, one])["w"], one["w"])
    other = {"w": 2 * anchor["w"] - one["w"]}  # the opposite movement
    assert torch.equal(model_stock(anchor, [one, other])["w"], anchor["w"])
    assert torch.equal(model_stock(anchor, [anchor, one])["w"], anchor["w"])
    assert torch.equal(model_stock(anchor, [anchor, anchor])["w"], anchor["w"])
    with pytest.raises(UserError, match="at least two"):
        model_stock(anchor, [one])
