"""Results that a store has under ids of earlier rules."""

from gridcell.cli.common import Request
from gridcell.store import Store


def of_earlier_rules(asked: Request, store: Store) -> list[str]:
    """Say how many results of this suite are in the store under ids of earlier rules, and so are not used.

    These are results of a kind whose version was lower, and all that was made from them.
    """
    now: dict[str, int] = {}
    for cell in asked.grid.cells.values():
        now[cell.kind] = max(cell.version, now.get(cell.kind, 0))
    done = store.results.done()
    earlier: set[str] = set()
    changed: set[str] = set()
    for plan in store.plans.read_all():
        if plan.task != asked.suite.task.name or plan.suite != asked.suite.name:
            continue
        for cell_id, cell in plan.cells.items():  # each after those it needs
            if cell_id in asked.grid.cells:
                continue
            own = cell.version < now.get(cell.kind, 0)
            if own or not earlier.isdisjoint(cell.needs.values()):
                earlier.add(cell_id)
                changed |= {cell.kind} if own else set()
    if earlier.isdisjoint(done):
        return []
    kinds = f"kind{'s' * (len(changed) > 1)} " + ", ".join(f"'{kind}'" for kind in sorted(changed))
    count = len(earlier & done)
    return [
        f"{count} results of an earlier rule are in this store and not used "
        f"(the {kinds} changed, see CHANGELOG.md)"
    ]
