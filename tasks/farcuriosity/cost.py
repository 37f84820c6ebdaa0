"""What a grid will cost, as far as can be said beforehand."""

from collections.abc import Mapping

from farcuriosity.settings import Settings
from gridcell.grid import Grid


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    """Say how many steps the agents take in all."""
    del settings
    agents = [cell for cell in grid.cells.values() if cell.kind == "train"]
    return (
        {"steps": f"{sum(cell.config['steps'] for cell in agents):,} by {len(agents)} agents"}
        if agents
        else {}
    )
