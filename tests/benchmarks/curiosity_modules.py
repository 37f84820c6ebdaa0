"""What fragments cost: scoring and learning per frame, with one module and with up to 400 of them.

Atari frames of 84x84 pixels, 8 environments x 128 steps, then 4 epochs of 4 minibatches of 2 whole
environments each, as for a recurrent policy, on one thread. With many fragments each environment is in one of
its own: the worst case. Sides alternate, in processor time: what else the machine does disturbs them least.
"""

import time

import torch

from farcuriosity.curiosity.interface import Curiosity, Segment
from farcuriosity.curiosity.modules import get
from fragmentation_recall.keys import directions

ENVIRONMENTS, STEPS, EPOCHS, MINIBATCHES = 8, 128, 4, 4
FRAGMENTS = (1, 10, 100, 400)
ROUNDS = 3
AIMS = {f"far with {count} fragments / rnd": "<= 1.3" for count in FRAGMENTS}


def measure() -> dict[str, float]:
    """Measure on one thread; ratios first."""
    torch.set_num_threads(1)
    segment = _segment()
    sides = {"rnd": get("rnd").build((1, 84, 84), 4, ENVIRONMENTS, 0)}
    most = with_fragments(max(FRAGMENTS))
    sides |= {f"far with {count} fragments": with_fragments(count, most) for count in FRAGMENTS}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(ROUNDS + 1):
        for name, curiosity in sides.items():
            times[name].append(_timed(curiosity, segment))
    frames = STEPS * ENVIRONMENTS
    best = {name: min(map(sum, taken[1:])) for name, taken in times.items()}  # the first round warms up
    figures = {f"{name} / rnd": seconds / best["rnd"] for name, seconds in best.items() if name != "rnd"}
    figures |= {f"{name}, ms per frame": seconds / frames * 1e3 for name, seconds in best.items()}
    for name, taken in times.items():
        figures[f"{name}, of that scoring"] = min(score for score, _ in taken[1:]) / frames * 1e3
    figures["MB per fragment"] = _bytes_per_fragment(sides["far with 10 fragments"]) / 1e6
    return figures


def _timed(curiosity: Curiosity, segment: Segment) -> tuple[float, float]:
    """Return the seconds of scoring a segment and of learning from it."""
    begun = time.process_time()
    batch = segment.batch(curiosity.score(segment).fragments)
    scored = time.process_time()
    rows = torch.arange(len(batch)).view(STEPS, ENVIRONMENTS)
    for _ in range(EPOCHS):
        for environments in torch.randperm(ENVIRONMENTS).chunk(MINIBATCHES):
            curiosity.update(batch[rows[:, environments].flatten()])
    return scored - begun, time.process_time() - scored


def with_fragments(count: int, like: Curiosity | None = None) -> Curiosity:
    """Build one with so many fragments, environments spread over them, by a checkpoint made for it.

    No more are ever made. With ``like`` it uses the first of that one's instead of its own: a fragment takes
    9 MB, and 27 with its Adam.
    """
    far = get("far").build((1, 84, 84), 4, ENVIRONMENTS, 0, rho=1e9, resident=None)
    far.score(_segment())
    state = far.state_dict()
    state["fragments"] = state["fragments"] * (count if like is None else 1)
    fragmentation = state["fragmentation"]
    fragmentation["memory"]["last_use"][:count] = 0
    fragmentation["keys"]["keys"][:count] = directions(torch.randn(count, 512))
    fragmentation["keys"]["stored"][:count] = True
    fragmentation["current"] = torch.arange(ENVIRONMENTS) * max(1, count // ENVIRONMENTS) % count
    far.load_state_dict(state)
    if like is not None:
        for slot in range(count):
            far._fragments.put(slot, like._fragments[slot])
    return far


def _bytes_per_fragment(far: Curiosity) -> float:
    """Return weights and Adam of one that was trained: all of them were, by now, but two."""
    state = far.state_dict()["fragments"][1]
    adam = [value for values in state["optimiser"]["state"].values() for value in values.values()]
    return float(sum(tensor.nbytes for tensor in (*state["module"].values(), *adam)))


def _segment() -> Segment:
    draws = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (STEPS + 1, ENVIRONMENTS, 1, 84, 84), generator=draws, dtype=torch.uint8)
    actions = torch.randint(4, (STEPS, ENVIRONMENTS), generator=draws)
    return Segment(frames[:-1], frames[1:], actions, torch.zeros(STEPS, ENVIRONMENTS, dtype=torch.bool))
