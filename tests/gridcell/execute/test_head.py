"""What a driver does and says where its cluster's head goes away, or it is ended at once."""

import queue
import socket
import subprocess
import sys

import pytest

from gridcell.execute import head


def test_a_lost_head_is_noticed(monkeypatch):
    monkeypatch.setattr(head, "LOOK_EVERY_S", 0.02)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        lost = queue.SimpleQueue()
        with head.watched_head(address, lost.put):
            assert lost.get(timeout=60) == address


def test_the_driver_of_a_lost_head_says_how_to_go_on():
    code = "from gridcell.execute.head import end_without_head; end_without_head('host:1')"
    command = [sys.executable, "-c", code, "run", "toy"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "at host:1 went away" in ended.stderr
    assert "To go on, run again:\n  gridcell run toy" in ended.stderr


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os._exit(1)", "Stopped: the head of the cluster at host:1 went away."),  # as Ray does
        ("sys.exit(1)", ""),
        ("silence(); os._exit(1)", ""),
    ],
)
def test_a_driver_that_is_ended_at_once_still_has_a_last_word(end, said):
    code = (
        "import os, sys; from gridcell.execute.head import how_to_go_on, last_words\n"
        f"with last_words(how_to_go_on('host:1')) as silence: {end}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("To go on, run again") == bool(said)
    assert said in done.stderr


def test_a_head_that_answers_is_not_taken_for_lost(monkeypatch):
    monkeypatch.setattr(head, "LOOK_EVERY_S", 0.001)
    seen, lost = 0, []
    server = socket.create_server(("127.0.0.1", 0))
    with server, head.watched_head(f"127.0.0.1:{server.getsockname()[1]}", lost.append):
        while seen < 3 * head.LOOKS:
            server.accept()[0].close()
            seen += 1
    assert lost == []
