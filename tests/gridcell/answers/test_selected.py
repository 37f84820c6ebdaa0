"""What a selection keeps beside what was asked for is said."""

from gridcell.answers.reading import results
from gridcell.answers.request import request


def test_rows_that_stay_beside_a_selection_are_counted(gridcell):
    """Of toy's targets the total has no label 'row'."""
    gridcell("run", "toy", "--executor", "inline", "--seeds", "2")
    frame = results("toy", "mini", "runs", seeds=2, select={"row": "0"})
    said = "Kept beside what was selected, which is compared with them: 2 with no row"
    assert (len(frame), frame.attrs["notes"]) == (4, [said])
    assert "notes" not in results("toy", "mini", "runs", seeds=2).attrs
    _, _, errors = gridcell("results", "toy", "--seeds", "2", "--select", "row=0")
    assert said in errors


def test_the_model_with_which_methods_are_compared_stays_and_is_counted():
    asked = request("imagenet-rib", "mini", {"method": ["ft"]})
    count = sum(target.labels.get("method") == "pre" for target in asked.grid.targets)
    assert count
    assert f"{count} with method=pre" in asked.kept_beside
    assert request("imagenet-rib", "mini").kept_beside == ""
