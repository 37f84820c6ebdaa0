"""Subset simulation, against tails that are known exactly and spaces small enough to be counted."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import beta, binom, t

from inductive_bias.distributions.information import Runs, estimate
from inductive_bias.distributions.warnings import warnings_of
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.splitting.gaussian import GaussianParticles
from inductive_bias.splitting.levels import Plan, advance, finished
from inductive_bias.splitting.mixing import enough_sweeps
from inductive_bias.splitting.moves import autoregressive
from inductive_bias.splitting.probability import log_probability, nats_passed, reached


def run(space, target, *, particles=60, sweeps=2, number=0, seed=0, max_levels=400):
    plan = Plan(particles, sweeps, max_levels, seed, number)
    *_, last = advance(space, plan, target, None)
    assert finished(plan, target, last)
    return last


def kernel_space(seed=0, n_test=20, outputs=3):
    """A posterior of falling variances, and the exact distribution of its error."""
    draws = np.random.default_rng(seed)
    bias = draws.normal(size=(n_test, outputs)) * 0.6
    deviations = np.exp(-np.arange(n_test) / 8)
    exact = WeightedChi2(deviations**2 / bias.size, (bias**2).sum(axis=1) / bias.size, outputs)
    return GaussianParticles(bias, np.diag(deviations)), exact


def error_at(exact, bits):
    """The error at which the exact I is so many bits."""
    low, high = exact.mean * 1e-6, exact.mean
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if -exact.log_cdf(middle) > bits * math.log(2) else (low, middle)
    return high


@pytest.mark.parametrize("bits", [8, 20])
def test_a_kernels_tail_is_found(bits):
    space, exact = kernel_space()
    target = error_at(exact, bits)
    found = [-log_probability(target, target, run(space, target, number=i)) / math.log(2) for i in range(6)]
    assert np.mean(found) == pytest.approx(bits, abs=max(0.8, 0.06 * bits))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "sweeps"), [(8, 2), (30, 2), pytest.param(60, "adaptive", marks=pytest.mark.long)]
)
def test_intervals_over_runs_cover_the_exact_tail(bits, sweeps):
    """Of 50 intervals of 4 runs each at least 43 hold the truth: below, a 95 % interval is past belief."""
    space, exact = kernel_space()
    target = error_at(exact, bits)
    runs = (run(space, target, number=number, sweeps=sweeps) for number in range(200))
    found = np.array([log_probability(target, target, one) for one in runs])
    groups = -found.reshape(50, 4) / math.log(2)
    half = t.ppf(0.975, 3) * groups.std(axis=1, ddof=1) / 2
    covered = (np.abs(groups.mean(axis=1) - bits) <= half).sum()
    assert binom.cdf(42, 50, 0.95) < 0.01
    assert covered >= 43


def test_no_interval_is_given_deeper_than_it_was_seen_to_hold():
    """At 120 bits runs of 60 particles find 133 with two sweeps, and 122 with adaptive ones, on average."""
    found = Runs(np.array([[59.0, 61.0], [60.5, 62.0]]) * math.log(2))
    low, high = found.interval()
    assert low[0] < found.mean()[0] < high[0]
    assert np.isnan([low[1], high[1]]).all()


def test_deeper_than_that_the_report_warns():
    errors = np.random.default_rng(0).gamma(20, 0.05, size=60)
    eps, bits = [0.3, 0.2, 0.1], np.array([40.0, 61.0, 75.5])
    runs = Runs(np.array([bits, bits]) * math.log(2))
    found = estimate(errors, eps, resamples=20, generator=np.random.default_rng(0), runs=runs)
    [said] = [one for one in warnings_of(found, errors, 0) if "splitting.sweeps" in one]
    assert "at errors up to 0.2 " in said
    assert "(up to 75.5)" in said
    shallow = estimate(
        errors, eps[:1], resamples=20, generator=np.random.default_rng(0), runs=Runs(runs.nats[:, :1])
    )
    assert "sweeps" not in " ".join(warnings_of(shallow, errors, 0))


def test_more_sweeps_mend_most_of_what_runs_err_upwards_so_deep():
    space, exact = kernel_space()
    target = error_at(exact, 90)
    few, more = (
        -np.mean(
            [log_probability(target, target, run(space, target, number=i, sweeps=sweeps)) for i in range(6)]
        )
        / math.log(2)
        for sweeps in (2, 8)
    )
    assert few > 93
    assert abs(more - 90) < abs(few - 90) / 1.5


@pytest.mark.slow
def test_adaptive_sweeps_are_near_the_truth_where_two_err_by_ten_bits():
    """120 bits, runs that no setting was chosen on; the error left is that of runs of 60 particles."""
    space, exact = kernel_space(seed=7_301)
    target = error_at(exact, 120)
    few, enough = (
        [
            -log_probability(target, target, run(space, target, number=i, sweeps=sweeps, seed=7_301))
            / math.log(2)
            for i in range(2_000, 2_016)
        ]
        for sweeps in (2, "adaptive")
    )
    assert np.mean(few) > 126
    assert np.mean(enough) == pytest.approx(120, abs=5)
    assert np.std(enough) < np.std(few)


def test_adaptive_sweeps_come_from_the_levels_before():
    """Particles with equal pasts make equally many moves, whatever they look like now."""
    space, exact = kernel_space()
    target = error_at(exact, 20)
    last = run(space, target, sweeps="adaptive")
    seen = []
    for level in last.levels:
        if level.correlation is not None:
            assert level.sweeps == enough_sweeps(seen)
            seen.append((level.sweeps, level.correlation))
    assert len({sweeps for sweeps, _ in seen}) > 1
    assert 0.05 < np.mean([correlation for _, correlation in seen]) < 0.35


def test_larger_errors_are_read_off_on_the_way():
    space, exact = kernel_space()
    target = error_at(exact, 14)
    runs = [run(space, target, number=i, particles=100) for i in range(4)]
    for bits in (1, 4, 9):
        eps = error_at(exact, bits)
        found = np.mean([-log_probability(eps, target, one) for one in runs]) / math.log(2)
        assert found == pytest.approx(bits, abs=0.25 + 0.06 * bits)
    assert math.isnan(log_probability(target * 0.9, target, runs[0]))


class Bits:
    """A space of 2^12 hypotheses, whose error is the number of ones among twelve bits."""

    def draw(self, count, draws):
        return {"bits": draws.integers(2, size=(count, 12))}

    def move(self, states, step, draws):
        fresh = draws.integers(2, size=states["bits"].shape)
        return {"bits": np.where(draws.random(fresh.shape) < step, fresh, states["bits"])}

    def errors(self, states):
        return states["bits"].sum(axis=1) / 12.0


def test_a_space_that_can_be_enumerated_is_counted_right():
    """One hypothesis of 4,096 has no mistake, 13 have one at most: levels have ties."""
    runs = [run(Bits(), 0.0, particles=200, number=i, sweeps=4) for i in range(6)]
    assert np.mean([-log_probability(0.0, 0.0, one) for one in runs]) == pytest.approx(
        math.log(4096), abs=0.5
    )
    some = np.mean([-log_probability(1 / 12, 0.0, one) for one in runs])
    assert some == pytest.approx(math.log(4096 / 13), abs=0.4)


def test_ten_particles_count_a_space_with_ties_right_on_average():
    """Where a biased share would show, by 1.5 nats at the end: ten particles, errors of thirteen values."""
    runs = [run(Bits(), 0.0, particles=10, number=number, sweeps=24, seed=8) for number in range(40)]
    for eps, count in ((0.0, 1), (1 / 12, 13), (2 / 12, 79), (5 / 12, 1586)):
        found = np.array([-log_probability(eps, 0.0, one) for one in runs])
        error = found.std(ddof=1) / math.sqrt(len(found))
        assert error < 0.3
        assert found.mean() == pytest.approx(math.log(4096 / count), abs=3.5 * error)


class Misfits(Bits):
    """The same, in which a hypothesis whose first bit is set doesn't fit the training data."""

    def errors(self, states):
        return np.where(states["bits"][:, 0] == 1, np.inf, super().errors(states))


def test_hypotheses_that_do_not_fit_are_no_hypotheses():
    found = [run(Misfits(), 0.0, particles=200, number=i, sweeps=4) for i in range(6)]
    assert np.mean([-log_probability(0.0, 0.0, one) for one in found]) == pytest.approx(
        math.log(2048), abs=0.5
    )
    assert all(100 < one.unfitted < 400 for one in found)


class Nothing(Bits):
    """The same, in which nothing fits."""

    def errors(self, states):
        return np.full(len(states["bits"]), np.inf)


def test_a_space_in_which_nothing_fits_ends_without_an_answer():
    last = run(Nothing(), 0.1, particles=20)
    assert len(last.errors) == 0
    assert not reached(0.1, last)
    assert math.isnan(log_probability(0.1, 0.1, last))


def test_a_target_that_no_hypothesis_has_ends_without_an_answer():
    class Floor(Bits):
        def errors(self, states):
            return 1.0 + super().errors(states)

    last = run(Floor(), 0.5, particles=30)
    assert not reached(0.5, last)
    assert math.isnan(log_probability(0.5, 0.5, last))


def test_a_checkpoint_holds_a_run_to_the_last_bit(tmp_path):
    """Through the file, in the middle of a level, with sweeps that depend on the levels before."""
    from inductive_bias.cells import splitting as cell

    class Kept:
        scratch = tmp_path

        def keep(self, file, step):
            self.file = file

    space, exact = kernel_space()
    target = error_at(exact, 10)
    plan = Plan(40, "adaptive", 100, 3, 1)
    through = list(advance(space, plan, target, None))
    for at in (through[0], through[1], through[len(through) // 2]):  # the first has passed no level yet
        kept = Kept()
        cell._keep(at, kept)
        *_, again = advance(space, plan, target, cell._read(kept.file))
        assert np.array_equal(again.errors, through[-1].errors)
        assert again.levels == through[-1].levels


@pytest.mark.parametrize("sweeps", [2, "adaptive"])
def test_a_run_that_is_taken_up_again_is_the_same_run(sweeps):
    space, exact = kernel_space()
    target = error_at(exact, 10)
    plan = Plan(40, sweeps, 100, 3, 1)
    through = list(advance(space, plan, target, None))
    for place in (0, 3, len(through) - 2):
        *_, again = advance(space, plan, target, through[place])
        assert np.array_equal(again.errors, through[-1].errors)
        assert again.levels == through[-1].levels


def test_runs_are_independent_of_one_another_and_repeatable():
    space, exact = kernel_space()
    target = error_at(exact, 6)
    first, second = run(space, target, number=0), run(space, target, number=1)
    assert not np.array_equal(first.errors, second.errors)
    assert np.array_equal(first.errors, run(space, target, number=0).errors)


def test_the_autoregressive_move_leaves_normal_values_normal():
    draws = np.random.default_rng(0)
    values = draws.standard_normal(200_000)
    moved = autoregressive(values, 0.6, draws)
    assert moved.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(values, moved)[0, 1] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("count", "left"), [(1, 0), (7, 3), (10, 5), (60, 30)])
def test_what_a_level_adds_is_unbiased_for_independent_particles(count, left):
    """-log of an order statistic of uniform values, by its density: Beta(left + 1, count - left)."""
    level = beta(left + 1, count - left)
    expected, _ = quad(lambda value: -math.log(value) * level.pdf(value), 0, 1)
    assert nats_passed(count, left) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("chance", [0.5, 0.8])
def test_what_a_fixed_error_adds_is_unbiased(chance):
    """The number of 30 particles below it is binomial; with none (chance 1e-9) there would be no value."""
    counts = np.arange(1, 31)
    found = np.array([nats_passed(30, count) for count in counts])
    assert found @ binom.pmf(counts, 30, chance) == pytest.approx(-math.log(chance), abs=1e-7)


class Uniform:
    """Errors uniform on [0, 1], by a normal score that forgets itself in a few moves."""

    def draw(self, count, draws):
        return {"z": draws.standard_normal(count)}

    def move(self, states, step, draws):
        return {"z": autoregressive(states["z"], step, draws)}

    def errors(self, states):
        return ndtr(states["z"])


def test_few_particles_that_mix_well_are_right_on_average():
    """At 20 bits, where counting a level's own particle gives 2.5 nats too few, and log 2 a level 1 more."""
    target = 2.0**-20
    found = [
        -log_probability(target, target, run(Uniform(), target, particles=10, sweeps=12, number=number))
        for number in range(48)
    ]
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert error < 0.3
    assert np.mean(found) == pytest.approx(20 * math.log(2), abs=3.5 * error)


def test_equal_errors_leave_just_half_below_a_level():
    last = run(Bits(), 0.0, particles=40, sweeps=4)
    for level, errors in zip(last.levels, last.history, strict=True):
        assert (errors < level.error).sum() <= 20 <= (errors <= level.error).sum() - 1


def test_shares_of_mistakes_are_moved_to_like_squared_errors():
    """Two labels a point: a function is right where the sum of its bias and a normal value is: binomial."""
    n_test, chance = 10, 0.2
    from scipy.stats import norm

    labels = np.zeros((n_test, 2))
    labels[:, 0] = 1
    # Outputs differ by a normal value of variance 2 about -shift: right with the chance wanted.
    shift = -norm.ppf(chance) * math.sqrt(2)
    bias = np.stack([np.full(n_test, -1.0), np.full(n_test, shift)], axis=1)
    space = GaussianParticles(bias, np.eye(n_test), labels)
    runs = [run(space, 0.2, number=i, particles=200, sweeps=3) for i in range(6)]
    found = np.mean([-log_probability(0.2, 0.2, one) for one in runs])
    assert found == pytest.approx(-math.log(binom.sf(7, n_test, chance)), abs=0.4)


def scores_of(space, count, seed=0):
    return space.draw(count, np.random.default_rng(seed))


def networks(mistakes=False):
    """Small networks on ten points, and how to train many of them."""
    import torch

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.particles import NetworkParticles
    from inductive_bias.network_space.training import Recipe

    draws = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=draws)
    y = (x[:, :1] * x[:, 1:]).sign()
    space = Architecture((2,), (), (8,), 1)
    recipe = Recipe(0.02, 10, 200, 10, 0.2)
    return NetworkParticles(
        space, recipe, (x[:20], y[:20]), (x[20:], y[20:]), at_once=64, mistakes=mistakes
    ), (space, recipe, (x[:20], y[:20]), (x[20:], y[20:]))


def test_particles_are_the_networks_that_are_drawn_at_random():
    """Test errors of particles and of hypotheses have one distribution, and as many fit."""
    from scipy.stats import ks_2samp

    from inductive_bias.network_space.module import train_hypotheses

    particles, (space, recipe, train, test) = networks()
    ours = particles.errors(scores_of(particles, 150))
    theirs = train_hypotheses(space, recipe, train, test, suite_seed=1, indices=range(150), at_once=64)
    fitted = np.isfinite(ours)
    assert ks_2samp(ours[fitted], theirs.test_error[theirs.fitted].numpy()).pvalue > 0.01
    assert fitted.mean() == pytest.approx(float(theirs.fitted.double().mean()), abs=0.15)


def test_a_particle_is_the_same_in_any_stack():
    particles, _ = networks()
    states = scores_of(particles, 6)
    some = {name: values[2:5] for name, values in states.items()}
    assert particles.errors(states)[2:5] == pytest.approx(particles.errors(some), rel=1e-4)


@pytest.mark.long
def test_a_networks_tail_is_what_counting_finds():
    """About 8 bits: one in some hundred networks, of 12,000, against six runs of subset simulation."""
    particles, _ = networks()
    counted = particles.errors(scores_of(particles, 12_000, seed=1))
    counted = counted[np.isfinite(counted)]
    target = float(np.quantile(counted, 1 / 250))
    runs = [run(particles, target, number=i, particles=60, sweeps=3) for i in range(6)]
    found = np.array([-log_probability(target, target, one) for one in runs])
    noise = math.hypot(found.std(ddof=1) / math.sqrt(6), math.sqrt(250 / len(counted)))
    assert found.mean() == pytest.approx(math.log(250), abs=3.5 * noise + 0.1)
