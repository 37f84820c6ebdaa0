"""Several processes train and evaluate as one does: the same weights, reports, endings and answers."""

import pytest
import torch
from hypothesis import given, strategies as st

import together
from gridcell.learn.gathering import whole_batches
from ranks import run_ranks

pytestmark = pytest.mark.xdist_group("together")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Of three processes: the last batch, of two samples, leaves nothing for one of them."""
    return run_ranks("together:everything", 3, tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
@pytest.mark.parametrize("case", together.CASES)
def test_several_processes_take_the_same_steps_as_one(answers, case):
    alone = together.trained(0, 1, **together.WAYS[case.removeprefix("sharded, ")])
    for answer in answers:
        assert answer[case]["weights"].keys() == alone["weights"].keys()
        for name, expected in alone["weights"].items():
            assert torch.allclose(answer[case]["weights"][name], expected, rtol=0, atol=1e-12), name
        for told, expected in zip(answer[case]["reports"], alone["reports"], strict=True):
            assert told == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True], ids=["whole", "sharded"])
@pytest.mark.parametrize("after", [False, True], ids=["whole", "sharded"])
def test_several_processes_go_on_within_an_epoch(answers, before, after):
    for answer in answers:
        found = answer[f"interrupted, {before}, {after}"]
        assert found["from"] == 2
        for name, expected in answer["plain"]["weights"].items():
            assert torch.allclose(found["weights"][name], expected, rtol=0, atol=1e-12), name
        for told, expected in zip(found["reports"], answer["plain"]["reports"], strict=True):
            assert told == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("way", together.WAYS)
def test_each_weight_of_a_sharded_fit_is_held_by_one_process(answers, way):
    everything = sum(p.numel() for p in together.network(together.WAYS[way]["normalised"]).parameters())
    assert all(answer[way]["held"] == {everything} for answer in answers)
    held = [answer[f"sharded, {way}"]["held"] for answer in answers]
    assert all(len(numbers) == 1 for numbers in held)
    assert sum(number for numbers in held for number in numbers) == everything
    assert max(number for numbers in held for number in numbers) < everything / 2


@pytest.mark.slow
def test_a_loss_that_takes_whole_weights_is_refused_where_they_are_sharded(answers):
    for answer in answers:
        assert len(answer["whole weights"]) == 2
        assert all("own_part and sum_of_parts" in said for said in answer["whole weights"])


@pytest.mark.slow
def test_a_loss_that_is_not_finite_on_one_process_ends_all(answers):
    assert [answer["diverged"] for answer in answers] == ["The loss became nan in epoch 1, by step 5."] * len(
        answers
    )


@pytest.mark.slow
def test_each_process_keeps_its_own_randomness(answers):
    states = answers[0]["random"]
    assert len(states) == len(answers)
    assert not torch.equal(states[0], states[1])


@pytest.mark.slow
def test_what_processes_found_comes_together_in_order(answers):
    for answer in answers:
        assert answer["shares"] == [list(range(total)) for total in range(9)]


@given(total=st.integers(0, 100), batch_size=st.integers(1, 20), world_size=st.integers(1, 6))
def test_every_sample_is_evaluated_once_in_the_batches_of_one_process(total, batch_size, world_size):
    alone = [range(total)[start : start + batch_size] for start in range(0, total, batch_size)]
    shared = []
    for rank in range(world_size):
        own = whole_batches(total, batch_size, rank, world_size)
        shared += [own[start : start + batch_size] for start in range(0, len(own), batch_size)]
    assert shared == alone
