"""The formula against a second, high-precision evaluation, the published table, and what it must obey."""

import math

import pytest
from hypothesis import assume, given, strategies as st
from mpmath import mp, mpf

from generalization_difficulty.formula.bits import generalization_difficulty
from generalization_difficulty.formula.logs import log_binomial, log_difference
from generalization_difficulty.formula.tasks import (
    Classification,
    MetaLearning,
    Reinforcement,
    support_sets,
    union_difficulty,
    varied,
)
from gridcell.errors import UserError

PUBLISHED = {  # eps, n, m, R, P, delta, bits as printed
    "mnist": (0.001, 60_000, 14, 17.179045827183984, 10, 2.3987084824335305, "1.4848e+16"),
    "svhn": (0.01, 73_257, 19, 53.86932485133339, 10, 1.5766998174969105, "1.2129e+31"),
    "cifar10": (0.01, 50_000, 27, 54.9156786783691, 10, 2.7506414616587023, "3.4377e+32"),
    "imagenet": (0.1, 1_280_901, 48, 943.5923, 1000, 65, "3.5833e+41"),
}


@pytest.fixture(autouse=True)
def sixty_digits():
    with mp.workdps(60):
        yield


def eigenfunction_count(m, frequency):
    degree = (mp.sqrt((m - 1) ** 2 + 4 * frequency**2) - (m - 1)) / 2
    return degree, mp.binomial(m + degree, m) + mp.binomial(m + degree - 1, m)


def reference(eps, n, m, radius, discrete, delta, outputs, bound=1):
    """Evaluate the paper's formula as it is written, with 60 digits."""
    eps, n, m, radius, discrete, delta, outputs, bound = map(
        mpf, (eps, n, m, radius, discrete, delta, outputs, bound)
    )
    log_w = (
        mp.log(m / 6) / 2
        + (mp.log(2) + (m + 1) / 2 * mp.log(mp.pi) + mp.log(discrete) - mp.loggamma((m + 1) / 2)) / m
        + mp.log(radius)
        - mp.log(n) / m
    )
    degree, count = eigenfunction_count(m, 2 * mp.pi * radius / delta)
    lipschitz = degree * mp.sqrt(outputs) / radius
    each = mp.log(bound * mp.sqrt(outputs * discrete) / eps * lipschitz, 2) + log_w / mp.log(2)
    return (2 * outputs * discrete * count - n * outputs) * each


def close(difficulty, bits, relative=1e-9):
    assert abs(difficulty.log2_bits - mp.log(bits, 2)) < relative / 2
    if bits < mpf(2) ** 1000:
        assert abs(difficulty.bits / bits - 1) < relative


def published(name):
    eps, n, m, radius, classes, delta, _ = PUBLISHED[name]
    return Classification(n=n, m=m, radius=radius, classes=classes, delta=delta, eps=eps)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows(name):
    eps, n, m, radius, classes, delta, printed = PUBLISHED[name]
    difficulty = published(name).difficulty()
    close(difficulty, reference(eps, n, m, radius, classes, delta, classes - 1))
    assert f"{difficulty.bits:.4e}" == printed


@pytest.mark.parametrize("first", PUBLISHED)
@pytest.mark.parametrize("second", PUBLISHED)
@pytest.mark.parametrize("fewer", [0, 1])
def test_unions(first, second, fewer):
    eps, n1, m1, r1, c1, delta, _ = PUBLISHED[first]
    _, n2, m2, r2, c2, _, _ = PUBLISHED[second]
    radius = mp.sqrt(mpf(r1) ** 2 + mpf(r2) ** 2)
    outputs = ("classes", "classes-1")[fewer]
    close(
        union_difficulty(published(first), published(second), outputs=outputs),
        reference(eps, n1 * n2, m1 + m2, radius, c1 * c2, delta, c1 - fewer),
    )


def test_omniglot():
    alphabets = [20, 29, 14, 55, 52]
    n = support_sets(alphabets)
    assert n == sum(math.comb(max(c, 20), 20) * 20**20 for c in alphabets)
    task = MetaLearning(n=n, m_within=22, m_across=29, radius=49.4, delta=5.48, eps=0.01)
    _, inner = eigenfunction_count(mpf(22), 2 * mp.pi * mpf(49.4) / mpf(5.48))
    outputs = 2 * 20 * 19 * inner
    bits = reference(0.01, n, 29 + 19 * 22, mpf(49.4) * mp.sqrt(20), 1, 5.48, outputs, mp.sqrt(20 * 19))
    close(task.difficulty(), bits)


@pytest.mark.parametrize("observations", range(1, 6))
def test_cart_pole(observations):
    t, n, delta, eps = mpf(observations), mpf(10_000), mpf(0.001), mpf(0.001)
    freedom = 2 * (2 * mp.pi / delta) ** (2 * t) * mp.pi**t / mp.gamma(t + 1)
    each = mp.log(4 * mp.pi**2 / mp.sqrt(3), 2) + mp.log(t, 2) / 2
    each += -mp.log(delta, 2) - mp.log(n, 2) / (2 * t) - mp.log(eps, 2)
    task = Reinforcement(n=10_000, m=2 * observations, actions=1, delta=0.001, eps=0.001)
    close(task.difficulty(), (freedom - n) * each)


@pytest.mark.parametrize(("m", "actions"), [(6, 2), (15, 4), (17, 6), (3000, 20)])
def test_mujoco(m, actions):
    n, delta, eps = mpf(10) ** 6, mpf(0.001), mpf(0.001)
    freedom = 2 * (2 * mp.pi / delta) ** m * mp.pi ** (mpf(m) / 2) / mp.gamma(mpf(m) / 2 + 1)
    each = mp.log(4 * mp.pi**2 / mp.sqrt(6), 2) + mp.log(actions, 2) + mp.log(m, 2) / 2
    each += -mp.log(delta, 2) - mp.log(n, 2) / m - mp.log(eps, 2)
    task = Reinforcement(n=10**6, m=m, actions=actions, delta=0.001, eps=0.001)
    close(task.difficulty(), actions * (freedom - n) * each)


@pytest.mark.parametrize("m", [1, 1.5, 2, 100, 1000, 10_000])
@pytest.mark.parametrize("discrete", [1, 10, 10**6])
@pytest.mark.parametrize("radius", [1e3, 1e6, 1e12])
def test_extreme_sizes_do_not_overflow(m, discrete, radius):
    outputs = max(1, discrete - 1)
    values = {"eps": 1e-6, "n": 1000, "m": m, "radius": radius, "discrete": discrete}
    difficulty = generalization_difficulty(**values, delta=0.7, outputs=outputs)
    close(difficulty, reference(1e-6, 1000, m, radius, discrete, 0.7, outputs))
    assert math.isfinite(difficulty.log2_bits)
    assert (difficulty.bits == math.inf) == (difficulty.log2_bits >= 1024)


@pytest.mark.parametrize("m", [1, 3.5, 14])
def test_a_resolution_whose_square_no_float_holds(m):
    difficulty = generalization_difficulty(eps=0.1, n=50, m=m, radius=1e160, discrete=2, delta=0.7, outputs=1)
    with mp.workdps(400):  # binomials of 1e161 are differences of large logarithms
        close(difficulty, reference(0.1, 50, m, 1e160, 2, 0.7, 1))


@given(st.floats(0.001, 1e12), st.floats(0.001, 1e5))
def test_log_binomial(k, m):
    with mp.workdps(60):
        exact = mp.loggamma(mpf(m) + k + 1) - mp.loggamma(mpf(m) + 1) - mp.loggamma(mpf(k) + 1)
    assert log_binomial(k, m) == pytest.approx(float(exact), rel=1e-12, abs=1e-12)
    assert log_binomial(k, m) == log_binomial(m, k)


@given(st.floats(-50, 1e6), st.floats(1e-9, 700))
def test_log_difference(smaller, gap):
    larger = smaller + gap
    assume(larger > smaller)
    with mp.workdps(60):
        exact = mpf(larger) + mp.log(1 - mp.exp(mpf(smaller) - mpf(larger)))
    assert log_difference(larger, smaller) == pytest.approx(float(exact), rel=1e-12, abs=1e-12)


tasks = st.builds(
    Classification,
    n=st.integers(1, 10**9),
    m=st.floats(1, 200),
    radius=st.floats(1, 1e3),
    classes=st.integers(2, 10**6),
    delta=st.floats(1e-3, 10),
    eps=st.floats(1e-9, 1e-1),
)


@given(tasks, st.floats(1.01, 10))
def test_easier_with_more_error_coarser_resolution_and_more_points(task, factor):
    """A larger eps, delta or n leaves less to specify: where there is a difficulty, it never rises."""
    for variable in ("eps", "delta", "n"):
        value = getattr(task, variable)
        more = math.ceil(value * factor) if variable == "n" else value * factor
        before, after = varied(task, variable, [value, more])
        if before is None:
            assert after is None
        elif after is not None:
            assert after <= before + 1e-9


@given(tasks, st.floats(0.01, 100))
def test_the_unit_of_length_does_not_matter(task, unit):
    scaled = Classification(
        n=task.n,
        m=task.m,
        radius=task.radius * unit,
        classes=task.classes,
        delta=task.delta * unit,
        eps=task.eps,
    )
    try:
        before = task.difficulty()
    except UserError:
        return
    assert before.log2_bits < 1 or scaled.difficulty().log2_bits == pytest.approx(before.log2_bits, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n": 10**40}, "already determine the function at this resolution: n = 1e\\+40 points"),
        ({"delta": 1e9}, "already determine the function"),
        ({"eps": 1e9}, "The target error eps = 1e\\+09 asks for nothing"),
        ({"eps": 0.0}, "target error eps must be a number above 0, not 0"),
        ({"eps": math.nan}, "target error eps must be a number above 0, not nan"),
        ({"delta": -1.0}, "resolution delta must be a number above 0"),
        ({"delta": 1e-308}, "so much finer than the radius R = 17 that no 64-bit number"),
        ({"radius": math.inf}, "radius R must be a number above 0, not inf"),
        ({"n": 0}, "number of points n must be a number at least 1, not 0"),
        ({"m": 0.5}, "intrinsic dimension m must be at least 1, not 0.5"),
        ({"classes": 1}, "at least 2 classes, not 1"),
    ],
)
def test_a_task_without_difficulty_is_one_sentence(change, sentence):
    good = {"n": 60_000, "m": 14, "radius": 17.0, "classes": 10, "delta": 2.4, "eps": 0.001}
    with pytest.raises(UserError, match=sentence) as caught:
        Classification(**{**good, **change}).difficulty()
    assert "\n" not in str(caught.value)
