"""Ids of shipped suites stay: a store filled by an earlier version is found again.

A digest changes only together with an entry in CHANGELOG.md that names the kind whose version or
configuration changed.
"""

import hashlib

import pytest

from gridcell.suite import load_suite, suite_names
from gridcell.task import find_task, task_names

DIGESTS = {
    ("farcuriosity", "atari"): (24, "27d4d7c78b090b19"),
    ("farcuriosity", "conditions"): (240, "7f308e20158dd488"),
    ("farcuriosity", "doorkey"): (30, "705f6a7fc33e8f04"),
    ("farcuriosity", "mini"): (18, "2f31f3be6142bd60"),
    ("farcuriosity", "paper"): (195, "559a949a7e414bec"),
    ("farcuriosity", "pong"): (4, "3d687796d76288c8"),
    ("farcuriosity", "released"): (40, "be159bdfa0eeaa04"),
    ("farcuriosity", "returns"): (20, "63ca0c6decab14e4"),
    ("farcuriosity", "spaces"): (30, "991eba9db23b1823"),
    ("farmap", "ablation"): (1200, "8eed67b1cfcfe48e"),
    ("farmap", "dynamic"): (320, "ae0ea982f202cc60"),
    ("farmap", "ends"): (1000, "24ed68a8b99b1c95"),
    ("farmap", "huge"): (300, "1514c2a71afc1666"),
    ("farmap", "mini"): (482, "636aa43f223bd28d"),
    ("farmap", "noise"): (400, "7a2e7a91ee60f3e9"),
    ("farmap", "paper"): (12002, "f0db39ce4b7071a0"),
    ("farmap", "rooms3d"): (43, "5d2f79617c1d5a3c"),
    ("farmap", "sweep"): (2040, "270d36a33958baf7"),
    ("generalization-difficulty", "alphabets"): (9, "f2884c87b480324d"),
    ("generalization-difficulty", "figures"): (14, "04e1304c8aa2c925"),
    ("generalization-difficulty", "mini"): (45, "8ad95c2870b07522"),
    ("generalization-difficulty", "published"): (29, "8b37fa797dd04935"),
    ("imagenet-rib", "learning-rate"): (2319, "e5a45b60f928964a"),
    ("imagenet-rib", "mini"): (794, "1775075fc8064991"),
    ("imagenet-rib", "paper"): (95202, "e1feb6fb5c0f5514"),
    ("imagenet-rib", "paper-5-percent"): (95202, "a994d204afc6f072"),
    ("imagenet-rib", "paper-released"): (83708, "3c6abcc1033b9489"),
    ("inductive-bias", "figures"): (340, "b7d0381b6f923c0e"),
    ("inductive-bias", "mini"): (166, "d95f2e22a7e428e3"),
    ("inductive-bias", "sensitivity"): (41, "b84f009de7619a35"),
    ("inductive-bias", "variety"): (63, "338bb5fd4f49af3b"),
}
USERS_DATA = {
    ("farmap", "released-maps"),
    ("generalization-difficulty", "custom"),
    ("imagenet-rib", "lite"),
    ("inductive-bias", "paper"),
}


LARGE = 50_000  # cells, which take seconds to plan
SLOW = [
    pytest.param(*both, marks=pytest.mark.slow if cells > LARGE else (), id="-".join(both))
    for both, (cells, _) in DIGESTS.items()
]


@pytest.mark.parametrize(("task", "suite"), SLOW)
def test_the_cells_of_a_shipped_suite_keep_their_ids(task, suite):
    ids = sorted(load_suite(find_task(task), suite).grid().cells)
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    assert (len(ids), digest) == DIGESTS[task, suite]


def test_every_shipped_suite_is_held_or_needs_the_users_data():
    shipped = {(name, suite) for name in task_names() for suite in suite_names(find_task(name))}
    assert {both for both in shipped if "toy" not in both[0] and "chaos" not in both[0]} == {
        *DIGESTS,
        *USERS_DATA,
    }
