"""Kernel spaces that float64 can't hold: the answer is mpmath's in high precision, or none is given."""

import math

import numpy as np
import pytest
from mpmath import mp

from inductive_bias.distributions.exact import Exact
from inductive_bias.kernel_space import posterior as posterior_module
from inductive_bias.kernel_space.kernels import ArcCosine, Rbf
from inductive_bias.kernel_space.posterior import error_distribution, posterior, solved
from inductive_bias.kernel_space.precise import precise_posterior
from inductive_bias.kernel_space.rounding import is_sound


def teacher(d, *, n=14, tests=6, seed=0, outputs=1):
    """Points of a smooth function, close together."""
    draws = np.random.default_rng(seed)
    x, z = draws.normal(size=(n, d)), draws.normal(size=(tests, d))
    w, v = draws.normal(size=(d, 8)), draws.normal(size=(8, outputs))
    return (x, np.tanh(x @ w) @ v), (z, np.tanh(z @ w) @ v)


def kernel_by_mpmath(kernel, a, b):
    if isinstance(kernel, Rbf):
        squared = sum((mp.mpf(float(p)) - mp.mpf(float(q))) ** 2 for p, q in zip(a, b, strict=True))
        return mp.mpf(kernel.amplitude) * mp.exp(-squared / (2 * mp.mpf(kernel.bandwidth) ** 2))
    weights, biases = mp.mpf(kernel.weight_variance), mp.mpf(kernel.bias_variance)

    def inner(p, q):
        return (
            weights * mp.fsum(mp.mpf(float(s)) * mp.mpf(float(t)) for s, t in zip(p, q, strict=True)) / len(p)
            + biases
        )

    value, left, right = inner(a, b), inner(a, a), inner(b, b)
    for _ in range(kernel.depth):
        norm = mp.sqrt(left * right)
        angle = mp.mpf(0) if (a == b).all() else mp.acos(value / norm)
        value = weights * norm / (2 * mp.pi) * (mp.sin(angle) + (mp.pi - angle) * mp.cos(angle)) + biases
        left, right = weights * left / 2 + biases, weights * right / 2 + biases
    return mp.mpf(kernel.amplitude) * value


def information_by_mpmath(kernel, train, test, targets, *, noise=0.0, digits=320):
    """I at mean squared errors: posterior and saddle point in so many digits, by another way than ours.

    The far tail is Lugannani and Rice's saddle-point formula, whose relative error in I falls like 1 / I.
    """
    with mp.workdps(digits):
        (x, y), (z, t) = train, test
        gram = mp.matrix([[kernel_by_mpmath(kernel, a, b) for b in x] for a in x])
        for i in range(len(x)):
            gram[i, i] += mp.mpf(noise)
        cross = mp.matrix([[kernel_by_mpmath(kernel, a, b) for b in x] for a in z])
        prior = mp.matrix([[kernel_by_mpmath(kernel, a, b) for b in z] for a in z])
        weights = mp.matrix(len(z), len(x))
        factors, order = mp.LU_decomp(gram)  # once for all points: 'lu_solve' would do it for each
        for i in range(len(z)):
            solution = mp.U_solve(factors, mp.L_solve(factors, cross[i, :].T, order))
            for j in range(len(x)):
                weights[i, j] = solution[j]
        covariance = prior - weights * cross.T
        bias = weights * mp.matrix(y.tolist()) - mp.matrix(t.tolist())
        values, vectors = mp.eigsy((covariance + covariance.T) / 2)
        count = mp.mpf(t.size)
        w = [values[j] / count for j in range(len(z))]
        along = vectors.T * bias
        b = [mp.fsum(along[j, k] ** 2 for k in range(t.shape[1])) / count for j in range(len(z))]
        return [_information(w, b, t.shape[1], mp.mpf(target)) for target in targets]


def _information(w, b, k, q):
    def slope(s):
        return (
            mp.fsum(
                k * wj / (1 - 2 * wj * s) + bj / (1 - 2 * wj * s) ** 2 for wj, bj in zip(w, b, strict=True)
            )
            - q
        )

    low = mp.mpf(-1)
    while slope(low) > 0:
        low *= 2
    high = low
    while slope(high) < 0:
        high /= 2
        if high > -(mp.mpf(10) ** -10):
            return mp.mpf(0)
    for _ in range(400):
        middle = -mp.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    s = low
    top = mp.fsum(
        -mp.mpf(k) / 2 * mp.log(1 - 2 * wj * s) + bj * s / (1 - 2 * wj * s)
        for wj, bj in zip(w, b, strict=True)
    )
    second = mp.fsum(
        2 * k * (wj / (1 - 2 * wj * s)) ** 2 + 4 * bj * wj / (1 - 2 * wj * s) ** 3
        for wj, bj in zip(w, b, strict=True)
    )
    root = mp.sqrt(2 * (s * q - top))
    u = -s * mp.sqrt(second)
    # log of Phi(-r) + phi(r) (1/u - 1/r), without underflow
    scaled = mp.erfc(root / mp.sqrt(2)) / 2 + mp.exp(-(root**2) / 2) / mp.sqrt(2 * mp.pi) * (1 / u - 1 / root)
    return -mp.log(scaled)


SWEEP = [(d, width) for d in (1, 2, 4, 16) for width in (0.1, 0.5, 1.0, 3.0, 10.0, 50.0)]
QUICK = [(1, 0.5), (2, 1.0), (4, 3.0)]


@pytest.mark.parametrize(
    ("d", "width"),
    [*QUICK, *(pytest.param(*both, marks=pytest.mark.slow) for both in SWEEP if both not in QUICK)],
)
def test_over_bandwidths_and_dimensions_nothing_is_wrong_without_a_word(d, width):
    """What float64 alone calls exact is right, and what is answered in the end is mpmath's."""
    train, test = teacher(d)
    targets = [share * float(test[1].var()) for share in (0.05, 0.3, 0.8)]
    kernel = Rbf(width)
    truth = [float(value) for value in information_by_mpmath(kernel, train, test, targets)]
    given = posterior(kernel, *train, test[0])
    alone = error_distribution(given, test[1])
    answer = solved(kernel, train, test, noise=0.0, targets=targets)
    final = Exact(answer.exact, answer.posterior.doubt, len(test[0]))
    for target, expected in zip(targets, truth, strict=True):
        if expected > 1 and is_sound(alone, target, given.doubt, len(test[0])):
            assert -alone.log_cdf(target) == pytest.approx(expected, rel=0.05, abs=0.05)
        value, kind = final.information(target)
        assert kind == "exact"
        if expected > 1:  # the reference is a saddle point's, of no use around the mean
            assert value == pytest.approx(expected, rel=0.01, abs=0.05)
        else:
            assert value < 1.1


@pytest.mark.parametrize("depth", [1, 3])
def test_the_arc_cosine_kernels_high_precision_is_mpmaths(depth):
    train, test = teacher(3, n=8, tests=4)
    kernel = ArcCosine(depth)
    target = 0.1 * float(test[1].var())
    precise = precise_posterior(kernel, *train, *test)
    (expected,) = information_by_mpmath(kernel, train, test, [target], digits=60)
    assert -precise.exact.log_cdf(target) == pytest.approx(float(expected), rel=0.02, abs=0.05)
    given = posterior(kernel, *train, test[0])
    assert precise.mean == pytest.approx(given.mean, abs=1e-10)
    assert precise.covariance == pytest.approx(given.covariance, abs=1e-10)


@pytest.mark.slow
def test_the_teacher_case_is_mpmaths_within_a_per_cent():
    """Two dimensions, bandwidth 1, 100 training points: float64 with its jitter was off by a factor of 30."""
    train, test = teacher(2, n=100, tests=30)
    target = 0.3 * float(test[1].var())
    answer = solved(Rbf(1.0), train, test, noise=0.0, targets=[target])
    assert answer.bits > 53
    (expected,) = information_by_mpmath(Rbf(1.0), train, test, [target], digits=120)
    value, kind = Exact(answer.exact, answer.posterior.doubt, 30).information(target)
    assert kind == "exact"
    assert value == pytest.approx(float(expected), rel=0.01)
    alone = error_distribution(posterior(Rbf(1.0), *train, test[0]), test[1])
    assert abs(-alone.log_cdf(target) / value - 1) > 0.5


def test_where_high_precision_is_not_offered_an_unsound_tail_is_withheld(monkeypatch):
    monkeypatch.setattr(posterior_module, "is_offered", lambda *_: False)
    train, test = teacher(2, n=60)
    target = 0.3 * float(test[1].var())
    answer = solved(Rbf(3.0), train, test, noise=0.0, targets=[target])
    assert answer.posterior.solution.jitter > 0
    assert Exact(answer.exact, answer.posterior.doubt, 6).information(target) == (None, "withheld")


def test_noise_makes_the_matrix_well_conditioned_and_float64_enough():
    train, test = teacher(2, n=30)
    target = 0.5 * float(test[1].var())
    answer = solved(Rbf(1.0), train, test, noise=0.01, targets=[target])
    assert answer.bits == 53
    assert answer.posterior.solution.jitter == 0
    (expected,) = information_by_mpmath(Rbf(1.0), train, test, [target], noise=0.01, digits=40)
    assert -answer.exact.log_cdf(target) == pytest.approx(float(expected), rel=0.03, abs=0.05)
    precise = precise_posterior(Rbf(1.0), *train, *test, noise=0.01)
    assert -precise.exact.log_cdf(target) == pytest.approx(-answer.exact.log_cdf(target), rel=1e-8)


def test_with_noise_the_functions_keep_a_training_error():
    """Mean squared distance of functions drawn at the training points from the targets, by brute force."""
    train, test = teacher(2, n=12)
    noise, kernel = 0.05, Rbf(1.0)
    given = posterior(kernel, *train, test[0], noise=noise)
    at_training = posterior(kernel, *train, train[0], noise=noise)
    expected = ((at_training.mean - train[1]) ** 2).mean() + np.trace(at_training.covariance) / 12
    assert given.training_error == pytest.approx(expected, rel=1e-9)


def test_equal_eigenvalues_share_their_directions_without_counting_one_twice():
    """Points far apart: the covariance is diagonal, all eigenvalues one, and offsets sum to the bias."""
    x = 100.0 * np.arange(24.0)[:, None]
    y = np.sin(x)
    precise = precise_posterior(Rbf(1.0), x[::2], y[::2], x[1::2], y[1::2])
    assert precise.exact.offsets.sum() == pytest.approx(float((y[1::2] ** 2).mean()), rel=1e-12)


def test_equal_points_have_no_variance_of_their_own():
    """A test point that is a training point, and two equal ones, which vary together."""
    (x, y), (z, t) = teacher(2)
    again = np.concatenate([z, z[:1], x[:1]])
    targets = np.concatenate([t, t[:1], y[:1]])
    precise = precise_posterior(Rbf(2.0), x, y, again, targets)
    assert (precise.exact.weights == 0).sum() == 2
    twice = precise_posterior(Rbf(2.0), np.concatenate([x, x[:2]]), np.concatenate([y, y[:2]]), z, t)
    once = precise_posterior(Rbf(2.0), x, y, z, t)
    target = 0.3 * float(t.var())
    assert twice.exact.log_cdf(target) == pytest.approx(once.exact.log_cdf(target), rel=1e-9)


def test_an_error_below_the_floor_is_infinite_information_and_no_failure():
    (x, y), (z, _) = teacher(2)
    precise = precise_posterior(Rbf(2.0), x, y, np.concatenate([z, x[:1]]), np.ones((7, 1)) + 5)
    doubt = posterior_module.Doubt(0.0, 0.0)
    value, kind = Exact(precise.exact, doubt, 7).information(precise.exact.floor * 0.9)
    assert (value, kind) == (None, "impossible")
    assert math.isfinite(Exact(precise.exact, doubt, 7).information(precise.exact.mean)[0])


def test_what_float64_cannot_fit_high_precision_does():
    """Bandwidth 10: the jitter keeps float64's functions from fitting, and no jitter is left."""
    train, test = teacher(2, n=60)
    target = 0.3 * float(test[1].var())
    alone = posterior(Rbf(10.0), *train, test[0])
    answer = solved(Rbf(10.0), train, test, noise=0.0, targets=[target])
    assert alone.solution.jitter > 0
    assert (answer.posterior.solution.jitter, answer.posterior.training_error) == (0.0, 0.0)
    x, y = np.concatenate([train[0], train[0][:1]]), np.concatenate([train[1], train[1][:1] + 3.0])
    again = solved(Rbf(10.0), (x, y), test, noise=0.0, targets=[target])
    assert again.posterior.training_error == pytest.approx(2 * 1.5**2 / 61, rel=1e-9)
