"""What a kind of agent is, as suites name it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridcell import Strict

if TYPE_CHECKING:
    from farmap.agents.agent import Agent


class Parameters(Strict):
    """Settings of an agent: typed, frozen, none beyond those declared. Every setting has a default."""

    if TYPE_CHECKING:
        kind: str  # the agent's name: suites give it, and gridcell.OneOf adds it


@dataclass(frozen=True)
class AgentKind:
    """A kind of agent: one file, of :mod:`farmap.agents.kinds` or of the user's own, as ``agent``.

    Attributes:
        name: in suites, under ``kind``.
        make: called as ``make(rng, **parameters)`` with a ``numpy.random.Generator``, of its choices, and all
            parameters; returns a fresh :class:`~farmap.agents.agent.Agent`.
        parameters: settings, each with a default.
        version: of its algorithm. Raise it where the agent behaves differently: runs of before stay apart.
        maps: whether it draws maps (:class:`~farmap.agents.agent.Mapper`), so that it can be filmed.

    Example:
        >>> AgentKind("still", make=lambda rng: None).version
        1
    """

    name: str
    make: "Callable[..., Agent]"
    parameters: type[Parameters] = Parameters
    version: int = 1
    maps: bool = False

    def build(self, rng: Any, **parameters: Any) -> "Agent":
        """Check parameters, fill in defaults, and make a fresh agent.

        Args:
            rng: a ``numpy.random.Generator``, of its choices.
            parameters: by name, where they differ from the defaults.

        Raises:
            UserError: there is no such parameter, or its value does not fit.
        """
        from gridcell import parse_settings

        return self.make(rng, **parse_settings(self.parameters, parameters, self.name).model_dump())
