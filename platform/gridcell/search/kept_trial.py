"""A finished trial that Optuna may share: its storage copies each one that it is told of, in depth.

With 1,000 trials these copies would take most of the time of an ask.
"""

import copy
from typing import Any

from optuna.trial import FrozenTrial


class KeptTrial(FrozenTrial):
    """A trial whose copies share what it holds, which nobody changes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "KeptTrial":
        """Return a copy with attributes of its own, which the storage sets, and the same values."""
        return copy.copy(self)
