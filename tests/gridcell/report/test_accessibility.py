"""What a browser makes of each task's page: no serious finding of axe-core, no request, nothing too wide."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gridcell.report import write_report
from rib_evaluations import random_evaluations, write_report as write_rib
from smallest_grids import TASKS, complete_results

PACKAGES = ("playwright-core@1.65", "axe-core@4.14")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """The environment that node finds the packages in, and the browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    lacking = [name for name, found in (("chromium", chromium), ("npm", shutil.which("npm"))) if not found]
    if lacking:
        pytest.skip(f"{' and '.join(lacking)} not installed")
    folder = tmp_path_factory.mktemp("npm")
    environment = {
        **os.environ,
        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
        "NODE_PATH": f"{folder}/node_modules",
    }
    command = ["npm", "install", "--silent", "--prefix", str(folder), *PACKAGES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install axe-core: {done.stderr.strip()[-200:]}")
    return chromium, environment


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of each task, and one of imagenet-rib with every kind of figure."""
    folder = tmp_path_factory.mktemp("pages")
    made, sets = random_evaluations(["vit", "resnet"], ["ft", "lp", "ewc", "wise_ft"], [0, 1])
    written = [write_rib(made, sets, folder / "rib")[0]]
    for name in TASKS:
        (folder / name).mkdir()
        task, results = complete_results(name, folder / name)
        written.append(write_report(task, results, folder / name / "report").page)
    return written


@pytest.mark.long
def test_no_page_has_a_serious_finding(browser, pages):
    chromium, environment = browser
    script = Path(__file__).with_name("accessibility.js")
    command = ["node", str(script), chromium, *map(str, pages)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 3 * len(pages)
    for one in found:
        where = f"{one['page']} at {one['width']} px"
        serious = [v for v in one["violations"] if v["impact"] in ("serious", "critical")]
        assert not serious, f"{where}: {serious}"
        assert not one["outside"], where
        assert not one["errors"], where
        assert one["overflow"] <= 0, where
