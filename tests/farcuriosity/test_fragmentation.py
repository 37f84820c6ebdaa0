"""Trigger, recall, replacement and burn-in, against a reference that goes one step after the other."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies as st

from farcuriosity.curiosity.fragmentation import Fragmentation
from farcuriosity.curiosity.modules import get
from fragmentation_reference import Reference
from gridcell.errors import UserError
from gridcell.suite import parse_settings
from released_reference import Released

KEYS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 1), (-1, 2, 0), (2, 0, -1), (1, 1, 2)]
ENVIRONMENTS = 2

DEFAULTS = {
    "capacity": 8,
    "criterion": "ratio",
    "rho": 10.0,
    "least": 25,
    "recall": 0.99,
    "novelty": 0.75,
    "novelty_full": 0.5,
    "decay": "filled",
}

error = st.sampled_from([0.5, 1.0, 1.25, 1.5, 2.0, 3.5, 9.0])
moments = st.tuples(
    st.tuples(*[error] * ENVIRONMENTS), st.tuples(*[st.sampled_from(range(len(KEYS)))] * ENVIRONMENTS)
)
segment = st.tuples(st.lists(moments, min_size=1, max_size=8), st.tuples(*[st.booleans()] * ENVIRONMENTS))
choices = st.fixed_dictionaries(
    {
        "capacity": st.integers(4, 6),
        "criterion": st.sampled_from(["ratio", "z"]),
        "rho": st.sampled_from([0.7071, 1.3131, 2.2361]),
        "least": st.integers(1, 4),
        "recall": st.sampled_from([0.99, 0.9, 0.6]),
        "novelty": st.sampled_from([0.751, 0.951, 1.1]),
        "novelty_full": st.sampled_from([0.501, 0.751]),
        "decay": st.sampled_from(["filled", "calls"]),
    }
)


def _key(index: int) -> torch.Tensor:
    return torch.tensor(KEYS[index], dtype=torch.float32)


def _arrays(lived):
    errors = np.array([row for row, _ in lived])
    return errors, torch.stack([torch.stack([_key(index) for index in row]) for _, row in lived])


@settings(max_examples=150)
@given(choices, st.integers(0, len(KEYS) - 1), st.lists(segment, min_size=1, max_size=12))
def test_every_decision_is_that_of_the_reference(chosen, first, segments):
    fragmentation, reference = Fragmentation(ENVIRONMENTS, 3, **chosen), Reference(ENVIRONMENTS, **chosen)
    fragmentation.begin(_key(first))
    reference.begin(KEYS[first])
    for lived, counted in segments:
        errors, keys = _arrays(lived)
        scored, switches = fragmentation.advance(errors, keys, np.array(counted))
        expected = reference.segment(
            errors.tolist(), [[KEYS[index] for index in row] for _, row in lived], counted
        )
        assume(reference.margin > 1e-5)
        assert scored.tolist() == expected[0]
        assert [tuple(switch) for switch in switches] == expected[1]
        assert fragmentation.fragments.tolist() == reference.current
    assert fragmentation.values() == {
        "fragments": len(reference.keys),
        "fragmentations": reference.made,
        "recalls": reference.recalls,
        "replacements": reference.replaced,
    }


@pytest.mark.parametrize("seed", range(4))
def test_decisions_are_those_of_the_reference_while_a_full_memory_replaces(seed):
    random = np.random.default_rng(seed)
    chosen = DEFAULTS | {"capacity": 7, "rho": 1.5, "least": 4, "novelty": 0.95, "novelty_full": 0.9}
    fragmentation, reference = Fragmentation(3, 3, **chosen), Reference(3, **chosen)
    places = random.normal(size=(12, 3))
    fragmentation.begin(torch.tensor(places[0]).float())
    reference.begin(tuple(places[0]))
    for _ in range(60):
        errors, visited = random.gamma(2, 1, (8, 3)), random.integers(12, size=(8, 3))
        counted = random.random(3) < 0.8
        scored, switches = fragmentation.advance(errors, torch.tensor(places[visited]).float(), counted)
        expected = reference.segment(errors.tolist(), places[visited].tolist(), counted.tolist())
        assert scored.tolist() == expected[0]
        assert [tuple(switch) for switch in switches] == expected[1]
    assert fragmentation.values()["replacements"] == reference.replaced > 3
    assert fragmentation.values()["recalls"] == reference.recalls > 3


@settings(max_examples=25)
@given(choices, st.lists(segment, min_size=2, max_size=12))
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(chosen, segments):
    original, other = (Fragmentation(ENVIRONMENTS, 3, **chosen) for _ in range(2))
    original.begin(_key(1))
    for number, (lived, counted) in enumerate(segments):
        if number == len(segments) // 2:
            other.load_state_dict(original.state_dict())
        errors, keys = _arrays(lived)
        scored, switches = original.advance(errors, keys, np.array(counted))
        if number >= len(segments) // 2:
            again = other.advance(errors, keys, np.array(counted))
            np.testing.assert_array_equal(again[0], scored)
            assert again[1] == switches
    assert other.values() == original.values()


def _calm(environments: int, steps: int = 30) -> tuple[np.ndarray, torch.Tensor]:
    """Errors of 1 and 1.5 in turn, all at the first key."""
    errors = np.tile(1 + 0.5 * (np.arange(steps) % 2)[:, None], (1, environments))
    return errors, _key(1).expand(steps, environments, 3)


def test_environments_surprised_by_the_same_state_make_one_fragment_and_recall_it():
    fragmentation = Fragmentation(4, 3, **DEFAULTS)
    fragmentation.begin(_key(1))
    counted = np.ones(4, bool)
    fragmentation.advance(*_calm(4), counted)
    scored, switches = fragmentation.advance(np.full((1, 4), 99.0), _key(2).expand(1, 4, 3), counted)
    assert [switch.made for switch in switches] == [True, False, False, False]
    assert fragmentation.fragments.tolist() == [1, 1, 1, 1]
    assert scored.tolist() == [[True, False, False, False]]


@pytest.mark.parametrize("key", [0, 1, 4], ids=["black", "known", "nearly known"])
def test_no_fragment_is_made_at_a_black_or_known_state(key):
    fragmentation = Fragmentation(1, 3, **DEFAULTS | {"novelty": 0.7})
    fragmentation.begin(_key(1))
    fragmentation.advance(*_calm(1), np.ones(1, bool))
    _, switches = fragmentation.advance(np.array([[99.0]]), _key(key)[None, None], np.ones(1, bool))
    assert not switches


def test_errors_of_a_burn_in_do_not_count():
    fragmentation = Fragmentation(1, 3, **DEFAULTS)
    fragmentation.begin(_key(1))
    scored, _ = fragmentation.advance(*_calm(1), np.zeros(1, bool))
    assert not scored.any()
    _, switches = fragmentation.advance(np.array([[99.0]]), _key(2)[None, None], np.ones(1, bool))
    assert not switches  # for the fragment has seen nothing yet


def test_an_error_that_stays_the_same_counts_once():
    fragmentation = Fragmentation(1, 3, **DEFAULTS | {"least": 3})
    fragmentation.begin(_key(1))
    for values in ([1.0, 2.0, 2.0, 2.0], [99.0]):
        errors = np.array(values)[:, None]
        keys = _key(2 if values == [99.0] else 1).expand(len(values), 1, 3)
        _, switches = fragmentation.advance(errors, keys, np.ones(1, bool))
    assert not switches


def test_a_memory_too_small_for_the_environments_is_refused():
    with pytest.raises(ValueError, match="at least 8 fragments, not 7"):
        Fragmentation(4, 3, **DEFAULTS | {"capacity": 7})


def _released(environments, **changed):
    """Fragmentation by the preset, as a suite would ask for it."""
    settings = parse_settings(get("far").parameters, {"preset": "released"} | changed, "far")
    return Fragmentation(environments, 3, **dataclasses.asdict(settings.rules()))


released_choices = st.fixed_dictionaries(
    {
        "capacity": st.integers(2, 5),
        "rho": st.sampled_from([0.7071, 1.3131, 2.2361]),
        "least": st.integers(1, 4),
        "recall": st.sampled_from([0.99, 0.9, 0.6]),
        "interval": st.sampled_from([None, 4, 6]),
    }
)


@settings(max_examples=150)
@given(released_choices, st.integers(1, len(KEYS) - 1), st.lists(segment, min_size=1, max_size=12))
def test_every_decision_by_the_released_rules_is_that_of_their_reference(chosen, first, segments):
    reference = Released(ENVIRONMENTS, **chosen)
    window = chosen.pop("interval")
    fragmentation = _released(ENVIRONMENTS, **chosen, window=window)
    fragmentation.begin(_key(first))
    reference.begin(KEYS[first])
    for lived, counted in segments:
        errors, keys = _arrays(lived)
        _, switches = fragmentation.advance(errors, keys, np.array(counted))
        burning_in = [not counts for counts in counted]
        expected = reference.segment(
            errors.tolist(), [[KEYS[index] for index in row] for _, row in lived], burning_in
        )
        assume(reference.margin > 1e-5)
        assert [tuple(switch) for switch in switches] == expected
        assert fragmentation.fragments.tolist() == reference.current
    assert fragmentation.values() == {
        "fragments": len(reference.keys),
        "fragmentations": reference.made,
        "recalls": reference.recalls,
        "replacements": reference.replaced,
    }


@pytest.mark.parametrize("interval", [None, 40])
@pytest.mark.parametrize("seed", range(4))
def test_released_decisions_over_long_streams_in_which_all_happens(seed, interval):
    random = np.random.default_rng(seed)
    reference = Released(3, capacity=5, rho=2.0, high=0.95, low=0.9, interval=interval)
    fragmentation = _released(3, capacity=5, rho=2, novelty=0.95, novelty_full=0.9, window=interval)
    places = random.normal(size=(12, 3))
    fragmentation.begin(torch.tensor(places[0]).float())
    reference.begin(tuple(places[0]))
    for _ in range(120):
        errors, visited = random.gamma(1, 1, (16, 3)), random.integers(12, size=(16, 3))
        errors[random.random((16, 3)) < 0.1] = 1.0  # some are equal
        errors = np.where(random.random((16, 3)) < 0.9, errors, np.roll(errors, 1, axis=0))
        counted = random.random(3) < 0.8
        stays = places[np.repeat(visited[:1], 16, axis=0)] if random.random() < 0.9 else places[visited]
        _, switches = fragmentation.advance(errors, torch.tensor(stays).float(), counted)
        expected = reference.segment(errors.tolist(), stays.tolist(), (~counted).tolist())
        assert [tuple(switch) for switch in switches] == expected
    assert fragmentation.values()["replacements"] == reference.replaced > 3
    assert fragmentation.values()["recalls"] == reference.recalls > 3


@pytest.mark.parametrize(("fragments", "segments"), [(1, None), (2, 800), (10, 89)])
def test_the_released_bound_falls_once_a_segment_by_the_number_of_fragments(fragments, segments):
    """From 0.75 to 0.5: never with one fragment, after 800 segments with two, after 89 with ten."""
    fragmentation = Fragmentation(1, 16, **DEFAULTS | {"capacity": 800, "decay": "calls"})
    axes = torch.eye(16)
    fragmentation.begin(axes[0])
    for slot in range(1, fragments):
        fragmentation._keys.put(fragmentation._memory.claim().slot, axes[slot])
    quiet = np.zeros(1, bool)
    needed = 0
    while fragmentation._threshold() > 0.5 + 1e-9 and needed < 2000:
        fragmentation.advance(np.ones((128, 1)), axes[0].expand(128, 1, 16), quiet)
        needed += 1
    assert needed == (segments or 2000)
    assert fragmentation._threshold() == pytest.approx(0.5 if segments else 0.75)


def test_nothing_is_recalled_while_an_environment_dwells():
    fragmentation = Fragmentation(1, 3, **DEFAULTS | {"dwell": 6})
    fragmentation.begin(_key(1))
    fragmentation.advance(*_calm(1), np.ones(1, bool))
    _, (made,) = fragmentation.advance(np.array([[99.0]]), _key(2)[None, None], np.ones(1, bool))
    assert made.made
    back = _key(1).expand(4, 1, 3)
    _, switches = fragmentation.advance(np.ones((4, 1)), back, np.ones(1, bool))
    assert not switches
    _, (recalled,) = fragmentation.advance(np.ones((4, 1)), back, np.ones(1, bool))
    assert (recalled.step, recalled.target, recalled.made) == (2, 0, False)  # the seventh step there


def test_windowed_statistics_forget_what_was_long_ago():
    def switches(window):
        fragmentation = Fragmentation(1, 3, **DEFAULTS | {"least": 4, "rho": 3, "window": window})
        fragmentation.begin(_key(1))
        high, low = 9 + np.arange(40) % 2, 1 + 0.1 * (np.arange(20) % 2)
        errors = np.concatenate([high, low])[:, None]
        fragmentation.advance(errors, _key(1).expand(60, 1, 3), np.ones(1, bool))
        return fragmentation.advance(np.array([[5.0]]), _key(2)[None, None], np.ones(1, bool))[1]

    assert not switches(None)  # 5 is less than three times the mean of all
    assert switches(20)


def test_options_that_contradict_each_other_are_refused_and_a_preset_can_be_changed():
    far = get("far").parameters
    with pytest.raises(UserError, match="no preset 'realeased' of far: did you mean 'released'"):
        parse_settings(far, {"preset": "realeased"}, "far")
    with pytest.raises(UserError, match="a window of 10 errors never holds the 25"):
        parse_settings(far, {"window": 10}, "far")
    with pytest.raises(UserError, match="'centre' needs keys that all fragments share"):
        parse_settings(far, {"preset": "released", "centre": True}, "far")
    changed = parse_settings(far, {"preset": "released", "rho": 3}, "far")
    assert (changed.rho, changed.decay, changed.keys, changed.floor) == (3, "calls", "module", 1e-6)
    assert parse_settings(far, changed.model_dump(), "far") == changed
