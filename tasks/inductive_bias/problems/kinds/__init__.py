"""The registry of problems: every file of this folder, every entry point, and the user's own files.

A problem is a :class:`~inductive_bias.problems.kind.ProblemKind` that a module calls ``problem``. Another
distribution adds one by an entry point of the group ``gridcell.inductive_bias.problems``.
"""

from gridcell import Registry
from inductive_bias.problems.kind import ProblemKind

registry: Registry[ProblemKind] = Registry(
    __name__, "problem", "problem", kinds=ProblemKind, group="gridcell.inductive_bias.problems"
)
