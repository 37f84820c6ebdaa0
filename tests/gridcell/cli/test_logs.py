"""What a cell printed can be read later; what a run says can be had as a file, in short, or in full."""

import json
import re
import sys
import time

from gridcell.execute.output import Tail, kept_output
from gridcell.store import Loss, Store
from gridcell.store.logs import KEPT, LIMIT

PRINTS = ("run", "toy", "--executor", "inline", "--set", "fail={r0c0: prints, r1c0: bug}")


def planned(gridcell):
    _, output, _ = gridcell("plan", "toy", "--set", "fail={r0c0: prints, r1c0: bug}", "--json")
    return {cell["title"]: cell["id"] for cell in json.loads(output)["cells"]}


def test_what_a_cell_printed_is_shown_later_and_why_it_failed(gridcell):
    code, output, _ = gridcell(*PRINTS)
    assert code == 1
    assert "hello from the cell" in output  # inline it is seen at once, too
    ids = planned(gridcell)
    code, output, _ = gridcell("logs", ids["r0c0"][:10])
    assert code == 0
    assert "hello from the cell\na warning" in output
    _, output, _ = gridcell("logs", ids["r1c0"])
    assert "failed (bug): ZeroDivisionError: one by nought" in output
    assert "Traceback" in output
    _, output, _ = gridcell("logs", ids["r2c0"])
    assert "has printed nothing" in output
    _, output, _ = gridcell("logs", ids["r0c0"], "--json")
    assert json.loads(output)["attempts"][0]["text"] == "hello from the cell\na warning\n"
    assert gridcell("logs", "zz")[0] == 2


def test_of_a_killed_cell_whose_next_attempt_runs_both_are_told(gridcell, tmp_path):
    assert gridcell(*PRINTS)[0] == 1
    cell_id = planned(gridcell)["r2c0"]
    store = Store(str(tmp_path / "runs"))
    store.losses.add(Loss(cell_id, "crashed", 3.0))
    told = {"host": "elsewhere", "pid": 7, "time": time.time(), "running": {cell_id: time.time() - 5}}
    store.folder.write("drivers/a.json", json.dumps(told).encode())
    _, output, _ = gridcell("logs", cell_id)
    assert "Attempts that ended without a result: 1 crashed." in output
    assert "It runs on elsewhere for 0:0" in output


def test_a_log_file_has_each_event_and_the_traceback(gridcell, tmp_path):
    gridcell(*PRINTS, "--log-file", "logs/run.txt")
    text = (tmp_path / "logs" / "run.txt").read_text()
    lines = text.splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(f"{stamp} begun: 7 cells to run", lines[0])
    assert re.fullmatch(f"{stamp} ended", lines[-1])
    assert len(re.findall(f"{stamp} done", text)) == 4
    assert "(bug): ZeroDivisionError: one by nought" in text
    assert "Traceback" in text
    gridcell(*PRINTS, "--log-file", "logs/run.txt")  # is appended
    assert (tmp_path / "logs" / "run.txt").read_text().startswith(text)


def test_a_log_file_that_cannot_be_is_refused_before_anything_runs(gridcell, tmp_path):
    code, _, errors = gridcell(*PRINTS, "--log-file", str(tmp_path))
    assert code == 2
    assert "--log-file" in errors
    assert not list((tmp_path / "runs").glob("results/*"))


def test_quiet_prints_failures_and_the_end_and_verbose_each_cell(gridcell):
    _, output, _ = gridcell(*PRINTS, "--quiet")
    assert "cells to run" not in output
    assert "running" not in output
    assert "ZeroDivisionError: one by nought" in output
    assert "4 cells run, 1 failed" in output
    _, output, _ = gridcell(*PRINTS, "--verbose", "--storage", "other")
    assert len(re.findall(r"^\S+ \S+ started", output, re.M)) == 5
    assert len(re.findall(r"^\S+ \S+ done", output, re.M)) == 4
    code, _, errors = gridcell(*PRINTS, "--verbose", "--quiet")
    assert (code, "exclude each other" in errors) == (2, True)


def test_the_latest_outputs_are_kept_without_secrets_and_cut(store, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-value")
    begun = time.time()
    for number in range(KEPT + 2):
        store.logs.add("ab", f"{number} s3cr3t-value \udcff")
    kept = store.logs.read("ab")
    assert all(begun <= log.ended <= time.time() for log in kept)
    assert [log.text for log in kept] == [rf"{number} *** \udcff" for number in range(2, KEPT + 2)]
    store.logs.add("cd", "x" * (3 * LIMIT))
    assert len(store.logs.read("cd")[0].text) == LIMIT
    assert store.logs.read("ef") == []


def test_a_tail_is_the_end_of_a_text_however_it_grows():
    tail, text = Tail(limit=10), ""
    for part in ("a", "", "bcdefgh", "i" * 25, "jk", "l" * 9, "m"):
        tail.add(part)
        text += part
        assert tail.text == text[-10:]


def test_what_is_kept_is_printed_all_the_same(capsys):
    with kept_output() as printed:
        sys.stdout.write("one\n")
        sys.stderr.writelines(["two\n"])
        assert sys.stdout.encoding
        sys.stdout.close()  # of what the run prints, too
        sys.stderr.close()
    assert printed.text == "one\ntwo\n"
    sys.stdout.write("three\n")
    assert capsys.readouterr() == ("one\nthree\n", "two\n")
