"""The contract of curiosities: what can be tried on a few random steps."""

from functools import partial

from farcuriosity.curiosity.interface import Curiosity, Kind, Segment
from gridcell.testing import Check, require

_STEPS, _ENVIRONMENTS, _NUMBERS, _ACTIONS = 4, 2, 5, 3


def checks(kind: Kind) -> list[Check]:
    """Return what a curiosity keeps to, beside what all parts keep to."""
    return [
        Check("it rewards each step with a finite number, and learns from it", partial(_rewards, kind)),
        Check(
            "from the same seed it rewards alike, also after its state was loaded", partial(_repeats, kind)
        ),
    ]


def _made(kind: Kind) -> Curiosity:
    return kind.build((_NUMBERS,), _ACTIONS, _ENVIRONMENTS, 0, device="cpu")


def _segment() -> Segment:
    import torch

    draw = torch.Generator().manual_seed(0)
    shape = (_STEPS, _ENVIRONMENTS)
    return Segment(
        torch.randn(*shape, _NUMBERS, generator=draw),
        torch.randn(*shape, _NUMBERS, generator=draw),
        torch.randint(_ACTIONS, shape, generator=draw),
        torch.zeros(shape, dtype=torch.bool),
    )


def _rewards(kind: Kind) -> None:
    import torch

    curiosity, segment = _made(kind), _segment()
    curiosity.warm_up(segment.observations.flatten(0, 1))
    scores = curiosity.score(segment)
    shape = (_STEPS, _ENVIRONMENTS)
    require(
        tuple(scores.rewards.shape) == shape, f"its rewards are {tuple(scores.rewards.shape)}, not {shape}"
    )
    require(bool(scores.rewards.isfinite().all()), "a reward is not finite")
    loss = curiosity.update(segment.batch(torch.zeros(_ENVIRONMENTS, dtype=torch.int64)))
    require(loss == loss and abs(loss) != float("inf"), f"its loss is {loss}")


def _repeats(kind: Kind) -> None:
    one, two, segment = _made(kind), _made(kind), _segment()
    for each in (one, two):
        each.warm_up(segment.observations.flatten(0, 1))
    require(bool((one.score(segment).rewards == two.score(segment).rewards).all()), "the second one differs")
    two.load_state_dict(one.state_dict())
    same = bool((one.score(segment).rewards == two.score(segment).rewards).all())
    require(same, "after its state was loaded it rewards otherwise: state_dict leaves something out")
