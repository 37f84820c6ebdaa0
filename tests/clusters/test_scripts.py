"""The shell scripts, run with stand-ins for ray, gridcell and SLURM that write down how they were called."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

CLUSTERS = Path(__file__).parents[2] / "clusters"
SCRIPTS = sorted([*CLUSTERS.rglob("*.sh"), *CLUSTERS.rglob("*.sbatch")])

# Each stand-in appends a line to calls.log. `ray start` stays until it is ended, as with --block.
STANDINS = {
    "ray": """if [[ $1 == start ]]; then
  sleep 60 >/dev/null 2>&1 &
  trap "echo ray ended >>calls.log; kill $!; exit" TERM
fi
echo "ray $*" >>calls.log
wait""",
    "srun": 'echo "srun $*" >>calls.log\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"',
    "hostname": "echo 10.0.0.7 10.0.0.8",
    "scontrol": 'echo "scontrol $*" >>calls.log\n[[ $1 != show ]] || printf "%s\\n" node1 node2 node3',
    "gridcell": 'echo "gridcell $*" >>calls.log\nexec bash ./behaviour.sh "$@"',
}


@pytest.fixture
def shell(tmp_path):
    for name, body in STANDINS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{body}\n")
        path.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {  # of a shell: this process may have set Ray's switches for a Ray of its own
        **own,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": "node[1-3]",
        "SLURM_CPUS_ON_NODE": "8",
    }

    def start(script, *arguments, behaviour="exit 0", **variables):
        (tmp_path / "behaviour.sh").write_text(behaviour)
        return subprocess.Popen(
            ["bash", str(CLUSTERS / script), *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    start.calls = lambda: (tmp_path / "calls.log").read_text().splitlines()
    start.folder = tmp_path
    return start


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(script):
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert os.access(script, os.X_OK)


def test_slurm_starts_a_head_and_workers_runs_the_grid_and_ends_ray(shell):
    process = shell(
        "slurm/gridcell.sbatch",
        "toy",
        "--storage",
        "/s p",
        behaviour="until (($(grep -c '^ray start' calls.log) == 3)); do sleep 0.05; done; exit 1",
    )
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output  # that of the driver: a cell failed
    calls = shell.calls()
    address = f"10.0.0.7:{20000 + 2 * 4711}"
    assert f"gridcell run --grace 240 toy --storage /s p --address {address}" in calls
    heads = [call for call in calls if "ray start --head" in call and call.startswith("srun")]
    assert len(heads) == 1
    assert "--nodelist=node1 " in heads[0]
    assert "--include-dashboard=false" in heads[0]
    assert f"--ray-client-server-port={20000 + 2 * 4711 + 1}" in heads[0]
    assert sum(f"ray start --block --address={address} --num-cpus=8" in call for call in calls) == 2
    assert calls.count("ray ended") == 3, "\n".join(calls)
    assert not any("requeue" in call for call in calls)
    assert "RAY_AUTH_TOKEN" not in "\n".join(calls)


def until_ended(last_words, nodes=0):
    """Behaviour of a driver that runs until SIGTERM, once so many nodes have started."""
    return f"""sleep 60 >/dev/null 2>&1 &
trap '{last_words or ":"}; kill $!; exit 130' TERM
until (($(grep -cs '^ray start' calls.log) >= {nodes})); do sleep 0.05; done
echo driver runs
wait"""


def tell_when(process, word):
    """Read the output up to a line with this word."""
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"it ended without '{word}'")


@pytest.mark.parametrize(("restarts", "again", "code"), [("3", True, 0), ("50", False, 130)])
def test_slurm_goes_on_in_a_new_allocation_when_the_time_is_up(shell, restarts, again, code):
    process = shell(
        "slurm/gridcell.sbatch",
        "toy",
        behaviour=until_ended("echo driver ended cleanly >>calls.log", nodes=3),
        SLURM_RESTART_COUNT=restarts,
    )
    tell_when(process, "driver runs")
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output  # what isn't queued again and isn't finished is no success
    calls = shell.calls()
    assert "driver ended cleanly" in calls
    assert ("scontrol requeue 4711" in calls) is again
    assert calls.count("ray ended") == 3, "\n".join(calls)
    if again:
        assert calls.index("driver ended cleanly") < calls.index("scontrol requeue 4711")


@pytest.mark.parametrize(("ends", "code", "again"), [(0, 0, False), (1, 0, True)])
def test_slurm_queues_nothing_again_that_was_finished_when_the_time_was_up(shell, ends, code, again):
    process = shell("slurm/gridcell.sbatch", "toy", behaviour=until_ended("").replace("130", str(ends)))
    tell_when(process, "driver runs")
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert ("scontrol requeue 4711" in shell.calls()) is again


def test_slurm_ends_no_job_as_a_success_whose_driver_never_began(shell):
    ray = shell.folder / "bin" / "ray"  # a head that no health check finds
    ray.write_text(ray.read_text().replace("if [[", "[[ $1 != health-check ]] || exit 1\nif [[", 1))
    process = shell("slurm/gridcell.sbatch", "toy", SLURM_JOB_NODELIST="node1", SLURM_RESTART_COUNT="50")
    while not (shell.folder / "calls.log").exists() or "ray start --head" not in "\n".join(
        call for call in shell.calls() if not call.startswith("srun")
    ):
        assert process.poll() is None
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output


def test_slurm_is_asked_for_a_warning_and_to_requeue():
    text = (CLUSTERS / "slurm/gridcell.sbatch").read_text()
    assert "#SBATCH --signal=B:USR1@" in text
    assert "#SBATCH --requeue" in text


def test_one_machine_goes_on_after_the_driver_was_killed(shell):
    killed_twice = "echo x >>starts; (($(wc -l <starts) > 2)) || kill -KILL $$; exit 0"
    process = shell("single/run.sh", "--in-background", "toy", "--storage", "runs", behaviour=killed_twice)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert shell.calls() == ["gridcell run toy --storage runs"] * 3
    assert "signal 9 (start 2)" in output


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_one_machine_stops_where_the_driver_ended_by_itself(shell, code):
    process = shell("single/run.sh", "--in-background", "toy", behaviour=f"exit {code}")
    process.communicate(timeout=60)
    assert process.returncode == code
    assert len(shell.calls()) == 1


def test_one_machine_ends_cleanly_when_it_is_told_to(shell):
    process = shell(
        *("single/run.sh", "--in-background", "toy"),
        behaviour=until_ended("echo kept"),
    )
    tell_when(process, "driver runs")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "kept" in output


def test_one_machine_runs_in_the_background(shell):
    process = shell("single/run.sh", "toy", behaviour="echo hello")
    said, _ = process.communicate(timeout=60)
    pid = int((shell.folder / "gridcell.pid").read_text())
    assert f"Process {pid}" in said
    over = threading.Event()
    for _ in range(200):
        log = shell.folder / "gridcell.log"
        if log.exists() and "hello" in log.read_text():
            over.set()
            break
        over.wait(0.05)
    assert over.is_set()


def test_hosts_by_hand_become_head_and_workers(shell):
    for arguments, expected in (
        (["head", "--num-gpus=2"], "--head --block --port=6379 --dashboard-host=127.0.0.1"),
        (["worker", "10.0.0.7"], "--block --address=10.0.0.7:6379"),
    ):
        process = shell("by-hand/node.sh", *arguments)
        while not (shell.folder / "calls.log").exists() or expected not in "\n".join(shell.calls()):
            assert process.poll() is None
        process.terminate()
        process.communicate(timeout=60)
    assert shell.calls()[0].endswith("--num-gpus=2")
    process = shell("by-hand/node.sh", "haed")
    assert "usage:" in process.communicate(timeout=60)[0]
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "alone"),
    [
        (["head", "--node-ip-address=127.0.0.1", "--num-cpus=1"], True),
        (["head", "--num-cpus=1", "--node-ip-address", "localhost"], True),
        (["head", "--node-ip-address=10.0.0.7", "--num-cpus=1"], False),
        (["head", "--num-cpus=1"], False),
        (["worker", "10.0.0.7", "--num-cpus=1"], False),
    ],
)
def test_a_head_that_is_asked_to_stay_on_this_host_listens_there_alone(shell, arguments, alone):
    """Ray replaces 127.0.0.1 by the host's own address, without a word; its switch keeps it here."""
    ray = shell.folder / "bin" / "ray"
    switch = "$RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
    ray.write_text(f'#!/usr/bin/env bash\necho "ray $* switch={switch}" >>calls.log\n')
    said, _ = shell("by-hand/node.sh", *arguments).communicate(timeout=60)
    (call,) = shell.calls()
    assert ("switch=0" in call, "127.0.0.1 alone" in said) == (alone, alone)
    assert "--num-cpus=1" in call
    assert ("--node-ip-address=10.0.0.7" in call) == ("--node-ip-address=10.0.0.7" in arguments)
    assert "--node-ip-address=127" not in call
