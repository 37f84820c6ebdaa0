"""The interface between agents and whatever they explore."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from farmap.agents.fragments import FragmentGraph
    from farmap.agents.local_map import LocalMap
    from farmap.agents.reachable import Cell

Observation = Mapping[str, Any]


class Agent(Protocol):
    """Someone who explores: ``observe`` what is there, then ``act``, in turn.

    An observation is that of ``gridcell/FarMap-v0``: ``view``, ``moved``, ``heading``; no agent knows where
    it is but by adding up ``moved``. Agents hold their state and random generator themselves, so that any
    number of them can live in one process.
    """

    @property
    def active_memory(self) -> int:
        """Cells that a step of planning may read, those of the map in use and any others."""
        ...

    @property
    def own_memory(self) -> int:
        """Known cells of the map in use alone."""
        ...

    @property
    def box_memory(self) -> int:
        """Cells of the rectangle around the map in use: active memory by the paper's measure."""
        ...

    @property
    def done(self) -> bool:
        """Whether the agent knows of nothing left to explore (it then wanders about)."""
        ...

    @property
    def gave_up(self) -> bool:
        """Whether it is done because it found nothing new for too long, not because nothing is left."""
        ...

    def observe(self, observation: Observation) -> None:
        """Take in an observation; the first one comes before any action."""
        ...

    def act(self) -> int:
        """Return an action: 0..3 to go up, down, left or right, 4..7 to turn there and stay."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what happened so far.

        ``fragments`` ever made, ``recalls``, ``matches`` (recalls by what was seen), ``looks`` (over all
        maps at once), ``stored_memory`` (known cells of all maps kept), ``cells_read`` (looked over in
        planning).
        """
        ...


@runtime_checkable
class Mapper(Agent, Protocol):
    """An agent with maps."""

    @property
    def place(self) -> "tuple[int, Cell]":
        """Number of the map in use, and the agent's position in that map's coordinates."""
        ...

    @property
    def maps(self) -> "Mapping[int, LocalMap]":
        """All maps kept, by number."""
        ...


@runtime_checkable
class Fragmented(Agent, Protocol):
    """An agent whose maps are fragments that lead to one another."""

    @property
    def graph(self) -> "FragmentGraph":
        """The fragments."""
        ...
