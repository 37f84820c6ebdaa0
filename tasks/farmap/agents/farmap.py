"""FARMap: a map in fragments, cut at surprising places and taken up again where they are entered or seen."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Observation
from farmap.agents.atlas import Atlas
from farmap.agents.fragments import Border, FragmentGraph
from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import Cell
from farmap.agents.recall import best_match, find_in
from farmap.agents.route import Route, follow
from farmap.agents.subgoals import Choice, Subgoals
from farmap.agents.trigger import Criterion, Trigger

Recall = Literal["match", "border", "off"]

IN_VAIN = 5  # looks in a row that showed nothing new, after which the agent gives up
REST = 50  # steps after a look that found nothing, before the next one, where the run goes on


class FarMap:
    """Fragmentation and recall for map building (Hwang et al. 2024, arXiv 2307.05793).

    In a static world under exact odometry it comes to an end: between two observations of something new
    there are at most ``patience`` steps, and a walk to what a look over all maps shows, which is never
    longer than there are empty cells and ends with something new; where a look finds nothing, nothing is
    left. In other worlds it gives up after ``IN_VAIN`` looks in a row that led to nothing new.

    Args:
        rng: of its choices.
        gamma: decay of confidence per step.
        rho: threshold of the criterion. The paper has 2; 0.75 was best on large maps 0 to 23.
        epsilon: steps added to the distance of a fragment, so that the present one doesn't win by being near.
        criterion: where a fragment ends: ``z`` or ``ratio`` of the surprisal against those since the last
            fracture or recall, or, as controls, after a ``random`` or ``uniform`` number of steps.
        period: mean number of steps per fragment of the controls.
        recall: when stored fragments are taken up again: where the agent crosses a border, and where a cut
            falls on what a stored map shows, too (``match``); at borders alone (``border``); never (``off``).
        likeness: share of the seen cells that a stored map must know with the same colours to match.
        closure: whether a match is also looked for where a map has no place by odometry: by the colours of
            the walls. It closes loops after drift.
        share: whether a cell that another fragment knows is no frontier.
        last_look: whether it looks over all maps, laid over each other, where nothing seems to be left, or
            nothing new was seen for ``patience`` steps.
        renew: when borders that were tried are tried again: once something new was ``found``, or, as in the
            authors' code, once a cluster was ``aimed`` at, which allows walking to and fro for ever.
        patience: steps without anything new after which the agent takes a look at everything, or, without
            ``last_look`` and after as many steps more as cells are known, gives up. None: never.
        conventions: ``ours``, or ``released``: paths are walked to their end, a border is crossed by standing
            on it with its heading, cells beyond one are frontier, statistics are kept through recalls and not
            tested on a step with one.
        choice: which cluster of a fragment it goes to: see ``Subgoals``.
        capacity: fragments that are kept; None: all.

    Raises:
        ValueError: ``share`` or ``last_look`` without recall: fragments then have no offsets.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        gamma: float = 0.9,
        rho: float = 0.75,
        epsilon: float = 5.0,
        criterion: Criterion = "z",
        period: int = 150,
        recall: Recall = "match",
        likeness: float = 0.7,
        closure: bool = False,
        share: bool | None = None,
        last_look: bool | None = None,
        renew: Literal["found", "aimed"] = "found",
        patience: int | None = 500,
        conventions: Literal["ours", "released"] = "ours",
        choice: Choice = "weighted",
        capacity: int | None = None,
    ) -> None:
        if recall == "off" and (share or last_look):
            raise ValueError("Without recall fragments have no offsets: set share and last_look to False")
        self._rng = rng
        self._gamma = gamma
        self._recall = recall
        self._likeness = likeness
        self._closure = closure
        self._share = recall != "off" if share is None else share
        self._last_look = recall != "off" if last_look is None else last_look
        self._renew = renew
        self._patience = patience
        self._released = conventions == "released"
        self._trigger = Trigger(
            rng, criterion, rho, period, "of_fragment" if self._released else "since_switch"
        )
        self._graph = FragmentGraph(capacity)
        self._atlas = Atlas()
        self._subgoals = Subgoals(
            rng,
            self._graph,
            self._atlas,
            epsilon=epsilon,
            share=self._share,
            choice=choice,
            released=self._released,
        )
        self._number, _ = self._graph.add(LocalMap(gamma))
        self._fragment = self._graph[self._number]
        self._trigger.switch(self._number)
        self._position: Cell = (0, 0)
        self._heading = 0
        self._route: Route | None = None
        self._looking = False  # whether the route is one that a look over all maps gave
        self._looked = 0  # cells that the look at this step read
        self._in_vain = 0
        self._rest_until = 0
        self._time = 0
        self._last_new = 0
        self._recalls = self._matches = self._looks = 0
        self.done = False
        self.gave_up = False

    @property
    def active_memory(self) -> int:
        """Cells that a step of planning may read.

        Those of the present map, with ``share`` those in its rectangle that others know, and all where a look
        is taken.
        """
        return max(self._fragment.chart.known + self._subgoals.shared, self._looked)

    @property
    def own_memory(self) -> int:
        """Known cells of the present map."""
        return self._fragment.chart.known

    @property
    def box_memory(self) -> int:
        """Cells of the rectangle around the present map."""
        height, width = self._fragment.chart.box
        return height * width

    @property
    def place(self) -> tuple[int, Cell]:
        """Number of the present fragment, and the position in it."""
        return self._number, self._position

    @property
    def maps(self) -> Mapping[int, LocalMap]:
        """The fragments' maps by number."""
        return {number: self._graph[number].chart for number in self._graph}

    @property
    def graph(self) -> FragmentGraph:
        """The fragments and their borders."""
        return self._graph

    def counts(self) -> Mapping[str, int]:
        """Return what happened so far; ``stored_memory`` is the known cells of all fragments kept."""
        return {
            "fragments": self._graph.made,
            "recalls": self._recalls,
            "matches": self._matches,
            "looks": self._looks,
            "stored_memory": sum(self._graph[number].chart.known for number in self._graph),
            "cells_read": self._subgoals.read,
        }

    def observe(self, observation: Observation) -> None:
        """Follow the odometry, change fragments where a border is crossed, update the map, and cut it."""
        self._time += 1
        self._heading = observation["heading"]
        rows, columns = observation["moved"].tolist()
        recalled = self._walk(rows, columns)
        view = observation["view"]
        confidence = self._integrate(view)
        if recalled and self._released:
            return
        if self._trigger.fires(1.0 - confidence, self._time):
            self._change(view)

    def act(self) -> int:
        """Follow the route, or plan another."""
        self._looked = 0
        action = follow(self._route, self._fragment.chart, self._position)
        if action is None:
            self._route = self._plan()
            self.done = self._route is None
            action = follow(self._route, self._fragment.chart, self._position)
        return int(self._rng.integers(4)) if action is None else action

    def _integrate(self, view: NDArray[np.int32]) -> float:
        chart = self._fragment.chart
        confidence = chart.integrate(view, *self._position, self._heading)
        if chart.learned and self._atlas.add(chart, self._fragment.place, self._position):
            self._last_new = self._time
            self._in_vain = 0
            self.gave_up = False
            if self._renew == "found":
                self._subgoals.renew()
        return confidence

    def _walk(self, rows: int, columns: int) -> bool:
        """Go on by the odometry and over a border that is there; tell whether there was one."""
        start = self._position
        self._position = start[0] + rows, start[1] + columns
        if self._recall == "off" or not (rows or columns or self._released):
            return False
        meant = self._subgoals.way[0] if self._subgoals.way else None
        on = self._position if self._released else start
        border = self._fragment.crossing(on, self._heading, meant)
        if border is not None:
            self._take_up(border)
        return border is not None

    def _change(self, view: NDArray[np.int32]) -> None:
        """Go on in the fragment that is known here, or in a new one."""
        border = None
        if self._recall != "off":
            border = self._fragment.crossing(self._position, self._heading)  # cut here before
        if border is None and self._recall == "match":
            border = self._tie_to_match(view)
        if border is None:
            self._fracture()
        else:
            self._take_up(border)
        self._integrate(view)

    def _tie_to_match(self, view: NDArray[np.int32]) -> Border | None:
        """Tie a border to the stored fragment that shows what is seen; None where none does."""
        match = best_match(self._placed(), view, self._heading, self._likeness)
        if match is None and self._closure:
            match = best_match(self._found(view), view, self._heading, self._likeness)
        if match is None:
            return None
        self._matches += 1
        return self._graph.tie(self._number, match.number, self._position, self._heading, match.position)

    def _placed(self) -> Iterator[tuple[int, LocalMap, Cell]]:
        """Yield the other fragments in whose rectangle the agent is, by the offsets through the graph."""
        (row, column), place = self._position, self._fragment.place
        row, column = row + place[0], column + place[1]
        for number in self._graph:
            other = self._graph[number]
            top, bottom, left, right = other.extent
            if number != self._number and top <= row <= bottom and left <= column <= right:
                yield number, other.chart, (row - other.place[0], column - other.place[1])

    def _found(self, view: NDArray[np.int32]) -> Iterator[tuple[int, LocalMap, Cell]]:
        """Yield the other fragments that show walls of the colours that are seen."""
        for number in self._graph:
            chart = self._graph[number].chart
            position = None if number == self._number else find_in(chart, view, self._heading)
            if position is not None:
                yield number, chart, position

    def _take_up(self, border: Border) -> None:
        """Leave the present map for the stored one, placed by the border's offset."""
        self._graph.leave(self._number, self._time)
        self._subgoals.crossed(border)
        self._graph.use(border.to)
        self._enter(border.to, border.shift)
        self._recalls += 1

    def _fracture(self) -> None:
        """Store the present map and begin another here."""
        near = self._number
        row, column = self._position
        place = self._fragment.place[0] + row, self._fragment.place[1] + column
        number, forgotten = self._graph.add(LocalMap(self._gamma), place, keep=[near])
        if forgotten is not None:
            self._atlas.remove(forgotten.chart, forgotten.place)
        if self._recall != "off":
            self._graph.tie(near, number, self._position, self._heading)
        self._graph.leave(near, self._time)
        self._subgoals.way = []
        self._enter(number, (-row, -column))

    def _enter(self, number: int, shift: Cell) -> None:
        self._number = number
        self._fragment = self._graph[number]
        self._position = self._position[0] + shift[0], self._position[1] + shift[1]
        self._subgoals.shared = 0
        if self._looking and self._route is not None:
            self._route.shift(*shift)
        else:
            self._route = None
        self._trigger.switch(number)

    def _plan(self) -> Route | None:
        self._looking = False
        if self._is_stalled():
            return self._look(or_give_up=True)
        self.gave_up = False
        route = self._subgoals.near(self._number, self._position, self._heading)
        return self._look() if route is None and self._last_look else route

    def _is_stalled(self) -> bool:
        if self._patience is None:
            return False
        patience = self._patience if self._last_look else self._patience + self._atlas.known
        return self._time - self._last_new > patience

    def _look(self, or_give_up: bool = False) -> Route | None:
        """Go to what is frontier of all maps; None where there is none, or looks have shown nothing new."""
        self.gave_up = or_give_up and (not self._last_look or self._in_vain >= IN_VAIN)
        if self.gave_up or self._time < self._rest_until:
            return None
        self._looks += 1
        self._in_vain += 1
        self._looked = self._atlas.known
        route = self._subgoals.far(self._number, self._position, self._heading)
        self._looking = route is not None
        if route is None:
            self._rest_until = self._time + REST
        return route
