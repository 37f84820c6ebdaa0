"""Estimates of inductive-bias whose numbers are known, and settings of a suite that has them."""

import numpy as np

from inductive_bias.report.summary import Outcome

BIT = np.log(2)


def outcome(space, seed, bits, *, problem="digits", dimension="full", size=64, n_train=100, exact=False):
    """An estimate of a value in bits; a network's interval goes 47.5 bits up and down."""
    nats = None if bits is None else bits * BIT
    row = {"error": 0.3, "nats": nats, "bits": bits, "exact": nats if exact else None}
    row |= {"ci95": [None, None], "sankaran": None, "sankaran_short": None, "splitting": None}
    ends = [None, None] if exact or nats is None else [nats - 47.5 * BIT, nats + 47.5 * BIT]
    row |= {"best": nats, "best_ci95": ends, "basis": "exact" if exact else "fitted"}
    row |= {"splitting_ci95": [None, None], "bound": [0.0, None]}
    metrics = {
        "target": row,
        "curve": [row],
        "input_dimension": size,
        "fit": {"df": 20.0, "nc": 30.0, "scale": 0.01},
        "unit": 1.0,
        "warnings": [],
        **dict.fromkeys(
            ("ks", "p_value", "exact_p_value", "samples", "unfitted", "smallest_error", "mean_error"), 0.5
        ),
        **dict.fromkeys(("error_deviation", "jitter"), 0.5),
        **dict.fromkeys(("bandwidth", "amplitude", "noise", "condition", "bits", "mixing", "mistakes")),
        "by_fit_error": [],
    }
    errors = 0.01 * np.random.default_rng(0).noncentral_chisquare(20, 30, 30)
    return Outcome(problem, space, n_train, dimension, seed, metrics, errors)


def settings(problems, spaces=("rbf", "mlp"), seeds=(0, 1, 2)):
    return {
        "target": 0.3,
        "error_unit": "relative",
        "training_size": 100,
        "epsilons": [0.3],
        "problems": problems,
        "spaces": {name: {"kind": "network" if name in ("mlp", "cnn") else "rbf"} for name in spaces},
        "seeds": list(seeds),
    }
