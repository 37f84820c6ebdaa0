"""The doctor notices what is wrong, says what to do, and ends with exit code 1 where a run would fail."""

import collections
import json
import os
import shutil
import socket
from importlib.metadata import PackageNotFoundError
from unittest import mock

import pytest

from gridcell.cluster.doctor import machine, ray as doctor_ray
from gridcell.cluster.doctor.check import CheckResult, Level, examine
from gridcell.cluster.doctor.storage import storage
from gridcell.cluster.doctor.tracking import tracking
from gridcell.errors import UserError
from gridcell.store.filesystem import Folder
from gridcell.store.mark import marked

PASSWORD = "hunter22"


def levels(findings):
    return {finding.check: finding.level for finding in findings}


def test_a_sound_storage_passes_and_is_left_as_it_was(tmp_path):
    found = levels(storage(str(tmp_path)))
    assert set(found) == {"storage", "exclusive creation", "rename", "clock"}
    assert set(found.values()) == {Level.OK}
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_is_not_there_yet_is_said_and_not_made(tmp_path):
    """A path with a slip of the finger would be written and read as well as any."""
    (first, *_) = storage(str(tmp_path / "not" / "there"))
    assert first.level is Level.OK
    assert f"{tmp_path / 'not' / 'there'}, which a run would make: written and read" in first.found
    assert list(tmp_path.iterdir()) == []


def test_a_node_with_a_folder_of_its_own_does_not_reach_the_storage(tmp_path):
    """It could write there, but nobody would see it."""
    with marked(Folder.open(str(tmp_path / "runs"))) as mark:
        assert doctor_ray._look(str(tmp_path / "runs"), mark)["storage"] == ""
        with mock.patch("gridcell.store.mark._PAUSE_S", 0), mock.patch("gridcell.store.mark._PATIENCE_S", 0):
            told = doctor_ray._look(str(tmp_path / "its own"), mark)
    assert "has a folder of its own" in told["storage"]
    (node,) = doctor_ray._node("10.0.0.1", told, told["time"])
    assert node.level is Level.BAD
    assert "the run would not see results there: name a storage that every node reaches" in node.found
    assert not (tmp_path / "its own").exists()


def test_a_storage_that_cannot_be_written_is_bad(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (finding,) = examine([("storage", lambda: storage(str(tmp_path / "file/store")))])
    assert finding.level is Level.BAD


def test_a_storage_that_breaks_its_promises_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Folder, "create", lambda *_: True)
    monkeypatch.setattr(Folder, "read", lambda *_: b"1")
    monkeypatch.setattr(Folder, "move", lambda self, name, to: self.write(to, b"2"))
    found = levels(storage(str(tmp_path)))
    assert found == {
        "storage": Level.BAD,
        "exclusive creation": Level.WARN,
        "rename": Level.BAD,
        "clock": Level.OK,
    }


def test_a_clock_that_is_wrong_is_noticed(tmp_path, monkeypatch):
    write = Folder.write

    def write_in_the_past(self, name, data):
        write(self, name, data)
        os.utime(self.path(name), (1e9, 1e9))

    monkeypatch.setattr(Folder, "write", write_in_the_past)
    assert levels(storage(str(tmp_path)))["clock"] is Level.WARN


@pytest.mark.slow
def test_mlflow_is_asked(tmp_path):
    (finding,) = tracking(f"sqlite:///{tmp_path}/mlflow.db")
    assert finding.level is Level.OK
    assert not (tmp_path / "mlflow.db").exists()
    with socket.socket() as closed:  # bound and not listening: nobody answers
        closed.bind(("127.0.0.1", 0))
        (finding,) = tracking(f"http://user:{PASSWORD}@127.0.0.1:{closed.getsockname()[1]}")
    assert finding.level is Level.WARN
    assert PASSWORD not in finding.found


def test_wrong_and_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(machine, "requires", lambda _: ["numpy<1", "no-such-package", 'absent; extra == "x"'])
    (finding,) = machine.versions()
    assert finding.level is Level.BAD
    assert "is not <1" in finding.found
    assert "no-such-package is missing" in finding.found
    assert "absent" not in finding.found


def test_a_missing_library_is_named(monkeypatch):
    def version(name):
        if name == "mlflow":
            raise PackageNotFoundError(name)
        return "2.0"

    monkeypatch.setattr(machine, "version", version)
    monkeypatch.setattr(machine, "requires", lambda _: ["mlflow>=3.17,<4", "ray"])
    (finding,) = examine([("versions", machine.versions)])
    assert (finding.level, finding.found) == (Level.BAD, "mlflow is missing")


@pytest.mark.parametrize("missing", ["optuna", "cmaes"])
def test_a_sampler_that_is_missing_is_named(monkeypatch, missing):
    """Also where an older installation doesn't list it among what it asks for."""
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == missing else object())
    (finding,) = machine.samplers()
    assert finding.level is Level.WARN
    assert finding.found == f"{missing} missing"
    assert finding.advice.startswith(f"pip install -c constraints.txt {missing};")


def test_small_disks_shared_memory_and_file_limits_are_warned_of(monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64 << 20, 0, 64 << 20))  # Docker's default
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (1024, 4096))
    found = [*machine.memory(), *machine.disk(), *machine.open_files()]
    warned = {finding.check: finding.advice for finding in found if finding.level is Level.WARN}
    assert "--shm-size" in warned["shared memory"]
    assert "ulimit -n 4096" in warned["open files"]
    assert {"disk for scratch", "disk for cache"} <= set(warned)


def test_where_the_system_does_not_say_how_much_memory_is_unused_only_the_whole_is_told(monkeypatch):
    """As on macOS."""
    asked = os.sysconf
    names = {name: number for name, number in os.sysconf_names.items() if name != "SC_AVPHYS_PAGES"}

    def sysconf(name):
        if name not in names:
            raise ValueError("unrecognized configuration name")
        return asked(name)

    assert "GiB unused" in next(machine.memory()).found
    monkeypatch.setattr(os, "sysconf_names", names)
    monkeypatch.setattr(os, "sysconf", sysconf)
    assert next(machine.memory()).found.endswith(" cores")


def test_a_check_that_breaks_is_a_finding_and_the_next_still_runs():
    def broken():
        yield CheckResult("first", Level.OK, "fine")
        raise RuntimeError("no such device")

    found = list(examine([("devices", broken), ("next", lambda: [CheckResult("next", Level.OK, "")])]))
    assert [finding.check for finding in found] == ["first", "devices", "next"]
    assert "no such device" in found[1].found


@pytest.mark.slow
def test_the_command_checks_this_machine(gridcell):
    code, output, _ = gridcell("doctor", "--json")
    told = json.loads(output)
    assert (code, told["counts"]["bad"]) == (0, 0)
    checks = {item["check"] for item in told["findings"]}
    assert {"versions", "cores", "GPUs", "storage", "MLflow", "Ray"} <= checks


def test_the_command_fails_where_a_run_would(gridcell, monkeypatch):
    from gridcell.cli import doctor

    monkeypatch.setattr(
        doctor, "_checks", lambda *_: [("x", lambda: [CheckResult("x", Level.BAD, "gone", "mend it")])]
    )
    code, output, _ = gridcell("doctor")
    assert code == 1
    assert output == "bad  x: gone\n     -> mend it\n0 ok, 0 warn, 1 bad\n"


@pytest.mark.parametrize(
    ("limits", "advice"),
    [
        ((1024, 1024), "the hard limit must be raised first"),
        ((1024, 2048), "ulimit -n 2048 before starting Ray"),
        ((1024, machine.resource.RLIM_INFINITY), "ulimit -n 65536 before starting Ray"),
    ],
)
def test_advice_on_open_files_can_be_followed(monkeypatch, limits, advice):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: limits)
    (finding,) = machine.open_files()
    assert finding.advice.startswith(advice)


def test_nodes_on_one_host_are_told_apart_and_warned_of():
    nodes = [{"NodeID": f"{n}" * 56, "NodeManagerAddress": f"10.0.0.{n // 2}"} for n in range(1, 4)]
    names = doctor_ray.names_of(nodes)
    assert list(names.values()) == ["10.0.0.0", "10.0.0.1 (22222222)", "10.0.0.1 (33333333)"]
    (warned,) = doctor_ray._shared_hosts(nodes)
    assert warned.level is Level.WARN
    assert "2 nodes are on 10.0.0.1" in warned.found
    assert "--dashboard-agent-listen-port" in warned.advice
    assert list(doctor_ray._shared_hosts(nodes[:2])) == []


def test_a_check_that_breaks_says_in_words_what_to_do():
    def refused():
        raise UserError("No Ray cluster at 'auto': nothing answers")

    def broken():
        raise ZeroDivisionError("by nought")

    known, unknown = examine([("Ray", refused), ("Ray", broken)])
    assert known.found == "No Ray cluster at 'auto': nothing answers"
    assert known.advice.startswith("mend what this sentence names")
    assert unknown.found == "ZeroDivisionError: by nought"
    assert unknown.advice.startswith("the check itself failed")
