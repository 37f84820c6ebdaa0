"""Ids of shipped suites stay: a store filled by an earlier version is found again.

A digest changes only together with an entry in CHANGELOG.md that names the kind whose version or
configuration changed.
"""

import hashlib

import pytest

from gridcell.suite import load_suite, suite_names
from gridcell.task import find_task, task_names

DIGESTS = {
    ("farcuriosity", "atari"): (24, "e80ad1846135675d"),
    ("farcuriosity", "mini"): (18, "2749e6199cafe340"),
    ("farcuriosity", "paper"): (195, "f68f147585f9c6af"),
    ("farmap", "mini"): (241, "dd64abbb960a573b"),
    ("farmap", "paper"): (4502, "5a9ad3dbea9f5dea"),
    ("farmap", "rooms3d"): (11, "258e217a75c6a42b"),
    ("farmap", "sweep"): (1680, "38ad7ca86e50cfef"),
    ("generalization-difficulty", "mini"): (45, "033308c8695ac3ae"),
    ("generalization-difficulty", "published"): (29, "e3ab21d11baf1457"),
    ("imagenet-rib", "mini"): (753, "69365dc4818e8411"),
    ("imagenet-rib", "paper"): (84910, "6c42f07327f1b66d"),
    ("inductive-bias", "mini"): (340, "ee690ce4aa9a48b7"),
    ("inductive-bias", "sensitivity"): (41, "4c3f4f3e8640e58d"),
    ("inductive-bias", "variety"): (63, "5797194325e748c8"),
}
USERS_DATA = {("generalization-difficulty", "custom"), ("imagenet-rib", "lite"), ("inductive-bias", "paper")}


@pytest.mark.parametrize(("task", "suite"), DIGESTS, ids="-".join)
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
