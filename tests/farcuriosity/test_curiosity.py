"""What every curiosity keeps to, and fragmentation around one against the plain one."""

import copy
import io
import subprocess
import sys

import pytest
import torch

from farcuriosity.curiosity.interface import Segment
from farcuriosity.curiosity.modules import curiosities, get
from gridcell.errors import UserError

ENVIRONMENTS, STEPS, ACTIONS = 3, 12, 4
SMALL = {"features": 8, "lr": 1e-3}
# At this threshold nearly every environment makes a fragment as soon as it may.
EAGER = {"rho": 0.5, "least": 4, "novelty": 0.999, "novelty_full": 0.999}
VARIANTS = {
    "none": ("none", {}),
    "rnd": ("rnd", SMALL),
    "icm": ("icm", SMALL),
    "disagreement": ("disagreement", SMALL),
    "far": ("far", {"module": SMALL, "capacity": 8, **EAGER}),
    "far of icm": ("far", {"around": "icm", "module": SMALL, "capacity": 8, **EAGER}),
    "far by modules": ("far", {"module": SMALL, "capacity": 8, "keys": "module", **EAGER}),
    "far by frames": ("far", {"module": SMALL, "capacity": 8, "keys": "frame", "frame_size": 4, **EAGER}),
    "far centred": (
        "far",
        {"module": SMALL, "capacity": 8, "centre": True, "window": 9, "dwell": 5, **EAGER},
    ),
    "far released": ("far", {"preset": "released", "module": SMALL, "capacity": 8, **EAGER}),
    "far on disk": ("far", {"module": SMALL, "capacity": 8, "resident": 1, **EAGER}),
}
PREDICTIVE = [name for name in VARIANTS if name != "none"]


def _segments(count, shape=(3, 7, 7), environments=ENVIRONMENTS):
    draws = torch.Generator().manual_seed(0)
    for _ in range(count):
        lived = torch.randint(256, (STEPS + 1, environments, *shape), generator=draws, dtype=torch.uint8)
        actions = torch.randint(ACTIONS, (STEPS, environments), generator=draws)
        dones = torch.rand(STEPS, environments, generator=draws) < 0.1
        yield Segment(lived[:-1], lived[1:], actions, dones)


def _live(curiosity, segments):
    """Score and train; return every number that came out."""
    told = []
    for segment in segments:
        scores = curiosity.score(segment)
        batch = segment.batch(scores.fragments)
        losses = [curiosity.update(batch[rows]) for rows in torch.arange(len(batch)).chunk(2)]
        told.append((scores, losses))
    return told


def _assert_same(one, other):
    for (mine, my_losses), (theirs, their_losses) in zip(one, other, strict=True):
        for name in ("rewards", "errors", "scored", "fragments"):
            assert getattr(mine, name).equal(getattr(theirs, name)), name
        assert mine.switches == theirs.switches
        assert my_losses == their_losses


def _tensors(state, path=""):
    """Yield all tensors of a nested state by their path."""
    if isinstance(state, torch.Tensor):
        yield path, state
    elif isinstance(state, dict):
        for name, value in state.items():
            yield from _tensors(value, f"{path}.{name}")
    elif isinstance(state, list | tuple):
        for index, value in enumerate(state):
            yield from _tensors(value, f"{path}.{index}")


def _build(variant, seed=0, shape=(3, 7, 7)):
    name, parameters = VARIANTS[variant]
    return get(name).build(shape, ACTIONS, ENVIRONMENTS, seed, **parameters)


def test_the_variants_are_all_there_is():
    assert {name for name, _ in VARIANTS.values()} == set(curiosities.all)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_checkpoint_goes_on_to_the_last_bit(variant):
    segments = list(_segments(8))
    original = _build(variant)
    original.warm_up(torch.cat([segment.observations.flatten(0, 1) for segment in segments[:2]]))
    _live(original, segments[:4])
    file = io.BytesIO()
    torch.save(original.state_dict(), file)
    file.seek(0)
    other = _build(variant, seed=1)
    other.load_state_dict(torch.load(file, weights_only=True))
    _assert_same(_live(original, segments[4:]), _live(other, segments[4:]))
    assert original.values() == other.values()
    for (path, mine), (_, theirs) in zip(
        _tensors(original.state_dict()), _tensors(other.state_dict()), strict=True
    ):
        assert mine.equal(theirs), path


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(3, 7, 7), (5,), (1, 84, 84)], ids=str)
def test_rewards_are_errors_scaled_and_none_at_an_episodes_end(variant, shape):
    curiosity = _build(variant, shape=shape)
    first, second = _live(curiosity, segments := list(_segments(2, shape)))
    rewarding = get(VARIANTS[variant][0]).rewarding
    assert first[0].rewards.any() == first[0].scored.all() == rewarding
    scores = second[0]
    assert scores.rewards.dtype == torch.float32
    assert scores.rewards.shape == scores.errors.shape == scores.scored.shape == (STEPS, ENVIRONMENTS)
    given = scores.scored & ~segments[1].dones
    assert not scores.rewards[~given].any()
    if given.any() and variant != "far released":  # whose fragments scale each for itself
        scale = scores.errors[given] / scores.rewards[given]
        torch.testing.assert_close(scale, scale[:1].expand_as(scale))


@pytest.mark.parametrize("around", [name for name, kind in curiosities.all.items() if kind.fragmentable])
def test_without_a_trigger_far_is_the_plain_curiosity_bit_for_bit(around):
    plain = get(around).build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, **SMALL)
    far = get("far").build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, around=around, module=SMALL, rho=1e9, least=1)
    segments = list(_segments(5))
    _assert_same(_live(plain, segments), _live(far, segments))
    weights = dict(_tensors(plain.state_dict()))
    same = {path: tensor for path, tensor in _tensors(far.state_dict()) if path in weights}
    assert set(same) == set(weights)
    assert all(weights[path].equal(tensor) for path, tensor in same.items())


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.startswith("far")])
def test_fragments_are_made_and_each_is_trained_by_its_own_rows_alone(variant):
    far = _build(variant)
    segments = list(_segments(4))
    _live(far, segments[:3])
    assert far.values()["fragmentations"] >= 2
    scores = far.score(segments[3])
    batch = segments[3].batch(scores.fragments)
    before = {path: tensor.clone() for path, tensor in _tensors(far.state_dict()["fragments"])}
    only = int(scores.fragments[0])
    far.update(batch[batch.fragments == only])
    after = dict(_tensors(far.state_dict()["fragments"]))
    changed = {path.split(".")[1] for path in after if path in before and not after[path].equal(before[path])}
    assert changed == {str(only)}


def _far_with_fragments(**module):
    far = get("far").build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, module=SMALL | module, capacity=8, **EAGER)
    *lived, last = _segments(5)
    _live(far, lived)
    scores = far.score(last)
    assert len(scores.fragments.unique()) > 1
    return far, last.batch(scores.fragments)


def test_each_fragment_takes_the_steps_of_an_adam_of_its_own():
    far, batch = _far_with_fragments(proportion=1.0)  # so that loss and update draw the same rows: all
    twin, adams = copy.deepcopy(far), []
    for fragment in twin._fragments:
        adam = torch.optim.Adam(fragment.module.parameters())
        adam.load_state_dict(fragment.optimiser.state_dict())
        adam.param_groups[0]["fused"] = False
        adams.append(adam)
    for _ in range(3):
        loss = twin.loss(batch)
        assert far.update(batch) == pytest.approx(loss.item(), rel=1e-5)
        loss.backward()
        for slot in batch.fragments.unique():
            parameters = list(twin._fragments[slot].module.parameters())
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            adams[slot].step()
            adams[slot].zero_grad()
    for mine, theirs in zip(far._fragments, twin._fragments, strict=True):
        for one, other in zip(mine.module.parameters(), theirs.module.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_replaced_fragment_begins_with_fresh_weights_and_a_fresh_adam():
    far = get("far").build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, module=SMALL, capacity=6, **EAGER)
    for segment in _segments(30):
        before = [fragment.module for fragment in far._fragments]
        replaced = far.values().get("replacements", 0)
        scores = far.score(segment)
        made = {switch.target for switch in scores.switches if switch.made}
        for slot in made:
            fragment = far._fragments[slot]
            assert not fragment.optimiser.state
            assert fragment.optimiser.param_groups[0]["params"] == list(fragment.module.parameters())
            assert fragment.module not in before
        assert not made & set(scores.fragments.tolist())
        far.update(segment.batch(scores.fragments))
        if far.values()["replacements"] > replaced:
            return
    pytest.fail("No fragment was replaced")


def test_a_new_fragments_environment_burns_in():
    withheld = {"recall_rewards": "zero", "module": SMALL | {"burn_in_rewards": "zero"}}
    far = get("far").build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, capacity=8, **EAGER | withheld)
    fresh: set[int] = set(range(ENVIRONMENTS))
    for segment in _segments(8):
        scores = far.score(segment)
        unscored = set((~scores.scored[0]).nonzero().flatten().tolist())
        recalled = {s.environment for s in scores.switches if not s.made and s.step == 0}
        assert unscored == fresh | recalled
        fresh = {switch.environment for switch in scores.switches if switch.made}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.startswith("far")])
def test_a_frame_has_one_key_whatever_is_seen_later(variant):
    """Released keys alone move: they are features of frames as each module normalises them now."""
    far, frame = _build(variant), next(_segments(1))
    draws = torch.Generator().manual_seed(1)
    dark = torch.randint(40, (64, 3, 7, 7), generator=draws, dtype=torch.uint8)
    far.warm_up(dark)
    first = far._errors_and_keys(frame.batch(torch.zeros(ENVIRONMENTS, dtype=torch.int64)))[1]
    _live(far, _segments(3))
    again = far._errors_and_keys(frame.batch(torch.zeros(ENVIRONMENTS, dtype=torch.int64)))[1]
    likeness = torch.nn.functional.cosine_similarity(first, again)
    moving = VARIANTS[variant][1].get("keys") == "module" or variant == "far released"
    assert (likeness.min() < 0.99) if moving else (likeness.min() > 1 - 1e-6)


@pytest.mark.parametrize("variant", ["far", "far released"])
def test_where_fragments_are_kept_changes_nothing(variant):
    name, parameters = VARIANTS[variant]
    bounded, free = (
        get(name).build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, **parameters | {"resident": resident})
        for resident in (1, None)
    )
    segments = list(_segments(12))
    one, other = _live(bounded, segments), _live(free, segments)
    _assert_same(one, other)
    assert free.values()["fragments"] > ENVIRONMENTS + 1
    in_use = {*one[-1][0].fragments.tolist(), *bounded._decisions.fragments.tolist()}
    assert len(bounded._fragments.held()) == len(in_use) < len(free._fragments.held())
    assert bounded.values()["memory_bytes"] < free.values()["memory_bytes"]
    for (path, mine), (_, theirs) in zip(
        _tensors(bounded.state_dict()), _tensors(free.state_dict()), strict=True
    ):
        assert mine.equal(theirs), path


def test_memory_is_what_fragments_hold():
    far, _ = _far_with_fragments()
    figures = far.values()
    weights = [sum(p.nbytes for p in fragment.module.parameters()) for fragment in far._fragments]
    frozen = sum(p.nbytes for p in far._fragments[0].frozen.parameters())
    trained = sum(bool(fragment.optimiser.state) for fragment in far._fragments)
    steps = figures["memory_bytes"] - frozen - sum(weights) - 2 * trained * weights[0]
    assert 0 <= steps <= 8 * trained * 14  # Adam's step counters, one of 4 bytes for each parameter
    assert figures["fragments"] == len(far._fragments)


def test_warm_up_is_part_of_what_observations_are_normalised_by():
    draws = torch.Generator().manual_seed(0)
    bright = torch.randint(200, 256, (50, 3, 7, 7), generator=draws, dtype=torch.uint8)
    segment = next(_segments(1))
    cold, warm = _build("rnd"), _build("rnd")
    warm.warm_up(bright)
    assert not cold.score(segment).errors.equal(warm.score(segment).errors)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("rmd", {}, "Unknown curiosity 'rmd': did you mean 'rnd'"),
        ("rnd", {"proportoin": 1}, "Unknown setting 'rnd.proportoin': did you mean 'proportion'"),
        ("far", {"module": {"lrr": 1}}, "Unknown setting 'far.module.lrr': did you mean 'lr'"),
        ("far", {"around": "none"}, "Unknown curiosity for far to be around 'none'.*icm, rnd"),
        ("far", {"capacity": 5}, "3 environments need a capacity of at least 6 fragments, not 5"),
        ("far", {"keys": "frames"}, "'far.keys' is wrong"),
    ],
)
def test_mistakes_are_told_in_one_sentence(name, parameters, message):
    with pytest.raises(UserError, match=message):
        get(name).build((3, 7, 7), ACTIONS, ENVIRONMENTS, 0, **parameters)


def test_a_checkpoint_of_another_kind_is_refused():
    for one, other in (("far", "rnd"), ("far by modules", "far"), ("rnd", "none")):
        with pytest.raises(ValueError, match=r"[Cc]heckpoint"):
            _build(other).load_state_dict(_build(one).state_dict())


def test_registry_and_settings_need_no_torch():
    code = (
        "import sys; from farcuriosity.curiosity.modules import curiosities; "
        "[kind.parameters() for kind in curiosities.all.values()]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
