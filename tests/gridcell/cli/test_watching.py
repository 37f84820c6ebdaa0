"""Whoever watches a run may go, and whatever there is to print may be odd: the run goes on."""

import errno
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import toy_task

from gridcell.cli.common import PlainConsole
from gridcell.cli.streams import LastingStream
from gridcell.execute.driver import run_grid
from gridcell.execute.listener import Listeners
from gridcell.execute.options import RunOptions
from gridcell.printable import as_one_line, print_anything, printable

TEST_PROCESS = "import sys; from gridcell.mlflow.mirror import Mirror; Mirror._follow = lambda self: None; "
RUN = TEST_PROCESS + "from gridcell.cli import main; sys.argv[0] = 'gridcell'; main()"
ARGUMENTS = ["run", "toy", "--executor", "inline", "--storage", "runs"]


def start(tmp_path, *arguments, **how):
    command = [sys.executable, "-c", RUN, *ARGUMENTS, *arguments]
    return subprocess.Popen(command, cwd=tmp_path, text=True, **how)


def results(tmp_path):
    return len(list((tmp_path / "runs" / "results").iterdir()))


def test_a_closed_pipe_does_not_end_a_run(tmp_path):
    process = start(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()  # as `| head -1` does
    assert process.stderr.read() == ""
    assert process.wait() == 0
    assert results(tmp_path) == 7


def test_odd_text_on_an_ascii_stream_does_not_end_a_run(tmp_path):
    fail = "--set=fail={r0c0: undecodable, r1c0: escapes}"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"}
    process = start(tmp_path, fail, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    output, errors = process.communicate()
    assert process.returncode == 1
    assert errors == ""
    assert "2 failed" in output
    assert r"caf\udce9.png" in output
    assert "\x1b" not in output
    assert r"\x1b[2J\x1b]0;title\x07 done \xe9 \u202eevil" in output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_behind_the_output_does_not_end_a_run(tmp_path):
    with Path("/dev/full").open("w") as full:
        process = start(tmp_path, stdout=full, stderr=full)
    assert process.wait() == 0
    assert results(tmp_path) == 7


def test_a_closed_terminal_does_not_end_a_run(tmp_path):
    ours, theirs = pty.openpty()
    process = start(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.read(ours, 1)  # it has begun to print
    process.send_signal(signal.SIGHUP)  # as the terminal's end does
    os.close(ours)
    assert process.wait() == 0
    assert results(tmp_path) == 7


class Failing(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    def flush(self):
        self.write("")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF])
def test_a_stream_that_fails_is_written_to_no_more_than_it_can(number):
    stream = LastingStream(Failing(number))
    assert stream.write("text") == 4
    stream.flush()
    closed = io.StringIO()
    closed.close()
    assert LastingStream(closed).write("text") == 4
    assert LastingStream(None).write("text") == 4


def test_rays_dumps_of_a_lost_node_do_not_bury_what_the_run_says():
    """Ray prints its message, of many lines, in one piece."""
    out = io.StringIO()
    said = "(raylet) Raylet is terminated. Last 20 lines of the Raylet logs:\n"
    dump = "    [state-dump] \tNodeManager.GC - 1 total, max = 9223372036854.78ms\n" * 20
    again = "buggy on house, seed 1 will be tried again: its node went away (10.0.0.2; 1 node is left)\n"
    assert LastingStream(out).write(said + dump + again) == len(said + dump + again)
    first, left_out, last = out.getvalue().splitlines(keepends=True)
    assert (first, last) == (said, again)
    assert "(20 lines of Ray's state left out" in left_out


def test_any_text_can_be_printed():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    print_anything(stream, io.StringIO())
    stream.write("é \udcff")
    stream.flush()
    assert raw.getvalue() == rb"\xe9 \udcff"


def test_what_others_wrote_moves_no_cursor_and_turns_no_text():
    assert printable("a\tb\nc é 图") == "a\tb\nc é 图"
    assert printable("10%\r20%\r\nend") == "10%\n20%\nend"
    harmful = [chr(code) for code in range(0x110000) if chr(code) not in "\n\t\r"]
    controls = [each for each in harmful if printable(each) != each]
    import unicodedata

    turning = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    assert [each for each in controls if unicodedata.category(each) != "Cc"] == turning
    assert all(printable(each) != each for each in harmful if unicodedata.category(each) == "Cc")


def test_tables_and_lines_show_escape_codes_and_obey_none():
    from rich.table import Table

    out = io.StringIO()
    console = PlainConsole(file=out, width=80, highlight=False, markup=False)
    table = Table("what")
    table.add_row("\x1b[31mred")
    console.print(table)
    console.print("\x1b[2J [bold]cleared[/bold]")
    assert "\x1b" not in out.getvalue()
    assert r"\x1b[31mred" in out.getvalue()
    assert r"\x1b[2J [bold]cleared[/bold]" in out.getvalue()


class Broken:
    """A listener that fails whatever it is told."""

    def __getattr__(self, name):
        def fail(*_):
            raise ZeroDivisionError(name)

        return fail


def test_a_listener_that_fails_ends_no_run_and_is_named(store, caplog):
    grid = toy_task.plan(toy_task.Settings(width=2, length=1))
    told = []

    class Told(Broken):
        def __getattr__(self, name):
            return lambda *_: told.append(name)

    listeners = [Broken(), Told()]
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=listeners)
    assert len(schedule.finished) == 3
    assert told.count("finished") == 3
    assert "The listener Broken failed" in caplog.text
    assert caplog.text.count("Traceback") == 1
    assert Listeners([]).ended(True) is None


def test_a_cell_may_answer_with_numbers_of_any_library_and_nan_is_shown_in_words(gridcell, monkeypatch):
    import numpy as np
    import torch

    def step(cell, context):
        context.report(1, sum=np.float32(0.5), loss=torch.tensor(float("nan")))
        (context.outputs / "sum.txt").write_text("1")
        return {"sum": np.float32(0.5), "of": torch.tensor(2), "recall": float("nan")}

    monkeypatch.setattr(toy_task, "step", step)
    code, output, errors = gridcell("run", "toy", "--executor", "inline")
    assert (code, errors) == (0, "")
    _, output, _ = gridcell("plan", "toy", "--json")
    cell = next(cell for cell in json.loads(output)["cells"] if cell["kind"] == "step")
    code, output, _ = gridcell("cell", "show", cell["id"])
    assert code == 0
    assert "recall is not a number" in output
    code, output, _ = gridcell("cell", "show", cell["id"], "--json")
    assert json.loads(output)["metrics"] == {"sum": 0.5, "of": 2, "recall": None}
    assert gridcell("cell", "run", cell["id"], "--again")[0] == 0  # NaN is the same as NaN


def test_a_loss_that_is_not_a_number_is_a_divergence(gridcell, monkeypatch):
    monkeypatch.setattr(toy_task, "step", lambda *_: {"sum": 1, "val_loss": float("nan")})
    code, output, _ = gridcell("run", "toy", "--executor", "inline")
    assert code == 2 or "diverged: The metric 'val_loss' is not a number" in output
    assert "diverged" in output


def test_the_main_thread_is_not_needed_to_print_anything():
    thread = threading.Thread(target=print_anything)
    thread.start()
    thread.join()


def test_a_byte_that_is_no_text_is_written_as_a_byte_and_half_a_sign_as_a_sign():
    assert as_one_line("\udc80 \udcff \udd00 \ud800") == r"\x80 \xff \udd00 \ud800"
