"""The help of ``tune`` and the block ``tune`` of a suite say the same defaults."""

import re

from typer.main import get_command

from gridcell.cli.app import typer_of
from gridcell.search.wanted import Wanted


def test_the_help_names_the_defaults_of_the_block():
    command = get_command(typer_of()).commands["tune"]
    told = {
        option.name: int(found[1])
        for option in command.params
        if (found := re.search(r"default: (\d+)\.$", getattr(option, "help", None) or ""))
    }
    assert {"trials", "eta", "rungs", "population", "at_once", "fresh_seeds"} <= told.keys()
    assert told == {name: Wanted.model_fields[name].default for name in told}
