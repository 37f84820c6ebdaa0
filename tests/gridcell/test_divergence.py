"""A divergence is an outcome of code and inputs: where these changed, the cell is run again."""

from gridcell.staleness import failures_of

DIVERGES = """
from gridcell.errors import Diverged


def run(cell, context):
    raise Diverged("The loss became nan.")
"""


def test_what_diverged_by_other_code_is_run_again(chain):
    """In the loop of edit, run and look: the edit may be the cure."""
    right = (chain.folder / "chain_second.py").read_text()
    (chain.folder / "chain_second.py").write_text(DIVERGES)
    assert chain.run(diverge=True)[1] == {"first", "beside"}
    assert chain.run(diverge=True)[1] == set()  # the same code would diverge again
    chain.edit("chain_second.py", "from gridcell", "# why\nfrom gridcell")
    assert chain.run(diverge=True)[1] == set()
    (chain.folder / "chain_second.py").write_text(right)
    assert chain.run() == ({"first": 1, "second": 10, "beside": 1}, {"second"})


def test_what_diverged_from_other_inputs_is_run_again(chain):
    (chain.folder / "chain_second.py").write_text(DIVERGES)
    chain.run(diverge=True)
    task, grid, _ = chain._begin()
    (second,) = failures_of(task, grid, chain.store)
    first = chain.store.results.read(grid.cells[second].needs["first"])
    chain.store.results.commit(
        first.cell, {"x": 100}, chain.folder / "none", first.provenance, replaces=first.stamp
    )
    assert failures_of(task, grid, chain.store) == {}


def test_a_divergence_of_before_its_code_was_noted_is_final(chain):
    (chain.folder / "chain_second.py").write_text(DIVERGES)
    chain.run(diverge=True)
    ((second, failure),) = chain.store.failures.read_all().items()
    chain.store.failures.record(
        second, {key: failure[key] for key in failure if key not in ("code", "inputs")}
    )
    chain.edit("chain_second.py", "nan", "inf")
    assert chain.run(diverge=True)[1] == set()
