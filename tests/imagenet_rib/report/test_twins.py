"""Methods that are the same cells under two names."""

from dataclasses import replace

from imagenet_rib.report.summary import summarise
from imagenet_rib.report.twins import told, without_twins
from rib_evaluations import SETS, after, before


def with_cells(evaluations, method, name=None):
    return [
        replace(one, method=name or method, cell=f"{method} {one.model} {one.downstream} {one.seed}")
        for one in evaluations
    ]


def test_a_name_of_the_same_cells_is_no_method_of_its_own():
    ewc = after("ewc", shift=5)
    made = [
        *with_cells([before()], "pre"),
        *with_cells(after("ft"), "ft"),
        *with_cells(ewc, "ewc"),
        *with_cells(ewc, "ewc", "ewc-strength-200"),
        *with_cells(after("ewc", shift=9), "other", "ewc-strength-7"),
    ]
    kept, twins = without_twins(made)
    assert twins == {"ewc-strength-200": "ewc"}
    assert told(twins) == ["ewc-strength-200 is the same cells as ewc, and is shown as ewc alone."]
    alone = [one for one in made if one.method != "ewc-strength-200"]
    assert kept == alone
    assert summarise(kept, SETS)["leaderboard"]["models"]["m"]["tests"] == 3


def test_a_method_of_which_one_cell_is_another_is_kept():
    """As a soup of one ingredient at one alpha, or a method that only some models share."""
    ft, lwf = with_cells(after("ft"), "ft"), with_cells(after("ft"), "ft", "lwf")
    lwf[0] = replace(lwf[0], cell="of its own")
    assert without_twins([*ft, *lwf]) == ([*ft, *lwf], {})
    unnamed = [*after("ft"), *after("lwf")]  # without ids nothing is known
    assert without_twins(unnamed) == (unnamed, {})
