"""The posterior and its error's distribution in high precision, for kernel matrices that float64 can't hold.

A smooth kernel's matrix on close points has eigenvalues down to 1e-50 and below. Float64 needs a jitter to
factorise it, and the jitter decides the far tail of the error. Here everything up to the eigenvalues of the
posterior covariance is computed in ball arithmetic (python-flint), whose error bounds say whether the
precision was enough; it is doubled until it was.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.kernels import ArcCosine, Floats, Kernel, Rbf

if TYPE_CHECKING:
    from flint import arb_mat

LARGEST_TRAINING = 500
"""Training points up to which high precision is taken: 500 and 100 test points take a minute or two."""

LARGEST_TEST = 200
"""Test points likewise: the eigenvalues take their third power."""

PRECISIONS = (512, 1024, 2048, 4096)
"""Bits, tried in turn."""

_MARGIN = 2.0**-60  # a smallest eigenvalue is taken for right if all errors are below this part of it

_CLOSE = 1e-9  # eigenvalues whose relative distance is smaller may share their eigenvectors


@dataclass(frozen=True, eq=False)
class Precise:
    """A posterior whose numbers were rounded to float64 only at the end.

    Attributes:
        mean: at the test points, shape (n_test, k).
        covariance: shape (n_test, n_test).
        exact: the error's distribution; its weights have a small relative error, however small they are.
        bits: of precision.
        condition: of the kernel matrix, an estimate from below: |K| |K^-1| in the norm of largest row sums.
    """

    mean: Floats
    covariance: Floats
    exact: WeightedChi2
    bits: int
    condition: float


def is_offered(kernel: Kernel, n_train: int, n_test: int) -> bool:
    """Say whether high precision is taken for a kernel and these numbers of points."""
    return isinstance(kernel, Rbf | ArcCosine) and n_train <= LARGEST_TRAINING and n_test <= LARGEST_TEST


def precise_posterior(
    kernel: Kernel,
    x_train: Floats,
    y_train: Floats,
    x_test: Floats,
    y_test: Floats,
    *,
    noise: float = 0.0,
) -> Precise | None:
    """Return the posterior and its error's distribution, or None where the largest precision is too small.

    Without noise, equal training inputs count as one with their mean target, which is what ever smaller
    jitters come to; a test point that is a training point has no variance, and of equal test points one has.

    Args:
        kernel: ``Rbf`` or ``ArcCosine``.
        x_train: float64, shape (n, d), n <= ``LARGEST_TRAINING``.
        y_train: float64, shape (n, k).
        x_test: float64, shape (n_test, d).
        y_test: float64, shape (n_test, k).
        noise: variance of the noise on training targets.
    """
    from flint import ctx

    if not noise:
        x_train, y_train = _merged(x_train, y_train)
    free = len(np.unique(np.concatenate([x_test] if noise else [x_train, x_test]), axis=0))
    rank = free if noise else free - len(x_train)
    before = ctx.prec
    try:
        for bits in PRECISIONS:
            ctx.prec = bits
            found = _at_precision(kernel, x_train, y_train, x_test, y_test, noise, rank)
            if found is not None:
                return found
    finally:
        ctx.prec = before
    return None


def _at_precision(
    kernel: Kernel,
    x_train: Floats,
    y_train: Floats,
    x_test: Floats,
    y_test: Floats,
    noise: float,
    rank: int,
) -> Precise | None:
    """Return the answer at the current precision, None if its error bounds are too wide."""
    from flint import acb_mat, arb, ctx

    n, n_test, outputs = len(x_train), len(x_test), y_train.shape[1]
    train, test = _matrix(x_train), _matrix(x_test)
    gram = _gram(kernel, train, train)
    for i in range(n):
        gram[i, i] += arb(noise)
    cross = _gram(kernel, test, train)
    right = _matrix(np.concatenate([y_train, np.zeros((n, n_test))], axis=1))
    for i in range(n):
        for j in range(n_test):
            right[i, outputs + j] = cross[j, i]
    try:
        solved = cross * gram.solve(right)
        inverse_norm = _norm(gram.solve(_ones(n)))
    except ZeroDivisionError:  # flint can't tell the matrix from a singular one
        return None
    prior = _gram(kernel, test, test)
    mean = [[solved[i, j] for j in range(outputs)] for i in range(n_test)]
    covariance = [[prior[i, j] - solved[i, outputs + j] for j in range(n_test)] for i in range(n_test)]
    radius = max((entry.rad() for row in covariance for entry in row), key=float)
    values, vectors = acb_mat(
        [[(row[j] + covariance[j][i]).mid() / 2 for j in range(n_test)] for i, row in enumerate(covariance)]
    ).eig(right=True, algorithm="approx")
    order = sorted(range(n_test), key=lambda j: values[j].real.mid(), reverse=True)
    largest = values[order[0]].real.mid()
    doubt = n_test * (radius + abs(largest) * arb(2) ** -ctx.prec * n_test)
    if rank and not doubt < arb(_MARGIN) * values[order[rank - 1]].real.mid():
        return None
    bias = [[(mean[i][j] - arb(float(y_test[i, j]))).mid() for j in range(outputs)] for i in range(n_test)]
    weights, offsets = np.zeros(n_test), np.zeros(n_test)
    directions = _orthonormal(
        [[vectors[i, j].real.mid() for i in range(n_test)] for j in order],
        [float(values[j].real.mid()) for j in order],
    )
    for place, vector in enumerate(directions):
        along = [_dot(vector, [row[k] for row in bias]) for k in range(outputs)]
        offsets[place] = float(sum((a * a for a in along), arb(0)) / y_test.size)
        if place < rank:
            weights[place] = float(values[order[place]].real.mid() / y_test.size)
    return Precise(
        np.array([[float(entry.mid()) for entry in row] for row in mean]),
        np.array([[float(entry.mid()) for entry in row] for row in covariance]),
        WeightedChi2(weights, offsets, outputs),
        int(ctx.prec),
        float(_norm(gram) * inverse_norm),
    )


def _orthonormal(vectors: list[list[Any]], values: list[float]) -> list[list[Any]]:
    """Return eigenvectors of length 1, orthogonal also where eigenvalues (falling) are as good as equal."""
    out: list[list[Any]] = []
    for place, vector in enumerate(vectors):
        for other in range(place):
            if values[other] - values[place] <= _CLOSE * abs(values[other]):
                along = _dot(out[other], vector)
                vector = [(v - along * o).mid() for v, o in zip(vector, out[other], strict=True)]
        length = _dot(vector, vector).sqrt()
        out.append([(v / length).mid() for v in vector])
    return out


def _dot(a: list[Any], b: list[Any]) -> Any:
    from flint import arb

    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0)).mid()


def contradiction(x: Floats, y: Floats) -> float:
    """Return the mean squared error that equal inputs (n, d) of different targets (n, k) leave."""
    _, where = np.unique(x, axis=0, return_inverse=True)
    _, means = _merged(x, y)
    return 0.0 if len(means) == len(x) else float(((means[where.ravel()] - y) ** 2).mean())


def _merged(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return distinct inputs, each with the mean of its targets."""
    distinct, where = np.unique(x, axis=0, return_inverse=True)
    if len(distinct) == len(x):
        return x, y
    sums = np.zeros((len(distinct), y.shape[1]))
    np.add.at(sums, where.ravel(), y)
    return distinct, sums / np.bincount(where.ravel())[:, None]


def _matrix(values: Floats) -> "arb_mat":
    from flint import arb_mat

    return arb_mat(*values.shape, [float(value) for value in values.ravel()])


def _ones(n: int) -> "arb_mat":
    """Return columns of ones and alternating signs, shape (n, 2): K^-1 of them bounds its norm from below."""
    signs: NDArray[Any] = np.stack([np.ones(n), (-1.0) ** np.arange(n)], axis=1)
    return _matrix(signs)


def _norm(matrix: "arb_mat") -> Any:
    """Return the largest sum of a row's absolute values, a ball; of a (n, 2) solution, the largest entry."""
    rows, columns = matrix.nrows(), matrix.ncols()
    if columns == 2:
        return max((abs(matrix[i, j]) for i in range(rows) for j in range(2)), key=float)
    return max((sum(abs(matrix[i, j]) for j in range(columns)) for i in range(rows)), key=float)


def _gram(kernel: Kernel, x: "arb_mat", y: "arb_mat") -> "arb_mat":
    """Return the kernel between rows of ``x`` and ``y``, as balls."""
    from flint import arb_mat

    products = x * y.transpose()
    left = [sum((x[i, j] ** 2 for j in range(x.ncols())), x[0, 0] * 0) for i in range(x.nrows())]
    right = [sum((y[i, j] ** 2 for j in range(y.ncols())), x[0, 0] * 0) for i in range(y.nrows())]
    entry = _entry(kernel, x.ncols())
    return arb_mat([[entry(products[i, j], a, b) for j, b in enumerate(right)] for i, a in enumerate(left)])


def _entry(kernel: Kernel, dimension: int) -> Any:
    """Return ``(x . y, x . x, y . y) -> k(x, y)`` in balls."""
    from flint import arb

    if isinstance(kernel, Rbf):
        amplitude = arb(kernel.amplitude)
        factor = -1 / (2 * arb(kernel.bandwidth) ** 2)
        return lambda product, a, b: amplitude * (factor * (a + b - 2 * product)).exp()
    assert isinstance(kernel, ArcCosine)
    weights, biases, amplitude = arb(kernel.weight_variance), arb(kernel.bias_variance), arb(kernel.amplitude)
    depth = kernel.depth

    def entry(product: Any, a: Any, b: Any) -> Any:
        same = product.overlaps(a) and product.overlaps(b)
        value = weights * product / dimension + biases
        a, b = weights * a / dimension + biases, weights * b / dimension + biases
        for _ in range(depth):
            if same:  # the angle is zero, whose cosine a ball around one can't hold
                value = weights * a / 2 + biases
            else:
                norm = (a * b).sqrt()
                cosine = value / norm
                angle = cosine.acos()
                inner = norm / (2 * arb.pi()) * ((1 - cosine**2).sqrt() + (arb.pi() - angle) * cosine)
                value = weights * inner + biases
            a, b = weights * a / 2 + biases, weights * b / 2 + biases
        return amplitude * value

    return entry
