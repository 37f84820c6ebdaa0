"""The data cell: a problem's pool of points, made once."""

from typing import Any

from gridcell import Cell, Context
from inductive_bias.problems.pool import Pool, Split, cut
from inductive_bias.problems.sources import few_shot, make

POOL = "pool.npz"


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Make or read the pool and leave it.

    Raises:
        UserError: the data can't be read, or aren't those that were planned.
    """
    pool = make(cell.config, context.locations.get(cell.config.get("fingerprint", "")), seed=context.seed)
    pool.save(context.outputs / POOL)
    return {"points": len(pool.x), "input_shape": list(pool.x.shape[1:]), "outputs": pool.y.shape[1]}


def read_split(context: Context) -> Split:
    """Return the training and test points that a cell's configuration and seed ask for."""
    config = context.cell.config["cut"]
    pool = Pool.load(context.artifact("data", POOL))
    name = context.need("data").cell.title.removeprefix("data ")
    few = config.get("ways")
    if few is not None:
        pool = few_shot(pool, ways=few, seed=context.seed, name=name)
    return cut(
        pool,
        n_train=config["n_train"],
        n_test=config["n_test"],
        dimension=config["dimension"],
        standardise=config["standardise"],
        seed=context.seed,
        name=name,
        balanced=few is not None,
    )
