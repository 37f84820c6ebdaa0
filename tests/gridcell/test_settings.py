"""What settings of every task refuse."""

import pytest
from pydantic import Field

from gridcell.errors import UserError
from gridcell.settings import Strict
from gridcell.suite import parse_settings


class Rates(Strict):
    """A bounded number, and numbers further down."""

    rate: float = Field(1.0, gt=0)
    several: dict[str, list[float]] = Field(default_factory=dict)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), "inf", "1e400"])
def test_a_number_is_finite(value):
    with pytest.raises(UserError, match=r"^The setting 'rate' is wrong: "):
        parse_settings(Rates, {"rate": value})
    with pytest.raises(UserError, match=r"^The setting 'several\.a\.1' is wrong: .*finite"):
        parse_settings(Rates, {"several": {"a": [1.0, value]}})
    assert parse_settings(Rates, {"rate": 1e300}).rate == 1e300
