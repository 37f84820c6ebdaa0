"""The registry: discovery, plug-ins, circles, and planning without torch."""

import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import ValidationError

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.methods import available, collect, get, lp_ft as lp_ft_file, order


def test_the_benchmarks_methods_are_there():
    assert {"pre", "ft", "lp", "lp_ft", "ewc", "l2_sp", "lwf", "wise_ft", "soup"} <= available().keys()
    assert list(available()) == sorted(available())


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'wise_ft'"):
        get("wiseft")


def test_planning_imports_neither_torch_nor_lightning():
    code = (
        "import sys; from imagenet_rib.methods import available; available(); "
        "sys.exit(', '.join({'torch', 'lightning', 'timm'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_two_methods_of_one_name_are_refused():
    with pytest.raises(UserError, match="Two methods are called 'ft'"):
        collect([get("pre"), get("ft"), get("ft")])


def test_a_method_that_needs_an_unknown_one_is_refused():
    with pytest.raises(UserError, match="needed by 'lp_ft': 'lp'"):
        collect([get("pre"), lp_ft_file.method])


def test_a_circle_is_refused_by_name():
    lp, lp_ft = get("lp"), get("lp_ft")
    with pytest.raises(UserError, match=r"circle: (lp -> lp_ft -> lp|lp_ft -> lp -> lp_ft)$"):
        collect([get("pre"), replace(lp, start="lp_ft"), lp_ft])
    with pytest.raises(UserError, match="circle: ft -> ft"):
        order({"ft": ("ft",)})


def test_an_order_puts_needs_first():
    chosen = order({name: method.needs(method.parameters()) for name, method in available().items()})
    assert chosen.index("pre") < chosen.index("lp") < chosen.index("lp_ft")
    assert chosen.index("lwf") < chosen.index("soup")


def test_settings_out_of_range_are_refused():
    wise_ft, soup = get("wise_ft").parameters, get("soup").parameters
    for wrong in ({"alpha": 1.1}, {"alpha": -0.1}, {"curve": [0.5, 2]}, {"alpa": 0.5}):
        with pytest.raises(ValidationError):
            wise_ft(**wrong)
    for wrong in ({"ingredients": []}, {"ingredients": ["ft", "ft"]}, {"ingredients": ["soup"]}):
        with pytest.raises(ValidationError):
            soup(**wrong)
    with pytest.raises(ValidationError):
        get("ewc").parameters(strength=-1)
    with pytest.raises(ValidationError):
        get("lwf").parameters(temperature=0)


def test_the_headline_of_wise_ft_comes_first_and_no_share_comes_twice():
    wise_ft = get("wise_ft")
    shares = [variant["alpha"] for variant in wise_ft.variants(wise_ft.parameters())]
    assert shares[0] == 0.5
    assert sorted(shares) == pytest.approx([k / 10 for k in range(11)])
    other = wise_ft.parameters(alpha=0.25, curve=())
    assert wise_ft.variants(other) == ({"alpha": 0.25},)


def test_a_share_of_wise_ft_that_rounding_alone_sets_apart_is_the_same():
    """Two would be one point of the curve, and both the headline."""
    wise_ft = get("wise_ft")
    settings = wise_ft.parameters(alpha=0.3, curve=[step * 0.1 for step in range(5)])
    assert 0.1 * 3 in settings.curve
    assert [variant["alpha"] for variant in wise_ft.variants(settings)] == [0.3, 0.0, 0.1, 0.2, 0.4]


def test_a_methods_version_is_in_its_cells_alone_and_only_where_it_is_not_1(monkeypatch):
    def cells():
        return (
            load_suite(find_task("imagenet-rib"), "mini", ["methods={ft: {}, ewc: {}, soup: {}}"])
            .grid()
            .cells
        )

    before = cells()
    assert not any("version" in cell.config for cell in before.values())
    known = {**available(), "ewc": replace(get("ewc"), version=2), "soup": replace(get("soup"), version=3)}
    monkeypatch.setattr("imagenet_rib.methods.available", lambda: known)
    after = cells()
    new = [cell for cell_id, cell in after.items() if cell_id not in before]
    assert {cell.config["version"] for cell in new if cell.kind == "train"} == {2}
    assert {cell.config["method"] for cell in new if cell.kind == "train"} == {"ewc"}
    merged = [cell.config["merge"] for cell in new if cell.kind == "evaluate" and cell.config["merge"]]
    assert {(merge["method"], merge["version"]) for merge in merged} == {("soup", 3)}
    assert not any("ft" in cell.title.split() for cell in new)
