"""Results that a store has under ids of earlier rules."""

import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from gridcell.cell import Cell, canonical_json
from gridcell.cli.common import Request
from gridcell.printable import counted
from gridcell.store import Store


def of_earlier_rules(asked: Request, store: Store) -> list[str]:
    """Say how many results of this suite are in the store under ids of earlier rules, and so are not used.

    These are results of a kind whose version was lower, and all that was made from them.
    """
    now: dict[str, _Kind] = defaultdict(_Kind)
    for cell in asked.grid.cells.values():
        now[cell.kind].add(cell)
    done = store.results.done()
    earlier: set[str] = set()
    changed: set[str] = set()
    for plan in store.plans.read_all():
        if plan.task != asked.suite.task.name or plan.suite != asked.suite.name:
            continue
        for cell_id, cell in plan.cells.items():  # each after those it needs
            if cell_id in asked.grid.cells:
                continue
            own = cell.kind in now and now[cell.kind].changed_since(cell)
            if own or not earlier.isdisjoint(cell.needs.values()):
                earlier.add(cell_id)
                changed |= {cell.kind} if own else set()
    if earlier.isdisjoint(done):
        return []
    kinds = f"kind{'s' * (len(changed) > 1)} " + ", ".join(f"'{kind}'" for kind in sorted(changed))
    count = len(earlier & done)
    return [
        counted(count, "result of an earlier rule is", "results of an earlier rule are")
        + " in this store and not used "
        f"(the {kinds} changed, see CHANGELOG.md)"
    ]


class _Kind:
    """The cells of one kind as they are planned now.

    Versions differ by what a kind reads, too: another data source is no earlier rule. So a cell is of an
    earlier rule only if its kind has no more its version, and a cell of now asks for the same: the settings
    that both have are equal. A rule may have added some, or left some out.
    """

    def __init__(self) -> None:
        self.lowest = sys.maxsize
        self._configs: dict[frozenset[str], list[Mapping[str, Any]]] = defaultdict(list)
        self._asked: dict[tuple[frozenset[str], tuple[str, ...]], set[str]] = {}

    def add(self, cell: Cell) -> None:
        self.lowest = min(self.lowest, cell.version)
        self._configs[frozenset(cell.config)].append(cell.config)

    def changed_since(self, cell: Cell) -> bool:
        return cell.version < self.lowest and any(
            _values(cell.config, shared) in self._values_of(keys, shared)
            for keys in self._configs
            for shared in [tuple(sorted(keys & cell.config.keys()))]
        )

    def _values_of(self, keys: frozenset[str], shared: tuple[str, ...]) -> set[str]:
        """Return what the cells with these settings give some of them."""
        if (keys, shared) not in self._asked:
            self._asked[keys, shared] = {_values(config, shared) for config in self._configs[keys]}
        return self._asked[keys, shared]


def _values(config: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return canonical_json({key: config[key] for key in keys})
