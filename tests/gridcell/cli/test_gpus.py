"""``plan --gpus`` takes numbers, and numbers of kinds."""

import pytest

from gridcell.cli.gpus import parse_gpus
from gridcell.errors import UserError


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("2", ("", "")), ("H100=1, A100=2", ("H100", "A100", "A100")), ("L4=1", ("L4",))],
)
def test_sets_of_gpus_are_read(text, kinds):
    assert parse_gpus(text) == kinds


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "H100=0", "H100=1,2", "H100", "1000001", "H100=4,,"])
def test_what_is_no_set_is_refused(text):
    with pytest.raises(UserError, match="H100=4,A100=8"):
        parse_gpus(text)
