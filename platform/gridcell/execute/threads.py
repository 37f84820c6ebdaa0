"""How many threads a cell computes with."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads, whatever library does it, as long as this lasts.

    The number of threads decides the order in which sums are formed, so the same number in every executor is
    what makes their results equal to the last bit.
    """
    from threadpoolctl import threadpool_limits

    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, str(threads)))  # for libraries imported from now on
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        if torch and torch_before is not None:
            torch.set_num_threads(torch_before)
