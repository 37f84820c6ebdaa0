"""The judge of the chaos suite: no fault counts as survived that lost, changed or repeated something."""

import pytest

from gridcell.cluster.chaos.fault import Fault, faults
from gridcell.cluster.chaos.grid import CHECKPOINT_EVERY, STEP_LOG
from gridcell.cluster.chaos.run import judge, try_fault
from gridcell.cluster.chaos.trial import NotSurvived, Trial

EXPECTED = {"model0": "a", "model1": "b"}


def lines(repeats):
    steps = [("model0", 1), ("model1", 1)] + [("model1", 2 + step) for step in range(repeats)] * 2
    return "".join(f"{title} {number} 1\n" for title, number in steps)


@pytest.fixture
def trial(tmp_path, monkeypatch):
    made = Trial(None, tmp_path / "trial")
    (made.folder / STEP_LOG).write_text(lines(2))
    (made.folder / "driver0.log").write_text("what the driver said")
    monkeypatch.setattr(Trial, "answers", lambda _: dict(EXPECTED))
    return made


def fault(**options):
    return Fault("f", "", lambda _: None, **options)


def test_what_was_interrupted_may_be_done_again_from_the_last_checkpoint(trial):
    judge(fault(interrupted=1), trial, EXPECTED)


@pytest.mark.parametrize(
    ("options", "answers", "repeats", "problem"),
    [
        ({}, EXPECTED, 2, "interrupted"),
        ({"interrupted": 1}, {"model0": "a"}, 2, "model1 not done"),
        ({"interrupted": 1}, {"model0": "a", "model1": "other"}, 2, "model1 differ"),
        ({"interrupted": 1}, EXPECTED, CHECKPOINT_EVERY + 1, "did not go on"),
    ],
)
def test_what_is_lost_changed_or_repeated_is_noticed(trial, monkeypatch, options, answers, repeats, problem):
    monkeypatch.setattr(Trial, "answers", lambda _: dict(answers))
    (trial.folder / STEP_LOG).write_text(lines(repeats))
    with pytest.raises(NotSurvived, match=problem):
        judge(fault(**options), trial, EXPECTED)


def test_a_fault_that_is_not_survived_is_told_and_the_next_is_tried(tmp_path):
    def strike(_):
        raise NotSurvived("the driver hung")

    class Restarted:
        restart = staticmethod(lambda: None)

    verdict = try_fault(Fault("f", "", strike), Trial(Restarted, tmp_path / "trial"), EXPECTED)
    assert not verdict.survived
    assert verdict.problem == "the driver hung"


def test_the_issue_s_faults_are_there():
    wanted = {
        "worker",
        "node",
        "driver",
        "head",
        "mlflow",
        "storage",
        "disk",
        "checkpoint",
        "shard",
        "simulator",
        "gpu",
        "memory",
        "links",
        "terminal",
        "clock",
    }
    assert {name.partition("-")[0] for name in faults.all} == wanted
