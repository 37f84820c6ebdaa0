"""What Tune keeps of each result, for as long as it runs, made small. Importing this imports Ray."""

from typing import Any

from ray import tune

from gridcell.execute.trial import CELL, OUTCOME

_PLACE = ("trial_id", "node_ip", "pid")
"""What Tune asks a result for later."""

_LAST = (OUTCOME, CELL)
"""What the searcher asks a trial's last result for, once the trial is complete."""


class Forgetful(tune.Callback):
    """Takes from each result what nobody asks for again, once the searcher has heard it.

    Tune keeps the last result of every trial that there ever was, and of each number in it the extremes, the
    mean and the last values, which are two kilobytes a number. Callbacks may change results.
    """

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Leave the place of a result, and of the last one what its cell came to."""
        kept = {*_PLACE, *(_LAST if result.get("done") else ())}
        for name in result.keys() - kept:
            del result[name]
