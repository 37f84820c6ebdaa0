"""The first answer claims what the intervals allow, and says what it rests on."""

import pytest

from inductive_bias.report.answer import answer
from inductive_bias.report.sentences import sentences
from inductive_bias.report.summary import summarise
from made_estimates import BIT, outcome, settings


def test_a_space_that_errs_more_than_a_constant_is_named():
    """A kernel of condition 6e17 needed 5.7e12 bits of an easy problem, written with 13 digits."""
    wild = outcome("rbf", 0, 5_736_649_813_665.0, exact=True)
    wild.metrics["mean_error"] = 137.0
    tame = outcome("mlp", 0, 3.0e-8)
    summary = summarise(
        [wild, tame], settings({"digits": {"source": "digits", "dimensions": []}}, seeds=(0,))
    )
    said = [one for one in answer(summary).sure if "constant prediction" in one]
    assert len(said) == 1
    assert said[0].startswith("digits, rbf: hypotheses that fit have on average 137 times the error of the")
    assert said[0] in sentences(summary)
    assert "on digits: less than 0.001; rbf" in answer(summary).text
    assert "5.74e+12" in answer(summary).text


@pytest.mark.parametrize(
    ("bits", "exact", "said"),
    [
        (
            (0.0, 0.0),
            True,
            "needs the fewest bits to generalize: on digits, rbf and arc need 0.",
        ),
        (
            (0.0, 0.0, 0.0),
            True,
            "needs the fewest bits to generalize: on digits, rbf, arc and mlp need 0.",
        ),
        ((3.0, 4.0), True, "too few seeds to tell them apart."),
        ((3.0, 4.0), False, "within noise."),
    ],
)
def test_the_answer_says_why_no_space_stands_first(bits, exact, said):
    names = ("rbf", "arc", "mlp")[: len(bits)]
    done = [outcome(name, 0, value, exact=exact) for name, value in zip(names, bits, strict=True)]
    chosen = settings({"digits": {"source": "digits", "dimensions": []}}, spaces=names, seeds=(0,))
    assert answer(summarise(done, chosen)).text.endswith(said)


def test_answers_claim_what_the_intervals_allow():
    def row(bits, ends, **more):
        ci95 = [None, None] if ends is None else list(ends)
        return {"bits": bits, "ci95_bits": ci95, "seeds": 3, "planned": 3, **more}

    place = {"axis": "teachers", "high": 32, "low": 4}
    summary = {
        "points": [{}],
        "dimensions": [
            row(5.0, (1.0, 9.0), space="rbf", **place),
            row(-5.0, (-9.0, -1.0), space="arc", **place),
            row(5.0, (-1.0, 11.0), space="mlp", **place),
            row(16.9, None, space="cnn", **place) | {"seeds": 1},
        ],
        "spaces": [
            row(5.0, (1.0, 9.0), kinds="kernel and network"),
            row(5.0, (-1.0, 9.0), kinds="kernel and network") | {"seeds": 2},
            row(5.0, None, kinds="networks"),
            row(-5.0, (-7.0, -1.0), kinds="networks"),
            row(-5.0, (-7.0, -1.0), kinds="kernels"),
        ],
    }
    assert sentences(summary) == [
        "teachers, rbf: more information at dimension 32 than at 4 (+5 [+1, +9] bits).",
        "teachers, arc: less information at dimension 32 than at 4 (−5 [−9, −1] bits).",
        "teachers, mlp: no difference beyond noise between dimensions 32 and 4 (+5 [−1, +11] bits).",
        "teachers, cnn: one seed can't tell dimensions 32 and 4 apart (+16.9 bits, 1 of 3 seeds).",
        "Kernel against network, 2 paired comparisons: the kernel needs more information in 1, the network "
        "in 0; 1 can't be told apart (2 to 3 of 3 seeds).",
        "Network against network, 2 paired comparisons: the first named needs more information in 0, the "
        "second named in 1; 0 can't be told apart, 1 have no interval.",
    ]


def test_of_one_space_the_answer_says_what_is_known():
    said = answer({"compared": [{"problem": "digits", "space": "rbf", "bits": 12.3}]})
    assert said.text == "rbf needs 12 bits to generalize on digits."
    assert "cannot be said yet" in said.sure[0]
    row = {"problem": "digits", "space": "rbf", "bits": 12.3, "planned": 3}
    one = {**row, "ci95_bits": [None, None], "interval": "none", "seeds": 1}
    assert answer({"compared": [one]}).sure[1] == "digits, rbf: 1 of 3 seeds, so no interval is known."
    three = {**row, "ci95_bits": [7.0 / BIT, 10.0 / BIT], "interval": "seeds", "seeds": 3}
    assert answer({"compared": [three]}).sure[1] == (
        "digits, rbf: 95 % interval over seeds [10.1, 14.43] bits (3 seeds)."
    )
    assert "cannot be said yet" in answer({"compared": []}).text
